//! The body that makes a container.

use serde_json::{Map, Value};

use super::Refusal;
use super::rules::{Rule, Rules, judge, shown, texts};
use super::ulimits::judge_ulimits;

/// A container that a job may make, once its mounts are put in.
#[derive(Debug)]
pub(super) struct Created {
    pub(super) body: Value,
    /// The container whose network it is to share.
    pub(super) shares: Option<String>,
    pub(super) mounts: Vec<MountWish>,
}

/// A path of the job's own that a container is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountWish {
    /// Where its place is put into the body.
    pub(super) pointer: String,
    pub(super) source: String,
    /// What stands behind the source in a bind of one line.
    pub(super) rest: Option<String>,
    /// Whether a folder that is not there is made, as the engine does for binds of one line.
    pub(super) make: bool,
}

/// Labels that only Circle gives.
const OWN_LABELS: &str = "circle.";
/// Where a network is named.
pub(super) const NETWORK_MODE: &str = "/HostConfig/NetworkMode";
/// Before the container whose network is shared.
pub(super) const OF_CONTAINER: &str = "container:";
/// Names and values of all labels together: the engine tells them whenever containers are listed.
const MAX_LABEL_BYTES: usize = 64 * 1024;
/// Names and values of all variables together; a program is given hardly more by the kernel.
const MAX_ENVIRONMENT_BYTES: usize = 256 * 1024;
/// The engine starts a process for each.
const MAX_PUBLISHED_PORTS: usize = 64;
/// The image with which Testcontainers cleans up, wherever it is pulled from.
const RYUK: &str = "testcontainers/ryuk";
/// Keeps Testcontainers from starting it: Circle removes what the job made.
pub(crate) const RYUK_VARIABLE: (&str, &str) = ("TESTCONTAINERS_RYUK_DISABLED", "true");
/// Options behind a bind of one line that give no right.
const BIND_OPTIONS: [&str; 8] = ["ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent"];

/// The parts that are not of the host: the engine reads host settings at this level too, which is why nothing else is
/// taken.
const CONTAINER: Rules = &[
    ("Hostname", Rule::Any),
    ("Domainname", Rule::Any),
    ("User", Rule::Any),
    ("AttachStdin", Rule::Any),
    ("AttachStdout", Rule::Any),
    ("AttachStderr", Rule::Any),
    ("ExposedPorts", Rule::Any),
    ("Tty", Rule::Any),
    ("OpenStdin", Rule::Any),
    ("StdinOnce", Rule::Any),
    ("Env", Rule::By(environment)),
    ("Cmd", Rule::Any),
    ("Healthcheck", Rule::Any),
    ("ArgsEscaped", Rule::Any),
    ("Image", Rule::Any),
    ("Volumes", Rule::Any),
    ("WorkingDir", Rule::Any),
    ("Entrypoint", Rule::Any),
    ("NetworkDisabled", Rule::Any),
    ("MacAddress", Rule::Any),
    ("Labels", Rule::By(labels)),
    ("StopSignal", Rule::Any),
    ("StopTimeout", Rule::Any),
    ("Shell", Rule::Any),
    ("HostConfig", Rule::By(host)),
    ("NetworkingConfig", Rule::By(networking)),
];

