//! The numbered demands on the pipeline file, each a test named after its number.

mod support;

use std::time::{Duration, Instant};

use circle_core::pipeline::{Code, Diagnostic, MAX_FILE_BYTES, parse};
use circle_core::plan::{Plan, Policy, Work, plan};
use circle_core::scan_floor::ScanFloor;
use circle_core::secret_limits::SecretLimits;
use circle_core::service::WorkspacePolicy;
use support::{by_a_stranger, good, pull_request, push, render};

/// No file may keep the parser busy for longer, even in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(10);

fn refused(text: impl AsRef<[u8]>) -> Vec<Diagnostic> {
    let begun = Instant::now();
    let (file, findings) = parse("caicloud.yml", text.as_ref());
    assert!(begun.elapsed() < LONGEST, "it took {:?}", begun.elapsed());
    assert!(file.is_none(), "it should be refused");
    findings
}

fn codes(findings: &[Diagnostic]) -> Vec<Code> {
    findings.iter().map(|one| one.code).collect()
}

fn refusals(text: &str, policy: &Policy) -> Vec<Diagnostic> {
    plan(&good(text), &push("main"), policy).expect_err("the policy does not allow it")
}

fn pushes_pull_requests() -> Policy {
    let workspace = WorkspacePolicy {
        push_pull_requests: true,
        ..WorkspacePolicy::default()
    };
    Policy::from(&workspace)
}

fn planned(text: &str, policy: &Policy) -> Plan {
    plan(&good(text), &push("main"), policy).unwrap_or_else(|findings| panic!("{}", render(&findings)))
}

#[test]
fn sec_43_fifty_mebibytes_are_refused_without_being_read() {
    let findings = refused("a: b\n".repeat(10 * 1024 * 1024));
    assert_eq!(codes(&findings), [Code::TooLarge]);
    assert_eq!((findings[0].line, findings[0].column), (1, 1));
    // The bound itself is still read.
    let mut text = "build: {}\n#".to_owned();
    text.push_str(&"x".repeat(MAX_FILE_BYTES - text.len()));
    assert!(parse("f", text.as_bytes()).0.is_some());
}

#[test]
fn sec_43_ten_thousand_levels_are_refused_where_the_bound_is_passed() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let findings = refused(format!("x-deep:\n  {}x{}\n", open.repeat(10_000), close.repeat(10_000)));
        assert_eq!(codes(&findings), [Code::TooDeep], "{open}: {}", render(&findings));
        assert_eq!(findings[0].line, 2);
    }
}

#[test]
fn sec_43_alias_bombs_are_refused_where_they_grow_too_large() {
    let wide: String = (1..=9)
        .map(|n| format!("x-{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")))
        .collect();
    let findings = refused(format!("x-0: &a0 [x]\n{wide}build: {{}}\n"));
    assert_eq!(codes(&findings), [Code::TooManyNodes]);

    let deep: String = (1..=200)
        .map(|n| format!("x-{n}: &a{n} {{k: *a{}}}\n", n - 1))
        .collect();
    assert_eq!(
        codes(&refused(format!("x-0: &a0 {{k: v}}\n{deep}build: {{}}\n"))),
        [Code::TooDeep]
    );

    let findings = refused("x-a: &a {use: *a}\nbuild: {}\n");
    assert_eq!(codes(&findings), [Code::UnknownAlias]);
    assert_eq!((findings[0].line, findings[0].column), (1, 15));
}

#[test]
fn sec_43_every_bad_thing_has_its_line_and_column() {
    let cases: [(&[u8], Code, (u32, u32)); 11] = [
        (b"build: {}\nbuild: {}\n", Code::DuplicateKey, (2, 1)),
        (b"x-a: &a {b: 1}\nbuild:\n  <<: *a\n", Code::MergeKey, (3, 3)),
        (b"build: !!map {}\n", Code::YamlTag, (1, 8)),
        (b"build: {}\non: push\n", Code::AmbiguousWord, (2, 1)),
        (b"build: {args: {COUNTRY: no}}\n", Code::AmbiguousWord, (1, 25)),
        (b"\xef\xbb\xbfbuild: {}\n", Code::ByteOrderMark, (1, 1)),
        (b"build:\n\tcontext: .\n", Code::Tab, (2, 1)),
        (b"build: {}\n# \x00\n", Code::ControlCharacter, (2, 3)),
        (b"build: {}\n# \xff\n", Code::InvalidUtf8, (2, 3)),
        (b"build: {}\n---\nbuild: {}\n", Code::SecondDocument, (2, 1)),
        (
            "build: {args: {\"中\": \"文\", \"中\": x}}\n".as_bytes(),
            Code::DuplicateKey,
            (1, 26),
        ),
    ];
    for (text, code, place) in cases {
        let findings = refused(text);
        let first = findings.iter().find(|one| one.code == code);
        let first = first.unwrap_or_else(|| panic!("{code} is missing:\n{}", render(&findings)));
        assert_eq!((first.line, first.column), place, "{}", render(&findings));
    }
}

#[test]
fn sec_43_slow_files_stay_quick() {
    let half = MAX_FILE_BYTES / 2;
    for text in [
        "{".repeat(half),
        "[a,".repeat(half / 3),
        "- ".repeat(half / 2),
        "a: ".repeat(half / 3),
        "\"".repeat(half),
        format!(
            "build: {{args: {{{}}}}}\n",
            (0..9_000).map(|n| format!("k{n}: v, ")).collect::<String>()
        ),
        format!("x-a: |\n{}", " x\n".repeat(half / 3)),
        format!(
            "integration: {{image: busybox, commands: [{}]}}\n",
            "\"| | | $${ ${A\", ".repeat(5_000)
        ),
        "&a ".repeat(half / 3),
        "!".repeat(half),
        "%TAG ! x\n".repeat(half / 9),
    ] {
        let begun = Instant::now();
        drop(parse("f", text.as_bytes()));
        assert!(begun.elapsed() < LONGEST, "{:?} for {}…", begun.elapsed(), &text[..40]);
    }
}

