//! What a delivery asks for. Pure: bytes in, a wish or a reason out.

use circle_api::resources::GitHook;
use circle_core::inputs::Values;
use circle_core::names::{BranchName, CommitId, GitRef, TagName};
use circle_core::queue::Priority;
use circle_core::service::Service;
use circle_core::trigger::{Event, Trust};

use crate::records::{Delivery, ManualBody, POLL, Payload, ScheduledBody};

use super::planning::cut;

/// Who asks when nobody told who did.
pub(super) const POLLING: &str = "polling";

/// A run that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) event: Event,
    pub(super) git_ref: GitRef,
    /// `None` = the ref's newest.
    pub(super) commit: Option<CommitId>,
    /// What the ref was before, for changed paths.
    pub(super) before: Option<CommitId>,
    pub(super) actor: String,
    pub(super) priority: Priority,
    pub(super) trust: Trust,
    /// What was given by hand, or stands with the schedule.
    pub(super) inputs: Values,
}

/// Why there is no wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoWish {
    /// There is nothing to do.
    Ignored(String),
    /// It is not to be understood, or not allowed.
    Refused(String),
    /// It cannot be judged yet.
    Later(String),
}

/// Reads a delivery of a service that asks nobody.
pub(super) fn understand(delivery: &Delivery, service: &Service) -> Result<Wish, NoWish> {
    match &delivery.payload {
        Payload::Git { body, .. } => from_hook(body, service, &delivery.source),
        Payload::Manual(manual) => Ok(from_person(manual, service)),
        Payload::Schedule(due) => Ok(from_clock(due, service)),
        Payload::Forge { .. } | Payload::Polled { .. } | Payload::Approved { .. } => {
            Err(NoWish::Refused("a delivery of another kind".into()))
        }
    }
}

fn from_hook(body: &str, service: &Service, source: &str) -> Result<Wish, NoWish> {
    let hook: GitHook = serde_json::from_str(body)
        .map_err(|error| NoWish::Refused(format!("the body is not what a hook sends: {error}")))?;
    if let Some(said) = &hook.repository
        && plain(said) != plain(&service.repository)
    {
        let message = format!(
            "the body is of the repository {}, the hook of {}",
            cut(said),
            service.repository
        );
        return Err(NoWish::Refused(message));
    }
    let refused = |error: circle_core::names::NameError| NoWish::Refused(error.to_string());
    let git_ref = GitRef::new(hook.git_ref).map_err(refused)?;
    if is_zero(&hook.after) {
        return Err(NoWish::Ignored(format!("{git_ref} was deleted")));
    }
    let commit = CommitId::new(hook.after).map_err(refused)?;
    let before = if is_zero(&hook.before) {
        None
    } else {
        Some(CommitId::new(hook.before).map_err(refused)?)
    };
    let event = event_of(&git_ref).ok_or_else(|| NoWish::Ignored("only branches and tags start runs".into()))?;
    Ok(Wish {
        event,
        git_ref,
        commit: Some(commit),
        before,
        actor: if source == POLL { POLLING } else { "hook" }.into(),
        priority: Priority::Normal,
        trust: Trust::Member,
        inputs: Values::new(),
    })
}

pub(super) fn event_of(git_ref: &GitRef) -> Option<Event> {
    if let Some(branch) = git_ref.as_str().strip_prefix("refs/heads/") {
        return BranchName::new(branch).ok().map(|branch| Event::Push { branch });
    }
    let tag = git_ref.as_str().strip_prefix("refs/tags/")?;
    TagName::new(tag).ok().map(|tag| Event::Tag { tag })
}

fn from_person(manual: &ManualBody, service: &Service) -> Wish {
    let (git_ref, branch) = match (&manual.branch, &manual.tag) {
        (Some(branch), _) => (branch.full(), Some(branch.clone())),
        (None, Some(tag)) => (tag.full(), None),
        (None, None) => (service.default_branch.full(), Some(service.default_branch.clone())),
    };
    let tag = if branch.is_some() { None } else { manual.tag.clone() };
    Wish {
        event: Event::Manual {
            branch,
            tag,
            reason: manual.reason.as_deref().map(cut),
            pinned: manual.commit.is_some(),
        },
        git_ref,
        commit: manual.commit.clone(),
        before: None,
        actor: manual.actor.clone(),
        priority: manual.priority,
        trust: Trust::Member,
        inputs: manual.inputs.clone(),
    }
}

