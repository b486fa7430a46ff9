//! OpenID Connect: where somebody goes, and who they are by the code that they come back with.

use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::header::ACCEPT;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use circle_net::{Answer, Bounds, Net, NetError, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::discovery::{ANSWER_BYTES, ANSWER_TIME, Found};
use super::error::{is_of_client, plain};
use super::id_token::{Claims, Expected, TokenError, verify};
use super::provider::{Application, Person, Proof, SignIns};
use super::{Flow, SignInError};
use crate::forge::challenge;

/// Who somebody is, what they are called, and their address of mail: no more is asked.
const SCOPE: &str = "openid profile email";

/// Where somebody lets Circle know who they are.
pub(super) fn authorize_url(found: &Found, client_id: &str, redirect: &str, (state, flow): (&str, &Flow)) -> String {
    let mut url: Url = found.metadata.authorization_endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", SCOPE)
        .append_pair("state", state)
        .append_pair("nonce", flow.nonce.expose())
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", &challenge(flow.verifier.expose()));
    url.into()
}

/// Who somebody is, by the code that they came back with.
pub(super) async fn identify(
    (net, sign_ins): (&Net, &SignIns),
    app: &Application<'_>,
    proof: &Proof<'_>,
) -> Result<Person, SignInError> {
    let found = sign_ins.discoveries.of(net, app.provider, false).await?;
    check_issuer(&found, app, proof.issuer)?;
    let wish = [
        ("grant_type", "authorization_code"),
        ("code", proof.code.expose()),
        ("code_verifier", proof.flow.verifier.expose()),
        ("redirect_uri", proof.redirect),
    ];
    let tokens = ask(net, &found, app, &wish).await?;
    let id_token = tokens
        .id_token
        .ok_or_else(|| SignInError::untrusted(app.provider, "it gave no id token"))?;
    let look = |found: &Found| {
        let expected = Expected {
            issuer: found.issuer(),
            client_id: &app.provider.client_id,
            nonce: &proof.flow.nonce,
        };
        verify(id_token.expose_secret(), &found.keys, &expected)
    };
    let claims = match look(&found) {
        // Keys are changed from time to time.
        Err(TokenError::UnknownKey) => look(&*sign_ins.discoveries.of(net, app.provider, true).await?),
        other => other,
    };
    let mut claims = claims.map_err(|error| SignInError::untrusted(app.provider, error.to_string()))?;
    if claims.preferred_username.is_none() || claims.email.is_none() {
        claims = completed(net, &found, app, &tokens.access_token, claims).await?;
    }
    Ok(person(claims))
}

/// A code of one provider must not be taken for another's (RFC 9207).
fn check_issuer(found: &Found, app: &Application<'_>, said: Option<&str>) -> Result<(), SignInError> {
    let must = found.metadata.authorization_response_iss_parameter_supported;
    match said {
        Some(said) if said != found.issuer() => {
            Err(SignInError::untrusted(app.provider, "the code is of another issuer"))
        }
        None if must => Err(SignInError::untrusted(
            app.provider,
            "it tells its name with every code, and did not with this one",
        )),
        _ => Ok(()),
    }
}

/// Some say only when asked what somebody is called. Whoever they tell of must be the person of the id token.
async fn completed(
    net: &Net,
    found: &Found,
    app: &Application<'_>,
    token: &SecretString,
    claims: Claims,
) -> Result<Claims, SignInError> {
    let Some(address) = &found.metadata.userinfo_endpoint else {
        return Ok(claims);
    };
    let request = Request::new(Method::GET, address.as_str()).and_then(|request| request.bearer(token));
    let answer = net
        .send(bounded(
            request.map_err(|error| SignInError::down(app.provider, error.to_string()))?,
        ))
        .await;
    let answer = answer.map_err(|error| SignInError::down(app.provider, error.to_string()))?;
    let Ok(told) = serde_json::from_slice::<Claims>(&answer.body) else {
        tracing::debug!(provider = %app.provider.name, status = answer.status.as_u16(), "it tells no more of somebody");
        return Ok(claims);
    };
    if told.sub != claims.sub {
        return Err(SignInError::untrusted(
            app.provider,
            "asked who you are, it tells of somebody else",
        ));
    }
    Ok(told)
}

fn person(claims: Claims) -> Person {
    let login = claims.preferred_username.as_deref().or(claims.email.as_deref());
    Person {
        login: plain(login.unwrap_or(&claims.sub)),
        email: claims.verified_email().map(str::to_lowercase),
        subject: claims.sub,
    }
}

#[derive(Deserialize)]
struct Tokens {
    access_token: SecretString,
    id_token: Option<SecretString>,
}

/// What a token endpoint says instead of tokens.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What a provider says to a code that nobody has: whether it knows the application. `Err` when it does not, or is not there.
pub(super) async fn probe(net: &Net, found: &Found, app: &Application<'_>, redirect: &str) -> Result<(), SignInError> {
    let wish = [
        ("grant_type", "authorization_code"),
        ("code", "circle-asks-whether-you-know-it"),
        ("code_verifier", "circle-asks-whether-you-know-it-0123456789abcdef"),
        ("redirect_uri", redirect),
    ];
    match ask(net, found, app, &wish).await {
        Ok(_) => Err(SignInError::untrusted(
            app.provider,
            "it takes a code that it never gave",
        )),
        Err(SignInError::Refused { .. }) => Ok(()),
        Err(other) => Err(other),
    }
}

async fn ask(net: &Net, found: &Found, app: &Application<'_>, wish: &[(&str, &str)]) -> Result<Tokens, SignInError> {
    let request = token_request(found, app, wish);
    let request = request.map_err(|error| SignInError::down(app.provider, error.to_string()))?;
    let answer = net.send(bounded(request)).await;
    tokens(
        app,
        &answer.map_err(|error| SignInError::down(app.provider, error.to_string()))?,
    )
}

fn token_request(found: &Found, app: &Application<'_>, wish: &[(&str, &str)]) -> Result<Request, NetError> {
    let mut form = Serializer::new(String::new());
    form.extend_pairs(wish);
    let mut request = Request::new(Method::POST, found.metadata.token_endpoint.as_str())?;
    if found.metadata.takes_basic() {
        request = request.authorization(&basic(app))?;
    } else {
        form.append_pair("client_id", &app.provider.client_id)
            .append_pair("client_secret", app.client_secret.expose_secret());
    }
    let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request.body("application/x-www-form-urlencoded", form.finish()))
}

