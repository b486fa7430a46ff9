//! The little of a test program that `cargo nextest` and `cargo test` ask for.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;

/// A story: a function that makes its future.
pub(crate) type Story = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// A story with its path as its name.
macro_rules! story {
    ($($path:ident)::+) => {
        (stringify!($($path)::+), (|| Box::pin($($path)::+())) as $crate::program::Story)
    };
}
pub(crate) use story;

/// Lists the stories, or runs those whose names were given.
pub(crate) fn run(stories: &[(&str, Story)]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if has("--list") {
        // nextest lists ignored ones apart; there are none.
        for (name, _) in stories.iter().filter(|_| !has("--ignored")) {
            println!("{}: test", plain(name));
        }
        return ExitCode::SUCCESS;
    }
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let wanted = |name: &str| {
        words.is_empty()
            || words.iter().any(|word| {
                if has("--exact") {
                    name == *word
                } else {
                    name.contains(*word)
                }
            })
    };
    let mut failed = 0;
    for (name, story) in stories
        .iter()
        .map(|(name, story)| (plain(name), story))
        .filter(|(name, _)| wanted(name))
    {
        let outcome = catch_unwind(AssertUnwindSafe(|| tell(*story)));
        println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(outcome.is_err());
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn tell(story: Story) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(story());
}

/// `stringify!` may put spaces and line breaks around the colons.
fn plain(name: &str) -> String {
    name.split_whitespace().collect()
}
