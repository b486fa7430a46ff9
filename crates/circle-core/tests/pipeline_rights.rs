//! Rights beyond the ordinary: every spelling in every place, against every policy (security rule 30).

mod support;

use circle_core::pipeline::{Code, Diagnostic, parse};
use circle_core::plan::{Container, Plan, Policy, Work, plan};
use circle_core::rights::{HostMode, Right, Rights};
use circle_core::service::WorkspacePolicy;
use support::{by_a_stranger, good, privileged, push, render};

/// Every place of a file in which a container is written, and every way to share keys.
const PLACES: [&str; 9] = [
    "integration: {image: a, commands: [b], SPELLING}\n",
    "integration:\n  services: {db: {image: p, ready: {tcp: 5432}, SPELLING}}\n  image: a\n  commands: [b]\n",
    "integration:\n  jobs: {one: {image: a, commands: [b], SPELLING}}\n",
    "integration: {image: BUILT_IMAGE, after: build, commands: [b], SPELLING}\nbuild: {}\n",
    "pre_build: {image: a, commands: [b], outputs: [c], SPELLING}\n",
    "post_build: {image: a, commands: [b], SPELLING}\n",
    "x-base: &base {SPELLING}\nintegration: {use: *base, image: a, commands: [b]}\n",
    "x-a: &a {SPELLING}\nx-b: &b {use: *a}\npost_build: {use: *b, image: a, commands: [b]}\n",
    "x-a: &a {db: &db {image: p, ready: {tcp: 1}, SPELLING}}\nintegration: {services: *a, image: a, commands: [b]}\n",
];

fn spellings() -> Vec<(&'static str, Right)> {
    let capability = |name: &str| Right::Capability(name.parse().expect("a capability"));
    let option = |text: &str| Right::SecurityOption(text.parse().expect("an option"));
    vec![
        ("privileged: true", Right::Privileged),
        ("privileged: True", Right::Privileged),
        ("\"privileged\": TRUE", Right::Privileged),
        ("? privileged\n    : true", Right::Privileged),
        ("devices: [/dev/fuse]", Right::Device("/dev/fuse".to_owned())),
        ("devices: ['/dev//kvm']", Right::Device("/dev/kvm".to_owned())),
        ("devices: [\"/dev/\\x6bvm\"]", Right::Device("/dev/kvm".to_owned())),
        ("cap_add: [ALL]", capability("ALL")),
        ("cap_add: [all]", capability("ALL")),
        ("cap_add: [SYS_ADMIN]", capability("SYS_ADMIN")),
        ("cap_add: [cap_sys_admin]", capability("SYS_ADMIN")),
        ("cap_add: [Cap_Net_Admin]", capability("NET_ADMIN")),
        ("security_opt: [seccomp=unconfined]", option("seccomp=unconfined")),
        ("security_opt: ['seccomp:unconfined']", option("seccomp=unconfined")),
        (
            "security_opt: [no-new-privileges, apparmor=unconfined]",
            option("apparmor=unconfined"),
        ),
        ("security_opt: ['label:disable']", option("label=disable")),
        (
            "security_opt: [systempaths=unconfined]",
            option("systempaths=unconfined"),
        ),
        ("network_mode: host", Right::HostMode(HostMode::Network)),
        ("\"network_mode\": \"host\"", Right::HostMode(HostMode::Network)),
        ("pid: host", Right::HostMode(HostMode::Pid)),
        ("ipc: 'host'", Right::HostMode(HostMode::Ipc)),
        ("uts: host", Right::HostMode(HostMode::Uts)),
        ("userns_mode: host", Right::HostMode(HostMode::Userns)),
        ("cgroup: host", Right::HostMode(HostMode::Cgroup)),
        ("volumes: [\"/etc:/x\"]", Right::Mount("/etc".to_owned())),
        ("volumes: [\"//etc/:/x:ro\"]", Right::Mount("/etc".to_owned())),
        (
            "volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]",
            Right::Mount("/var/run/docker.sock".to_owned()),
        ),
        ("volumes: [./a:/a, \"/proc:/x\"]", Right::Mount("/proc".to_owned())),
    ]
}

fn allowing(right: &Right) -> Policy {
    Policy::from(&WorkspacePolicy {
        rights: std::iter::once(right.clone()).collect(),
        ..WorkspacePolicy::default()
    })
}

fn asked(plan: &Plan) -> Vec<Rights> {
    let of = |container: &Container| container.rights.clone();
    let stages = plan.stages.iter().flat_map(|stage| match &stage.work {
        Work::Integration { sidecars, job } => {
            let beside = sidecars.iter().map(|sidecar| of(&sidecar.container));
            beside.chain([of(&job.container)]).collect()
        }
        Work::PreBuild {
            how: circle_core::plan::PreBuild::Container { job },
            ..
        }
        | Work::PostBuild { job } => vec![of(&job.container)],
        _ => Vec::new(),
    });
    stages.filter(|rights| !rights.is_none()).collect()
}