fn tokens(app: &Application<'_>, answer: &Answer) -> Result<Tokens, SignInError> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body)
            .map_err(|_| SignInError::untrusted(app.provider, "its answer holds no tokens"));
    }
    let status = answer.status.as_u16();
    match serde_json::from_slice::<Refusal>(&answer.body) {
        Ok(refusal) => {
            let said = plain(&format!("{} {}", refusal.error, refusal.error_description));
            Err(if is_of_client(&said) {
                SignInError::unknown_client(app.provider, said)
            } else {
                SignInError::refused(app.provider, said)
            })
        }
        Err(_) if status == 401 => Err(SignInError::unknown_client(
            app.provider,
            format!("it answers {status}"),
        )),
        Err(_) => Err(SignInError::down(app.provider, format!("it answers {status}"))),
    }
}

/// RFC 6749, 2.3.1: id and secret are written as in a form, then as HTTP does.
fn basic(app: &Application<'_>) -> SecretString {
    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!(
        "{}:{}",
        form(&app.provider.client_id),
        form(app.client_secret.expose_secret())
    );
    format!("Basic {}", STANDARD.encode(pair)).into()
}

fn bounded(request: Request) -> Request {
    request.bounds(Bounds {
        time: ANSWER_TIME,
        answer_bytes: ANSWER_BYTES,
    })
}
