//! Where a secret may be used, within what its scope reaches: in which stages, for which events, in which images.
//!
//! An administrator says it on the server; a pipeline file can only ask for less. It is judged when a run is planned, where the
//! file is told its line, and again when the run is claimed, by what is said then.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use globset::GlobBuilder;
use serde::{Deserialize, Serialize};

use crate::expand::has_names;
use crate::pipeline::{full_repository, parse_image, split_tag};
use crate::plan::{SecretUse, SecretUser, Stage, Work};
use crate::trigger::{Event, EventKind};

/// Longest pattern of images, in bytes: a reference has 255 and a tag.
const MAX_PATTERN_BYTES: usize = 512;

/// What narrows a secret; an empty set narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecretLimits {
    pub stages: BTreeSet<SecretStage>,
    pub events: BTreeSet<EventKind>,
    pub images: BTreeSet<ImagePattern>,
}

/// A section of the pipeline file whose containers may be given secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretStage {
    /// Every job of it, and the sidecars.
    Integration,
    PreBuild,
    /// The Dockerfiles of `build`.
    Build,
    PostBuild,
}

/// A pattern over references of images: `alpine`, `registry.example.org/tools/*`, `deployer:2`, `deployer@sha256:…`.
///
/// Without a registry's host it means Docker Hub, as a reference does. `*` stops at a slash, `**` does not. Without tag and
/// digest it takes every version; with a tag only what is named by that tag and no digest, since the digest would decide what
/// runs; with a digest only that.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagePattern(String);

/// Why a secret is not for a place that asks for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfLimits {
    #[error("it is limited to {allowed}, and this is {found}")]
    Stage { allowed: String, found: String },
    #[error("it is limited to {allowed}, and this run is of a {found}")]
    Event { allowed: String, found: &'static str },
    #[error("it is limited to {allowed}, and this is the image {found}")]
    Image { allowed: String, found: String },
    #[error("it is limited to {allowed}, and what image {found} becomes is not known before the run")]
    ImageByVariable { allowed: String, found: String },
    #[error("it is limited to {allowed}, and a Dockerfile's commands run in images that it names itself")]
    Dockerfile { allowed: String },
}

impl SecretLimits {
    /// So many patterns of images may be said.
    pub const MOST_IMAGES: usize = 32;

    /// Whether nothing is narrowed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a place of a run of this event may be given the secret.
    ///
    /// # Errors
    /// With the first limit that it is outside of.
    pub fn admit(&self, event: &Event, used: &SecretUse<'_>) -> Result<(), OutOfLimits> {
        let stage = SecretStage::of(used.stage);
        if !self.stages.is_empty() && !stage.is_some_and(|stage| self.stages.contains(&stage)) {
            return Err(OutOfLimits::Stage {
                allowed: said("stage", &self.stages),
                found: used.stage.name.clone(),
            });
        }
        if !self.events.is_empty() && !self.events.contains(&event.kind()) {
            return Err(OutOfLimits::Event {
                allowed: said("event", &self.events),
                found: event.kind().word(),
            });
        }
        if self.images.is_empty() {
            Ok(())
        } else {
            self.admit_image(used.of)
        }
    }

    fn admit_image(&self, of: SecretUser<'_>) -> Result<(), OutOfLimits> {
        let allowed = || said("image", &self.images);
        let image = match of {
            SecretUser::Job(job) => &job.container.image,
            SecretUser::Sidecar(sidecar) => &sidecar.container.image,
            SecretUser::Image(_) => return Err(OutOfLimits::Dockerfile { allowed: allowed() }),
        };
        let found = image.clone();
        if has_names(image) {
            return Err(OutOfLimits::ImageByVariable {
                allowed: allowed(),
                found,
            });
        }
        if self.images.iter().any(|pattern| pattern.matches(image)) {
            return Ok(());
        }
        Err(OutOfLimits::Image {
            allowed: allowed(),
            found,
        })
    }
}

/// `stages integration, post_build; image alpine`.
impl fmt::Display for SecretLimits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            said("stage", &self.stages),
            said("event", &self.events),
            said("image", &self.images),
        ];
        let said: Vec<String> = all.into_iter().filter(|one| !one.is_empty()).collect();
        out.write_str(&said.join("; "))
    }
}

/// Empty for an empty set.
fn said<T: fmt::Display>(what: &str, all: &BTreeSet<T>) -> String {
    let names: Vec<String> = all.iter().map(ToString::to_string).collect();
    match names.len() {
        0 => String::new(),
        1 => format!("{what} {}", names[0]),
        _ => format!("{what}s {}", names.join(", ")),
    }
}

impl SecretStage {
    /// In the order of the file.
    pub const ALL: [Self; 4] = [Self::Integration, Self::PreBuild, Self::Build, Self::PostBuild];

    /// As the file has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Integration => "integration",
            Self::PreBuild => "pre_build",
            Self::Build => "build",
            Self::PostBuild => "post_build",
        }
    }

    fn of(stage: &Stage) -> Option<Self> {
        match stage.work {
            Work::Integration { .. } => Some(Self::Integration),
            Work::PreBuild { .. } => Some(Self::PreBuild),
            Work::Build { .. } => Some(Self::Build),
            Work::PostBuild { .. } => Some(Self::PostBuild),
            Work::Checkout { .. } | Work::Push { .. } => None,
        }
    }
}

impl fmt::Display for SecretStage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for SecretStage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|stage| stage.word() == text);
        known.ok_or_else(|| {
            format!("no stage {text:?} is given secrets: write integration, pre_build, build or post_build")
        })
    }
}

