//! Sizes of memory and parts of cores.

const UNITS: [(&str, u32); 12] = [
    ("b", 0),
    ("k", 1),
    ("kb", 1),
    ("kib", 1),
    ("m", 2),
    ("mb", 2),
    ("mib", 2),
    ("g", 3),
    ("gb", 3),
    ("gib", 3),
    ("t", 4),
    ("tib", 4),
];

/// Bytes. All units are powers of 1024, as the engine has them; case does not count.
pub(crate) fn parse_size(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "write a size with its unit, such as 512m, 1g or 1GiB";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| FORM)?;
    let unit = unit.to_lowercase();
    let (_, power) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(FORM)?;
    1024_u64
        .pow(*power)
        .checked_mul(number)
        .ok_or("the size is larger than any machine")
}

/// Thousandths of a core from a decimal number with at most three places.
pub(crate) fn parse_cpus(text: &str) -> Result<u64, &'static str> {
    const FORM: &str = "write a number of cores, such as 2 or 0.5";
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(FORM);
    }
    if fraction.len() > 3 {
        return Err("write at most three places, such as 0.125");
    }
    let thousandths: u64 = format!("{fraction:0<3}").parse().map_err(|_| FORM)?;
    let whole: u64 = whole.parse().map_err(|_| FORM)?;
    whole
        .checked_mul(1000)
        .and_then(|millis| millis.checked_add(thousandths))
        .ok_or("there is no such machine")
}

#[cfg(test)]
mod tests {
    use super::{parse_cpus, parse_size};

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(parse_size("512m"), Ok(512 << 20));
        assert_eq!(parse_size("1g"), Ok(1 << 30));
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("100b"), Ok(100));
        for text in [
            "",
            "512",
            "m",
            "1.5g",
            "-1m",
            "1 g",
            "99999999999999999999t",
            "99999999999t",
        ] {
            parse_size(text).expect_err(text);
        }
    }

    #[test]
    fn cores_have_thousandths() {
        assert_eq!(parse_cpus("2"), Ok(2000));
        assert_eq!(parse_cpus("0.5"), Ok(500));
        assert_eq!(parse_cpus("1.125"), Ok(1125));
        for text in ["", ".5", "1.", "-1", "1e3", "0.12345", "99999999999999999999"] {
            parse_cpus(text).expect_err(text);
        }
    }
}
