//! The network link between host and cell. Addresses and routes go with it.

use std::collections::BTreeSet;
use std::io;

use async_trait::async_trait;

use super::Debris;
use super::names::named;
use crate::CellId;
use crate::process::network::{links_of, remove_link};

#[derive(Debug)]
pub(super) struct Links {
    instance: String,
}

impl Links {
    pub(super) fn new(instance: &str) -> Self {
        Self {
            instance: instance.to_owned(),
        }
    }
}

#[async_trait]
impl Debris for Links {
    fn kind(&self) -> &'static str {
        "link"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        let prefix = format!("cv{}", self.instance);
        let numbers = links_of(&prefix).into_iter();
        let names = numbers.filter_map(|link| {
            link.strip_prefix(&prefix)
                .map(|number| format!("{}-{number}", self.instance))
        });
        Ok(named(&self.instance, names.collect::<Vec<_>>()))
    }

    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let link = id.link();
        let was_there = remove_link(&link).await?;
        Ok(if was_there { vec![link] } else { Vec::new() })
    }
}
