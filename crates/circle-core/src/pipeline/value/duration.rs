//! Durations: `90s`, `20m`, `1h30m`, `14d`.

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Seconds. Each unit stands at most once, the largest first.
pub(crate) fn parse_duration(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "write a duration with units, such as 90s, 20m or 1h30m";
    let mut rest = text;
    let mut seconds: u64 = 0;
    let mut largest = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or(FORM)?;
        let (_, length) = UNITS.iter().find(|(letter, _)| *letter == unit).ok_or(FORM)?;
        if *length >= largest {
            return Err("write the larger unit first and each unit once, such as 1h30m");
        }
        largest = *length;
        let number: u64 = number.parse().map_err(|_| FORM)?;
        let part = number.checked_mul(*length).ok_or("the duration is too long")?;
        seconds = seconds.checked_add(part).ok_or("the duration is too long")?;
        rest = &tail[unit.len_utf8()..];
    }
    if text.is_empty() { Err(FORM) } else { Ok(seconds) }
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn units_add_up() {
        assert_eq!(parse_duration("60s"), Ok(60));
        assert_eq!(parse_duration("20m"), Ok(1200));
        assert_eq!(parse_duration("1h30m"), Ok(5400));
        assert_eq!(parse_duration("14d"), Ok(14 * 86_400));
        for text in [
            "",
            "60",
            "m",
            "30m1h",
            "1m1m",
            "1.5h",
            "-1s",
            "1 m",
            "99999999999999999999d",
            "300000000000000d",
            "1中",
        ] {
            parse_duration(text).expect_err(text);
        }
    }
}
