//! What git's errors mean for the person who waits.

use circle_net::NetError;

use crate::git::{GitStep, StepOutput};

/// How much of git's own words is repeated, in characters.
const QUOTE_CHARS: usize = 400;

/// Why something with git did not work: a class for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct GitFailure {
    pub class: FailureClass,
    /// What happened, what to do, and git's words where they help; never a password.
    pub sentence: String,
}

/// What a caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The branch or tag is not there.
    UnknownRef,
    /// The commit is not there any more (a force push), or never was.
    CommitGone,
    /// No such repository, or not for these credentials.
    NoRepository,
    /// The host wants other credentials.
    AuthRefused,
    /// Nothing answers, or it stopped answering: trying again may help.
    Unreachable,
    /// A protocol, redirect or address that is not allowed.
    Forbidden,
    /// The host shows a key that nobody pinned.
    HostKey,
    /// More time, space or output than is given.
    TooLarge,
    /// Anything else.
    Other,
}

/// Texts of git, in lower case, and what they mean; the first line that is found counts.
const TEXTS: &[(&str, FailureClass)] = &[
    ("couldn't find remote ref", FailureClass::UnknownRef),
    ("could not find remote ref", FailureClass::UnknownRef),
    ("no such remote ref", FailureClass::UnknownRef),
    ("not our ref", FailureClass::CommitGone),
    ("unadvertised object", FailureClass::CommitGone),
    ("did not send all necessary objects", FailureClass::CommitGone),
    ("reference is not a tree", FailureClass::CommitGone),
    ("unable to read tree", FailureClass::CommitGone),
    ("bad object", FailureClass::CommitGone),
    ("not allowed", FailureClass::Forbidden),
    ("is not supported or disabled", FailureClass::Forbidden),
    ("returned error: 30", FailureClass::Forbidden),
    ("unable to update url base from redirection", FailureClass::Forbidden),
    ("host key verification failed", FailureClass::HostKey),
    ("authentication failed", FailureClass::AuthRefused),
    // What ssh-add says of a key that it cannot read, and ssh of an agent that will not sign for this host.
    ("error loading key", FailureClass::AuthRefused),
    ("agent refused operation", FailureClass::AuthRefused),
    ("could not read username", FailureClass::AuthRefused),
    ("could not read password", FailureClass::AuthRefused),
    ("unable to read askpass response", FailureClass::AuthRefused),
    ("returned error: 401", FailureClass::AuthRefused),
    ("returned error: 403", FailureClass::AuthRefused),
    ("permission denied", FailureClass::AuthRefused),
    ("access denied or repository not exported", FailureClass::NoRepository),
    ("repository not found", FailureClass::NoRepository),
    ("returned error: 404", FailureClass::NoRepository),
    ("does not appear to be a git repository", FailureClass::NoRepository),
    ("not found", FailureClass::NoRepository),
    ("no space left on device", FailureClass::TooLarge),
    ("file too large", FailureClass::TooLarge),
    ("disk quota exceeded", FailureClass::TooLarge),
    ("could not resolve host", FailureClass::Unreachable),
    ("couldn't resolve host", FailureClass::Unreachable),
    ("unable to look up", FailureClass::Unreachable),
    ("failed to connect", FailureClass::Unreachable),
    ("unable to connect", FailureClass::Unreachable),
    ("connection refused", FailureClass::Unreachable),
    ("connection reset", FailureClass::Unreachable),
    ("connection timed out", FailureClass::Unreachable),
    ("operation timed out", FailureClass::Unreachable),
    ("operation too slow", FailureClass::Unreachable),
    ("network is unreachable", FailureClass::Unreachable),
    ("no route to host", FailureClass::Unreachable),
    ("early eof", FailureClass::Unreachable),
    ("hung up unexpectedly", FailureClass::Unreachable),
    ("returned error: 5", FailureClass::Unreachable),
    ("ssl", FailureClass::Unreachable),
    ("certificate", FailureClass::Unreachable),
];

/// Reads why a step failed.
///
/// `subject` is what was wanted: the address, or the ref and the address.
pub fn classify(step: &GitStep, output: &StepOutput, subject: &str) -> GitFailure {
    if output.timed_out {
        let sentence = format!(
            "git could not {} of {subject} within {} s",
            step.what,
            step.limit.as_secs()
        );
        return GitFailure {
            class: FailureClass::Unreachable,
            sentence,
        };
    }
    if output.cut {
        let sentence = format!(
            "git printed more than is kept while it was to {} of {subject}",
            step.what
        );
        return GitFailure {
            class: FailureClass::TooLarge,
            sentence,
        };
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lower = said.to_lowercase();
    let known = TEXTS
        .iter()
        .find(|(text, _)| lower.contains(text))
        .map(|(_, class)| *class);
    // A signal comes from the bound on file sizes, or from somebody who kills.
    let class = known.unwrap_or(if output.code.is_none() {
        FailureClass::TooLarge
    } else {
        FailureClass::Other
    });
    GitFailure {
        class,
        sentence: format!("{}: {}", meaning(class, step.what, subject), quote(&said)),
    }
}

impl GitFailure {
    /// The program itself could not be run.
    pub(crate) fn not_run(step: &GitStep, error: &std::io::Error) -> Self {
        let sentence = format!("git could not be started to {}: {error}; is git installed?", step.what);
        Self {
            class: FailureClass::Other,
            sentence,
        }
    }

    /// The way to the repository is closed, or ends nowhere.
    pub(crate) fn on_the_way(subject: &str, trouble: &NetError) -> Self {
        let class = match trouble.is_temporary() {
            true => FailureClass::Unreachable,
            false => FailureClass::Forbidden,
        };
        Self {
            class,
            sentence: format!("{subject} could not be reached: {trouble}"),
        }
    }

    /// Something that git said cannot be read.
    pub(crate) fn other(sentence: impl Into<String>) -> Self {
        Self {
            class: FailureClass::Other,
            sentence: sentence.into(),
        }
    }

    /// Whether the same may work later without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        self.class == FailureClass::Unreachable
    }
}

