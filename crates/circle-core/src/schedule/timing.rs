//! When a schedule is due: a cron pattern by the clock of a time zone.
//!
//! The clock on the wall decides. Where it is put forward, a time of day that is skipped is due at the first moment after the gap, and a
//! pattern of several times a day leaves the skipped ones out; where it is put back, a time of day is due the first time only, and a
//! pattern of several times a day both times. Zones are those of this build, so every server and every `circle lint` of a version
//! agree about them; the machine's own are not asked.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

/// Characters of a pattern.
pub const MAX_CRON_CHARS: usize = 100;
/// The zone of a pattern that names none.
pub const DEFAULT_ZONE: &str = "UTC";

const FIELDS: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];
/// Longer than the longest wait that a pattern can mean: from one 29th of February that is a Monday to the next it is 40 years.
const NEVER_YEARS: i64 = 50;

/// A pattern and a zone as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timing {
    pub cron: String,
    pub zone: String,
}

/// A pattern that was understood.
#[derive(Debug, Clone)]
pub struct Clock {
    cron: Cron,
    zone: TimeZone,
}

/// Why a timing is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimingFault {
    /// The pattern is at fault from this byte on.
    #[error("{why}")]
    Cron { at: usize, why: String },
    /// There is no such zone.
    #[error("there is no time zone {0:?}: write a name such as Asia/Shanghai, or UTC")]
    Zone(String),
}

impl Timing {
    /// The pattern and the zone in one line.
    pub fn said(&self) -> String {
        format!("{} {}", self.cron, self.zone)
    }

    /// Understands both.
    ///
    /// # Errors
    /// What is wrong, and from which byte of the pattern on.
    pub fn clock(&self) -> Result<Clock, TimingFault> {
        let zone = TimeZoneDatabase::bundled().get(&self.zone);
        let zone = zone.map_err(|_| TimingFault::Zone(self.zone.chars().take(60).collect()))?;
        let clock = Clock {
            cron: cron(&self.cron)?,
            zone,
        };
        // From one fixed moment, so that what a file says does not depend on the day on which it is read.
        if clock.after(Timestamp::UNIX_EPOCH).is_none() {
            let why = "no such day ever comes".to_owned();
            return Err(TimingFault::Cron { at: 0, why });
        }
        Ok(clock)
    }
}

impl Clock {
    /// The first due moment after this one; `None` when there is none for fifty years.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let from = moment.to_zoned(self.zone.clone());
        let found: Zoned = self.cron.find_next_occurrence(&from, false).ok()?;
        let due = found.timestamp();
        let soon = i64::from(found.year()) - i64::from(from.year()) <= NEVER_YEARS;
        (due > moment && soon).then_some(due)
    }

    /// The next due moments.
    pub fn following(&self, moment: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.after(moment), |due| self.after(*due))
            .take(count)
            .collect()
    }
}

fn cron(text: &str) -> Result<Cron, TimingFault> {
    let fault = |at: usize, why: String| Err(TimingFault::Cron { at, why });
    if text.chars().count() > MAX_CRON_CHARS {
        return fault(0, format!("a pattern has at most {MAX_CRON_CHARS} characters"));
    }
    let fields = fields(text);
    if fields.len() != FIELDS.len() {
        let at = fields.get(FIELDS.len()).map_or(text.len(), |(at, _)| *at);
        let why = format!(
            "a pattern has five fields ({}), found {}",
            FIELDS.join(", "),
            fields.len()
        );
        return fault(at, why);
    }
    // The library does not say which field is at fault: each is tried by itself.
    for (place, (at, field)) in fields.iter().enumerate() {
        let mut alone = ["*"; FIELDS.len()];
        alone[place] = field;
        if let Err(why) = parser().parse(&alone.join(" ")) {
            return fault(
                *at,
                format!("the {} cannot be {field:?}: {}", FIELDS[place], reason(&why)),
            );
        }
    }
    parser().parse(text).or_else(|why| fault(0, reason(&why)))
}

fn parser() -> CronParser {
    CronParser::builder()
        .seconds(Seconds::Disallowed)
        .year(Year::Disallowed)
        .build()
}

/// What the library says, without its own name for it.
fn reason(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError::{ComponentError, IllegalCharacters, InvalidPattern};
    let said = match error {
        InvalidPattern(said) | IllegalCharacters(said) | ComponentError(said) => said.clone(),
        other => other.to_string(),
    };
    said.trim_end_matches('.').to_lowercase()
}

