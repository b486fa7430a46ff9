//! The first administrator: by a link that the server prints once.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};

use super::browser::Stand;
use super::people::{PASSWORD, Person};
use crate::support::{Circle, until};

/// What the server prints.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    /// From now on.
    fn begin() -> Self {
        let printed = Self::default();
        let writer = printed.clone();
        let logs = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        tracing::subscriber::set_global_default(logs.finish()).expect("every test has a process of its own");
        printed
    }

    fn links(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        let words = text.split(|c: char| c.is_whitespace() || c == '"');
        words
            .filter_map(|word| word.find("http://").map(|at| word[at..].to_owned()))
            .filter(|word| word.contains("/join#"))
            .collect()
    }
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_comes_by_a_link_that_is_printed_once() {
    let printed = Printed::begin();
    let circle = Circle::start().await;
    let links = until("the link", || async { printed.links() }, |links| !links.is_empty()).await;
    let circle = circle.restart().await;
    assert_eq!(printed.links().len(), 1, "a link that still works is not printed again");
    let mut ann = Person::nobody(&circle, "ann");
    assert_eq!(ann.redeem(&links[0], PASSWORD).await.status(), 200);
    assert_eq!(
        Person::nobody(&circle, "eve")
            .redeem(&links[0], PASSWORD)
            .await
            .status(),
        401
    );
    ann.cookie = ann.sign_in(PASSWORD).await.expect("signed in");
    assert_eq!(ann.status(Method::GET, "/api/v1/users").await, 200);
    let circle = circle.restart().await;
    assert_eq!(printed.links().len(), 1, "with an account there is no need of another");
    drop(circle);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_administrator_may_come_by_an_identity_too() {
    let printed = Printed::begin();
    let stand = Stand::start(json!({})).await;
    let links = until("the link", || async { printed.links() }, |links| !links.is_empty()).await;
    let (_, link) = links[0].split_once('#').expect("a link");
    let join = json!({ "purpose": "join", "link": link, "name": "boss" });
    let mut browser = stand.browser();
    let (status, said) = browser.go(join).await;
    assert_eq!(
        (status, &said["account"]["administrator"]),
        (200, &json!(true)),
        "{said}"
    );
    assert_eq!(browser.ask(Method::GET, "/api/v1/users", Value::Null).await.0, 200);
}
