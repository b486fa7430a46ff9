//! Push: only beneath the service's own repositories, never over a release tag; the digest is what counts afterwards.

use circle_api::worker::RegistryAccess;
use circle_core::plan::ImagePush;
use circle_core::run::{BuiltImage, Failure, FailureKind, WorkerEvent};
use circle_core::trigger::{Event, Trust};

use crate::engine::{RawError, Reference, access_for, is_tag};
use crate::execute::{Phase, StageRun, encoded};
use crate::push_names::{beneath, is_release_tag, resolve};

pub(super) async fn run(stage: &mut StageRun<'_>, images: &[ImagePush]) -> Result<(), Failure> {
    stage.clock.enter(Phase::Run);
    if stage.carried.trigger.trust == Trust::Stranger {
        return Err(refused(
            "the code of this run comes from somebody whom the workspace does not trust: its images are not pushed",
        ));
    }
    for image in images {
        push(stage, image).await?;
    }
    Ok(())
}

async fn push(stage: &mut StageRun<'_>, image: &ImagePush) -> Result<(), Failure> {
    let built = stage
        .carried
        .images
        .iter()
        .find(|built| built.name == image.name)
        .cloned();
    let built =
        built.ok_or_else(|| refused(&format!("the image {} is to be pushed, but was not built", image.name)))?;
    let repository = repository(stage, image)?;
    let mut tags = Vec::new();
    for tag in &image.tags {
        let tag = stage.expand("the tag", tag)?;
        if !is_tag(&tag) {
            return Err(refused(&format!(
                "\"{tag}\" is no tag: letters, digits, `_`, `.` and `-`, at most 128"
            )));
        }
        tags.push(tag);
    }
    let mut digest = None;
    for tag in &tags {
        digest = Some(one_tag(stage, &built, &repository, tag).await?);
    }
    let digest = digest.ok_or_else(|| refused(&format!("the image {} has no tag to be pushed under", image.name)))?;
    for known in stage.carried.images.iter_mut().filter(|known| known.name == image.name) {
        known.repository = Some(repository.clone());
        known.digest = Some(digest.clone());
        known.tags = tags.clone();
    }
    let event = WorkerEvent::ImagePushed {
        name: image.name.clone(),
        repository,
        digest,
        tags,
    };
    stage.shared.sink.event(event).await;
    Ok(())
}

/// Where the image goes, if the service may push there.
fn repository(stage: &StageRun<'_>, image: &ImagePush) -> Result<String, Failure> {
    let assignment = stage.shared.assignment;
    let wanted = image
        .repository
        .as_deref()
        .map(|text| stage.expand("the repository", text))
        .transpose()?;
    let repository = resolve(wanted.as_deref(), &image.name, assignment).map_err(|why| refused(&why))?;
    if Reference::parse(&repository).is_none_or(|parsed| parsed.repository() != repository) {
        return Err(refused(&format!(
            "\"{repository}\" is no repository: write registry/path in lower case, without a tag"
        )));
    }
    if assignment
        .push_confinement
        .iter()
        .any(|allowed| beneath(&repository, allowed))
    {
        return Ok(repository);
    }
    let allowed = assignment.push_confinement.join(", ");
    let message = if allowed.is_empty() {
        format!(
            "the image would be pushed to {repository}, but no repository is given to this service: set one with `circle service set`"
        )
    } else {
        format!("the image would be pushed to {repository}, but this service may push only beneath {allowed}")
    };
    Err(refused(&message))
}

