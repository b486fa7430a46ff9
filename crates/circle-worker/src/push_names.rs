//! Where an image goes: names of registries, the service's home, and what it may push beneath.

use circle_api::worker::Assignment;

/// The repository as `host/path`, from what the file says.
///
/// # Errors
/// One sentence, when nothing says where.
pub(crate) fn resolve(wanted: Option<&str>, image: &str, assignment: &Assignment) -> Result<String, String> {
    let home = assignment.image_home.as_deref();
    let no_home =
        || "no registry is set for this service, and the file names none: set one with `circle service set`".to_owned();
    let Some(wanted) = wanted else {
        let home = home.ok_or_else(no_home)?;
        return Ok(if image == "default" {
            home.to_owned()
        } else {
            format!("{home}/{image}")
        });
    };
    if let Some((first, path)) = wanted.split_once('/') {
        if let Some(registry) = assignment
            .registries
            .iter()
            .find(|registry| registry.name == first || registry.address == first)
        {
            return Ok(format!("{}/{path}", registry.address));
        }
        if first.contains(['.', ':']) {
            return Err(format!(
                "\"{first}\" is no registry of this workspace: add it with `circle registry add`"
            ));
        }
    }
    let host = home
        .and_then(|home| home.split_once('/'))
        .map(|(host, _)| host)
        .ok_or_else(no_home)?;
    Ok(format!("{host}/{wanted}"))
}

/// Whether a repository is `allowed` itself or lies beneath it.
pub(crate) fn beneath(repository: &str, allowed: &str) -> bool {
    let allowed = allowed.trim_end_matches('/');
    repository
        .strip_prefix(allowed)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        && !allowed.is_empty()
}

/// Whether a tag names a release: it is the git tag, or looks like a version (`v1.2.3`).
pub(crate) fn is_release_tag(tag: &str, git_tag: Option<&str>) -> bool {
    if git_tag == Some(tag) {
        return true;
    }
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = version.split(['-', '+', '_']).next().unwrap_or_default();
    let parts: Vec<&str> = numbers.split('.').collect();
    parts.len() >= 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{beneath, is_release_tag};

    #[test]
    fn sec_73_beneath_is_by_whole_parts() {
        assert!(beneath("r.example/shop", "r.example/shop"));
        assert!(beneath("r.example/shop/web", "r.example/shop/"));
        for repository in [
            "r.example/shopping",
            "r.example/other",
            "evil/r.example/shop",
            "r.example",
        ] {
            assert!(!beneath(repository, "r.example/shop"), "{repository}");
        }
        assert!(!beneath("r.example/shop", ""), "an empty confinement allows nothing");
    }

    #[test]
    fn sec_73_release_tags_are_known() {
        for tag in ["v1.2.3", "1.2.3", "1.2.3-rc.1", "2024.01.31"] {
            assert!(is_release_tag(tag, None), "{tag}");
        }
        for tag in ["latest", "main", "0a1b2c3d4e5f", "v1", "1.2", "1.2.x"] {
            assert!(!is_release_tag(tag, None), "{tag}");
        }
        assert!(is_release_tag("summer", Some("summer")));
    }
}
