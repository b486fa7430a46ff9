//! Where forges send people back to who let Circle in. It asks nobody and changes nothing: it shows what to do next.

use axum::extract::Query;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use serde::Deserialize;

/// A code, or why there is none.
#[derive(Debug, Deserialize)]
pub(crate) struct Back {
    code: Option<String>,
    state: Option<String>,
}

/// Longest code and state that are shown, in characters.
const LONGEST: usize = 2_048;

type Page = (StatusCode, [(HeaderName, &'static str); 1], String);

/// Plain text: whatever stands in the address is no markup here. The code is in hex, so that it has no character to lose.
pub(crate) async fn back(Query(back): Query<Back>) -> Page {
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
            (StatusCode::OK, plain, text)
        }
        _ => (
            StatusCode::BAD_REQUEST,
            plain,
            "The forge did not let Circle in. Begin anew with: circle forge begin\n".into(),
        ),
    }
}
