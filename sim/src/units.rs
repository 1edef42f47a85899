//! Small values that people write in world files and control requests.
//!
//! [`Span`] is a duration written as `8m`, `1h 30m`, `PT8M` or a number of seconds; [`Moment`] is either an instant
//! (RFC 3339) or an offset from a base instant that the reader knows. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A non-negative duration of simulated time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Span(pub SignedDuration);

impl Span {
    /// A span of whole seconds.
    pub const fn secs(seconds: i64) -> Self {
        Self(SignedDuration::from_secs(seconds))
    }

    /// A span between nothing and ten years, which no sum of instants overflows.
    fn sensible(span: SignedDuration) -> Option<Self> {
        let ten_years = SignedDuration::from_hours(10 * 366 * 24);
        (!span.is_negative() && span <= ten_years).then_some(Self(span))
    }

    /// A span of whole minutes.
    pub const fn mins(minutes: i64) -> Self {
        Self(SignedDuration::from_secs(minutes * 60))
    }
}

/// `at` and `span` later, or the end of the calendar.
pub fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(if span.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed: SignedDuration = text
            .trim()
            .parse()
            .map_err(|_| format!("`{text}` is not a duration; write 90s, 8m or 1h 30m"))?;
        Self::sensible(parsed).ok_or_else(|| format!("`{text}` is not between 0s and ten years"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as 90s, 8m or 1h 30m, or a number of seconds")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Span, E> {
                let seconds = i64::try_from(seconds).map_err(E::custom)?;
                Span::sensible(SignedDuration::from_secs(seconds))
                    .ok_or_else(|| E::custom(format!("{seconds} s is longer than ten years")))
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Span, E> {
                u64::try_from(seconds)
                    .map_err(E::custom)
                    .and_then(|s| self.visit_u64(s))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Span, E> {
                SignedDuration::try_from_secs_f64(seconds)
                    .ok()
                    .and_then(Span::sensible)
                    .ok_or_else(|| E::custom(format!("{seconds} is not a number of seconds")))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// An instant, or an offset from a base that the reader supplies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Moment {
    /// RFC 3339.
    At(Timestamp),
    /// After the base instant.
    After(Span),
}

impl Moment {
    /// The instant meant, given what offsets count from.
    pub fn resolve(self, base: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(span) => later(base, span.0),
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        text.parse().map(Self::After).map_err(|_| {
            D::Error::custom(format!(
                "`{text}` is neither an RFC 3339 instant nor a duration such as 30m"
            ))
        })
    }
}

/// An instant as the simulator prints it everywhere: RFC 3339, UTC, milliseconds.
pub fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Whole and fractional seconds since the Unix epoch, exact to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 stay far below 2^53"
)]
pub fn epoch_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The instant that a number of epoch seconds means, to the millisecond; `None` outside the calendar.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before the cast"
)]
pub fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    let in_range = millis.abs() < 1e15;
    in_range
        .then(|| Timestamp::from_millisecond(millis as i64).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        assert_eq!("8m".parse::<Span>(), Ok(Span::mins(8)));
        assert_eq!("1h 30m".parse::<Span>(), Ok(Span::mins(90)));
        assert_eq!(serde_json::from_str::<Span>("90").unwrap(), Span::secs(90));
        assert!("-5m".parse::<Span>().is_err());
        assert!("99999999h".parse::<Span>().is_err());
        assert!("soon".parse::<Span>().is_err());
    }

    #[test]
    fn moments_are_instants_or_offsets() {
        let base: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let offset: Moment = serde_json::from_str("\"30m\"").unwrap();
        assert_eq!(stamp(offset.resolve(base)), "2026-03-02T00:30:00.000Z");
        let instant: Moment = serde_json::from_str("\"2026-03-02T05:00:00Z\"").unwrap();
        assert_eq!(stamp(instant.resolve(base)), "2026-03-02T05:00:00.000Z");
    }

    #[test]
    fn epoch_seconds_keep_milliseconds() {
        let at: Timestamp = "2026-03-02T00:00:00.123Z".parse().unwrap();
        assert_eq!(from_epoch_seconds(epoch_seconds(at)), Some(at));
        assert_eq!(from_epoch_seconds(f64::NAN), None);
    }
}
