//! Whether and when a call is made again. Pure but for the jitter, which is given.

use std::time::Duration;

use crate::answer::Answer;
use crate::error::NetError;

/// Before the second attempt; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, also when the other side asks for a longer one: whoever can wait longer has a queue of his own.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause before attempt `made + 1`; `None`: what came is the outcome. `jitter` is between 0 and 1.
pub(crate) fn pause(outcome: &Result<Answer, NetError>, made: u32, jitter: f64) -> Option<Duration> {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << made.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE);
    // Half of it is fixed, so that two attempts are never together.
    let spread = longest.div_f64(2.0) + longest.div_f64(2.0).mul_f64(jitter.clamp(0.0, 1.0));
    match outcome {
        Err(error) => error.is_temporary().then_some(spread),
        Ok(answer) if !matches!(answer.status.as_u16(), 429 | 502 | 503 | 504) => None,
        Ok(answer) => match wished(answer) {
            Some(wished) if wished > LONGEST_PAUSE => None,
            Some(wished) => Some(wished.max(spread)),
            None => Some(spread),
        },
    }
}

/// `Retry-After` in seconds (RFC 9110, 10.2.3); a date needs the other side's clock and is left to the caller.
fn wished(answer: &Answer) -> Option<Duration> {
    answer
        .header("retry-after")?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::{LONGEST_PAUSE, pause};
    use crate::{Answer, NetError};

    fn answer(status: u16, after: Option<&'static str>) -> Result<Answer, NetError> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert("retry-after", after.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        Ok(Answer {
            status,
            headers,
            body: Bytes::new(),
        })
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_ever_later() {
        let away: Result<Answer, _> = Err(NetError::Unreachable("away".into()));
        let pauses: Vec<Duration> = (1..5).filter_map(|made| pause(&away, made, 0.0)).collect();
        assert_eq!(pauses, [125, 250, 500, 1000].map(Duration::from_millis));
        assert_eq!(pause(&away, 1, 1.0), Some(Duration::from_millis(250)));
        assert_eq!(pause(&away, 60, 1.0), Some(LONGEST_PAUSE));
        for status in [200, 301, 400, 401, 404, 500] {
            assert_eq!(pause(&answer(status, None), 1, 0.5), None, "{status}");
        }
        let denied = NetError::Denied {
            host: "x".into(),
            port: 80,
            address: [127, 0, 0, 1].into(),
            why: "loopback",
        };
        for never in [denied, NetError::TooLarge(1), NetError::Redirects(1)] {
            assert_eq!(pause(&Err(never), 1, 0.5), None);
        }
    }

    #[test]
    fn the_other_side_may_ask_for_a_longer_pause_but_not_for_any() {
        assert_eq!(pause(&answer(503, Some("7")), 1, 0.0), Some(Duration::from_secs(7)));
        assert_eq!(pause(&answer(429, Some("0")), 1, 0.0), Some(Duration::from_millis(125)));
        assert_eq!(pause(&answer(429, Some("3600")), 1, 0.0), None);
        assert_eq!(pause(&answer(502, None), 1, 0.0), Some(Duration::from_millis(125)));
    }
}
