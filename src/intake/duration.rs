//! Durations as Go and Kubernetes write them: `30m`, `1h30m`, `500ms`, `1.5h`.

use jiff::SignedDuration;

/// The longest that a manifest may ask for: a year.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(8784);

/// What to write instead.
pub(super) const REMEDY: &str =
    "write a duration such as 30m, 1h30m or 500ms (units: h, m, s, ms), at most a year";

/// `Err` says what is wrong, as the end of a sentence that begins with the value.
pub(super) fn parse(text: &str) -> Result<SignedDuration, String> {
    let mut rest = text;
    let mut nanoseconds: i128 = 0;
    if rest.is_empty() {
        return Err("is no duration".to_owned());
    }
    while !rest.is_empty() {
        let (part, after) = one_part(rest)?;
        nanoseconds += part;
        rest = after;
    }
    if nanoseconds > LONGEST.as_nanos() {
        return Err("is longer than a year".to_owned());
    }
    Ok(SignedDuration::from_nanos_i128(nanoseconds))
}

/// A number with its unit at the front of the text, in nanoseconds, and what follows it.
fn one_part(text: &str) -> Result<(i128, &str), String> {
    if text.starts_with('-') {
        return Err("is negative".to_owned());
    }
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(|| "has a number without a unit".to_owned())?;
    let (number, rest) = text.split_at(unit_at);
    let (whole, fraction) = number
        .split_once('.')
        .map_or((number, None), |(w, f)| (w, Some(f)));
    let digits = |s: &str| (1..=9).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return Err("is no duration".to_owned());
    }
    let unit_end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    let unit: i128 = match unit {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        "d" | "w" | "day" | "days" => {
            return Err("uses days, which are not the same length everywhere (write 24h)".to_owned());
        }
        _ => return Err("has an unknown unit".to_owned()),
    };
    let value = |s: &str| s.parse::<i128>().unwrap_or_default();
    let mut nanoseconds = value(whole) * unit;
    if let Some(fraction) = fraction {
        let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(9));
        nanoseconds += value(fraction) * unit / scale;
    }
    Ok((nanoseconds, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubernetes_writes() {
        for (text, milliseconds) in [
            ("30m", 1_800_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("1.5h", 5_400_000),
            ("0s", 0),
            ("1m0.25s", 60_250),
            ("8784h", 31_622_400_000),
        ] {
            assert_eq!(
                parse(text),
                Ok(SignedDuration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, what) in [
            ("", "is no duration"),
            ("30", "has a number without a unit"),
            ("-5m", "is negative"),
            ("5m-3s", "is negative"),
            ("PT30M", "is no duration"),
            ("30 m", "has an unknown unit"),
            ("m", "is no duration"),
            ("1.h", "is no duration"),
            ("1..5h", "is no duration"),
            (
                "1d",
                "uses days, which are not the same length everywhere (write 24h)",
            ),
            ("3µs", "has an unknown unit"),
            ("8785h", "is longer than a year"),
            ("99999999999h", "is no duration"),
        ] {
            assert_eq!(parse(text), Err(what.to_owned()), "{text}");
        }
    }
}
