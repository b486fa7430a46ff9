//! What a played forge knows, and what it was told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Who;

/// Everything.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) repos: Vec<Repo>,
    /// In the order in which they came.
    pub(crate) posted: Vec<Posted>,
    /// It answers nothing but 502.
    pub(crate) down: bool,
    /// It wants to be left alone for so many seconds.
    pub(crate) busy_s: Option<u64>,
    /// Lists that it did not send because they were known.
    pub(crate) same: u32,
    /// Paths that were asked for, without a query.
    pub(crate) asked: Vec<String>,
    pub(crate) last_hook: u64,
    pub(crate) let_in: super::oauth::LetIn,
}

/// A repository.
#[derive(Debug, Clone)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) full_name: String,
    pub(crate) admin: bool,
    pub(crate) archived: bool,
    pub(crate) hooks: Vec<(u64, Value)>,
    pub(crate) members: Vec<Member>,
    pub(crate) pulls: BTreeMap<u64, Pull>,
    /// By path, whatever the commit.
    pub(crate) files: BTreeMap<String, String>,
}

/// Somebody who may do something.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: u64,
    pub(crate) login: String,
    pub(crate) write: bool,
}

/// A pull request.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) head: String,
    /// New and old path.
    pub(crate) files: Vec<(String, Option<String>)>,
    pub(crate) open: bool,
    /// It is open, and missing in a list that shifted while it was read.
    pub(crate) hidden: bool,
    /// The repository that its branch lies in.
    pub(crate) from: u64,
    pub(crate) author: Who,
    pub(crate) labels: Vec<String>,
}

impl Pull {
    /// An open one.
    pub(crate) fn of(head: &str, from: u64, author: Who) -> Self {
        Self {
            head: head.into(),
            files: Vec::new(),
            open: true,
            hidden: false,
            from,
            author,
            labels: Vec::new(),
        }
    }
}

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) repository: u64,
    pub(crate) commit: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) text: String,
    pub(crate) page: String,
}

impl Repo {
    pub(crate) fn of(id: u64, full_name: &str) -> Self {
        Self {
            id,
            full_name: full_name.into(),
            admin: true,
            archived: false,
            hooks: Vec::new(),
            members: Vec::new(),
            pulls: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    pub(crate) fn owner_and_name(&self) -> (&str, &str) {
        self.full_name.rsplit_once('/').expect("owner/name")
    }
}

impl Repo {
    /// What a list of open pull requests shows.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (u64, &Pull)> {
        let listed = self.pulls.iter().filter(|(_, pull)| pull.open && !pull.hidden);
        listed.map(|(number, pull)| (*number, pull))
    }
}

impl Facts {
    /// States of a status in the order in which they came.
    pub(crate) fn states(&self, name: &str) -> Vec<String> {
        let of_it = self.posted.iter().filter(|posted| posted.name == name);
        of_it.map(|posted| posted.state.clone()).collect()
    }
}
