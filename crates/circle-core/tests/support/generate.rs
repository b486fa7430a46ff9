//! Good pipeline files, made up.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy};
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// Any good file, as data.
pub(crate) fn file() -> impl Strategy<Value = Value> {
    let sections = (
        option::of(integration()),
        option::of(pre_build()),
        images(),
        option::of(commands()),
        option::of(triggers()),
    );
    sections.prop_map(|(integration, pre_build, images, post_build, triggers)| {
        let mut file = Map::new();
        let names: Vec<String> = images
            .as_object()
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default();
        file.insert("build".to_owned(), json!({"images": images}));
        file.extend(integration.map(|value| ("integration".to_owned(), value)));
        file.extend(pre_build.map(|value| ("pre_build".to_owned(), value)));
        file.extend(post_build.map(|commands| {
            (
                "post_build".to_owned(),
                json!({"image": "busybox", "commands": commands}),
            )
        }));
        let steps: Vec<Value> = names
            .iter()
            .map(|name| json!({"environment": format!("env-{name}"), "image": name}))
            .collect();
        file.insert("deploy".to_owned(), json!(steps));
        file.extend(triggers.map(|value| ("triggers".to_owned(), value)));
        Value::Object(file)
    })
}

fn integration() -> impl Strategy<Value = Value> {
    let services = btree_map("[a-z][a-z0-9]{0,6}", 1_u16..=65_535, 0..3);
    (services, option::of(commands()), option::of(commands())).prop_filter_map(
        "at least one job",
        |(services, before, after)| {
            let mut jobs = Map::new();
            jobs.extend(
                before.map(|commands| ("unit".to_owned(), json!({"image": "golang:1.24", "commands": commands}))),
            );
            let late = |commands| json!({"image": "curl:8", "after": "build", "commands": commands});
            jobs.extend(after.map(|commands| ("smoke".to_owned(), late(commands))));
            let services: Map<String, Value> = services
                .into_iter()
                .map(|(name, port)| (name, json!({"image": "redis:7", "ready": {"tcp": port}})))
                .collect();
            (!jobs.is_empty()).then(|| json!({"services": services, "jobs": jobs}))
        },
    )
}

fn pre_build() -> impl Strategy<Value = Value> {
    (commands(), vec("[a-z]{1,8}/[a-z]{1,8}", 1..3)).prop_map(|(commands, mut outputs)| {
        outputs.sort();
        outputs.dedup();
        json!({"image": "golang:1.24", "commands": commands, "outputs": outputs})
    })
}

fn images() -> impl Strategy<Value = Value> {
    let image = (option::of("[a-z]{1,5}/[a-z]{1,5}"), option::of(text())).prop_map(|(context, arg)| {
        let mut image = Map::new();
        image.extend(context.map(|context| ("context".to_owned(), json!(context))));
        image.extend(arg.map(|arg| ("args".to_owned(), json!({"ARG": arg}))));
        Value::Object(image)
    });
    btree_map("[abcx][a-z]{0,5}", image, 1..4).prop_map(|images| json!(images))
}

fn triggers() -> impl Strategy<Value = Value> {
    let stages = subsequence(vec!["integration", "pre_build", "build", "post_build", "deploy"], 1..=5);
    let rule = (
        select(vec!["push", "tag", "pull_request", "manual"]),
        option::of(stages),
        option::of(Just("never")),
    );
    vec(rule, 1..4).prop_map(|rules| {
        let rule = |(event, stages, push): (&str, Option<Vec<&str>>, Option<&str>)| {
            let mut rule = Map::from_iter([("event".to_owned(), json!(event))]);
            rule.extend(stages.map(|stages| ("stages".to_owned(), json!(stages))));
            rule.extend(push.map(|push| ("push".to_owned(), json!(push))));
            Value::Object(rule)
        };
        Value::Array(rules.into_iter().map(rule).collect())
    })
}

fn commands() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 1..4)
}

/// A text that is not blank and holds no `${`.
fn text() -> impl Strategy<Value = String> {
    "[ -~äß中]{0,20}[a-z中]".prop_map(|text| text.replace("${", "$("))
}

/// The same data in block style, texts in double quotes, which JSON's escapes fit.
pub(crate) fn in_block_style(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let lead = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            for (key, inner) in map {
                out.push_str(&format!("{lead}{}: ", Value::from(key.as_str())));
                block(inner, indent + 2, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            for inner in list {
                out.push_str(&format!("{lead}- "));
                block(inner, indent + 2, out);
            }
        }
        other => out.push_str(&format!("{other}\n")),
    }
}