fn meaning(class: FailureClass, what: &str, subject: &str) -> String {
    match class {
        FailureClass::UnknownRef => format!("{subject} is not there: was the branch or tag removed?"),
        FailureClass::CommitGone => {
            format!("the commit of {subject} is not there any more: was it replaced by a force push?")
        }
        FailureClass::NoRepository => {
            format!(
                "there is no repository {subject}, or not for these credentials: check the service's address, and `circle service credential set`"
            )
        }
        FailureClass::AuthRefused => {
            format!("{subject} asks for other credentials: set them with `circle service credential set`")
        }
        FailureClass::Unreachable => format!("{subject} could not be reached"),
        FailureClass::Forbidden => format!(
            "{subject} leads elsewhere, or is spoken to in a way that is not allowed: write the final https address"
        ),
        FailureClass::HostKey => format!(
            "the host of {subject} shows a key that is not pinned: find out who answers there, then pin its keys with `circle service credential set`"
        ),
        FailureClass::TooLarge => format!("{subject} needs more space than there is"),
        FailureClass::Other => format!("git could not {what} of {subject}"),
    }
}

/// The lines that say something, on one line.
fn quote(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let fatal: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("fatal:"))
        .collect();
    let chosen = if fatal.is_empty() { lines } else { fatal };
    let text = chosen.join("; ");
    if text.is_empty() {
        return "git said nothing".into();
    }
    text.chars().filter(|c| !c.is_control()).take(QUOTE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FailureClass, classify};
    use crate::git::{GitStep, StepOutput};

    fn read(stderr: &str) -> FailureClass {
        let step = GitStep {
            what: "fetch",
            argv: Vec::new(),
            env: Vec::new(),
            limit: Duration::from_secs(5),
        };
        let output = StepOutput {
            code: Some(128),
            stderr: stderr.as_bytes().to_vec(),
            ..StepOutput::default()
        };
        let failure = classify(&step, &output, "refs/heads/main of git://host/x");
        assert!(failure.sentence.contains("git://host/x"), "{failure}");
        failure.class
    }

    #[test]
    fn git_s_words_are_understood() {
        for (words, class) in [
            (
                "fatal: couldn't find remote ref refs/heads/nope",
                FailureClass::UnknownRef,
            ),
            (
                "fatal: remote error: upload-pack: not our ref 0123",
                FailureClass::CommitGone,
            ),
            (
                "error: Server does not allow request for unadvertised object 01",
                FailureClass::CommitGone,
            ),
            (
                "fatal: Authentication failed for 'https://host/'",
                FailureClass::AuthRefused,
            ),
            (
                "fatal: could not read Username for 'https://host': terminal prompts disabled",
                FailureClass::AuthRefused,
            ),
            (
                "fatal: unable to access 'https://h/': Could not resolve host: h",
                FailureClass::Unreachable,
            ),
            (
                "fatal: unable to connect to 127.0.0.1:\nerrno=Connection refused",
                FailureClass::Unreachable,
            ),
            ("fatal: transport 'file' not allowed", FailureClass::Forbidden),
            (
                "fatal: unable to access 'x': The requested URL returned error: 302",
                FailureClass::Forbidden,
            ),
            (
                "fatal: remote error: access denied or repository not exported: /x",
                FailureClass::NoRepository,
            ),
            ("fatal: write error: No space left on device", FailureClass::TooLarge),
            ("fatal: something new", FailureClass::Other),
        ] {
            assert_eq!(read(words), class, "{words}");
        }
    }

    #[test]
    fn what_ran_out_is_named() {
        let step = GitStep {
            what: "fetch",
            argv: Vec::new(),
            env: Vec::new(),
            limit: Duration::from_secs(5),
        };
        let late = classify(
            &step,
            &StepOutput {
                timed_out: true,
                ..StepOutput::default()
            },
            "git://host/x",
        );
        assert!(late.is_temporary() && late.sentence.contains("5 s"), "{late}");
        let large = classify(
            &step,
            &StepOutput {
                cut: true,
                code: Some(0),
                ..StepOutput::default()
            },
            "git://host/x",
        );
        assert_eq!(large.class, FailureClass::TooLarge);
    }
}
