//! Looking at a repository that cannot call.

use std::fmt::Write;

use circle_api::resources::{PollView, PullPollView};
use circle_core::poll::{LEAST_SECONDS, MOST_SECONDS};
use jiff::Timestamp;

use crate::text::{age, duration, safe_line};

/// `off`, or a number with s, m, h or d, within the bounds.
pub(super) fn interval(text: &str) -> Result<u32, String> {
    let wrong = || "write a time from 1m to 1d, such as 90s, 5m or 2h, or off".to_owned();
    if text == "off" {
        return Ok(0);
    }
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let (count, seconds) = units
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)))
        .ok_or_else(wrong)?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let whole = count.checked_mul(*seconds);
    whole
        .filter(|whole| (LEAST_SECONDS..=MOST_SECONDS).contains(whole))
        .ok_or_else(wrong)
}

/// What polling has seen, in a few lines.
pub(super) fn sentence(poll: Option<&PollView>, now: Timestamp) -> String {
    let Some(poll) = poll else {
        return "Its repository is not polled: it calls the hook, or set --poll 5m".to_owned();
    };
    let every = duration(u64::from(poll.every_s) * 1_000);
    let mut text = match (poll.refs, poll.looked_at) {
        (Some(refs), Some(at)) => format!("Polled every {every}: {refs} branches and tags, seen {}.", age(at, now)),
        _ => format!("Polled every {every}: not seen yet; the first look starts nothing."),
    };
    // Writing to a text cannot fail.
    if let Some(at) = poll.changed_at {
        let _ = write!(text, " Something had changed {}.", age(at, now));
    }
    if let Some(trouble) = &poll.trouble {
        let _ = write!(text, "\nIt does not answer, {}", in_a_row(poll.failures, trouble));
    }
    if let Some(pulls) = &poll.pulls {
        let _ = write!(text, "\n{}", of_pulls(pulls, now));
    }
    text
}

/// The same of pull requests.
fn of_pulls(pulls: &PullPollView, now: Timestamp) -> String {
    let mut text = match (pulls.open, pulls.looked_at) {
        (Some(open), Some(at)) => format!("Open pull requests: {open}, seen {}.", age(at, now)),
        _ => "Open pull requests: not seen yet; the first look starts nothing.".to_owned(),
    };
    if let Some(at) = pulls.changed_at {
        let _ = write!(text, " Something had changed {}.", age(at, now));
    }
    if let Some(trouble) = &pulls.trouble {
        let told = in_a_row(pulls.failures, trouble);
        let _ = write!(text, "\nThe forge does not tell of them, {told}");
    }
    text
}

fn in_a_row(failures: u32, trouble: &str) -> String {
    format!("{failures} times in a row: {}", safe_line(trouble.as_bytes(), false))
}

#[cfg(test)]
mod tests {
    use circle_api::resources::{PollView, PullPollView};
    use jiff::Timestamp;

    use super::{interval, sentence};

    #[test]
    fn intervals_are_a_minute_to_a_day() {
        let fits = [
            ("60s", 60),
            ("1m", 60),
            ("5m", 300),
            ("24h", 86_400),
            ("1d", 86_400),
            ("off", 0),
        ];
        for (text, seconds) in fits {
            assert_eq!(interval(text), Ok(seconds), "{text}");
        }
        for text in ["", "m", "5", "59s", "25h", "2d", "-5m", "5 m", "99999999999d", "5µ"] {
            assert!(interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_tells_what_was_seen_and_what_is_in_the_way() {
        let now: Timestamp = "2026-11-26T12:10:00Z".parse().expect("a time");
        let mut poll = PollView::new(300);
        assert!(sentence(Some(&poll), now).contains("not seen yet"));
        (poll.refs, poll.looked_at) = (Some(7), "2026-11-26T12:05:00Z".parse().ok());
        (poll.failures, poll.trouble) = (2, Some("no\u{1b}[31m route".into()));
        let told = sentence(Some(&poll), now);
        assert!(
            told.contains("7 branches and tags, seen 5 min ago") && told.contains("2 times in a row"),
            "{told}"
        );
        assert!(!told.contains('\u{1b}') && !told.contains("pull requests"), "{told}");
        let mut pulls = PullPollView::default();
        poll.pulls = Some(pulls.clone());
        assert!(sentence(Some(&poll), now).contains("Open pull requests: not seen yet"));
        (pulls.open, pulls.looked_at) = (Some(3), "2026-11-26T12:08:00Z".parse().ok());
        (pulls.failures, pulls.trouble) = (4, Some("no more requests\u{7}".into()));
        poll.pulls = Some(pulls);
        let told = sentence(Some(&poll), now);
        let wanted = [
            "Open pull requests: 3, seen 2 min ago",
            "does not tell of them, 4 times in a row",
        ];
        assert!(wanted.iter().all(|part| told.contains(part)), "{told}");
        assert!(!told.contains('\u{7}'), "{told}");
    }
}
