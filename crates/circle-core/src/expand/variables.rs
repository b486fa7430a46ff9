//! The variables that Circle sets, by the stage from which on they exist.

use std::collections::BTreeMap;

use crate::inputs::variable;
use crate::names::CommitId;
use crate::trigger::{Event, Trigger};

/// What only the run knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id as text.
    pub run_id: String,
    /// Counts the runs of the service.
    pub run_number: u64,
    /// The run's page.
    pub run_url: String,
    /// The tenant's name.
    pub workspace: String,
    /// The service's name.
    pub service: String,
}

/// An image that this run built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// Its name under `build.images`, or `default`.
    pub name: String,
    /// How containers of this run name it.
    pub reference: String,
    /// `sha256:…`, once pushed.
    pub digest: Option<String>,
}

/// From when on a text is expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Up to and with build: no image exists.
    BeforeBuild,
    /// Between build and push: images exist, digests do not.
    Built,
    /// After the push.
    Pushed,
}

/// Variables of every stage with what they say; the guide's table is made from it.
const ALWAYS: &[(&str, &str)] = &[
    ("CI", "`true`"),
    ("CIRCLE", "`true`"),
    ("CIRCLE_RUN_ID", "the run's id"),
    ("CIRCLE_RUN_NUMBER", "counts the runs of the service"),
    ("CIRCLE_RUN_URL", "the run's page"),
    ("CIRCLE_WORKSPACE", "the workspace's name"),
    ("CIRCLE_SERVICE", "the service's name"),
    ("CIRCLE_EVENT", "`push`, `tag`, `pull_request`, `manual` or `schedule`"),
    ("CIRCLE_COMMIT", "the full commit id"),
    (
        "CIRCLE_COMMIT_TIME",
        "the commit's own time, RFC 3339; not set when unknown",
    ),
    (
        "CIRCLE_BRANCH",
        "the branch of a push, of a run by hand or of a schedule; not set otherwise",
    ),
    (
        "CIRCLE_TARGET_BRANCH",
        "the branch that a pull request wants to change; not set otherwise",
    ),
    ("CIRCLE_TAG", "the tag; not set otherwise"),
    (
        "CIRCLE_REF_SLUG",
        "branch, tag or `pr-N` in lower case, other characters as hyphens, at most 63",
    ),
    (
        "CIRCLE_PULL_REQUEST",
        "the number of the pull request; not set otherwise",
    ),
    ("CIRCLE_VERSION", "the tag, else the first twelve digits of the commit"),
];
const IMAGE: &str = "CIRCLE_IMAGE";
const DIGEST: &str = "CIRCLE_IMAGE_DIGEST";
/// The longest slug: a DNS label.
const MAX_SLUG_CHARS: usize = 63;

/// Names and meanings of the variables of every stage.
pub fn known_variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALWAYS.iter().copied()
}

/// Whether a name can be set at this point, given the names of the images that the file builds.
pub fn is_known_variable<'a>(name: &str, scope: Scope, images: impl IntoIterator<Item = &'a str>) -> bool {
    if ALWAYS.iter().any(|(known, _)| *known == name) {
        return true;
    }
    images.into_iter().enumerate().any(|(at, image)| {
        let [reference, digest] = image_names(image);
        let built = scope >= Scope::Built && (name == reference || (at == 0 && name == IMAGE));
        built || (scope >= Scope::Pushed && (name == digest || (at == 0 && name == DIGEST)))
    })
}

/// The variables of every stage of a run. What the event does not have is not set.
pub fn variables(trigger: &Trigger, facts: &RunFacts) -> BTreeMap<String, String> {
    let mut names = variables_of(trigger);
    let mut set = |name: &str, value: &str| names.insert(name.to_owned(), value.to_owned());
    set("CIRCLE_RUN_ID", &facts.run_id);
    set("CIRCLE_RUN_NUMBER", &facts.run_number.to_string());
    set("CIRCLE_RUN_URL", &facts.run_url);
    set("CIRCLE_WORKSPACE", &facts.workspace);
    set("CIRCLE_SERVICE", &facts.service);
    names
}

