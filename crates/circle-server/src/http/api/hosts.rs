//! Hosts: engines elsewhere on which workers are started. What is asked here is written down; `crate::hosts` brings it about.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use circle_api::resources::host::{HostChange, HostCreate, HostFacts, HostRemoveQuery, HostState, HostView};
use circle_api::resources::{Page, PageQuery};
use circle_api::routes;
use circle_core::ids::{HostId, WorkspaceId};
use circle_core::service::SecretScope;
use circle_store::records::{Query, Version, kinds};
use uuid::Uuid;

use super::page::seen_page;
use super::validate::Faults;
use crate::auth::{Admin, Caller, Found, Viewer, Within};
use crate::docker::Place;
use crate::http::{ApiError, Body, IfMatch, Params, Tagged};
use crate::records::{HostFinding, HostRecord, HostSettings, HostWish, WorkerRecord};
use crate::server::Server;
use crate::time::{from_ms, now_ms};

/// Longest certificate bundle, in bytes.
const MAX_BUNDLE_BYTES: usize = 64 * 1024;
/// What carries a worker when nobody says otherwise.
const IMAGE: &str = "circle/worker-base:12";
/// What a host's owner may say to the workers there: bounds and surroundings of cells, nothing that names a file or a server.
const FLAGS: &[&str] = &[
    "allow-network",
    "cell-cpu-millis",
    "cell-disk-mib",
    "cell-http-proxy",
    "cell-https-proxy",
    "cell-memory-mib",
    "cell-network6",
    "cell-no-proxy",
    "cell-open-files",
    "cell-pids",
    "firewall",
    "insecure-registry",
    "registry-mirror",
    "relay",
];
const MAX_FLAGS: usize = 32;

/// By name: those of the caller's workspaces; the server's own for its administrators only.
#[utoipa::path(get, path = routes::HOSTS, tag = "hosts", operation_id = "list_hosts", params(PageQuery), responses((status = 200, body = Page<HostView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<HostView>>, ApiError> {
    let by_name = Query::over(kinds::HOST_NAME);
    Ok(Json(seen_page(&server, &caller, by_name, &query, view).await?))
}

/// Registers one; it takes runs once it was looked at and nothing speaks against it.
#[utoipa::path(post, path = routes::HOSTS, tag = "hosts", operation_id = "create_host", request_body = HostCreate, responses((status = 201, body = HostView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Body(wish): Body<HostCreate>,
) -> Result<(StatusCode, Json<HostView>), ApiError> {
    let is_instance = caller.is_instance();
    let workspace = match &wish.workspace {
        Some(name) => {
            let within: Within<Admin> = caller.enter(&server, name).await?;
            Some(within.tenant.id())
        }
        None if is_instance => None,
        None => return Err(ApiError::NotInstance),
    };
    let settings = settings(&server, &wish);
    check(&wish, &settings, is_instance && workspace.is_none())?;
    let mut record = HostRecord {
        id: HostId::from_uuid(Uuid::now_v7()),
        name: wish.name,
        workspace,
        settings,
        tls: None,
        wish: HostWish::Serve,
        finding: None,
        created_at: now_ms(),
    };
    if let Some(bundle) = &wish.tls_bundle {
        let (of, name) = (record.sealed_for(), record.sealed_name());
        let kept = server.keep_secret(of, SecretScope::Internal, &name, bundle).await?;
        record.tls = Some(kept.id);
    }
    if let Err(error) = server.records.insert(&record).await {
        server.forget_bundle(&record).await?;
        return Err(error.into());
    }
    Ok((StatusCode::CREATED, Json(view(&server, record))))
}

/// One by its id.
#[utoipa::path(get, path = routes::HOST, tag = "hosts", operation_id = "show_host", params(("host" = String, Path)), responses((status = 200, body = HostView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    found: Found<HostRecord, Viewer>,
) -> Result<Tagged<HostView>, ApiError> {
    let (id, version) = (found.document.id, found.version);
    Ok(Tagged::new(id, version, view(&server, found.document)))
}

/// Changes how much goes there, and with which keys; it is looked at again when the keys change.
#[utoipa::path(patch, path = routes::HOST, tag = "hosts", operation_id = "change_host", params(("host" = String, Path)), request_body = HostChange, responses((status = 200, body = HostView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    found: Found<HostRecord, Admin>,
    matching: IfMatch,
    Body(wish): Body<HostChange>,
) -> Result<Tagged<HostView>, ApiError> {
    let host = found.document;
    matching.check(host.id, found.version)?;
    let bundle = wish.tls_bundle.as_ref().map_or(1, |bundle| bundle.expose().len());
    Faults::default()
        .within(wish.cells.map(u64::from), (1, 256), "cells")
        .unless(is_bundle(bundle), "tls_bundle", BUNDLE)
        .done()?;
    let tls = match &wish.tls_bundle {
        Some(bundle) => {
            let (of, name) = (host.sealed_for(), host.sealed_name());
            let kept = server.keep_secret(of, SecretScope::Internal, &name, bundle).await?;
            Some(kept.id)
        }
        None => host.tls,
    };
    let put = |record: &mut HostRecord| {
        if record.wish == HostWish::Remove {
            return Err(ApiError::Conflict("the host is being removed".into()));
        }
        record.settings.cells = wish.cells.unwrap_or(record.settings.cells);
        record.wish = match wish.draining {
            Some(true) => HostWish::Drain,
            Some(false) => HostWish::Serve,
            None => record.wish,
        };
        record.tls = tls;
        if wish.tls_bundle.is_some() || wish.cells.is_some() {
            record.finding = None;
        }
        Ok(())
    };
    let updated = server.change_matching(&matching, host.id, put).await?;
    Ok(Tagged::new(host.id, updated.version, view(&server, updated.record)))
}

