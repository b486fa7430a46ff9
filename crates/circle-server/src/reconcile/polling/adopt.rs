//! Whose repositories are looked at.

use std::collections::HashSet;

use circle_core::service::Service;
use circle_store::records::{FindAll, Query, RecordError, StoreError, kinds};
use circle_vcs::RepositoryUrl;

use super::course::Course;
use super::looked::Looked;
use crate::http::ApiError;
use crate::records::{Looks, PollRecord, PullPollRecord, ServiceRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Services of one page.
const PAGE: usize = 500;

/// Every service that is polled has its record, with the interval and the place of now, and no other has one.
pub(super) async fn adopt(server: &Server, course: Course) -> Result<(), ApiError> {
    let mut polled = HashSet::new();
    let services = Query::over(kinds::SERVICE_POLL).limit(PAGE);
    let mut pages = FindAll::new(server.records.store().as_ref(), services);
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let service = server.records.load::<ServiceRecord>(&head.id).await?;
            let service = service.map(|(ServiceRecord(service), _)| service);
            let is_polled = match (service.as_ref(), course) {
                (None, _) => false,
                (Some(service), Course::Refs) => adopt_one(server, begun(service)).await?,
                (Some(service), Course::Pulls) => adopt_one(server, begun_pulls(service)).await?,
            };
            if is_polled {
                polled.insert(head.id);
            }
        }
    }
    let known = Query::all(course.kind()).limit(PAGE);
    let mut pages = FindAll::new(server.records.store().as_ref(), known);
    while let Some(heads) = pages.next().await? {
        for head in heads.into_iter().filter(|head| !polled.contains(&head.id)) {
            match course.remove(server, &head.id, head.version).await {
                // A look was faster, and does it itself.
                Ok(()) | Err(RecordError::Store(StoreError::Stale { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// False when there is nothing to look at.
async fn adopt_one<R: Looked>(server: &Server, fresh: Option<R>) -> Result<bool, ApiError> {
    let Some(fresh) = fresh else { return Ok(false) };
    match server.records.insert(&fresh).await {
        Ok(_) => return Ok(true),
        Err(RecordError::Store(StoreError::Conflict { .. })) => {}
        Err(error) => return Err(error.into()),
    }
    let set = |poll: &mut R| {
        if !poll.is_of_same_place(&fresh) {
            *poll = fresh.clone();
        }
        poll.looks_mut().every(fresh.looks().interval_s, now_ms());
        Ok::<(), ApiError>(())
    };
    server.records.update(&fresh.id(), set).await?;
    Ok(true)
}

fn begun(service: &Service) -> Option<PollRecord> {
    let origin = RepositoryUrl::parse(&service.repository).map(|url| url.origin().to_owned());
    Some(PollRecord {
        service: service.id,
        repository: service.repository.clone(),
        origin: origin.unwrap_or_default(),
        looks: Looks::begun(service.poll_s?, now_ms()),
        since: now_ms(),
        round: 0,
        seen: None,
        refs: 0,
        pending: Vec::new(),
    })
}

/// Of a service that is linked to a forge: git alone does not say whose a pull request is.
fn begun_pulls(service: &Service) -> Option<PullPollRecord> {
    let link = service.forge.as_ref()?;
    Some(PullPollRecord {
        service: service.id,
        connection: link.connection,
        repository: link.repository.clone(),
        looks: Looks::begun(service.poll_s?, now_ms()),
        since: now_ms(),
        round: 0,
        seen: None,
        open: 0,
        mark: None,
        pending: Vec::new(),
    })
}