fn codes(findings: &[Diagnostic]) -> Vec<Code> {
    findings.iter().map(|one| one.code).collect()
}

#[test]
fn sec_30_every_spelling_in_every_place_is_refused_unless_the_policy_allows_it() {
    for place in PLACES {
        for (spelling, right) in spellings() {
            let text = place.replace("SPELLING", spelling);
            let file = good(&text);
            let refused = plan(&file, &push("main"), &Policy::default()).expect_err("nothing is allowed at first");
            assert_eq!(codes(&refused), [Code::NotAllowed], "{text}");
            for policy in [allowing(&right), privileged()] {
                let planned =
                    plan(&file, &push("main"), &policy).unwrap_or_else(|found| panic!("{text}{}", render(&found)));
                let wish: Rights = std::iter::once(right.clone()).collect();
                assert_eq!(asked(&planned), [wish], "{text}");
            }
        }
    }
}

#[test]
fn sec_30_what_allows_one_right_allows_no_other() {
    let text = PLACES[0];
    for (_, allowed) in spellings() {
        for (spelling, asked) in spellings() {
            let file = good(&text.replace("SPELLING", spelling));
            let is_planned = plan(&file, &push("main"), &allowing(&allowed)).is_ok();
            assert_eq!(
                is_planned,
                allowing(&allowed).workspace.rights.allow(&asked),
                "{allowed} {spelling}"
            );
        }
    }
}

#[test]
fn sec_30_a_stranger_gets_none_whatever_the_policy() {
    for place in PLACES {
        for (spelling, _) in spellings() {
            let text = place.replace("SPELLING", spelling);
            let planned = plan(&good(&text), &by_a_stranger(push("main")), &privileged());
            // A stranger's post_build is left out as a whole.
            assert!(
                planned.is_err() || planned.is_ok_and(|plan| asked(&plan).is_empty()),
                "{text}"
            );
        }
    }
}

#[test]
fn sec_30_what_cannot_be_judged_is_no_value_at_all() {
    for place in PLACES {
        for spelling in [
            "privileged: yes",
            "privileged: \"true\"",
            "privileged: 1",
            "privileged: \"${CIRCLE_BRANCH}\"",
            "cap_add: ALL",
            "cap_add: [\"${CIRCLE_BRANCH}\"]",
            "cap_add: [ROOT]",
            "devices: [\"/dev/../etc/shadow\"]",
            "devices: [\"/dev/fuse:/dev/fuse:rwm\"]",
            "devices: [\"${HOME}\"]",
            "device_cgroup_rules: [\"c 1:3 rwm\"]",
            "security_opt: [seccomp=/profile.json]",
            "security_opt: [\"seccomp={}\"]",
            "network_mode: HOST",
            "network_mode: \"container:x\"",
            "network_mode: bridge",
            "pid: \"container:x\"",
            "ipc: shareable",
            "net: host",
            "network: host",
            "cgroup_parent: /",
            "sysctls: {kernel.msgmax: 1}",
            "runtime: runc",
            "volumes_from: [x]",
            "volumes: [\"/:/host\"]",
            "volumes: [\"/a/../../etc:/x\"]",
            "volumes: [\"./..:/x\"]",
            "volumes: [\"../x:/x\"]",
            "volumes: [\"~/x:/x\"]",
            "volumes: [\"name:/x\"]",
            "volumes: [\"${HOME}:/x\"]",
            "volumes: [{type: bind, source: /, target: /x}]",
            "<<: {privileged: true}",
        ] {
            let text = place.replace("SPELLING", spelling);
            let (file, findings) = parse("caicloud.yml", text.as_bytes());
            assert!(file.is_none(), "{text}{}", render(&findings));
        }
    }
}

#[test]
fn sec_30_a_file_gives_rights_up_without_asking_anybody() {
    let text = "integration: {image: a, commands: [b], cap_drop: [ALL], security_opt: [no-new-privileges]}\n";
    let planned = plan(&good(text), &push("main"), &Policy::default()).expect("nothing is asked for");
    let Some(Work::Integration { job, .. }) = planned.stages.get(1).map(|stage| &stage.work) else {
        panic!("{planned:?}");
    };
    assert!(job.container.no_new_privileges && job.container.rights.is_none());
    assert_eq!(job.container.cap_drop.len(), 1);
}

#[test]
fn a_mounted_socket_is_answered_with_the_key_that_does_it() {
    let text = "integration: {image: a, commands: [b], volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]}\n";
    let refused = plan(&good(text), &push("main"), &Policy::default()).expect_err("it is not allowed");
    assert!(render(&refused).contains("docker: true"), "{}", render(&refused));
}