/// The words with where they begin.
fn fields(text: &str) -> Vec<(usize, &str)> {
    let is_blank = |c: char| c.is_ascii_whitespace();
    let mut at = 0;
    let mut words = Vec::new();
    for piece in text.split_inclusive(is_blank) {
        let word = piece.trim_end_matches(is_blank);
        if !word.is_empty() {
            words.push((at, word));
        }
        at += piece.len();
    }
    words
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZoneDatabase;
    use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
    use proptest::sample::select;

    use super::{Timing, TimingFault};

    fn timing(cron: &str, zone: &str) -> Timing {
        Timing {
            cron: cron.to_owned(),
            zone: zone.to_owned(),
        }
    }

    fn following(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let clock = timing(cron, zone)
            .clock()
            .unwrap_or_else(|fault| panic!("{cron}: {fault}"));
        let due = clock.following(from.parse().expect("a moment"), count);
        due.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_next_moment_is_that_of_the_zone() {
        for (cron, zone, wanted) in [
            ("0 3 * * *", "UTC", "2026-01-31T03:00:00Z"),
            ("0 3 * * *", "Asia/Shanghai", "2026-01-30T19:00:00Z"),
            ("30 0 1 * *", "Asia/Kolkata", "2026-01-31T19:00:00Z"),
            ("*/15 * * * *", "UTC", "2026-01-30T12:15:00Z"),
            ("0 9 * * MON-FRI", "Europe/Berlin", "2026-02-02T08:00:00Z"),
            ("0 0 29 2 *", "UTC", "2028-02-29T00:00:00Z"),
            ("0 0 L * *", "UTC", "2026-01-31T00:00:00Z"),
        ] {
            assert_eq!(
                following(cron, zone, "2026-01-30T12:00:00Z", 1),
                [wanted],
                "{cron} {zone}"
            );
        }
    }

    /// Berlin, 2026-03-29: the clock goes from 02:00 to 03:00 at 01:00Z.
    #[test]
    fn a_time_of_day_that_is_skipped_is_due_when_the_gap_ends_and_only_that_day() {
        let due = following("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3);
        assert_eq!(
            due,
            ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]
        );
        let often = following("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
        assert_eq!(
            often,
            ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
        );
    }

    /// Berlin, 2026-10-25: the clock goes from 03:00 back to 02:00 at 01:00Z.
    #[test]
    fn a_time_of_day_that_comes_twice_is_due_once() {
        let due = following("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(due, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let from_between = following("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 1);
        assert_eq!(from_between, ["2026-10-26T01:30:00Z"]);
        let often = following("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 4);
        assert_eq!(
            often,
            [
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z"
            ]
        );
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_place() {
        for (cron, at) in [
            ("", 0),
            ("* * *", 5),
            ("0 3 * * * 2027", 10),
            ("60 * * * *", 0),
            ("0 25 * * *", 2),
            ("0  3 32 * *", 5),
            ("0 3 * FOO *", 6),
            ("0 3 * * 9", 8),
            ("0 3 * * MON-", 8),
            ("0 0 30 2 *", 0),
            ("@daily", 6),
            ("\u{e4} * * * *", 0),
        ] {
            match timing(cron, "UTC").clock() {
                Err(TimingFault::Cron { at: found, why }) => assert_eq!(found, at, "{cron}: {why}"),
                other => panic!("{cron}: {other:?}"),
            }
        }
        let long = timing(&format!("0{} 3 * * *", ",1".repeat(60)), "UTC").clock();
        assert!(matches!(long, Err(TimingFault::Cron { at: 0, .. })), "{long:?}");
        for zone in ["", "Mars/Olympus", "../../etc/passwd", "+08:00"] {
            let fault = timing("0 3 * * *", zone).clock().expect_err(zone);
            assert_eq!(fault, TimingFault::Zone(zone.to_owned()));
        }
    }

    fn patterns() -> impl Strategy<Value = String> {
        let minute = select(vec!["0", "30", "59", "*/7", "5,35", "*"]);
        let hour = select(vec!["0", "2", "3", "23", "*/6", "*", "1-4"]);
        let day = select(vec!["*", "1", "31", "L", "*/10"]);
        let month = select(vec!["*", "3", "10", "2", "JAN,JUL"]);
        let weekday = select(vec!["*", "SUN", "1-5"]);
        (minute, hour, day, month, weekday)
            .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
    }

    fn zones() -> impl Strategy<Value = &'static str> {
        select(vec![
            "UTC",
            "Asia/Shanghai",
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/Sao_Paulo",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whoever asks from anywhere between two due moments is told the same second one; nothing is passed over and nothing
        /// comes twice.
        #[test]
        fn the_next_moment_does_not_depend_on_where_one_asks_from(
            cron in patterns(), zone in zones(), start in 946_684_800_i64..2_524_608_000, part in 0_i64..1_000,
        ) {
            let Ok(clock) = timing(&cron, zone).clock() else { return Ok(()) };
            let start = Timestamp::from_second(start).expect("a moment");
            let Some(first) = clock.after(start) else { return Ok(()) };
            prop_assert!(first > start);
            let Some(second) = clock.after(first) else { return Ok(()) };
            prop_assert!(second > first);
            let apart = second.as_second() - first.as_second();
            let between = Timestamp::from_second(first.as_second() + apart * part / 1_000).expect("a moment");
            prop_assert_eq!(clock.after(between), Some(second), "{} {} from {}", cron, zone, between);
        }

        /// A due moment shows the minute of the pattern on the zone's clock, or is the first one after a gap.
        #[test]
        fn a_due_moment_is_on_the_clock_of_the_zone(cron in patterns(), zone in zones(), start in 946_684_800_i64..2_524_608_000) {
            let Ok(clock) = timing(&cron, zone).clock() else { return Ok(()) };
            let Some(due) = clock.after(Timestamp::from_second(start).expect("a moment")) else { return Ok(()) };
            let local = due.to_zoned(TimeZoneDatabase::bundled().get(zone).expect("a zone"));
            prop_assert_eq!((local.second(), local.subsec_nanosecond()), (0, 0));
            let minute = cron.split(' ').next().expect("a minute");
            if let Ok(wanted) = minute.parse::<i8>() {
                let minute_before = due - jiff::SignedDuration::from_mins(1);
                let before = minute_before.to_zoned(local.time_zone().clone());
                prop_assert!(local.minute() == wanted || before.offset() != local.offset(), "{} is {}", cron, local);
            }
        }
    }
}
