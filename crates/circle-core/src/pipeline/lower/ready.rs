//! `ready` of a sidecar.

use super::container::words;
use super::fields::Fields;
use super::scalar::{boolean, duration, port, said, text};
use crate::pipeline::bounds::MAX_READY_TIMEOUT_S;
use crate::pipeline::code::Code;
use crate::pipeline::keys::{HTTP, READY};
use crate::pipeline::report::Report;
use crate::pipeline::yaml::{Node, Value};
use crate::plan::Ready;

const PROBES: [&str; 5] = ["tcp", "http", "exec", "log", "healthcheck"];

/// The probe, if one is given, and the wait in seconds.
pub(super) fn ready(report: &Report<'_>, node: &Node) -> (Option<Ready>, Option<u64>) {
    let Some(fields) = Fields::read(report, node, &READY) else {
        return (None, None);
    };
    let timeout = fields
        .get(report, "timeout")
        .and_then(|node| duration(report, node, "timeout", MAX_READY_TIMEOUT_S));
    let given: Vec<_> = PROBES.iter().filter_map(|name| fields.first_of(&[name])).collect();
    if let [first, second, ..] = given.as_slice() {
        let message = format!(
            "`ready` takes one probe; `{}` and `{}` are given",
            first.key.value, second.key.value
        );
        report.error_help(
            Code::ConflictingKeys,
            second.key.span,
            message,
            "keep the one that says most",
        );
    }
    let probes = [
        fields
            .get(report, "tcp")
            .and_then(|node| port(report, node, "tcp"))
            .map(Ready::Tcp),
        fields.get(report, "http").and_then(|node| http(report, node)),
        fields.get(report, "exec").and_then(|node| exec(report, node)),
        fields.get(report, "log").and_then(|node| log(report, node)),
        fields
            .get(report, "healthcheck")
            .and_then(|node| healthcheck(report, node)),
    ];
    (probes.into_iter().flatten().next(), timeout)
}

/// `8080/healthz`, or a map.
fn http(report: &Report<'_>, node: &Node) -> Option<Ready> {
    if let Value::Map(_) = &node.value {
        let fields = Fields::read(report, node, &HTTP)?;
        fields.require(report, "port", node.span);
        let path = match fields.get(report, "path") {
            Some(node) => said(report, node, "path", http_path(&text(report, node, "path")?.value))?,
            None => "/".to_owned(),
        };
        let port = port(report, fields.get(report, "port")?, "port")?;
        return Some(Ready::Http { port, path });
    }
    let Value::Scalar(scalar) = &node.value else {
        super::scalar::wrong_type(report, node, "http", "a port and a path", "write 8080/healthz");
        return None;
    };
    said(report, node, "http", port_and_path(&scalar.text))
}

fn port_and_path(text: &str) -> Result<Ready, &'static str> {
    const FORM: &str = "write the port and the path, such as 8080/healthz";
    let text = text.strip_prefix(':').unwrap_or(text);
    let (port, path) = text.find('/').map_or((text, "/"), |at| text.split_at(at));
    let port: u16 = port.parse().map_err(|_| FORM)?;
    if port == 0 {
        return Err(FORM);
    }
    Ok(Ready::Http {
        port,
        path: http_path(path)?,
    })
}

/// The path of a request: absolute, printable, without blanks, so that it cannot grow a second line.
pub(super) fn http_path(text: &str) -> Result<String, &'static str> {
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    if text.starts_with('/') && printable && text.len() <= 2048 {
        Ok(text.to_owned())
    } else {
        Err("write a path that begins with a slash and has no blanks")
    }
}

fn exec(report: &Report<'_>, node: &Node) -> Option<Ready> {
    words(report, node, "exec").map(Ready::Exec)
}

fn log(report: &Report<'_>, node: &Node) -> Option<Ready> {
    let line = text(report, node, "log")?;
    let usable = !line.value.is_empty() && !line.value.contains('\n');
    if !usable {
        report.error(Code::BadValue, node.span, "`log` takes a text of one line");
    }
    usable.then_some(Ready::Log(line.value))
}

fn healthcheck(report: &Report<'_>, node: &Node) -> Option<Ready> {
    let wanted = boolean(report, node, "healthcheck")?;
    if !wanted {
        report.error_help(
            Code::BadValue,
            node.span,
            "`healthcheck: false` says nothing",
            "remove it, or name another probe",
        );
    }
    wanted.then_some(Ready::Healthcheck)
}
