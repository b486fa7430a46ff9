//! A hook as a repository would call it.

use circle_api::resources::{DeliveryState, HookAccepted, HookCreated};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::circle::Circle;
use super::until::until;

/// Forty zeros: a ref that was not there, or is gone.
pub(crate) const ZERO: &str = "0000000000000000000000000000000000000000";

/// A push to report.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) body: String,
}

impl Hook {
    pub(crate) fn push(git_ref: &str, after: &str) -> Self {
        let body = format!(r#"{{"ref":"{git_ref}","before":"{ZERO}","after":"{after}"}}"#);
        Self { body }
    }

    pub(crate) fn named(mut self, delivery: &str) -> Self {
        let mut body: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        body["delivery"] = delivery.into();
        self.body = body.to_string();
        self
    }

    /// Sends it, signed with this secret.
    pub(crate) async fn send(&self, circle: &Circle, hook: &HookCreated, secret: &str) -> reqwest::Response {
        self.signed(circle, hook, secret).send().await.expect("an answer")
    }

    /// The rightly signed request.
    pub(crate) fn request(&self, circle: &Circle, hook: &HookCreated) -> reqwest::RequestBuilder {
        self.signed(circle, hook, hook.secret.expose())
    }

    fn signed(&self, circle: &Circle, hook: &HookCreated, secret: &str) -> reqwest::RequestBuilder {
        let request = circle.http.post(&hook.url).header("content-type", "application/json");
        let request = request.header("circle-signature", sign(secret, self.body.as_bytes()));
        request.body(self.body.clone())
    }

    /// Sends it rightly signed, and gives the answer.
    pub(crate) async fn accepted(&self, circle: &Circle, hook: &HookCreated) -> HookAccepted {
        let response = self.send(circle, hook, hook.secret.expose()).await;
        assert_eq!(response.status(), 202);
        response.json().await.expect("an answer to a hook")
    }

    /// Sends it and waits until it was understood.
    pub(crate) async fn settled(&self, circle: &Circle, hook: &HookCreated) -> DeliveryState {
        let accepted = self.accepted(circle, hook).await;
        let look = || async {
            circle
                .api
                .delivery(accepted.delivery)
                .await
                .expect("the delivery")
                .state
        };
        until("the delivery to be understood", look, |state| {
            *state != DeliveryState::Waiting
        })
        .await
    }
}

/// The header's value.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