#[test]
fn sec_71_an_environment_that_the_workspace_does_not_have_is_refused_before_anything_runs() {
    let text = "build: {}\ndeploy: [{environment: production}]\n";
    let known = |names: &[&str]| Policy {
        environments: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Policy::default()
    };
    assert_eq!(codes(&refusals(text, &known(&["staging"]))), [Code::UnknownEnvironment]);
    assert_eq!(planned(text, &known(&["production"])).deploys.len(), 1);
}

#[test]
fn sec_71_pull_requests_and_strangers_never_deploy_whatever_the_file_says() {
    let text =
        "triggers:\n  - {event: pull_request}\n  - {event: push}\nbuild: {}\ndeploy: [{environment: production}]\n";
    let generous = pushes_pull_requests();
    for trigger in [
        pull_request("main"),
        by_a_stranger(pull_request("main")),
        by_a_stranger(push("main")),
    ] {
        let plan = plan(&good(text), &trigger, &generous).expect("it builds");
        assert!(plan.deploys.is_empty(), "{:?}", trigger.event);
    }
}

#[test]
fn sec_72_secrets_are_those_of_the_service_and_strangers_get_none() {
    let text = "integration:\n  services: {db: {image: postgres, secrets: [DB_KEY], ready: {tcp: 1}}}\n  image: a\n  secrets: [API_KEY]\n  commands: [b]\nbuild: {secrets: [NPM_TOKEN]}\n";
    let secrets = |names: &[&str]| Policy {
        secrets: Some(
            names
                .iter()
                .map(|name| ((*name).to_owned(), vec![SecretLimits::default()]))
                .collect(),
        ),
        ..Policy::default()
    };
    let findings = refusals(text, &secrets(&["API_KEY"]));
    assert_eq!(codes(&findings), [Code::UndefinedSecret, Code::UndefinedSecret]);

    let stranger =
        plan(&good(text), &by_a_stranger(pull_request("main")), &secrets(&[])).expect("it runs without secrets");
    let json = serde_json::to_string(&stranger.stages).expect("a plan is data");
    for name in ["DB_KEY", "API_KEY", "NPM_TOKEN"] {
        assert!(!json.contains(name), "{name} is in {json}");
    }
    assert!(
        stranger.warnings.iter().any(|warning| warning.contains("secrets")),
        "{:?}",
        stranger.warnings
    );
}

#[test]
fn sec_73_a_service_pushes_beneath_its_own_repositories_only() {
    let own = Policy {
        repositories: Some(vec!["main/shop".to_owned()]),
        ..Policy::default()
    };
    for good in ["main/shop", "main/shop/web"] {
        planned(&format!("build: {{repository: {good}}}\n"), &own);
    }
    for bad in ["main/shopping", "main/other", "other/shop", "shop"] {
        assert_eq!(
            codes(&refusals(&format!("build: {{repository: {bad}}}\n"), &own)),
            [Code::NotAllowed],
            "{bad}"
        );
    }
    // A name that is put in later cannot be judged here; whoever pushes asks again with the expanded text.
    planned("build: {repository: \"main/${CIRCLE_BRANCH}\"}\n", &own);
    assert!(!own.admits_repository("main/other"));
    assert!(!Policy::default().admits_repository("main/shop"));
}

#[test]
fn sec_73_a_pull_request_is_pushed_under_its_number_and_nothing_else() {
    let text = "triggers: [{event: pull_request}]\nbuild: {tags: [latest, \"v1.0\"]}\n";
    let silent = plan(&good(text), &pull_request("main"), &Policy::default()).expect("it builds");
    assert!(!silent.stages.iter().any(|stage| stage.name == "push"));
    let allowed = pushes_pull_requests();
    let pushed = plan(&good(text), &pull_request("main"), &allowed).expect("it builds and pushes");
    let tags: Vec<Vec<String>> = pushed
        .stages
        .iter()
        .filter_map(|stage| match &stage.work {
            Work::Push { images } => Some(images[0].tags.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(tags.concat(), ["pr-7"]);
}

#[test]
fn sec_74_under_a_floor_nothing_is_pushed_that_nobody_looked_at() {
    let policy = |scan_floor| Policy {
        workspace: WorkspacePolicy {
            scan_floor,
            ..WorkspacePolicy::default()
        },
        ..Policy::default()
    };
    let file = good("build: {}\ndeploy: [{environment: staging}]\n");
    plan(&file, &push("main"), &policy(ScanFloor::None)).expect("nobody asked for a scan");
    for floor in ScanFloor::EVERY.into_iter().filter(|floor| *floor != ScanFloor::None) {
        let findings = plan(&file, &push("main"), &policy(floor)).expect_err("refused");
        assert_eq!(findings[0].code, Code::NotYet);
        assert!(findings[0].message.contains(floor.as_str()), "{}", findings[0]);
    }
    // What stays here needs no look.
    let kept = "triggers: [{event: push, stages: all, push: never}]\nbuild: {}\n";
    let planned = plan(&good(kept), &push("main"), &policy(ScanFloor::Low)).expect("nothing is pushed");
    assert!(planned.deploys.is_empty());
    plan(&file, &pull_request("main"), &policy(ScanFloor::Low)).expect("a pull request pushes nothing");
}

#[test]
fn sec_74_the_scan_cannot_be_lowered_because_it_cannot_be_set_yet() {
    assert_eq!(codes(&refused("build: {scan: {fail_on: critical}}\n")), [Code::NotYet]);
}
