//! Properties of the parser and the planner, for whatever somebody may write.

mod support;

use circle_core::expand;
use circle_core::pipeline::{Diagnostic, parse};
use circle_core::plan::{Plan, Policy, Work, plan};
use circle_core::trigger::Trigger;
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};
use support::answer::check_answer;
use support::generate::{file, in_block_style};
use support::{by_a_stranger, corpus, manual, pull_request, push, tag};

/// Pieces that a file could be made of, put together without sense.
fn rubble() -> impl Strategy<Value = String> {
    let pieces = [
        "integration",
        "build",
        "deploy",
        "image",
        "commands",
        "services",
        "jobs",
        "use",
        "triggers",
        "outputs",
        ": ",
        ":\n  ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "<<: *a\n",
        "!!str ",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "# c\n",
        "---\n",
        "...\n",
        "?",
        "%YAML 1.2\n",
        "%TAG ! x\n",
        "~",
        "yes",
        "1",
        "1h",
        "512m",
        "${",
        "${CIRCLE_TAG}",
        "}",
        "中",
        "\u{feff}",
        "\t",
        "\r",
        "\r\n",
        "\0",
        "@",
        "`",
        "\\",
        "BUILT_IMAGE",
        "x-a",
        "busybox",
        "../..",
        "event: push",
    ];
    vec(select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat())
}

/// A file of the corpus with some bytes changed, dropped, doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<Vec<u8>> = corpus("good")
        .into_iter()
        .chain(corpus("broken"))
        .map(|path| std::fs::read(path).expect("a file of the corpus"))
        .collect();
    let change = (
        any::<Index>(),
        prop_oneof![any::<u8>(), select(b" \n:-[]{}&*!|>'\"#%@`,?\t".to_vec())],
        0..4_u8,
    );
    (select(files), vec(change, 1..8)).prop_map(|(mut bytes, changes)| {
        for (at, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => {
                    let tail = bytes.split_off(at);
                    let doubled = tail.iter().take(40).copied().collect::<Vec<u8>>();
                    bytes.extend(doubled);
                    bytes.extend(tail);
                }
            }
        }
        bytes
    })
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let member = prop_oneof![
        Just(push("main")),
        Just(tag("v1")),
        Just(pull_request("main")),
        Just(manual("main"))
    ];
    (member, any::<bool>()).prop_map(|(trigger, stranger)| if stranger { by_a_stranger(trigger) } else { trigger })
}

/// The order that the grammar promises, as numbers that must not fall.
fn rank(work: &Work, after_build: bool) -> u8 {
    match work {
        Work::Checkout { .. } => 0,
        Work::Integration { .. } if !after_build => 1,
        Work::PreBuild { .. } => 2,
        Work::Build { .. } => 3,
        Work::Integration { .. } => 4,
        Work::Push { .. } => 5,
        Work::PostBuild { .. } => 6,
    }
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.stages.iter().map(|stage| stage.name.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_an_answer(bytes in vec(any::<u8>(), 0..300)) {
        check_answer(&bytes).map_err(proptest::test_runner::TestCaseError::fail)?;
    }

    #[test]
    fn any_rubble_gets_an_answer(text in rubble()) {
        check_answer(text.as_bytes()).map_err(proptest::test_runner::TestCaseError::fail)?;
    }

    #[test]
    fn any_change_to_a_known_file_gets_an_answer(bytes in mutated()) {
        check_answer(&bytes).map_err(proptest::test_runner::TestCaseError::fail)?;
    }

    #[test]
    fn a_file_plans_the_same_in_every_style(data in file(), trigger in trigger()) {
        let (flow, block) = (data.to_string(), in_block_style(&data));
        let (one, found) = parse("f", flow.as_bytes());
        prop_assert!(one.is_some() || found.iter().any(Diagnostic::is_error), "{found:?}\n{flow}");
        let (other, _) = parse("f", block.as_bytes());
        prop_assert_eq!(one.is_some(), other.is_some(), "{}", block);
        if let (Some(one), Some(other)) = (one, other) {
            let policy = Policy::default();
            let planned = |file| plan(file, &trigger, &policy).map(|plan| Plan { warnings: Vec::new(), ..plan });
            match (planned(&one), planned(&other)) {
                (Ok(one), Ok(other)) => prop_assert_eq!(one, other),
                (Err(one), Err(other)) => prop_assert_eq!(one[0].code, other[0].code),
                (one, other) => prop_assert!(false, "{one:?}\n{other:?}"),
            }
        }
    }

    #[test]
    fn the_order_is_kept_and_no_stage_is_lost(mut data in file(), trigger in trigger()) {
        // Without rules of its own, so that the default rules say what must be there.
        data.as_object_mut().expect("a map").remove("triggers");
        let (file, found) = parse("f", data.to_string().as_bytes());
        let file = file.unwrap_or_else(|| panic!("{data}\n{found:?}"));
        let planned = plan(&file, &trigger, &Policy::default()).expect("default rules match every trigger");
        let after_build = |name: &str| name == "integration.smoke";
        let ranks: Vec<u8> = planned.stages.iter().map(|stage| rank(&stage.work, after_build(&stage.name))).collect();
        prop_assert!(ranks.is_sorted(), "{:?}", names(&planned));
        let mut unique = names(&planned);
        unique.sort_unstable();
        unique.dedup();
        prop_assert_eq!(unique.len(), planned.stages.len());

        let job = |name: &str| data.pointer(&format!("/integration/jobs/{name}")).is_some();
        let publishes = trigger.trust == circle_core::trigger::Trust::Member && trigger.event.word() != "pull_request";
        for (name, wanted) in [
            ("checkout", true),
            ("integration.unit", job("unit")),
            ("pre_build", data.get("pre_build").is_some()),
            ("build", true),
            ("integration.smoke", job("smoke")),
            ("push", publishes),
            ("post_build", publishes && data.get("post_build").is_some()),
        ] {
            prop_assert_eq!(names(&planned).contains(&name), wanted, "{} in {:?}", name, names(&planned));
        }
        let deploys = data["deploy"].as_array().expect("a list").len();
        prop_assert_eq!(planned.deploys.len(), if publishes { deploys } else { 0 });
    }

    #[test]
    fn a_plan_survives_its_json(data in file()) {
        let (file, _) = parse("f", data.to_string().as_bytes());
        if let Some(Ok(planned)) = file.map(|file| plan(&file, &push("main"), &Policy::default())) {
            let json = serde_json::to_string(&planned).expect("a plan is data");
            prop_assert_eq!(serde_json::from_str::<Plan>(&json).expect("its own JSON"), planned);
        }
    }

    #[test]
    fn expansion_never_panics_and_puts_in_only_what_is_named(
        text in "[ -~]{0,40}|([$][{]?|[A-C]{1,2}|:-|[}]|中| ){0,12}",
        values in btree_map("[A-C]{1,2}", "[ -~]{0,10}", 0..4),
    ) {
        match expand::expand(&text, &values) {
            Ok(out) => {
                prop_assert!(expand::check(&text).is_ok());
                if !expand::has_names(&text) {
                    prop_assert_eq!(out, text);
                }
            }
            Err(expand::ExpandError::Template(_)) => prop_assert!(expand::check(&text).is_err()),
            Err(expand::ExpandError::NotSet(name)) => {
                prop_assert!(!values.contains_key(&name));
                prop_assert!(expand::names_in(&text).any(|(found, has_text)| found == name && !has_text));
            }
        }
    }
}
