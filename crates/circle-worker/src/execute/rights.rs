//! Rights beyond the ordinary, as the engine wants them.
//!
//! The server's planner judged them: what stands in a plan is allowed. Those that mean nothing to a remapped user switch the
//! remapping off for this container alone; its neighbours keep theirs.

use bollard::models::{DeviceMapping, HostConfig, HostConfigCgroupnsModeEnum};
use circle_core::plan::Container;
use circle_core::rights::{Capability, HostMode, SecurityOption};

/// The part of a container's configuration that its rights make.
pub(super) fn rights(plan: &Container) -> HostConfig {
    let rights = &plan.rights;
    let host = |mode: HostMode| rights.host_modes.contains(&mode).then(|| "host".to_owned());
    let bare = rights.security_options.contains(&SecurityOption::SystemPaths);
    HostConfig {
        privileged: Some(rights.privileged),
        devices: some(rights.devices.iter().map(|path| device(path)).collect()),
        cap_add: some(rights.capabilities.iter().map(written).collect()),
        cap_drop: some(plan.cap_drop.iter().map(written).collect()),
        security_opt: some(security_options(plan)),
        // The engine's own lists hide parts of /proc and /sys; empty ones hide nothing.
        masked_paths: bare.then(Vec::new),
        readonly_paths: bare.then(Vec::new),
        pid_mode: host(HostMode::Pid),
        ipc_mode: host(HostMode::Ipc),
        uts_mode: host(HostMode::Uts),
        cgroupns_mode: rights
            .host_modes
            .contains(&HostMode::Cgroup)
            .then_some(HostConfigCgroupnsModeEnum::HOST),
        userns_mode: rights.need_real_root().then(|| "host".to_owned()),
        ..HostConfig::default()
    }
}

/// Whether a container has no network of its own.
pub(super) fn shares_network(plan: &Container) -> bool {
    plan.rights.host_modes.contains(&HostMode::Network)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn written(capability: &Capability) -> String {
    capability.as_str().to_owned()
}

fn device(path: &str) -> DeviceMapping {
    DeviceMapping {
        path_on_host: Some(path.to_owned()),
        path_in_container: Some(path.to_owned()),
        cgroup_permissions: Some("rwm".to_owned()),
    }
}

fn security_options(plan: &Container) -> Vec<String> {
    let few = &plan.rights.security_options;
    let mut options: Vec<String> = few
        .iter()
        // The client's word for the two lists above; the engine does not know it.
        .filter(|option| **option != SecurityOption::SystemPaths)
        .map(ToString::to_string)
        .collect();
    if plan.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    options
}
