//! Weekly maintenance windows, `ddd:hh24:mi-ddd:hh24:mi` in UTC (API shape `CacheCluster`).

use crate::topology::WeeklyWindow;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `sun:23:00-mon:01:30`; `None` for anything else.
pub fn weekly_window(text: &str) -> Option<WeeklyWindow> {
    let (start, end) = text.trim().split_once('-')?;
    Some(WeeklyWindow {
        start_minute: minute_of_week(start)?,
        end_minute: minute_of_week(end)?,
    })
}

fn minute_of_week(text: &str) -> Option<u16> {
    let mut parts = text.split(':');
    let (day, hour, minute) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let day = u16::try_from(DAYS.iter().position(|d| d.eq_ignore_ascii_case(day))?).ok()?;
    let hour: u16 = hour.parse().ok().filter(|h| *h < 24)?;
    let minute: u16 = minute.parse().ok().filter(|m| *m < 60)?;
    Some(day * 1440 + hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("mon:00:00-mon:01:00", Some((0, 60)))]
    #[case("sun:23:00-mon:01:30", Some((10_020, 90)))]
    #[case("Wed:05:30-wed:06:30", Some((3_210, 3_270)))]
    #[case("sun:24:00-mon:01:30", None)]
    #[case("sun:23:60-mon:01:30", None)]
    #[case("23:00-01:30", None)]
    #[case("someday:23:00-mon:01:30", None)]
    #[case("sun:23:00:00-mon:01:30", None)]
    #[case("", None)]
    fn windows_count_minutes_since_monday(#[case] text: &str, #[case] wanted: Option<(u16, u16)>) {
        assert_eq!(
            weekly_window(text).map(|w| (w.start_minute, w.end_minute)),
            wanted
        );
    }
}