/// Looks at it again: see its state.
#[utoipa::path(post, path = routes::HOST_CHECK, tag = "hosts", operation_id = "check_host", params(("host" = String, Path)), responses((status = 202, body = HostView)))]
pub(in crate::http) async fn check_again(
    State(server): State<Arc<Server>>,
    found: Found<HostRecord, Admin>,
) -> Result<(StatusCode, Json<HostView>), ApiError> {
    let put = |record: &mut HostRecord| {
        record.finding = None;
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&found.document.id.to_string(), put).await?;
    Ok((StatusCode::ACCEPTED, Json(view(&server, updated.record))))
}

/// Forgets it once its runs have ended and nothing of Circle's is left there; by force at once.
#[utoipa::path(delete, path = routes::HOST, tag = "hosts", operation_id = "remove_host", params(("host" = String, Path), HostRemoveQuery), responses((status = 202, body = HostView), (status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    found: Found<HostRecord, Admin>,
    matching: IfMatch,
    Params(query): Params<HostRemoveQuery>,
) -> Result<Response, ApiError> {
    matching.check(found.document.id, found.version)?;
    let updated = server.change_matching(&matching, found.document.id, let_go).await?;
    if !query.force {
        return Ok((StatusCode::ACCEPTED, Json(view(&server, updated.record))).into_response());
    }
    server.end_workers_of_host(updated.record.id).await?;
    server.forget_host(&updated.record, updated.version).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn let_go(record: &mut HostRecord) -> Result<(), ApiError> {
    record.wish = HostWish::Remove;
    Ok(())
}

impl Server {
    /// Forgets a host with its keys.
    pub(crate) async fn forget_host(&self, record: &HostRecord, version: Version) -> Result<(), ApiError> {
        self.records
            .delete::<HostRecord>(&record.id.to_string(), version)
            .await?;
        self.queue.forget_host(record.id);
        self.forget_bundle(record).await
    }

    async fn forget_bundle(&self, record: &HostRecord) -> Result<(), ApiError> {
        let (of, name) = (record.sealed_for(), record.sealed_name());
        self.forget_secret(of, &SecretScope::Internal, &name).await
    }

    /// The workers that were started on a host.
    pub(crate) async fn workers_of_host(&self, host: HostId) -> Result<Vec<(WorkerRecord, Version)>, ApiError> {
        let there = Query::over(kinds::WORKER_HOST).equal(host.to_string());
        Ok(self.records.load_all(there).await?)
    }

    async fn end_workers_of_host(&self, host: HostId) -> Result<(), ApiError> {
        for (worker, version) in self.workers_of_host(host).await? {
            self.end_worker(worker, version).await?;
        }
        Ok(())
    }

    /// Lets go of the hosts of a workspace that is gone: each is forgotten when nothing is left there.
    pub(super) async fn remove_hosts_of(&self, workspace: WorkspaceId) -> Result<(), ApiError> {
        let is_next = |host: &HostRecord| host.workspace == Some(workspace) && host.wish != HostWish::Remove;
        while let Some(host) = self.records.first_that(Query::over(kinds::HOST_NAME), is_next).await? {
            self.records.update(&host.id.to_string(), let_go).await?;
        }
        Ok(())
    }
}

fn settings(server: &Server, wish: &HostCreate) -> HostSettings {
    HostSettings {
        endpoint: wish.endpoint.clone(),
        cells: wish.cells,
        memory_mib: wish.memory_mib,
        cpu_millis: wish.cpu_millis,
        image: wish.image.clone().unwrap_or_else(|| IMAGE.to_owned()),
        server_url: wish.server_url.clone().unwrap_or_else(|| server.config.url.clone()),
        worker_flags: wish.worker_flags.clone(),
    }
}

const BUNDLE: &str = "a bundle has 1 byte to 64 KiB";

fn is_bundle(length: usize) -> bool {
    (1..=MAX_BUNDLE_BYTES).contains(&length)
}

fn check(wish: &HostCreate, settings: &HostSettings, may_use_sockets: bool) -> Result<(), ApiError> {
    let tcp = Place::of(&wish.endpoint).is_some();
    let socket = wish.endpoint.starts_with("unix:///");
    let bundle = wish.tls_bundle.as_ref().map_or(1, |bundle| bundle.expose().len());
    let mut faults = Faults::default();
    faults
        .text(Some(&wish.endpoint), 512, "endpoint")
        .unless(tcp || socket, "endpoint", "the endpoint is tcp://host:port")
        .unless(
            !socket || may_use_sockets,
            "endpoint",
            "whoever reaches a daemon's socket is root on the server's machine: that is for its administrators, and for the whole instance",
        )
        .unless(
            !tcp || wish.tls_bundle.is_some(),
            "tls_bundle",
            "an engine on the network without TLS is anybody's: give it certificates, and a bundle of client certificate, key and CA",
        )
        .unless(is_bundle(bundle), "tls_bundle", BUNDLE)
        .within(Some(u64::from(wish.cells)), (1, 256), "cells")
        .within(wish.memory_mib, (256, 1 << 20), "memory_mib")
        .within(wish.cpu_millis, (100, 1_024_000), "cpu_millis")
        .text(Some(&settings.image), 256, "image")
        .unless(
            wish.worker_flags.len() <= MAX_FLAGS,
            "worker_flags",
            "there are at most 32 flags",
        );
    for flag in &wish.worker_flags {
        faults.unless(
            is_flag(flag),
            "worker_flags",
            format!("{flag:?} is none of --name=value with one of: {}", FLAGS.join(", ")),
        );
    }
    if let Err(why) = check_url(&settings.server_url, wish.allow_plain_http) {
        faults.unless(false, "server_url", why);
    }
    faults.done()
}

fn is_flag(flag: &str) -> bool {
    let named = flag.strip_prefix("--").and_then(|flag| flag.split_once('='));
    named.is_some_and(|(name, value)| {
        FLAGS.contains(&name) && !value.is_empty() && value.len() <= 512 && !value.chars().any(char::is_control)
    })
}

fn check_url(text: &str, plain_is_allowed: bool) -> Result<(), String> {
    let url: url::Url = text.parse().map_err(|error| format!("{text} is no address: {error}"))?;
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here || plain_is_allowed => Ok(()),
        "http" => Err(format!(
            "{text} is plain HTTP on another machine: tokens and every secret of the runs could be read on the way; use https://, or allow it"
        )),
        _ => Err(format!("{text} is neither https:// nor http://")),
    }
}