const HOST: Rules = &[
    ("Memory", Rule::Any),
    ("MemorySwap", Rule::Any),
    ("MemoryReservation", Rule::Any),
    ("MemorySwappiness", Rule::Any),
    ("NanoCpus", Rule::Any),
    ("CpuShares", Rule::Any),
    ("CpuPeriod", Rule::Any),
    ("CpuQuota", Rule::Any),
    ("CpusetCpus", Rule::Any),
    ("CpusetMems", Rule::Any),
    ("PidsLimit", Rule::Any),
    ("BlkioWeight", Rule::Any),
    ("Ulimits", Rule::Any),
    ("AutoRemove", Rule::Any),
    ("PortBindings", Rule::By(ports)),
    ("PublishAllPorts", Rule::Any),
    ("RestartPolicy", Rule::Any),
    ("Dns", Rule::Any),
    ("DnsOptions", Rule::Any),
    ("DnsSearch", Rule::Any),
    ("ExtraHosts", Rule::Any),
    ("GroupAdd", Rule::Any),
    ("CapDrop", Rule::Any),
    ("Init", Rule::Any),
    ("ShmSize", Rule::Any),
    ("ReadonlyRootfs", Rule::Any),
    ("Tmpfs", Rule::Any),
    ("Links", Rule::Any),
    ("ConsoleSize", Rule::Any),
    ("VolumeDriver", Rule::OneOf(&["local"])),
    ("LogConfig", Rule::By(log)),
    ("NetworkMode", Rule::By(network_mode)),
    ("IpcMode", Rule::OneOf(&["private", "none", "shareable"])),
    ("CgroupnsMode", Rule::OneOf(&["private"])),
    ("Isolation", Rule::OneOf(&["default"])),
    ("Runtime", Rule::OneOf(&["runc"])),
    ("OomScoreAdj", Rule::By(oom_score)),
    ("SecurityOpt", Rule::By(security)),
    ("Binds", Rule::By(binds)),
    ("Mounts", Rule::By(mounts)),
    ("Privileged", Rule::Empty),
    ("CapAdd", Rule::Empty),
    ("Devices", Rule::Empty),
    ("DeviceRequests", Rule::Empty),
    ("DeviceCgroupRules", Rule::Empty),
    ("PidMode", Rule::Empty),
    ("UTSMode", Rule::Empty),
    ("UsernsMode", Rule::Empty),
    ("Cgroup", Rule::Empty),
    ("CgroupParent", Rule::Empty),
    ("VolumesFrom", Rule::Empty),
    ("Sysctls", Rule::Empty),
    ("StorageOpt", Rule::Empty),
    ("OomKillDisable", Rule::Empty),
    ("MaskedPaths", Rule::Null),
    ("ReadonlyPaths", Rule::Null),
];

const MOUNT: Rules = &[
    ("Type", Rule::OneOf(&["bind", "volume", "tmpfs"])),
    ("Source", Rule::Any),
    ("Target", Rule::Any),
    ("ReadOnly", Rule::Any),
    ("Consistency", Rule::Any),
    ("BindOptions", Rule::By(bind_options)),
    ("VolumeOptions", Rule::By(volume_options)),
    ("TmpfsOptions", Rule::Any),
];

const BIND: Rules = &[
    ("Propagation", Rule::OneOf(&["private", "rprivate"])),
    ("NonRecursive", Rule::Any),
    ("CreateMountpoint", Rule::Any),
];

const VOLUME: Rules = &[
    ("NoCopy", Rule::Any),
    ("Labels", Rule::Any),
    ("DriverConfig", Rule::By(driver)),
];

const DRIVER: Rules = &[("Name", Rule::OneOf(&["local"])), ("Options", Rule::Empty)];
const LOG: Rules = &[
    ("Type", Rule::OneOf(&["json-file", "local", "none"])),
    ("Config", Rule::Any),
];
const NETWORKING: Rules = &[("EndpointsConfig", Rule::By(endpoints))];

/// Judges the body and lists the mounts whose places are to be put in. No container gets more open files than its cell has.
pub(super) fn judge_create(body: &Value, open_files: Option<u32>) -> Result<Created, Refusal> {
    let mut body = judge("the container", body, CONTAINER).map_err(|refusal| with_advice(body, refusal))?;
    if !body.get("HostConfig").is_some_and(Value::is_object) {
        // The engine takes host settings from elsewhere when there are none here.
        body.insert("HostConfig".to_owned(), Value::Object(Map::new()));
    }
    let mut body = Value::Object(body);
    if let Some(limits) = body.pointer_mut("/HostConfig/Ulimits") {
        *limits = judge_ulimits(limits, open_files)?;
    }
    let mut wishes = Vec::new();
    for (at, line) in list(&body, "/HostConfig/Binds") {
        let Some((source, rest)) = line.as_str().and_then(|line| line.split_once(':')) else {
            continue;
        };
        if source.starts_with('/') {
            wishes.push(MountWish {
                pointer: format!("/HostConfig/Binds/{at}"),
                source: source.to_owned(),
                rest: Some(rest.to_owned()),
                make: true,
            });
        }
    }
    for (at, mount) in list(&body, "/HostConfig/Mounts") {
        if mount.get("Type").and_then(Value::as_str) == Some("bind") {
            wishes.push(MountWish {
                pointer: format!("/HostConfig/Mounts/{at}/Source"),
                source: mount
                    .get("Source")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                rest: None,
                make: false,
            });
        }
    }
    let shares = body.pointer(NETWORK_MODE).and_then(Value::as_str);
    let shares = shares
        .and_then(|mode| mode.strip_prefix(OF_CONTAINER))
        .map(str::to_owned);
    Ok(Created {
        body,
        shares,
        mounts: wishes,
    })
}

