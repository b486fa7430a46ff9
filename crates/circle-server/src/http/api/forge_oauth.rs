//! Connecting a forge by OAuth, in two steps by the same person: where they let Circle in, and the code that came of it.
//!
//! The page that a forge sends people back to shows the code and does nothing with it. Whoever is lured into letting somebody
//! else's Circle in has given nothing away before they hand that code over themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{ForgeOauthBegin, ForgeOauthBegun, ForgeOauthFinish, ForgeView};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::forge::OauthApp;
use circle_core::ids::WorkspaceId;
use secrecy::SecretString;

use super::forges::{account, address, check_token, draft, insert};
use super::validate::Faults;
use crate::auth::{Admin, Within, hash_of, mint};
use crate::forge::{Grant, OauthClient, authorize_url, exchange, expiry, linking_scope};
use crate::http::{ApiError, Body};
use crate::server::Server;

/// So long somebody may take at the forge.
const FLOW_TIME: Duration = Duration::from_secs(600);
/// People who are at a forge at the same time.
const FLOWS: usize = 1_024;

/// What was begun and not finished, by the hash of its state. A restart of the server forgets it.
#[derive(Debug, Default)]
pub(crate) struct OauthFlows {
    begun: Mutex<HashMap<String, Flow>>,
}

#[derive(Debug)]
struct Flow {
    workspace: WorkspaceId,
    by: String,
    wish: ForgeOauthBegin,
    address: String,
    verifier: SecretValue,
    at: Instant,
}

impl OauthFlows {
    fn begin(&self, state: String, flow: Flow) -> Result<(), ApiError> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.retain(|_, one| one.at.elapsed() < FLOW_TIME);
        if begun.len() >= FLOWS {
            return Err(ApiError::Busy(
                "too many people are at their forges: try again in some minutes".into(),
            ));
        }
        begun.insert(state, flow);
        Ok(())
    }

    /// Used up by whoever tries, and of use only to whoever began it.
    fn finish(&self, state: &str, (workspace, by): (WorkspaceId, &str)) -> Option<Flow> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let flow = begun.remove(&hash_of(state))?;
        let is_theirs = flow.workspace == workspace && flow.by == by && flow.at.elapsed() < FLOW_TIME;
        is_theirs.then_some(flow)
    }
}

/// Where to let Circle in. Nothing is connected before the code that comes of it is given.
#[utoipa::path(post, path = routes::FORGE_OAUTH, tag = "forges", operation_id = "begin_forge_oauth", params(("workspace" = String, Path)), request_body = ForgeOauthBegin, responses((status = 200, body = ForgeOauthBegun)))]
pub(in crate::http) async fn begin(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<ForgeOauthBegin>,
) -> Result<Json<ForgeOauthBegun>, ApiError> {
    let address = address(wish.kind, wish.address.as_deref())?;
    check_token(&wish.client_secret)?;
    Faults::default().text(Some(&wish.client_id), 255, "client_id").done()?;
    let (state, verifier) = (mint(""), mint(""));
    let redirect_uri = server.oauth_url();
    let asked = (wish.kind.into(), address.as_str(), wish.client_id.as_str());
    let shown = (state.value.expose(), verifier.value.expose());
    let authorize_url = authorize_url(asked, linking_scope(wish.kind.into()), &redirect_uri, shown)?;
    let flow = Flow {
        workspace: within.workspace.id,
        by: within.caller.name,
        wish,
        address,
        verifier: verifier.value,
        at: Instant::now(),
    };
    server.oauth_flows.begin(state.hash, flow)?;
    Ok(Json(ForgeOauthBegun {
        authorize_url,
        redirect_uri,
    }))
}

/// Connects the forge with the code that its page showed.
#[utoipa::path(put, path = routes::FORGE_OAUTH, tag = "forges", operation_id = "finish_forge_oauth", params(("workspace" = String, Path)), request_body = ForgeOauthFinish, responses((status = 201, body = ForgeView)))]
pub(in crate::http) async fn finish(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<ForgeOauthFinish>,
) -> Result<(StatusCode, Json<ForgeView>), ApiError> {
    let wrong = || {
        ApiError::field(
            "code",
            "this code is of nothing that you began, or it was used, or is too old: begin anew",
        )
    };
    let (code, state) = wish.code.expose().split_once('.').ok_or_else(wrong)?;
    let code = hex::decode(code)
        .ok()
        .and_then(|code| String::from_utf8(code).ok())
        .ok_or_else(wrong)?;
    let begun = (within.workspace.id, within.caller.name.as_str());
    let flow = server.oauth_flows.finish(state, begun).ok_or_else(wrong)?;
    let client_secret = SecretString::from(flow.wish.client_secret.expose().to_owned());
    let client = OauthClient {
        kind: flow.wish.kind.into(),
        address: &flow.address,
        client_id: &flow.wish.client_id,
        client_secret: &client_secret,
    };
    let tokens = exchange(
        &server.net,
        &client,
        (&code, flow.verifier.expose(), &server.oauth_url()),
    )
    .await?;
    let wish = flow.wish;
    let mut connection = draft(flow.workspace, (wish.name, wish.kind), flow.address.clone());
    connection.oauth = Some(OauthApp {
        client_id: wish.client_id.clone(),
        expires_at: expiry(&tokens),
    });
    connection.account = account(&server, &connection, tokens.access_token.clone()).await?;
    let sealed = SecretValue::new(Grant::new(&client_secret, &tokens).text()?);
    let view = insert(&server, connection, &sealed).await?;
    Ok((StatusCode::CREATED, Json(view)))
}
