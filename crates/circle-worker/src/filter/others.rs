//! The other bodies that could ask for rights: commands in containers, changed bounds, networks, volumes.

use serde_json::Value;

use super::Refusal;
use super::create::{environment, is_host, labels};
use super::rules::{Rule, Rules, judge, shown};

const EXEC: Rules = &[
    ("User", Rule::Any),
    ("Tty", Rule::Any),
    ("AttachStdin", Rule::Any),
    ("AttachStdout", Rule::Any),
    ("AttachStderr", Rule::Any),
    ("Detach", Rule::Any),
    ("DetachKeys", Rule::Any),
    ("ConsoleSize", Rule::Any),
    ("Env", Rule::By(environment)),
    ("WorkingDir", Rule::Any),
    ("Cmd", Rule::Any),
    ("Privileged", Rule::Empty),
    // Python's client names the container a second time; the address alone says which one it is.
    ("Container", Rule::By(left_away)),
];

const UPDATE: Rules = &[
    ("Memory", Rule::Any),
    ("MemorySwap", Rule::Any),
    ("MemoryReservation", Rule::Any),
    ("CpuShares", Rule::Any),
    ("NanoCpus", Rule::Any),
    ("CpuPeriod", Rule::Any),
    ("CpuQuota", Rule::Any),
    ("CpusetCpus", Rule::Any),
    ("CpusetMems", Rule::Any),
    ("PidsLimit", Rule::Any),
    ("RestartPolicy", Rule::Any),
];

const NETWORK: Rules = &[
    ("Name", Rule::By(network_name)),
    ("CheckDuplicate", Rule::Any),
    ("Driver", Rule::OneOf(&["bridge"])),
    ("Scope", Rule::OneOf(&["local"])),
    ("Internal", Rule::Any),
    ("Attachable", Rule::Any),
    ("EnableIPv6", Rule::Any),
    ("EnableIPv4", Rule::Any),
    ("IPAM", Rule::By(ipam)),
    ("Options", Rule::By(network_options)),
    ("Labels", Rule::By(labels)),
];

const JOIN: Rules = &[
    ("Container", Rule::Any),
    ("EndpointConfig", Rule::Any),
    ("Force", Rule::Any),
];

const IPAM: Rules = &[
    ("Driver", Rule::OneOf(&["default"])),
    ("Config", Rule::Any),
    ("Options", Rule::Empty),
];

/// Options of a bridge that give no right; its name could be that of another link.
const NETWORK_OPTIONS: [&str; 4] = [
    "com.docker.network.bridge.enable_icc",
    "com.docker.network.bridge.enable_ip_masquerade",
    "com.docker.network.bridge.host_binding_ipv4",
    "com.docker.network.driver.mtu",
];

const VOLUME: Rules = &[
    ("Name", Rule::Any),
    ("Driver", Rule::OneOf(&["local"])),
    ("DriverOpts", Rule::Empty),
    ("Labels", Rule::By(labels)),
];

pub(super) fn judge_exec(body: &Value) -> Result<Value, Refusal> {
    judge("the command", body, EXEC).map(Value::Object)
}

pub(super) fn judge_update(body: &Value) -> Result<Value, Refusal> {
    judge("the change", body, UPDATE).map(Value::Object)
}

pub(super) fn judge_network(body: &Value) -> Result<Value, Refusal> {
    judge("the network", body, NETWORK).map(Value::Object)
}

pub(super) fn judge_join(body: &Value) -> Result<Value, Refusal> {
    judge("the network's container", body, JOIN).map(Value::Object)
}

/// A volume with options of its driver can be any folder of the cell.
pub(super) fn judge_volume(body: &Value) -> Result<Value, Refusal> {
    judge("the volume", body, VOLUME).map(Value::Object)
}

fn left_away(_: &Value) -> Result<Value, Refusal> {
    Ok(Value::Null)
}

fn network_name(value: &Value) -> Result<Value, Refusal> {
    match value.as_str() {
        Some(name) if !is_host(name) => Ok(value.clone()),
        _ => Err(Refusal::new("a network cannot have this name")),
    }
}

fn ipam(value: &Value) -> Result<Value, Refusal> {
    judge("IPAM", value, IPAM).map(Value::Object)
}

fn network_options(value: &Value) -> Result<Value, Refusal> {
    let Value::Object(entries) = value else {
        return Err(Refusal::new("`Options` of the network is no object"));
    };
    match entries.keys().find(|key| !NETWORK_OPTIONS.contains(&key.as_str())) {
        Some(key) => Err(Refusal::new(format!(
            "the option `{}` of a network is not allowed",
            shown(key)
        ))),
        None => Ok(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judge_exec, judge_network, judge_update, judge_volume};

    #[test]
    fn sec_30_no_other_body_gives_a_right() {
        assert!(judge_exec(&json!({"Cmd": ["sh"], "Tty": true, "Privileged": false})).is_ok());
        assert!(judge_exec(&json!({"Cmd": ["sh"], "privileged": true})).is_err());
        assert!(judge_exec(&json!({"Cmd": ["sh"], "Env": ["A=b"]})).is_ok());
        assert!(judge_exec(&json!({"Cmd": ["sh"], "Env": ["A=".to_owned() + &"x".repeat(300_000)]})).is_err());
        let other = judge_exec(&json!({"Cmd": ["sh"], "Container": "circle"})).expect("as Python's client writes it");
        assert!(other["Container"].is_null());
        assert!(judge_update(&json!({"Memory": 1, "RestartPolicy": {"Name": "no"}})).is_ok());
        for body in [
            json!({"Devices": [{}]}),
            json!({"CgroupParent": "/"}),
            json!({"DeviceCgroupRules": ["a"]}),
        ] {
            assert!(judge_update(&body).is_err(), "{body}");
        }
        assert!(
            judge_network(&json!({"Name": "n", "Driver": "bridge", "Options": {}, "ConfigFrom": {"Network": ""}}))
                .is_ok()
        );
        for body in [
            json!({"Name": "host"}),
            json!({"Name": "n", "Driver": "host"}),
            json!({"Name": "n", "Driver": "macvlan", "Options": {"parent": "eth0"}}),
            json!({"Name": "n", "Options": {"com.docker.network.bridge.name": "eth0"}}),
            json!({"Name": "n", "ConfigFrom": {"Network": "x"}}),
            json!({"Name": "n", "IPAM": {"Driver": "plugin"}}),
        ] {
            assert!(judge_network(&body).is_err(), "{body}");
        }
        assert!(judge_volume(&json!({"Name": "v", "DriverOpts": {}})).is_ok());
        for body in [
            json!({"Name": "v", "DriverOpts": {"type": "none", "o": "bind", "device": "/"}}),
            json!({"Name": "v", "driveropts": {"device": "/"}}),
            json!({"Name": "v", "Driver": "plugin"}),
        ] {
            assert!(judge_volume(&body).is_err(), "{body}");
        }
    }
}
