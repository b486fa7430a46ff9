//! What people and programs are told when a run ends, and how far the telling is.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{NoticeId, RunId, SecretId, ServiceId, WebhookId, WorkspaceId};
use crate::names::Slug;
use crate::run::Verdict;
use crate::trigger::Trust;

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3).
const MAX_ADDRESS_BYTES: usize = 254;
/// How often a notice is tried; with [`LONGEST_PAUSE_S`] about nine hours.
pub const NOTICE_TRIES: u32 = 18;
/// Between the first two tries, in seconds; each pause is twice as long as the one before.
const FIRST_PAUSE_S: i64 = 5;
/// The longest pause, in seconds.
const LONGEST_PAUSE_S: i64 = 3_600;
/// Of the reason that is kept when a try fails.
const WHY_CHARS: usize = 300;

/// Who gets mail about a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailRules {
    /// Subscribers.
    pub to: Vec<MailAddress>,
    /// The author of the commit as git has it, too. Whoever pushes may write any address there, so this is for services whose
    /// logs those may read who may push.
    pub author: bool,
}

/// An address for mail, in the plain form `name@host`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is no [`MailAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no mail address: write name@example.org")]
pub struct MailAddressError(String);

impl MailAddress {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = MailAddressError;

    fn from_str(text: &str) -> Result<Self, MailAddressError> {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[],;:\\\"".contains(c);
        let is_address = text.len() <= MAX_ADDRESS_BYTES
            && text.chars().filter(|c| *c == '@').count() == 1
            && text.split('@').all(|part| !part.is_empty() && part.chars().all(plain))
            && !text.starts_with('-');
        if is_address {
            return Ok(Self(text.to_owned()));
        }
        let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
        Err(MailAddressError(shown.take(80).collect()))
    }
}

impl TryFrom<String> for MailAddress {
    type Error = MailAddressError;

    fn try_from(text: String) -> Result<Self, MailAddressError> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A program elsewhere that is told when runs of a service end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub id: WebhookId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    /// Unique within the service.
    pub name: Slug,
    /// Where it is called, by http or https.
    pub url: String,
    /// What calls are signed with lies sealed under this id.
    pub secret: SecretId,
    pub created_at: Timestamp,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A run failed.
    Failed,
    /// A run succeeded, and the one before it on the same ref had not.
    Fixed,
    /// A run ended in any other way; only programs are told.
    Ended,
    /// Somebody tries the webhook.
    Ping,
}

impl Cause {
    /// What an ended run is a cause of. `before` is the verdict word of the run before it on the same ref, cancelled and skipped ones
    /// left aside.
    pub fn of(verdict: &Verdict, before: Option<&str>) -> Self {
        match verdict {
            Verdict::Failed { .. } => Self::Failed,
            Verdict::Succeeded if before == Some("failed") => Self::Fixed,
            _ => Self::Ended,
        }
    }

    /// Whether people get mail of it. Strangers' runs are their own business: nobody can make Circle write mail by opening pull requests.
    pub fn is_for_people(self, trust: Trust) -> bool {
        trust == Trust::Member && matches!(self, Self::Failed | Self::Fixed)
    }

    /// One word for tables and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Fixed => "fixed",
            Self::Ended => "ended",
            Self::Ping => "ping",
        }
    }
}

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub id: NoticeId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    /// Absent when somebody tries a webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    pub cause: Cause,
    pub receiver: Receiver,
    pub state: NoticeState,
    /// Tries that were made.
    pub tries: u32,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub created_at: Timestamp,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Receiver {
    Mail { address: MailAddress },
    Webhook { webhook: WebhookId, name: Slug },
}

/// How far the telling is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum NoticeState {
    /// Tried at this time, or again.
    Waiting { next_at: Timestamp },
    /// The receiver took it.
    Delivered { at: Timestamp },
    /// It will not be tried again.
    GivenUp { at: Timestamp },
}

impl Notice {
    /// When it is due; `None` = never again.
    pub fn due(&self) -> Option<Timestamp> {
        match self.state {
            NoticeState::Waiting { next_at } => Some(next_at),
            NoticeState::Delivered { .. } | NoticeState::GivenUp { .. } => None,
        }
    }

    /// The receiver took it.
    pub fn delivered(&mut self, now: Timestamp) {
        self.tries += 1;
        self.why = None;
        self.state = NoticeState::Delivered { at: now };
    }

