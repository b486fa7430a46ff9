//! circle-core decides and does nothing else: no waiting, no clock, no dice, no file, no socket.

use super::{Project, pattern};
use crate::check::finding::Finding;

const WHY: &str = "decisions must be testable without a runtime, a fixture or luck";
const FIX: &str = "take the value as a parameter and do the effect in the crate that calls";

const PATTERNS: &[&str] = &[
    "async fn",
    "async move",
    ".await",
    "tokio",
    "futures_util",
    "reqwest",
    "hyper",
    "rusqlite",
    "nix",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "rand",
    "println",
    "eprintln",
];

const STD_MODULES: &[&str] = &["fs", "process", "env", "thread"];

/// Crates that wait, open or ask the machine for something.
const IO_CRATES: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "async-trait",
    "futures-util",
    "reqwest",
    "hyper",
    "axum",
    "bollard",
    "tonic",
    "rusqlite",
    "mongodb",
    "rdkafka",
    "etcd-client",
    "object_store",
    "nix",
    "rustix",
    "tempfile",
    "tracing-subscriber",
];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in project.rust.iter().filter(|file| file.package == "circle-core") {
        found.extend(pattern::find(&file.path, &file.product, PATTERNS, WHY, FIX));
        for at in pattern::grouped_imports(&file.product, "std", STD_MODULES) {
            let line = crate::check::lexer::line_of(&file.product, at);
            found.push(Finding {
                file: file.path.clone(),
                line,
                what: "an I/O module of std".to_owned(),
                why: WHY,
                fix: FIX,
            });
        }
    }
    found.extend(
        project
            .core_closure
            .iter()
            .filter(|name| IO_CRATES.contains(&name.as_str()))
            .map(|name| Finding {
                file: "crates/circle-core/Cargo.toml".to_owned(),
                line: 1,
                what: format!("circle-core is compiled with `{name}`"),
                why: WHY,
                fix: "drop the dependency that brings it (`cargo tree -p circle-core -i <crate>` names it)",
            }),
    );
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(text: &str) -> usize {
        Project::of(&[("crates/circle-core/src/a.rs", text)]).findings().len()
    }

    #[test]
    fn effects_are_found() {
        assert_eq!(core("async fn f() {}"), 1);
        assert_eq!(core("fn f() { x.await }"), 1);
        assert_eq!(core("use std::fs::File;"), 1);
        assert_eq!(core("use std::{fmt, fs};"), 1);
        assert_eq!(core("fn f() { std::time::Instant::now(); }"), 1);
        assert_eq!(core("fn f() { jiff::Timestamp::now(); }"), 1);
        assert_eq!(core("fn f() { tokio::spawn(x); }"), 1);
        assert_eq!(core("use std::net::TcpStream;"), 1);
    }

    #[test]
    fn talk_of_effects_and_tests_are_free() {
        assert_eq!(core("// std::fs is not used\nfn f() -> &'static str { \"tokio\" }"), 0);
        assert_eq!(core("#[cfg(test)]\nmod tests { use std::fs; }"), 0);
        assert_eq!(core("use std::{fmt, fs_like};"), 0);
        assert_eq!(core("use std::net::IpAddr;"), 0);
    }

    #[test]
    fn other_crates_may() {
        assert!(
            Project::of(&[("crates/circle-server/src/a.rs", "async fn f() {}")])
                .findings()
                .is_empty()
        );
    }

    #[test]
    fn a_dependency_that_waits_is_found_however_deep() {
        let mut project = Project::of(&[]);
        project.core_closure = vec!["serde".to_owned(), "mio".to_owned()];
        assert_eq!(project.findings(), ["crates/circle-core/Cargo.toml:1"]);
    }
}
