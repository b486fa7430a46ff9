//! How a person names a run: by id, by service and number, or by service alone for the newest.

use std::str::FromStr;

use circle_api::client::Client;
use circle_api::resources::{RunQuery, RunView};
use circle_core::ids::RunId;
use circle_core::names::Slug;

use crate::exit::Failure;

/// `run_…`, `web/12` (also `web#12`), or `web` for its newest run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunRef {
    Id(RunId),
    Number(Slug, u64),
    Newest(Slug),
}

impl RunRef {
    /// Asks the server for the run.
    pub(crate) async fn view(&self, client: &Client, workspace: &str) -> anyhow::Result<RunView> {
        match self {
            Self::Id(run) => Ok(client.run(*run).await?),
            Self::Number(service, number) => Ok(client.run_by_number(workspace, service.as_str(), *number).await?),
            Self::Newest(service) => Ok(client.run(newest(client, workspace, service).await?).await?),
        }
    }

    /// The id; asks the server unless it is the name.
    pub(crate) async fn id(&self, client: &Client, workspace: &str) -> anyhow::Result<RunId> {
        match self {
            Self::Id(run) => Ok(*run),
            Self::Number(..) => Ok(self.view(client, workspace).await?.run.id),
            Self::Newest(service) => newest(client, workspace, service).await,
        }
    }
}

async fn newest(client: &Client, workspace: &str, service: &Slug) -> anyhow::Result<RunId> {
    let query = RunQuery {
        service: Some(service.clone()),
        limit: Some(1),
        ..RunQuery::default()
    };
    let page = client.runs(workspace, &query).await?;
    let run = page
        .items
        .first()
        .ok_or_else(|| Failure::not_found(format!("{service} has no run yet")))?;
    Ok(run.id)
}

impl FromStr for RunRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("run_") {
            return text
                .parse()
                .map(Self::Id)
                .map_err(|error: circle_core::ids::IdError| error.to_string());
        }
        let Some((service, number)) = text.split_once(['/', '#']) else {
            return Slug::new(text)
                .map(Self::Newest)
                .map_err(|error| format!("{error}; {HOW}"));
        };
        let service = Slug::new(service).map_err(|error| format!("{error}; {HOW}"))?;
        let number = number
            .parse()
            .map_err(|_| format!("\"{number}\" is no run number; {HOW}"))?;
        Ok(Self::Number(service, number))
    }
}

const HOW: &str = "write service/number, a run id, or a service for its newest run";

#[cfg(test)]
mod tests {
    use super::RunRef;

    #[test]
    fn runs_have_three_names() {
        assert!(matches!("web/12".parse(), Ok(RunRef::Number(service, 12)) if service.as_str() == "web"));
        assert!(matches!("web#12".parse(), Ok(RunRef::Number(_, 12))));
        assert!(matches!("web".parse(), Ok(RunRef::Newest(_))));
        assert!(matches!(
            "run_00000000000000000000000000000007".parse(),
            Ok(RunRef::Id(_))
        ));
    }

    #[test]
    fn what_is_no_run_says_how_to_write_one() {
        for text in ["web/x", "Web/1", "", "run_7"] {
            let error = text.parse::<RunRef>().expect_err(text);
            assert!(error.contains("write "), "{text}: {error}");
        }
    }
}