    /// A try failed. It is made again after a pause, `jitter` (0 to 1) of a half of it longer, unless it is `final_` or one of too many.
    pub fn failed(&mut self, now: Timestamp, (why, is_final): (&str, bool), jitter: f64) {
        self.tries += 1;
        let plain = why.chars().map(|c| if c.is_control() { ' ' } else { c });
        self.why = Some(plain.take(WHY_CHARS).collect());
        let pause_s = (FIRST_PAUSE_S << self.tries.saturating_sub(1).min(16)).min(LONGEST_PAUSE_S);
        let pause = SignedDuration::from_secs(pause_s).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 2.0);
        self.state = match now.checked_add(pause) {
            Ok(next_at) if !is_final && self.tries < NOTICE_TRIES => NoticeState::Waiting { next_at },
            _ => NoticeState::GivenUp { at: now },
        };
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use uuid::Uuid;

    use super::{Cause, MailAddress, NOTICE_TRIES, Notice, NoticeState, Receiver};
    use crate::ids::{NoticeId, ServiceId, WorkspaceId};
    use crate::run::{Failure, FailureKind, Verdict};
    use crate::trigger::Trust;

    fn notice() -> Notice {
        Notice {
            id: NoticeId::from_uuid(Uuid::nil()),
            workspace: WorkspaceId::from_uuid(Uuid::nil()),
            service: ServiceId::from_uuid(Uuid::nil()),
            run: None,
            cause: Cause::Failed,
            receiver: Receiver::Mail {
                address: "a@example.org".parse().expect("an address"),
            },
            state: NoticeState::Waiting {
                next_at: Timestamp::UNIX_EPOCH,
            },
            tries: 0,
            why: None,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn people_are_told_of_what_failed_and_what_is_mended() {
        let failure = Failure::new(FailureKind::Command, "no");
        let failed = Verdict::Failed { failure };
        assert_eq!(Cause::of(&failed, None), Cause::Failed);
        assert_eq!(Cause::of(&failed, Some("failed")), Cause::Failed);
        assert_eq!(Cause::of(&Verdict::Succeeded, Some("failed")), Cause::Fixed);
        assert_eq!(Cause::of(&Verdict::Succeeded, Some("succeeded")), Cause::Ended);
        assert_eq!(Cause::of(&Verdict::Succeeded, None), Cause::Ended);
        assert!(Cause::Failed.is_for_people(Trust::Member) && Cause::Fixed.is_for_people(Trust::Member));
        assert!(!Cause::Ended.is_for_people(Trust::Member) && !Cause::Failed.is_for_people(Trust::Stranger));
    }

    #[test]
    fn tries_are_made_ever_later_and_not_for_ever() {
        let mut notice = notice();
        let mut pauses = Vec::new();
        let mut now = Timestamp::UNIX_EPOCH;
        for _ in 0..NOTICE_TRIES {
            notice.failed(now, ("no route\nto it", false), 0.0);
            let Some(next) = notice.due() else { break };
            pauses.push(next.duration_since(now).as_secs());
            now = next;
        }
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses.last(), Some(&3_600));
        assert_eq!((pauses.len(), notice.tries), (NOTICE_TRIES as usize - 1, NOTICE_TRIES));
        assert!(matches!(notice.state, NoticeState::GivenUp { .. }));
        assert_eq!(notice.why.as_deref(), Some("no route to it"));
        assert!(now.duration_since(Timestamp::UNIX_EPOCH) > SignedDuration::from_hours(8));

        let mut refused = self::notice();
        refused.failed(now, ("550 no such user", true), 1.0);
        assert_eq!((refused.due(), refused.tries), (None, 1));
    }

    #[test]
    fn an_address_is_plain_and_cannot_carry_more_than_itself() {
        for good in [
            "dev@example.org",
            "a+b.c@sub.example.org",
            "ümlaut@example.org",
            "root@localhost",
        ] {
            assert_eq!(good.parse::<MailAddress>().expect(good).as_str(), good);
        }
        for bad in [
            "",
            "dev",
            "@example.org",
            "dev@",
            "a@b@c",
            "Dev <dev@example.org>",
            "a@b.c, d@e.f",
            "a@b.c\r\nBcc: d@e.f",
            "a b@c.d",
            "-oX@c.d",
            &format!("{}@c.d", "x".repeat(260)),
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }
}