/// Testcontainers begins with a privileged container of its own, unless it is told not to.
fn with_advice(body: &Value, refusal: Refusal) -> Refusal {
    let image = body.get("Image").and_then(Value::as_str).unwrap_or_default();
    if !image.contains(RYUK) {
        return refusal;
    }
    Refusal(format!(
        "{}; Ryuk is not needed, since Circle removes what the job made: leave {} at `true`",
        refusal.0, RYUK_VARIABLE.0
    ))
}

fn list<'v>(body: &'v Value, pointer: &str) -> impl Iterator<Item = (usize, &'v Value)> {
    body.pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

fn host(value: &Value) -> Result<Value, Refusal> {
    judge("HostConfig", value, HOST).map(Value::Object)
}

pub(super) fn labels(value: &Value) -> Result<Value, Refusal> {
    let own = |key: &str| key.to_ascii_lowercase().starts_with(OWN_LABELS);
    let Value::Object(entries) = value else {
        return Err(Refusal::new("`Labels` is no object"));
    };
    let bytes = |(key, value): (&String, &Value)| key.len() + value.as_str().map_or(0, str::len);
    if entries.iter().map(bytes).sum::<usize>() > MAX_LABEL_BYTES {
        return Err(Refusal::new("the labels are longer than 64 KiB together"));
    }
    let taken = entries.keys().find(|key| own(key));
    match taken {
        Some(key) => Err(Refusal::new(format!("the label `{}` is Circle's own", shown(key)))),
        None => Ok(value.clone()),
    }
}

fn networking(value: &Value) -> Result<Value, Refusal> {
    judge("NetworkingConfig", value, NETWORKING).map(Value::Object)
}

fn endpoints(value: &Value) -> Result<Value, Refusal> {
    let Value::Object(entries) = value else {
        return Err(Refusal::new("`EndpointsConfig` is no object"));
    };
    match entries.keys().find(|name| is_host(name)) {
        Some(_) => Err(Refusal::new("the network `host` is not allowed")),
        None => Ok(value.clone()),
    }
}

/// Variables of a container or of a command in one.
pub(super) fn environment(value: &Value) -> Result<Value, Refusal> {
    let bytes: usize = texts("`Env`", value)?.into_iter().map(str::len).sum();
    if bytes > MAX_ENVIRONMENT_BYTES {
        return Err(Refusal::new("the variables of `Env` are longer than 256 KiB together"));
    }
    Ok(value.clone())
}

fn ports(value: &Value) -> Result<Value, Refusal> {
    let Value::Object(entries) = value else {
        return Err(Refusal::new("`PortBindings` of HostConfig is no object"));
    };
    let wanted = entries
        .values()
        .map(|places| places.as_array().map_or(1, Vec::len).max(1));
    if wanted.sum::<usize>() > MAX_PUBLISHED_PORTS {
        return Err(Refusal::new(format!(
            "a container may publish {MAX_PUBLISHED_PORTS} ports, not more"
        )));
    }
    Ok(value.clone())
}

/// Whether a network's name is the host's, in any spelling that an engine could take for it.
pub(super) fn is_host(name: &str) -> bool {
    name.trim().eq_ignore_ascii_case("host")
}

fn network_mode(value: &Value) -> Result<Value, Refusal> {
    match value.as_str() {
        // Which container it may be is judged once the engine says which one is meant.
        Some(mode) if mode.strip_prefix(OF_CONTAINER).is_some_and(is_container_name) => Ok(value.clone()),
        Some(mode) if !is_host(mode) && !mode.contains(['/', ':']) => Ok(value.clone()),
        _ => Err(Refusal::new(format!(
            "`NetworkMode` of HostConfig is not allowed: {}",
            shown(&value.to_string())
        ))),
    }
}

fn is_container_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !name.is_empty() && name.bytes().all(plain)
}

