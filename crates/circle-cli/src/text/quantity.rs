//! Durations and sizes as people say them.

use jiff::Timestamp;

/// `412 ms`, `3.2 s`, `4 min 12 s`, `2 h 05 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// `just now`, `5 min ago`, `3 d ago`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    match seconds {
        ..10 => "just now".into(),
        10..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// `17 B`, `1.2 KiB`, `3.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let (mut whole, mut rest, mut unit) = (bytes / 1_024, bytes % 1_024, 0);
    while whole >= 1_024 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1_024, whole % 1_024, unit + 1);
    }
    format!("{whole}.{} {}", rest * 10 / 1_024, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::{age, duration, size};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn quantities_read_well() {
        let durations = [0, 412, 3_249, 59_999, 60_000, 252_000, 7_500_000].map(duration);
        assert_eq!(
            durations,
            [
                "0 ms",
                "412 ms",
                "3.2 s",
                "59.9 s",
                "1 min 00 s",
                "4 min 12 s",
                "2 h 05 min"
            ]
        );
        let sizes = [17, 1_229, 3 * 1_024 * 1_024, u64::MAX].map(size);
        assert_eq!(sizes, ["17 B", "1.2 KiB", "3.0 MiB", "16383.9 PiB"]);
    }

    #[test]
    fn ages_also_when_the_clocks_differ() {
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let ages = [-5, 3, 60, 600, 90_000, 900_000].map(|s| age(now - SignedDuration::from_secs(s), now));
        assert_eq!(
            ages,
            ["just now", "just now", "60 s ago", "10 min ago", "25 h ago", "10 d ago"]
        );
    }
}
