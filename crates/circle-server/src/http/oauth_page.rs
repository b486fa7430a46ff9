//! Where forges send people back to who let Circle in. It asks nobody and changes nothing: it shows what to do next.
//!
//! A browser gets the page, whose script gives the code only where the same browser remembers to have begun; the server then asks
//! for the same person too. Anything else gets the text.

use axum::extract::Query;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::web;

/// A code, or why there is none.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    code: Option<String>,
    state: Option<String>,
}

/// Longest code and state that are shown, in characters.
const LONGEST: usize = 2_048;

/// The page for a browser; plain text for everything else, and where there is no page.
pub(crate) async fn back(headers: HeaderMap, Query(back): Query<Back>) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let is_browser = accept.is_some_and(|text| text.contains("text/html"));
    let page = is_browser.then(|| web::shown(&headers)).flatten();
    page.unwrap_or_else(|| text(back))
}

/// Whatever stands in the address is no markup here. The code is in hex, so that it has no character to lose.
fn text(back: Back) -> Response {
    let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    let is_plain = |text: &String| {
        text.len() <= LONGEST
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte))
    };
    match (
        back.code.filter(|code| code.len() <= LONGEST),
        back.state.filter(is_plain),
    ) {
        (Some(code), Some(state)) => {
            let text = format!(
                "Circle may act for you at this forge once you give it this code, within ten minutes:\n\n    circle forge finish {}.{state}\n\n\
                 If you did not begin this yourself, close this page and give the code to nobody.\n",
                hex::encode(code)
            );
            (StatusCode::OK, plain, text).into_response()
        }
        _ => (
            StatusCode::BAD_REQUEST,
            plain,
            "The forge did not let Circle in. Begin anew with: circle forge begin\n",
        )
            .into_response(),
    }
}