/// Pushes one tag and gives the manifest's digest, as the registry has it afterwards.
async fn one_tag(stage: &StageRun<'_>, built: &BuiltImage, repository: &str, tag: &str) -> Result<String, Failure> {
    let name = format!("{repository}:{tag}");
    let reference = Reference::parse(&name).ok_or_else(|| refused(&format!("\"{name}\" is no name of an image")))?;
    let access = access_for(&stage.shared.assignment.registries, &reference);
    let at_registry = At {
        reference: &reference,
        access,
    };
    let git_tag = match &stage.carried.trigger.event {
        Event::Tag { tag } => Some(tag.as_str()),
        Event::Manual { tag, .. } => tag.as_ref().map(|tag| tag.as_str()),
        Event::Push { .. } | Event::PullRequest { .. } | Event::Schedule { .. } => None,
    };
    if is_release_tag(tag, git_tag)
        && let Some(known) = at_registry.digest(stage).await?
    {
        let message =
            format!("the release tag {name} is there already ({known}), and release tags never move: make a new tag");
        return Err(refused(&message));
    }
    let options = bollard::query_parameters::TagImageOptionsBuilder::default()
        .repo(repository)
        .tag(tag)
        .build();
    let tagged = stage
        .shared
        .engine
        .docker
        .tag_image(&built.image_id, Some(options))
        .await;
    tagged.map_err(|error| crate::engine::engine_failure(&format!("the image could not be tagged {name}"), &error))?;
    let pushed = at_registry.push(stage, repository, tag).await?;
    let found = at_registry.digest(stage).await?;
    if found.as_deref() != Some(pushed.as_str()) {
        let found = found.unwrap_or_else(|| "nothing".to_owned());
        let message = format!(
            "{name} was pushed as {pushed}, but the registry now has {found}: somebody else pushed at the same time"
        );
        return Err(Failure::new(FailureKind::Push, message));
    }
    stage.log.say(&format!("circle: pushed {name} as {pushed}")).await;
    Ok(pushed)
}

/// One name at its registry.
struct At<'a> {
    reference: &'a Reference,
    access: Option<&'a RegistryAccess>,
}

impl At<'_> {
    /// The digest of the manifest under this name; `None` when there is none.
    async fn digest(&self, stage: &StageRun<'_>) -> Result<Option<String>, Failure> {
        let path = format!("/distribution/{}/json", self.reference);
        let answer = async {
            stage
                .shared
                .engine
                .lines("GET", &path, self.access)
                .await?
                .next_value()
                .await
        };
        match answer.await {
            Ok(value) => {
                let digest = value.and_then(|value| value["Descriptor"]["digest"].as_str().map(str::to_owned));
                Ok(digest)
            }
            Err(RawError::Refused { message, .. }) if is_absence(&message) => Ok(None),
            Err(error) => Err(self.explain(&error)),
        }
    }

    async fn push(&self, stage: &StageRun<'_>, repository: &str, tag: &str) -> Result<String, Failure> {
        let path = format!("/images/{repository}/push?tag={}", encoded(tag));
        // Without the header the engine refuses to push at all.
        let nobody = RegistryAccess {
            name: String::new(),
            address: self.reference.host.clone(),
            username: None,
            password: None,
        };
        let access = self.access.unwrap_or(&nobody);
        let mut lines = stage
            .shared
            .engine
            .lines("POST", &path, Some(access))
            .await
            .map_err(|error| self.explain(&error))?;
        let mut digest = None;
        while let Some(line) = lines.next_value().await.map_err(|error| self.explain(&error))? {
            if let Some(found) = line["aux"]["Digest"].as_str() {
                digest = Some(found.to_owned());
            }
            // Only the end of each layer is told, not every step of its way.
            let status = line["status"].as_str().unwrap_or_default();
            if let (Some(layer), "Pushed" | "Layer already exists") = (line["id"].as_str(), status) {
                stage.log.say(&format!("{layer}: {}", status.to_lowercase())).await;
            }
        }
        digest.ok_or_else(|| {
            Failure::new(
                FailureKind::Push,
                format!("the registry took {} without saying its digest", self.reference),
            )
        })
    }

    fn explain(&self, error: &RawError) -> Failure {
        let (words, host) = (error.to_string(), &self.reference.host);
        let lower = words.to_lowercase();
        let says = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
        let why = if says(&["unauthorized", "authentication required", "no basic auth", "denied"]) {
            match self.access {
                Some(access) => format!(
                    "{host} refused the user name or password of the registry {}: set them with `circle registry set`",
                    access.name
                ),
                None => format!("{host} wants a user name and password: add it with `circle registry add`"),
            }
        } else if says(&[
            "connection refused",
            "no such host",
            "timeout",
            "no route",
            "unreachable",
            "connection reset",
            // The registry went away between two requests on one connection.
            "server closed idle connection",
            "eof",
        ]) {
            format!("the registry {host} could not be reached from the cell")
        } else {
            format!("{host} did not take it")
        };
        Failure::new(
            FailureKind::Push,
            format!("{} could not be pushed: {why} ({words})", self.reference),
        )
    }
}

fn is_absence(message: &str) -> bool {
    let lower = message.to_lowercase();
    [
        "manifest unknown",
        "not found",
        "name unknown",
        "no such image",
        "does not exist",
    ]
    .iter()
    .any(|sign| lower.contains(sign))
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureKind::Refused, message)
}
