//! Weekly maintenance windows, `ddd:hh:mm-ddd:hh:mm` in UTC.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

const MINUTES_A_WEEK: i64 = 7 * 24 * 60;

/// Minutes of the week (from Monday 00:00 UTC) at which a window opens and closes.
pub fn parse(text: &str) -> Result<(i64, i64), String> {
    let problem =
        || format!("`{text}` is not a window; write ddd:hh:mm-ddd:hh:mm, such as sun:23:00-mon:01:30");
    let (from, to) = text.split_once('-').ok_or_else(problem)?;
    let (from, to) = (minute(from).ok_or_else(problem)?, minute(to).ok_or_else(problem)?);
    if (to - from).rem_euclid(MINUTES_A_WEEK) < 60 {
        return Err(format!("`{text}` is shorter than 60 minutes"));
    }
    Ok((from, to))
}

fn minute(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .iter()
        .position(|day| {
            parts
                .clone()
                .next()
                .is_some_and(|text| text.eq_ignore_ascii_case(day))
        })?;
    parts.next();
    let hour: i64 = parts.next()?.parse().ok().filter(|hour| (0..24).contains(hour))?;
    let minute: i64 = parts
        .next()?
        .parse()
        .ok()
        .filter(|minute| (0..60).contains(minute))?;
    parts
        .next()
        .is_none()
        .then_some(i64::try_from(day).ok()? * 1440 + hour * 60 + minute)
}

/// The next opening of a window, strictly after `now`.
pub fn next_opening(window: &str, now: Timestamp) -> Option<Timestamp> {
    let (opens, _) = parse(window).ok()?;
    let civil = now.to_zoned(TimeZone::UTC);
    let midnight = civil.start_of_day().ok()?.timestamp();
    let today = i64::from(civil.weekday().since(Weekday::Monday)) * 1440;
    let passed = now.duration_since(midnight).as_secs();
    let ahead = (opens - today) * 60 - passed;
    let ahead = if ahead <= 0 {
        ahead + MINUTES_A_WEEK * 60
    } else {
        ahead
    };
    now.checked_add(SignedDuration::from_secs(ahead)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_opening_is_within_a_week() {
        let monday: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let next = |now: Timestamp| next_opening("sun:23:00-mon:01:30", now).unwrap().to_string();
        assert_eq!(next(monday), "2026-03-08T23:00:00Z");
        assert_eq!(
            next("2026-03-08T23:00:00Z".parse().unwrap()),
            "2026-03-15T23:00:00Z"
        );
        assert_eq!(
            next("2026-03-08T22:59:00Z".parse().unwrap()),
            "2026-03-08T23:00:00Z"
        );
    }

    #[test]
    fn windows_shorter_than_an_hour_are_refused() {
        assert!(parse("mon:01:00-mon:01:30").unwrap_err().contains("60 minutes"));
        assert!(parse("monday").is_err());
        assert_eq!(parse("sun:23:00-mon:01:30"), Ok((6 * 1440 + 23 * 60, 90)));
    }
}
