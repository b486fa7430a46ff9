//! What is looked at: branches and tags by git, pull requests by the forge. Each has its own loop, so that one goes on without the other.

use std::time::Duration;

use circle_store::records::{Index, Kind, RecordError, Version, kinds};

use super::looked::{Looked, failed, put_off};
use super::{pulls, refs};
use crate::http::ApiError;
use crate::limits::{POLLS_OF_A_HOST, PULLS_OF_A_TOKEN};
use crate::records::{PollRecord, PullPollRecord};
use crate::server::Server;

/// What stands at a service; why it was stands in the server's log.
const BROKE_OFF: &str = "the look was broken off by a fault of this server, which its log tells of";

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::reconcile) enum Course {
    /// Branches and tags.
    Refs,
    Pulls,
}

impl Course {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Refs => Kind::Poll,
            Self::Pulls => Kind::PullPoll,
        }
    }

    /// What is looked at next.
    pub(super) fn due(self) -> Index {
        match self {
            Self::Refs => kinds::POLL_DUE,
            Self::Pulls => kinds::PULL_POLL_DUE,
        }
    }

    /// Where a head says what is asked a few times at once only: a host, or a forge with somebody's token.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Refs => "/origin",
            Self::Pulls => "/connection",
        }
    }

    /// So many times.
    pub(super) fn of_a_group(self) -> usize {
        match self {
            Self::Refs => POLLS_OF_A_HOST,
            Self::Pulls => PULLS_OF_A_TOKEN,
        }
    }

    /// Looks once; says how long the group is left alone after it.
    pub(super) async fn look(self, server: &Server, id: &str) -> Result<Duration, ApiError> {
        match self {
            Self::Refs => refs::look(server, id).await.map(|()| Duration::ZERO),
            Self::Pulls => pulls::look(server, id).await,
        }
    }

    /// A look that broke off is put off like one without an answer, so that it does not keep others of its group waiting.
    pub(super) async fn broke_off(self, server: &Server, id: &str) -> Result<(), ApiError> {
        match self {
            Self::Refs => broke_off::<PollRecord>(server, id).await,
            Self::Pulls => broke_off::<PullPollRecord>(server, id).await,
        }
    }

    pub(super) async fn remove(self, server: &Server, id: &str, version: Version) -> Result<(), RecordError> {
        match self {
            Self::Refs => server.records.delete::<PollRecord>(id, version).await,
            Self::Pulls => server.records.delete::<PullPollRecord>(id, version).await,
        }
    }
}

async fn broke_off<R: Looked>(server: &Server, id: &str) -> Result<(), ApiError> {
    let Some((before, _)) = server.records.load::<R>(id).await? else {
        return Ok(());
    };
    put_off(server, &before, |poll| failed(poll, BROKE_OFF)).await
}
