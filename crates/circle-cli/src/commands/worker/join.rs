//! `circle worker join`: this machine becomes a worker of a server elsewhere. It opens no port: it connects out.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use circle_api::client::Endpoint;
use clap::Args;

use super::process::{self, WorkerFlags};
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Longest token that is read, with what stands around it.
const MAX_TOKEN_BYTES: u64 = 512;

#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// The one-time token of `circle worker enrol`; `-` reads it from standard input, so that no list of processes shows it
    #[arg(value_name = "TOKEN")]
    token: String,
    #[command(flatten)]
    flags: WorkerFlags,
    /// Speak plain HTTP with a server on another machine: the token, and every secret of the runs, can be read on the way
    #[arg(long, help_heading = "Worker")]
    allow_plain_http: bool,
}

pub(super) async fn join(context: &Context, args: JoinArgs) -> anyhow::Result<Exit> {
    let Some(server) = context.args.server.clone() else {
        return Err(Failure::usage("name the server: --server https://HOST, or CIRCLE_SERVER").into());
    };
    let endpoint: Endpoint = server.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    may_be_spoken_to(&endpoint, args.allow_plain_http)?;
    let data = std::path::absolute(&context.args.data)?;
    let folder = data.join("worker");
    if folder.join("token").exists() {
        return Err(Failure::usage(format!(
            "{} has a worker's token already: start it with `circle worker --server {server}`, or name another folder with --data",
            folder.display()
        ))
        .into());
    }
    let enrolment = folder.join("enrolment");
    keep(&enrolment, &token(&args.token)?)?;
    let worked = process::work_as(context, args.flags, (server, enrolment.clone())).await;
    // It works once; whoever comes later finds nothing to try.
    let _ = std::fs::remove_file(enrolment);
    worked
}

/// Refuses to send credentials in the clear, unless nobody else can hear them or somebody insists.
fn may_be_spoken_to(endpoint: &Endpoint, plain_is_allowed: bool) -> Result<(), Failure> {
    let Endpoint::Http(url) = endpoint else { return Ok(()) };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == "https" || is_here || plain_is_allowed {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{url} is plain HTTP on another machine: the token and every secret of the runs could be read on the way; use https://, or say --allow-plain-http"
    )))
}

fn token(word: &str) -> Result<String, Failure> {
    let mut text = word.to_owned();
    if word == "-" {
        text.clear();
        let read = std::io::stdin().lock().take(MAX_TOKEN_BYTES).read_to_string(&mut text);
        read.map_err(|error| Failure::usage(format!("standard input cannot be read: {error}")))?;
    }
    let token = text.trim();
    if token.starts_with("circle_enrol_") {
        return Ok(token.to_owned());
    }
    Err(Failure::usage(
        "this is no enrolment token; make one on the server: circle worker enrol",
    ))
}

fn keep(path: &Path, token: &str) -> Result<(), Failure> {
    let unusable = |error: std::io::Error| Failure::broken(format!("{} cannot be written: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(unusable)?;
    let _ = std::fs::remove_file(path);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| writeln!(file, "{token}")).map_err(unusable)
}

#[cfg(test)]
mod tests {
    use circle_api::client::Endpoint;

    use super::{may_be_spoken_to, token};

    #[test]
    fn nothing_secret_goes_over_a_network_in_the_clear() {
        let refused = |text: &str, allowed| {
            let endpoint: Endpoint = text.parse().expect("an address");
            may_be_spoken_to(&endpoint, allowed).is_err()
        };
        for fine in [
            "https://ci.example.org",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
            "unix:///run/circle.sock",
        ] {
            assert!(!refused(fine, false), "{fine}");
        }
        for heard in [
            "http://ci.example.org",
            "http://10.0.0.7:8080",
            "http://127.0.0.1.example.org",
        ] {
            assert!(refused(heard, false), "{heard}");
            assert!(!refused(heard, true), "{heard}");
        }
    }

    #[test]
    fn only_an_enrolment_token_joins() {
        assert_eq!(token(" circle_enrol_00ff\n").ok().as_deref(), Some("circle_enrol_00ff"));
        let refused = token("circle_admin_00ff").expect_err("an administrator's").to_string();
        assert!(
            refused.contains("circle worker enrol") && !refused.contains("00ff"),
            "{refused}"
        );
    }
}