impl ImagePattern {
    /// Whether a reference, without `${NAME}`, is one of those that are meant. What is no reference is none of them, so an
    /// image that the run itself builds never is.
    pub fn matches(&self, image: &str) -> bool {
        let Ok(image) = parse_image(image) else { return false };
        let wanted = Parts::of(&self.0);
        let version = match (wanted.tag, wanted.digest) {
            (None, None) => true,
            (_, Some(digest)) => image.digest == Some(digest),
            (Some(tag), None) => image.digest.is_none() && fits(tag, image.tag.unwrap_or("latest")),
        };
        version && fits(&full_repository(wanted.repository), &full_repository(image.repository))
    }

    /// As it was said.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

struct Parts<'a> {
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (rest, digest) = text
            .split_once('@')
            .map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let (repository, tag) = split_tag(rest);
        Self {
            repository,
            tag,
            digest,
        }
    }
}

/// A pattern is known to compile; one that did not would match nothing.
fn fits(pattern: &str, text: &str) -> bool {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

impl FromStr for ImagePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ImagePattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@*?".contains(&byte);
        let parts = Parts::of(&text);
        // Everything but the wildcards has the form of a reference.
        let plain = text.replace("**", "a").replace(['*', '?'], "a");
        let digest_is_whole = parts.digest.is_none_or(|digest| !digest.contains(['*', '?']));
        let fault = if text.len() > MAX_PATTERN_BYTES {
            Some("it is longer than 512 bytes")
        } else if !text.bytes().all(known) {
            Some("it has other characters than those of references, `*` and `?`")
        } else if !digest_is_whole {
            Some("a digest is written whole")
        } else {
            parse_image(&plain).err()
        };
        match fault {
            None => Ok(Self(text)),
            Some(why) => Err(format!(
                "{text:?} is no pattern of images: {why}; write alpine, registry.example.org/tools/*, deployer:2 or a digest"
            )),
        }
    }
}

impl From<ImagePattern> for String {
    fn from(pattern: ImagePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ImagePattern, SecretLimits, SecretStage};

    fn matches(pattern: &str, image: &str) -> bool {
        pattern.parse::<ImagePattern>().expect(pattern).matches(image)
    }

    #[test]
    fn a_pattern_means_the_image_that_a_reference_means() {
        for (pattern, image) in [
            ("alpine", "alpine"),
            ("alpine", "alpine:3.20"),
            ("alpine", "docker.io/library/alpine"),
            ("docker.io/alpine", "library/alpine:1"),
            ("alp*", "alpine"),
            ("tools/*", "tools/deploy:2"),
            ("registry.example.org:5000/**", "registry.example.org:5000/a/b:1"),
            ("*.example.org/tools/deploy", "registry.example.org/tools/deploy"),
            ("deploy:2*", "deploy:2.1"),
            ("deploy:latest", "deploy"),
        ] {
            assert!(matches(pattern, image), "{pattern} {image}");
        }
        for (pattern, image) in [
            ("alpine", "evil.example.org/alpine"),
            ("alpine", "evil/alpine"),
            ("alpine", "alpine-evil"),
            ("*", "evil/alpine"),
            ("**", "registry.example.org/alpine"),
            ("tools/*", "tools/deep/deploy"),
            ("registry.example.org/*", "registry.example.org.evil.com/a"),
            ("deploy:2", "deploy:2.1"),
            ("deploy:2", "deploy"),
            ("deploy", "BUILT_IMAGE"),
            ("deploy", "BUILT_IMAGE.deploy"),
            ("deploy", "$${deploy"),
        ] {
            assert!(!matches(pattern, image), "{pattern} {image}");
        }
    }

    #[test]
    fn a_digest_counts_before_a_tag() {
        let (good, other) = ("a".repeat(64), "b".repeat(64));
        let by_digest = format!("deploy@sha256:{good}");
        assert!(matches(&by_digest, &format!("deploy@sha256:{good}")));
        assert!(matches(&by_digest, &format!("deploy:old@sha256:{good}")));
        assert!(!matches(&by_digest, &format!("deploy@sha256:{other}")));
        assert!(!matches(&by_digest, "deploy:2"));
        // The tag of a reference with a digest is decoration.
        assert!(!matches("deploy:2", &format!("deploy:2@sha256:{other}")));
        assert!(matches("deploy", &format!("deploy:2@sha256:{other}")));
    }

    #[test]
    fn what_could_be_no_reference_is_no_pattern() {
        let starred = format!("a@sha256:{}*", "a".repeat(63));
        for text in [
            "",
            "a b",
            "{a,b}",
            "[ab]",
            "!a",
            "A",
            "a//b",
            "a@sha256:x",
            &starred,
            &"a".repeat(600),
            "https://a/b",
        ] {
            text.parse::<ImagePattern>().expect_err(text);
        }
        assert!(
            "deploy"
                .parse::<SecretStage>()
                .is_err_and(|why| why.contains("post_build"))
        );
    }

    #[test]
    fn limits_are_said_in_one_line() {
        let limits = SecretLimits {
            stages: [SecretStage::PostBuild, SecretStage::Integration].into(),
            images: ["alpine".parse().expect("a pattern")].into(),
            ..SecretLimits::default()
        };
        assert_eq!(limits.to_string(), "stages integration, post_build; image alpine");
        assert_eq!(SecretLimits::default().to_string(), "");
        assert!(SecretLimits::default().is_none() && !limits.is_none());
    }
}