fn oom_score(value: &Value) -> Result<Value, Refusal> {
    match value.as_i64() {
        Some(0..) => Ok(value.clone()),
        _ => Err(Refusal::new("`OomScoreAdj` of HostConfig may not be below 0")),
    }
}

fn security(value: &Value) -> Result<Value, Refusal> {
    let harmless = ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"];
    match texts("`SecurityOpt`", value)?
        .into_iter()
        .find(|option| !harmless.contains(option))
    {
        Some(option) => Err(Refusal::new(format!(
            "the security option `{}` is not allowed",
            shown(option)
        ))),
        None => Ok(value.clone()),
    }
}

fn log(value: &Value) -> Result<Value, Refusal> {
    judge("LogConfig", value, LOG).map(Value::Object)
}

/// Sources are put in later; here it is only looked whether the lines could be anything else.
fn binds(value: &Value) -> Result<Value, Refusal> {
    for line in texts("`Binds`", value)? {
        let parts: Vec<&str> = line.split(':').collect();
        let (source, options) = match parts[..] {
            [_] => continue,
            [source, _] => (source, ""),
            [source, _, options] => (source, options),
            _ => return Err(Refusal::new(format!("the bind `{}` has too many parts", shown(line)))),
        };
        if !source.starts_with('/') && !is_volume_name(source) {
            return Err(Refusal::new(format!(
                "the bind `{}` names no path and no volume",
                shown(line)
            )));
        }
        if let Some(odd) = options
            .split(',')
            .find(|option| !option.is_empty() && !BIND_OPTIONS.contains(option))
        {
            return Err(Refusal::new(format!(
                "the option `{}` of a bind is not allowed",
                shown(odd)
            )));
        }
    }
    Ok(value.clone())
}

