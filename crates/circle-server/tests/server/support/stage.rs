//! A story in the browser, and the test beside it that does what happens elsewhere: somebody pushes, a forge goes down.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// A deed that the story asks for, and where its answer goes.
type Wish = (String, oneshot::Sender<String>);

/// Plays a story, which asks for deeds by name at `STAGE` and goes on when each is done.
pub(crate) async fn play(story: &str, variables: &[(&str, String)], mut deeds: impl AsyncFnMut(&str) -> String) {
    let (wishes, mut wished) = mpsc::channel::<Wish>(1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/{deed}", get(ask)).with_state(Arc::new(wishes));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, router).await.expect("served") });
    let mut variables = variables.to_vec();
    variables.push(("STAGE", address));
    let mut played = std::pin::pin!(circle_lab::play(story, &variables));
    loop {
        let (deed, answer) = tokio::select! {
            ended = &mut played => return ended.unwrap_or_else(|error| panic!("{error}")),
            Some(wish) = wished.recv() => wish,
        };
        // A story that gave up meanwhile tells why by its end.
        let _ = answer.send(deeds(&deed).await);
    }
}

async fn ask(State(wishes): State<Arc<mpsc::Sender<Wish>>>, Path(deed): Path<String>) -> impl IntoResponse {
    let (answer, answered) = oneshot::channel();
    wishes.send((deed, answer)).await.expect("the test goes on");
    let done = answered.await.expect("the deed was done");
    ([(ACCESS_CONTROL_ALLOW_ORIGIN, "*")], done)
}