fn from_clock(scheduled: &ScheduledBody, service: &Service) -> Wish {
    let branch = scheduled.branch.as_ref().unwrap_or(&service.default_branch);
    Wish {
        event: Event::Schedule {
            name: scheduled.name.clone(),
            branch: branch.clone(),
            due: scheduled.due,
            rule: scheduled.rule.clone(),
        },
        git_ref: branch.full(),
        commit: None,
        before: None,
        actor: format!("schedule {}", scheduled.name),
        priority: Priority::Normal,
        trust: Trust::Member,
        inputs: scheduled.inputs.clone(),
    }
}

/// A repository without what does not tell two apart.
fn plain(repository: &str) -> &str {
    let trimmed = repository.trim_end_matches('/');
    trimmed.strip_suffix(".git").unwrap_or(trimmed)
}

pub(super) fn is_zero(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use circle_core::ids::{DeliveryId, ServiceId, WorkspaceId};
    use circle_core::names::{BranchName, Slug};
    use circle_core::service::Service;
    use circle_core::trigger::Event;
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::{NoWish, understand};
    use crate::records::{Delivery, DeliveryState, Payload};

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn service() -> Service {
        Service {
            id: ServiceId::from_uuid(Uuid::nil()),
            workspace: WorkspaceId::from_uuid(Uuid::nil()),
            name: Slug::new("shop").expect("a name"),
            repository: "https://git.example.org/shop.git".into(),
            pipeline_path: "caicloud.yml".into(),
            default_branch: BranchName::new("main").expect("a branch"),
            image: None,
            default_deploys: Vec::new(),
            queue_timeout_s: 60,
            max_parallel: 1,
            max_parallel_ref: 1,
            credential: None,
            forge: None,
            poll_s: None,
            mail: Default::default(),
            inputs: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn hook(body: &str) -> Delivery {
        Delivery {
            id: DeliveryId::from_uuid(Uuid::nil()),
            workspace: WorkspaceId::from_uuid(Uuid::nil()),
            service: ServiceId::from_uuid(Uuid::nil()),
            forge: "git:x".into(),
            delivery_id: "1".into(),
            source: "git".into(),
            payload: Payload::Git {
                body: body.into(),
                headers: Default::default(),
            },
            state: DeliveryState::Waiting,
            received_at: 0,
            tries: 0,
            next_try_at: 0,
        }
    }

    #[test]
    fn a_push_of_a_branch_is_a_wish() {
        let body = format!(r#"{{"ref":"refs/heads/main","before":"{ZERO}","after":"{A}"}}"#);
        let wish = understand(&hook(&body), &service()).expect("a wish");
        assert_eq!(
            wish.event,
            Event::Push {
                branch: BranchName::new("main").expect("a branch")
            }
        );
        assert_eq!((wish.before, wish.actor.as_str()), (None, "hook"));
    }

    #[test]
    fn sec_03_a_body_of_another_repository_is_refused() {
        let of = |repository: &str| {
            let body =
                format!(r#"{{"repository":"{repository}","ref":"refs/heads/main","before":"{A}","after":"{A}"}}"#);
            understand(&hook(&body), &service())
        };
        of("https://git.example.org/shop").expect("the same without .git");
        let refused = of("https://git.example.org/other.git").expect_err("another repository");
        assert!(matches!(refused, NoWish::Refused(why) if why.contains("other.git")));
    }

    #[test]
    fn sec_05_what_is_no_push_of_a_branch_or_tag_is_ignored() {
        let gone = format!(r#"{{"ref":"refs/heads/main","before":"{A}","after":"{ZERO}"}}"#);
        assert!(matches!(understand(&hook(&gone), &service()), Err(NoWish::Ignored(_))));
        let note = format!(r#"{{"ref":"refs/notes/x","before":"{ZERO}","after":"{A}"}}"#);
        assert!(matches!(understand(&hook(&note), &service()), Err(NoWish::Ignored(_))));
    }

    #[test]
    fn sec_38_refs_that_look_like_options_are_refused() {
        let body = format!(r#"{{"ref":"refs/heads/--upload-pack=x","before":"{ZERO}","after":"{A}"}}"#);
        // git allows a hyphen within a full ref; the branch by itself would be an option.
        let wish = understand(&hook(&body), &service());
        assert!(matches!(wish, Err(NoWish::Ignored(_) | NoWish::Refused(_))), "{wish:?}");
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for body in ["", "[]", "{}", r#"{"ref":"main","before":"x","after":"y"}"#] {
            assert!(
                matches!(understand(&hook(body), &service()), Err(NoWish::Refused(_))),
                "{body}"
            );
        }
    }
}
