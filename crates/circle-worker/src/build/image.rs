//! One image.

use std::collections::BTreeMap;

use bollard::models::{BuildInfo, BuildInfoAux};
use circle_core::plan::{ImageBuild, SecretUser};
use circle_core::run::{Failure, FailureKind};
use http::Request;

use super::context::{Context, missing};
use super::dockerfile;
use super::progress::Progress;
use super::session::Session;
use crate::engine::{Engine, Lines, RawError, engine_failure};
use crate::execute::{StageRun, encoded, proxy_variables};

/// An image that was built.
#[derive(Debug)]
pub(crate) struct Built {
    /// The engine's id, `sha256:…`.
    pub(crate) id: String,
    pub(crate) bytes: u64,
}

/// Builds an image from a fresh view and tells the log.
///
/// # Errors
/// [`FailureKind::Build`] with the failed step, or the line of the Dockerfile that is not understood.
pub(crate) async fn build_image(stage: &StageRun<'_>, image: &ImageBuild) -> Result<Built, Failure> {
    let view = stage.view().await?;
    let Some(text) = dockerfile::text(stage, view.inside(), image).await? else {
        return Err(missing(image));
    };
    let engine = &stage.shared.engine;
    let secrets = stage.secrets(SecretUser::Image(image))?;
    let session = Session::open(engine, secrets, stage.shared.assignment.registries.clone()).await?;
    let path = query(stage, image, &session.id)?;
    let (mut context, body) = Context::stream(stage, view.inside(), image).await?;
    let request = Request::post(path)
        .header("host", "engine")
        .header("content-type", "application/x-tar")
        .body(body);
    let request = request.map_err(|error| Failure::new(FailureKind::Infrastructure, error.to_string()))?;
    let mut progress = Progress::new(stage.log.clone());
    let answer = async { follow(engine.stream(request).await?, &mut progress).await };
    let result = answer.await;
    progress.finish().await;
    match result {
        Ok(Some(id)) => inspect(engine, id).await,
        Ok(None) => Err(Failure::new(
            FailureKind::Infrastructure,
            "the engine ended the build without naming an image",
        )),
        Err(error) => match context.complaint() {
            Some(why) => Err(Failure::new(
                FailureKind::Build,
                format!("the build context could not be read: {why}"),
            )),
            None => Err(explain(&error, image, &text)),
        },
    }
}

/// Reads the answer to its end; the id comes shortly before.
async fn follow(mut lines: Lines, progress: &mut Progress) -> Result<Option<String>, RawError> {
    let mut id = None;
    while let Some(line) = lines.next().await? {
        let Ok(info) = serde_json::from_slice::<BuildInfo>(&line) else {
            tracing::debug!("a line of a build's progress was not understood");
            continue;
        };
        match info.aux {
            Some(BuildInfoAux::BuildKit(report)) => progress.tell(report).await,
            Some(BuildInfoAux::Default(image)) => id = image.id.or(id),
            None => {}
        }
    }
    Ok(id)
}

fn query(stage: &StageRun<'_>, image: &ImageBuild, session: &str) -> Result<String, Failure> {
    let expanded = |what: &str, texts: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, Failure> {
        let expand =
            |(name, text): (&String, &String)| Ok((name.clone(), stage.expand(&format!("{what} {name}"), text)?));
        texts.iter().map(expand).collect()
    };
    let around = proxy_variables(stage.shared.cell, &[]).into_iter();
    let mut args: BTreeMap<String, String> = around.collect();
    args.extend(image.args.clone());
    let mut path = format!(
        "/build?version=2&rm=1&session={session}&buildid={session}&dockerfile={}&buildargs={}&labels={}",
        encoded(&image.dockerfile),
        encoded_map(&expanded("the build argument", &args)?),
        labels(stage, expanded("the label", &image.labels)?),
    );
    if let Some(target) = &image.target {
        path = format!("{path}&target={}", encoded(target));
    }
    Ok(path)
}

/// The file's labels, and where the engine is shared, the cell's: by them it is removed with the cell.
fn labels(stage: &StageRun<'_>, mut of_file: BTreeMap<String, String>) -> String {
    of_file.extend(stage.shared.cell.labels().clone());
    encoded_map(&of_file)
}

fn encoded_map(map: &BTreeMap<String, String>) -> String {
    encoded(&serde_json::to_string(map).unwrap_or_default())
}

async fn inspect(engine: &Engine, id: String) -> Result<Built, Failure> {
    let inspected = engine.docker.inspect_image(&id).await;
    let inspected =
        inspected.map_err(|error| engine_failure("the image that was built could not be looked at", &error))?;
    let bytes = inspected
        .size
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or_default();
    Ok(Built { id, bytes })
}

fn explain(error: &RawError, image: &ImageBuild, text: &str) -> Failure {
    if let RawError::Connection(_) = error {
        return Failure::new(FailureKind::Infrastructure, error.to_string());
    }
    let words = error.to_string();
    if let Some(excerpt) = dockerfile::excerpt(&words, &image.dockerfile, text) {
        return Failure::new(FailureKind::Build, excerpt);
    }
    let kind = if base_is_unavailable(&words) {
        FailureKind::ImageUnavailable
    } else {
        FailureKind::Build
    };
    let exit_code = words
        .rsplit_once("exit code: ")
        .and_then(|(_, code)| code.trim().parse().ok());
    let message = format!("the image {} could not be built: {words}", image.name);
    Failure {
        exit_code,
        ..Failure::new(kind, message)
    }
}

/// Whether the image that the Dockerfile starts from could not be had.
fn base_is_unavailable(words: &str) -> bool {
    let signs = [
        "pull access denied",
        "failed to do request",
        "failed to authorize",
        "failed to resolve source metadata",
        "unexpected status code [manifests",
    ];
    signs.iter().any(|sign| words.contains(sign)) || (words.contains("docker.io/") && words.contains("not found"))
}