/// Those variables that the trigger alone decides.
pub fn variables_of(trigger: &Trigger) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            names.insert(name.to_owned(), value);
        }
    };
    let (branch, tag, request) = refs(&trigger.event);
    set("CI", Some("true".to_owned()));
    set("CIRCLE", Some("true".to_owned()));
    set("CIRCLE_EVENT", Some(trigger.event.word().to_owned()));
    set(
        "CIRCLE_COMMIT",
        trigger.commit.as_ref().map(|commit| commit.as_str().to_owned()),
    );
    set("CIRCLE_COMMIT_TIME", trigger.commit_time.map(|time| time.to_string()));
    set("CIRCLE_BRANCH", branch.map(str::to_owned));
    set("CIRCLE_TAG", tag.map(str::to_owned));
    if let Event::PullRequest { number, into, .. } = &trigger.event {
        set("CIRCLE_PULL_REQUEST", Some(number.to_string()));
        set("CIRCLE_TARGET_BRANCH", Some(into.as_str().to_owned()));
    }
    let slug = request.or_else(|| tag.or(branch).map(ref_slug));
    set("CIRCLE_REF_SLUG", slug);
    let commit = trigger.commit.as_ref().map(CommitId::short);
    set("CIRCLE_VERSION", tag.or(commit).map(str::to_owned));
    let inputs = trigger.inputs.iter();
    names.extend(inputs.map(|(name, value)| (variable(name), value.clone())));
    names
}

/// The variables of the images: of the first without a name, of each by its name.
pub fn image_variables(images: &[BuiltImage]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        let [reference, digest] = image_names(&image.name);
        let first = (at == 0).then_some([IMAGE, DIGEST]);
        for [reference, digest] in [Some([reference.as_str(), digest.as_str()]), first]
            .into_iter()
            .flatten()
        {
            names.insert(reference.to_owned(), image.reference.clone());
            names.extend(image.digest.clone().map(|value| (digest.to_owned(), value)));
        }
    }
    names
}

fn image_names(image: &str) -> [String; 2] {
    let suffix = image.to_uppercase().replace('-', "_");
    [format!("{IMAGE}_{suffix}"), format!("{DIGEST}_{suffix}")]
}

fn refs(event: &Event) -> (Option<&str>, Option<&str>, Option<String>) {
    match event {
        Event::Push { branch } | Event::Schedule { branch, .. } => (Some(branch.as_str()), None, None),
        Event::Tag { tag } => (None, Some(tag.as_str()), None),
        Event::PullRequest { number, .. } => (None, None, Some(format!("pr-{number}"))),
        Event::Manual { branch, tag, .. } => (
            branch.as_ref().map(|branch| branch.as_str()),
            tag.as_ref().map(|tag| tag.as_str()),
            None,
        ),
    }
}

/// A ref as it may stand in an address or a tag: lower case, everything else a hyphen, at most 63 characters, never empty.
pub fn ref_slug(text: &str) -> String {
    let folded = text.chars().flat_map(char::to_lowercase);
    let plain: String = folded
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(MAX_SLUG_CHARS)
        .collect();
    let trimmed = plain.trim_matches('-');
    if trimmed.is_empty() {
        "ref".to_owned()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{BuiltImage, Scope, image_variables, is_known_variable, ref_slug};

    #[test]
    fn the_first_image_has_two_names() {
        let image = |name: &str| BuiltImage {
            name: name.to_owned(),
            reference: format!("ref/{name}"),
            digest: Some(format!("sha256:{name}")),
        };
        let names = image_variables(&[image("web"), image("side-car")]);
        assert_eq!(names["CIRCLE_IMAGE"], "ref/web");
        assert_eq!(names["CIRCLE_IMAGE_WEB"], "ref/web");
        assert_eq!(names["CIRCLE_IMAGE_SIDE_CAR"], "ref/side-car");
        assert_eq!(names["CIRCLE_IMAGE_DIGEST"], "sha256:web");
        assert_eq!(names["CIRCLE_IMAGE_DIGEST_SIDE_CAR"], "sha256:side-car");
        assert_eq!(names.len(), 6);
    }

    #[test]
    fn images_are_known_from_build_on_and_digests_after_the_push() {
        let known = |name, scope| is_known_variable(name, scope, ["web"]);
        assert!(known("CIRCLE_COMMIT", Scope::BeforeBuild));
        assert!(!known("CIRCLE_IMAGE", Scope::BeforeBuild));
        assert!(known("CIRCLE_IMAGE_WEB", Scope::Built));
        assert!(!known("CIRCLE_IMAGE_DIGEST", Scope::Built));
        assert!(known("CIRCLE_IMAGE_DIGEST_WEB", Scope::Pushed));
        assert!(!known("HOME", Scope::Pushed));
    }

    #[test]
    fn slugs_are_labels_and_never_empty() {
        assert_eq!(ref_slug("Feature/ÄB_c"), "feature--b-c");
        assert_eq!(ref_slug("///"), "ref");
        assert_eq!(ref_slug(&"x".repeat(100)).len(), 63);
    }
}