fn view(server: &Server, host: HostRecord) -> HostView {
    let trouble = server.queue.host_trouble(host.id);
    let faults = host
        .finding
        .as_ref()
        .map(|finding| finding.faults.clone())
        .unwrap_or_default();
    let state = match (host.wish, &host.finding) {
        (HostWish::Remove, _) => HostState::Removing,
        (_, None) => HostState::Checking,
        (_, Some(_)) if !faults.is_empty() => HostState::Refused,
        (HostWish::Drain, _) => HostState::Draining,
        (HostWish::Serve, _) if trouble.is_some() => HostState::Troubled,
        (HostWish::Serve, _) => HostState::Ready,
    };
    let mut problems = faults;
    problems.extend(trouble.filter(|trouble| !problems.contains(trouble)));
    HostView {
        id: host.id,
        name: host.name,
        state,
        workspace: host.workspace,
        endpoint: host.settings.endpoint,
        has_tls: host.tls.is_some(),
        cells: host.settings.cells,
        memory_mib: host.settings.memory_mib,
        cpu_millis: host.settings.cpu_millis,
        image: host.settings.image,
        server_url: host.settings.server_url,
        worker_flags: host.settings.worker_flags,
        facts: host.finding.map(facts),
        problems,
        created_at: from_ms(host.created_at),
    }
}

fn facts(finding: HostFinding) -> HostFacts {
    HostFacts {
        version: finding.version,
        kernel: finding.kernel,
        arch: finding.arch,
        cpus: finding.cpus,
        memory_bytes: finding.memory_bytes,
        disk_free_bytes: finding.disk_free_bytes,
        clock_ahead_ms: finding.clock_ahead_ms,
        at: from_ms(finding.at),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_url, is_flag};

    #[test]
    fn workers_elsewhere_are_told_of_bounds_and_not_of_files() {
        for good in [
            "--relay=10.0.0.1:5000",
            "--cell-memory-mib=512",
            "--registry-mirror=https://m",
        ] {
            assert!(is_flag(good), "{good}");
        }
        for bad in [
            "--server=http://x",
            "--data=/",
            "--image=/etc/shadow",
            "--certificate=/x",
            "relay=1",
            "--relay",
            "--relay=",
            "--relay=a\nb",
            "--provider=container",
            "--allow-network",
        ] {
            assert!(!is_flag(bad), "{bad}");
        }
    }

    #[test]
    fn tokens_do_not_go_in_the_clear_unless_somebody_insists() {
        check_url("https://ci.example.org", false).expect("encrypted");
        check_url("http://127.0.0.1:8080", false).expect("nobody hears it");
        check_url("http://10.0.0.1:8080", true).expect("insisted");
        let plain = check_url("http://10.0.0.1:8080", false).expect_err("in the clear");
        assert!(plain.contains("https://"), "{plain}");
        check_url("ftp://ci.example.org", true).expect_err("no web address");
        check_url("nonsense", true).expect_err("no address");
    }
}
