//! What every container may be given.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::environment::{environment, variable};
use super::fields::Fields;
use super::mounts::{caches, tmpfs, volumes};
use super::rights::{cap_drop, no_new_privileges, rights};
use super::scalar::{integer, list, number, port, said, said_as, size, text, texts, written};
use super::templates::image;
use crate::pipeline::bounds::{MAX_CPU_MILLIS, MAX_MEMORY_BYTES, MAX_PIDS, MIN_MEMORY_BYTES};
use crate::pipeline::code::Code;
use crate::pipeline::keys::{RESOURCES, SECRET};
use crate::pipeline::report::{Report, quote};
use crate::pipeline::source::{Span, Spanned};
use crate::pipeline::tree::{ContainerSpec, Link};
use crate::pipeline::value::{absolute_path, parse_cpus, parse_host, parse_user, split_words};
use crate::pipeline::yaml::{Node, Value};
use crate::plan::{Resources, SECRETS_FOLDER};

/// Lowers the keys that jobs and sidecars share. Long because it is one line for each key.
pub(super) fn container(report: &Report<'_>, fields: &Fields<'_>) -> ContainerSpec {
    let get = |name| fields.get(report, name);
    let (secrets, secret_files) = get("secrets").map_or_else(Default::default, |node| secrets_and_files(report, node));
    let (volumes, mounts) = get("volumes").map_or_else(Default::default, |node| volumes(report, node));
    ContainerSpec {
        image: get("image").and_then(|node| image(report, node)),
        entrypoint: None,
        command: None,
        environment: get("environment").map_or_else(Vec::new, |node| environment(report, node)),
        working_dir: None,
        user: get("user").and_then(|node| user(report, node)),
        volumes,
        tmpfs: get("tmpfs").map_or_else(Vec::new, |node| tmpfs(report, node)),
        caches: Vec::new(),
        secrets,
        secret_files,
        resources: resources(report, fields),
        extra_hosts: get("extra_hosts").map_or_else(Vec::new, |node| extra_hosts(report, node)),
        dns: get("dns").map_or_else(Vec::new, |node| dns(report, node)),
        links: get("links").map_or_else(Vec::new, |node| list(report, node, "links", |item| link(report, item))),
        ports: get("ports").map_or_else(Vec::new, |node| {
            list(report, node, "ports", |item| port(report, item, "ports"))
        }),
        mounts: mounts.iter().map(|mount| mount.value.clone()).collect(),
        rights: rights(report, fields, &mounts),
        cap_drop: get("cap_drop").map_or_else(Vec::new, |node| cap_drop(report, node)),
        no_new_privileges: get("security_opt").is_some_and(no_new_privileges),
    }
}

/// What only containers with commands have.
pub(super) fn job_container(report: &Report<'_>, fields: &Fields<'_>) -> ContainerSpec {
    let working_dir = |node: &Node| {
        let path = text(report, node, "working_dir")?;
        said_as(report, Code::BadPath, node, "working_dir", absolute_path(&path.value))
    };
    ContainerSpec {
        working_dir: fields.get(report, "working_dir").and_then(working_dir),
        caches: fields
            .get(report, "caches")
            .map_or_else(Vec::new, |node| caches(report, node)),
        ..container(report, fields)
    }
}

/// A command as a list, or as a line that is split as a shell would.
pub(super) fn words(report: &Report<'_>, node: &Node, what: &str) -> Option<Vec<String>> {
    match &node.value {
        Value::List(_) => {
            let words = list(report, node, what, |item| {
                written(report, item, what).map(|word| word.value)
            });
            let empty = words.is_empty();
            if empty {
                report.error(Code::NothingToDo, node.span, format!("`{what}` is empty"));
            }
            (!empty).then_some(words)
        }
        _ => {
            let line = written(report, node, what)?;
            said(report, node, what, split_words(&line.value))
        }
    }
}

/// Names of secrets, each once.
pub(super) fn secrets(report: &Report<'_>, node: &Node) -> Vec<Spanned<String>> {
    once(report, texts(report, node, "secrets"))
}

/// Names of secrets, each once, and where some of them are files.
fn secrets_and_files(report: &Report<'_>, node: &Node) -> (Vec<Spanned<String>>, BTreeMap<String, String>) {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let names = list(report, node, "secrets", |item| {
        if let Value::Scalar(_) = &item.value {
            return text(report, item, "secrets");
        }
        let fields = Fields::read(report, item, &SECRET)?;
        fields.require(report, "name", item.span);
        fields.require(report, "file", item.span);
        let name = text(report, fields.get(report, "name")?, "name")?;
        let place = text(report, fields.get(report, "file")?, "file")?;
        let place = secret_file(report, &name.value, &place)?;
        if files.values().any(|other| *other == place.value) {
            let message = format!("two secrets are the file {}", quote(&place.value));
            report.error_help(Code::Duplicate, place.span, message, "give one of them another name");
        }
        files.insert(name.value.clone(), place.value);
        Some(name)
    });
    (once(report, names), files)
}

