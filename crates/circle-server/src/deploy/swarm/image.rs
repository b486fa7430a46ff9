//! What the image of a specification means: its digest.

use serde_json::Value;

use super::api::Manager;

/// The digest in a reference.
pub(super) fn digest_of(image: &str) -> Option<String> {
    image.split_once('@').map(|(_, digest)| digest.to_owned())
}

/// The reference with a digest, where the engine knows which its tag means: what it has pulled, else what the registry
/// says now. Looked up before a change, so that a tag that moves later changes nothing.
pub(super) async fn pinned(endpoint: &Manager, image: &str) -> String {
    if digest_of(image).is_some() {
        return image.to_owned();
    }
    let known = match endpoint.find(&format!("/images/{image}/json"), &[]).await {
        Ok(Some(facts)) => of_repository(&facts, image),
        _ => None,
    };
    let digest = match known {
        Some(digest) => Some(digest),
        None => match endpoint.find(&format!("/distribution/{image}/json"), &[]).await {
            Ok(Some(facts)) => facts
                .pointer("/Descriptor/digest")
                .and_then(Value::as_str)
                .map(str::to_owned),
            _ => None,
        },
    };
    digest.map_or_else(|| image.to_owned(), |digest| format!("{image}@{digest}"))
}

/// One image may stand in several repositories; only the digest in this one can be pulled from it.
fn of_repository(facts: &Value, image: &str) -> Option<String> {
    let repository = repository(image);
    let all = facts.get("RepoDigests")?.as_array()?;
    all.iter()
        .filter_map(Value::as_str)
        .find_map(|known| known.strip_prefix(repository)?.strip_prefix('@').map(str::to_owned))
}

/// Without the tag: a colon after the last slash.
fn repository(image: &str) -> &str {
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..].find(':').map_or(image, |colon| &image[..name + colon])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{digest_of, of_repository, repository};

    #[test]
    fn references_are_taken_apart() {
        assert_eq!(repository("127.0.0.1:5000/shop:1"), "127.0.0.1:5000/shop");
        assert_eq!(repository("127.0.0.1:5000/shop"), "127.0.0.1:5000/shop");
        assert_eq!(digest_of("h/x:1@sha256:ab").as_deref(), Some("sha256:ab"));
        assert_eq!(digest_of("h/x:1"), None);
        let facts = json!({ "RepoDigests": ["other/x@sha256:1", "h/x@sha256:2"] });
        assert_eq!(of_repository(&facts, "h/x:1").as_deref(), Some("sha256:2"));
        assert_eq!(of_repository(&facts, "h/xy:1"), None);
    }
}
