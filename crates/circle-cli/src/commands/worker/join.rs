//! `circle worker join`: this machine becomes a worker of a server elsewhere. It opens no port: it connects out.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use clap::Args;

use super::plain_http::PlainHttp;
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
    #[command(flatten)]
    plain: PlainHttp,
}

pub(super) async fn join(context: &Context, args: JoinArgs) -> anyhow::Result<Exit> {
    let Some(server) = context.args.server.clone() else {
        return Err(Failure::usage("name the server: --server https://HOST, or CIRCLE_SERVER").into());
    };
    args.plain.check(&server)?;
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
    use super::token;

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