fn mounts(value: &Value) -> Result<Value, Refusal> {
    let items = value.as_array().ok_or_else(|| Refusal::new("`Mounts` is no list"))?;
    let one = |item: &Value| {
        let mount = judge("a mount", item, MOUNT)?;
        let source = mount.get("Source").and_then(Value::as_str).unwrap_or_default();
        let kind = mount.get("Type").and_then(Value::as_str).unwrap_or_default();
        let fits = match kind {
            "bind" => source.starts_with('/'),
            "volume" => source.is_empty() || is_volume_name(source),
            "tmpfs" => source.is_empty(),
            _ => false,
        };
        if fits {
            return Ok(Value::Object(mount));
        }
        Err(Refusal::new(format!(
            "a mount of the type `{}` cannot have the source `{}`",
            shown(kind),
            shown(source)
        )))
    };
    items.iter().map(one).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn bind_options(value: &Value) -> Result<Value, Refusal> {
    judge("BindOptions", value, BIND).map(Value::Object)
}

fn volume_options(value: &Value) -> Result<Value, Refusal> {
    judge("VolumeOptions", value, VOLUME).map(Value::Object)
}

fn driver(value: &Value) -> Result<Value, Refusal> {
    judge("DriverConfig", value, DRIVER).map(Value::Object)
}

fn is_volume_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::judge_create;

    fn refused(body: &Value) -> bool {
        judge_create(body, None).is_err()
    }

    #[test]
    fn sec_30_no_spelling_of_create_gives_a_right() {
        for host in [
            json!({"Privileged": true}),
            json!({"privileged": true}),
            json!({"PRIVILEGED": true}),
            json!({"CapAdd": ["SYS_ADMIN"]}),
            json!({"capadd": "ALL"}),
            json!({"Devices": [{"PathOnHost": "/dev/sda"}]}),
            json!({"DeviceRequests": [{"Count": -1}]}),
            json!({"DeviceCgroupRules": ["a *:* rwm"]}),
            json!({"PidMode": "host"}),
            json!({"PidMode": "container:x"}),
            json!({"IpcMode": "host"}),
            json!({"ipcmode": "container:x"}),
            json!({"UTSMode": "host"}),
            json!({"UsernsMode": "host"}),
            json!({"CgroupnsMode": "host"}),
            json!({"CgroupParent": "/"}),
            json!({"NetworkMode": "host"}),
            json!({"NetworkMode": "HOST"}),
            json!({"NetworkMode": 1}),
            json!({"NetworkMode": "Container:x"}),
            json!({"NetworkMode": " container:x"}),
            json!({"NetworkMode": "container:"}),
            json!({"NetworkMode": "container:x:y"}),
            json!({"NetworkMode": "container:../x"}),
            json!({"NetworkMode": "ns:x"}),
            json!({"SecurityOpt": ["seccomp=unconfined"]}),
            json!({"SecurityOpt": ["no-new-privileges", "apparmor:unconfined"]}),
            json!({"SecurityOpt": "seccomp=unconfined"}),
            json!({"MaskedPaths": []}),
            json!({"ReadonlyPaths": []}),
            json!({"Sysctls": {"kernel.core_pattern": "|/x"}}),
            json!({"Runtime": "evil"}),
            json!({"VolumesFrom": ["job"]}),
            json!({"VolumeDriver": "sshfs"}),
            json!({"OomScoreAdj": -1000}),
            json!({"LogConfig": {"Type": "syslog"}}),
            json!({"Capabilities": ["CAP_SYS_ADMIN"]}),
            json!({"Mounts": [{"Type": "npipe", "Source": "x", "Target": "/x"}]}),
            json!({"Mounts": [{"Type": "volume", "Source": "/", "Target": "/x"}]}),
            json!({"Mounts": [{"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Options": {"type": "none", "o": "bind", "device": "/"}}}}]}),
            json!({"Mounts": [{"Type": "bind", "Source": "/workspace", "Target": "/x", "BindOptions": {"Propagation": "rshared"}}]}),
            json!({"Mounts": [{"Source": "/", "Target": "/x"}]}),
            json!({"Binds": ["./x:/x"]}),
            json!({"Binds": ["/workspace:/x:rshared"]}),
            json!({"Binds": ["/workspace:/x:ro:rw"]}),
            json!({"Binds": "/:/x"}),
        ] {
            assert!(refused(&json!({"Image": "a", "HostConfig": host})), "{host}");
            // Old engines read the same at the top level.
            let mut inline = host.clone();
            inline["Image"] = json!("a");
            // What says nothing is left away; what says something is refused.
            let passed = judge_create(&inline, None).map(|created| created.body);
            let left = host
                .as_object()
                .and_then(|host| host.keys().next())
                .cloned()
                .unwrap_or_default();
            assert!(
                passed.is_err() || passed.is_ok_and(|body| body.get(&left).is_none()),
                "inline {host}"
            );
            assert!(refused(&json!({"Image": "a", "hostconfig": host})), "other case {host}");
        }
        let twice = json!({"HostConfig": {}, "hostConfig": {"Privileged": true}});
        assert!(refused(&twice));
        assert!(refused(&json!({"NetworkingConfig": {"EndpointsConfig": {"host": {}}}})));
        assert!(refused(&json!({"Labels": {"circle.stage": "x"}})));
    }

    /// As Testcontainers for Java asks for it.
    #[test]
    fn a_privileged_ryuk_is_refused_with_the_variable_that_makes_it_needless() {
        let host = json!({
            "AutoRemove": true, "Privileged": true, "PublishAllPorts": true, "PortBindings": {"8080/tcp": [{}]},
            "Binds": ["/var/run/docker.sock:/var/run/docker.sock:rw"],
        });
        let ryuk = |image: &str, host: &Value| {
            let labels = json!({"org.testcontainers": "true", "org.testcontainers.lang": "java"});
            json!({
                "Image": image, "ExposedPorts": {"8080/tcp": {}}, "Labels": labels, "HostConfig": host, "Env": [],
                "Hostname": null, "Cmd": [], "NetworkingConfig": null,
            })
        };
        for image in [
            "testcontainers/ryuk:0.8.1",
            "mirror.intern/hub/testcontainers/ryuk:0.12.0",
        ] {
            let refusal = judge_create(&ryuk(image, &host), None).expect_err("it is privileged");
            assert_eq!(
                refusal.0,
                "`Privileged` of HostConfig is not allowed: true; Ryuk is not needed, since Circle removes what the job made: \
                 leave TESTCONTAINERS_RYUK_DISABLED at `true`"
            );
        }
        let other = judge_create(&ryuk("redis", &host), None).expect_err("it is privileged");
        assert!(!other.0.contains("Ryuk"), "{}", other.0);
        let mut plain = host;
        plain["Privileged"] = json!(false);
        assert!(judge_create(&ryuk("testcontainers/ryuk:0.8.1", &plain), None).is_ok());
    }

    #[test]
    fn sec_28_what_the_engine_keeps_of_a_container_is_bounded() {
        let ports = |count: u16| -> Value {
            let one = |port: u16| (format!("{port}/tcp"), json!([{"HostPort": ""}]));
            json!({"Image": "a", "HostConfig": {"PortBindings": (1..=count).map(one).collect::<serde_json::Map<_, _>>()}})
        };
        assert!(!refused(&ports(64)) && refused(&ports(65)));
        let many = json!({"Image": "a", "HostConfig": {"PortBindings": {"80/tcp": vec![json!({}); 65]}}});
        assert!(refused(&many));
        for (bytes, refuses) in [(60_000, false), (70_000, true)] {
            let text = "x".repeat(bytes);
            assert_eq!(
                refused(&json!({"Image": "a", "Labels": {"a": text}})),
                refuses,
                "{bytes}"
            );
            assert_eq!(
                refused(&json!({"Image": "a", "Labels": {text: "a"}})),
                refuses,
                "{bytes}"
            );
        }
        for (bytes, refuses) in [(200_000, false), (300_000, true)] {
            let variable = format!("A={}", "x".repeat(bytes));
            assert_eq!(refused(&json!({"Image": "a", "Env": [variable]})), refuses, "{bytes}");
        }
        let shares = judge_create(&json!({"HostConfig": {"networkMode": "container:db"}}), None).expect("judged later");
        assert_eq!(shares.shares.as_deref(), Some("db"));
    }

    #[test]
    fn what_clients_send_passes_and_its_mounts_are_listed() {
        let body = json!({
            "Image": "redis", "Env": ["A=b"], "Labels": {"org.testcontainers": "true"},
            "HostConfig": {
                "NetworkMode": "default", "Privileged": false, "CapAdd": null, "Devices": [], "UsernsMode": "",
                "PublishAllPorts": true, "AutoRemove": true, "MaskedPaths": null, "Later": 0,
                "Binds": ["/workspace/a:/a:ro", "data:/data", "/anonymous"],
                "Mounts": [{"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/s"}, {"Type": "tmpfs", "Target": "/t"}],
            },
            "NetworkingConfig": {"EndpointsConfig": {"mine": {"Aliases": ["db"]}}},
        });
        let created = judge_create(&body, None).expect("it gives no right");
        let sources: Vec<(&str, &str, bool)> = created
            .mounts
            .iter()
            .map(|wish| (wish.pointer.as_str(), wish.source.as_str(), wish.make))
            .collect();
        assert_eq!(
            sources,
            [
                ("/HostConfig/Binds/0", "/workspace/a", true),
                ("/HostConfig/Mounts/0/Source", "/var/run/docker.sock", false)
            ]
        );
        assert_eq!(created.mounts[0].rest.as_deref(), Some("/a:ro"));
        assert_eq!(created.body["Env"], json!(["A=b"]));
        assert!(
            judge_create(&json!({"Image": "a"}), None)
                .expect("no host settings")
                .body["HostConfig"]
                .is_object()
        );
    }
}