/// A file directly in the folder that is kept in memory.
fn secret_file(report: &Report<'_>, name: &str, place: &Spanned<String>) -> Option<Spanned<String>> {
    let path = absolute_path(&place.value);
    let folder = format!("{SECRETS_FOLDER}/");
    let direct = |path: &String| {
        path.strip_prefix(&folder)
            .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
    };
    if let Some(path) = path.ok().filter(direct) {
        return Some(Spanned::new(path, place.span));
    }
    let message = format!("{} is no place for a secret", quote(&place.value));
    let help = format!(
        "write {SECRETS_FOLDER}/{}, which is kept in memory; a program that wants it elsewhere is given a link to it",
        name.to_lowercase()
    );
    report.error_help(Code::BadPath, place.span, message, help);
    None
}

fn once(report: &Report<'_>, names: Vec<Spanned<String>>) -> Vec<Spanned<String>> {
    let mut taken: Vec<Spanned<String>> = Vec::new();
    for name in names {
        if taken.iter().any(|other| other.value == name.value) {
            report.error(
                Code::Duplicate,
                name.span,
                format!("the secret {} is named twice", quote(&name.value)),
            );
        } else if variable(report, &name.value, name.span, "a secret") {
            taken.push(name);
        }
    }
    taken
}

fn user(report: &Report<'_>, node: &Node) -> Option<String> {
    let user = written(report, node, "user")?;
    said(report, node, "user", parse_user(&user.value))?;
    Some(user.value)
}

fn resources(report: &Report<'_>, fields: &Fields<'_>) -> Resources {
    let memory = |node: &Node| size(report, node, "memory", MIN_MEMORY_BYTES, MAX_MEMORY_BYTES);
    let original = fields.first_of(&["mem_limit"]);
    let mut found = Resources {
        memory_bytes: original.and_then(|entry| memory(&entry.value)),
        ..Resources::default()
    };
    let Some(inner) = fields
        .get(report, "resources")
        .and_then(|node| Fields::read(report, node, &RESOURCES))
    else {
        return found;
    };
    if let Some(node) = inner.get(report, "memory") {
        if let Some(entry) = original {
            let message = "`mem_limit` is the original name of `resources.memory`; both are given";
            report.error_help(Code::ConflictingKeys, entry.key.span, message, "remove one of them");
        }
        found.memory_bytes = memory(node);
    }
    found.cpu_millis = inner.get(report, "cpus").and_then(|node| cpus(report, node));
    found.pids = inner
        .get(report, "pids")
        .and_then(|node| integer(report, node, "pids", 1, MAX_PIDS));
    found
}

fn cpus(report: &Report<'_>, node: &Node) -> Option<u64> {
    let scalar = number(report, node, "cpus", "a number of cores")?;
    let millis = said(report, node, "cpus", parse_cpus(&scalar.text))?;
    let fits = (10..=MAX_CPU_MILLIS).contains(&millis);
    if !fits {
        report.error(
            Code::BadValue,
            node.span,
            format!(
                "`cpus` takes 0.01 to {}, found {}",
                MAX_CPU_MILLIS / 1000,
                quote(&scalar.text)
            ),
        );
    }
    fits.then_some(millis)
}

fn extra_hosts(report: &Report<'_>, node: &Node) -> Vec<String> {
    let check = |node: &Node, line: String| {
        said(report, node, "extra_hosts", parse_host(&line))?;
        Some(line)
    };
    match &node.value {
        Value::Map(entries) => {
            let line = |entry: &crate::pipeline::yaml::Entry| {
                let address = text(report, &entry.value, "extra_hosts")?;
                check(&entry.value, format!("{}:{}", entry.key.value, address.value))
            };
            entries.iter().filter_map(line).collect()
        }
        _ => list(report, node, "extra_hosts", |item| {
            check(item, text(report, item, "extra_hosts")?.value)
        }),
    }
}

fn dns(report: &Report<'_>, node: &Node) -> Vec<String> {
    list(report, node, "dns", |item| {
        let address = written(report, item, "dns")?;
        let parsed = address
            .value
            .parse::<IpAddr>()
            .map_err(|_| "write the address of a name server, such as 10.0.0.2");
        said(report, item, "dns", parsed).map(|parsed| parsed.to_string())
    })
}

fn link(report: &Report<'_>, node: &Node) -> Option<Link> {
    let line = text(report, node, "links")?;
    let (sidecar, alias) = line.value.split_once(':').unwrap_or((&line.value, &line.value));
    if !is_host_name(alias) {
        let message = format!("`links` does not take {}", quote(&line.value));
        report.error_help(Code::BadValue, line.span, message, "write sidecar:alias");
        return None;
    }
    Some(Link {
        sidecar: Spanned::new(sidecar.to_owned(), line.span),
        alias: alias.to_owned(),
    })
}

/// Reports a name under which a container could not be reached.
pub(super) fn is_reachable_name(report: &Report<'_>, name: &str, span: Span, what: &str) -> bool {
    let fits = is_host_name(name);
    if !fits {
        let message = format!("{} cannot name {what}", quote(name));
        report.error_help(
            Code::BadValue,
            span,
            message,
            "names have up to 63 letters, digits, hyphens and underscores, a letter or digit first",
        );
    }
    fits
}

fn is_host_name(name: &str) -> bool {
    let head = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    head && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}
