//! When a recurring window is open, in the wall-clock time of an IANA time zone; and AWS's weekly windows in UTC.
//!
//! A window is open whenever the clock on the wall there shows a time in `[from, to)` on (or running over from) one of
//! its days. So a window inside the hour that daylight saving skips doesn't open that day, and one inside the hour
//! that repeats opens twice. Worked example, Asia/Seoul, `mon`, 22:00–02:00: open from Monday 13:00 UTC to Monday
//! 17:00 UTC, and not on Tuesday evening.

use super::intent::Window;
use crate::topology::WeeklyWindow;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// How far ahead an opening is looked for. Longer than a year, because two windows in different time zones may
/// overlap only while one of them has daylight saving time.
const HORIZON_DAYS: usize = 400;

/// Is it open at this moment?
pub fn contains(window: &Window, now: Timestamp) -> bool {
    let local = window.time_zone.to_datetime(now);
    let (date, time) = (local.date(), local.time());
    let starts_on = |date: Date| window.days.contains(&date.weekday());
    if window.from < window.to {
        return starts_on(date) && window.from <= time && time < window.to;
    }
    (starts_on(date) && time >= window.from) || (time < window.to && date.yesterday().is_ok_and(starts_on))
}

/// Disruption is allowed: inside one of `windows` (or there are none), and inside none of `deny`.
pub fn open(windows: &[Window], deny: &[Window], now: Timestamp) -> bool {
    (windows.is_empty() || windows.iter().any(|w| contains(w, now))) && !deny.iter().any(|w| contains(w, now))
}

/// The earliest moment from `now` on at which disruption is allowed; `None` when there is none within 400 days.
///
/// Exact: it can begin only where a wall clock reaches the start of a window or the end of a denied one, or jumps.
pub fn next_open(windows: &[Window], deny: &[Window], now: Timestamp) -> Option<Timestamp> {
    if open(windows, deny, now) {
        return Some(now);
    }
    let edges: Vec<(&TimeZone, Time)> = windows
        .iter()
        .map(|w| (&w.time_zone, w.from))
        .chain(deny.iter().map(|w| (&w.time_zone, w.to)))
        .collect();
    // A local date covers other dates of UTC, so each step looks at a day more on either side than it decides on.
    let mut from = now;
    for _ in 0..HORIZON_DAYS {
        let until = from.checked_add(SignedDuration::from_hours(24)).ok()?;
        let mut moments: Vec<Timestamp> = edges
            .iter()
            .flat_map(|(tz, time)| moments(tz, *time, from, until))
            .collect();
        moments.sort_unstable();
        if let Some(found) = moments.into_iter().find(|t| open(windows, deny, *t)) {
            return Some(found);
        }
        from = until;
    }
    None
}

/// When the wall clock there shows this time, or jumps, in `(from, until]`.
fn moments(tz: &TimeZone, time: Time, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let mut found: Vec<Timestamp> = tz
        .following(from)
        .map(|t| t.timestamp())
        .take_while(|t| *t <= until)
        .collect();
    let mut date = tz.to_datetime(from).date().yesterday().ok();
    let last = tz.to_datetime(until).date();
    while let Some(day) = date.filter(|d| *d <= last) {
        found.extend(instants(tz, day.to_datetime(time)));
        date = day.tomorrow().ok();
    }
    found.retain(|t| from < *t && *t <= until);
    found
}

/// The instants at which the wall clock there shows this: one, two (it repeats), or none (it is skipped).
fn instants(tz: &TimeZone, local: DateTime) -> Vec<Timestamp> {
    let offsets = match tz.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Gap { .. } => Vec::new(),
        AmbiguousOffset::Fold { before, after } => vec![before, after],
    };
    offsets
        .into_iter()
        .filter_map(|offset| offset.to_timestamp(local).ok())
        .collect()
}

const WEEK: i64 = 7 * 24 * 60 * 60;

/// When `now` is inside one of these weekly windows, or less than `lead` before one: until when that stays so.
pub fn weekly_until(windows: &[WeeklyWindow], lead: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    let until = |t: Timestamp| windows.iter().filter_map(|w| one_until(*w, lead, t)).max();
    let mut end = until(now)?;
    // The end of one may lie within another, or within another's lead. Windows that fill the week never end: two
    // weeks ahead is far enough to say so.
    while let Some(later) = until(end) {
        if later <= end || later.duration_since(now) > SignedDuration::from_secs(2 * WEEK) {
            break;
        }
        end = later;
    }
    Some(end)
}

fn one_until(window: WeeklyWindow, lead: SignedDuration, now: Timestamp) -> Option<Timestamp> {
    let (start, end) = (
        i64::from(window.start_minute) * 60,
        i64::from(window.end_minute) * 60,
    );
    // AWS's windows last an hour at least; equal ends can only mean the whole week.
    let length = match (end - start).rem_euclid(WEEK) {
        0 => WEEK,
        length => length,
    };
    let closed_for = (length + lead.as_secs()).min(WEEK);
    let second = second_of_week(now);
    let since_start = (second - (start - lead.as_secs())).rem_euclid(WEEK);
    if since_start >= closed_for {
        return None;
    }
    let whole = Timestamp::from_second(now.as_second()).ok()?;
    whole
        .checked_add(SignedDuration::from_secs(closed_for - since_start))
        .ok()
}

/// Seconds since Monday 00:00 UTC. The epoch was a Thursday.
fn second_of_week(now: Timestamp) -> i64 {
    (now.as_second() + 3 * 24 * 60 * 60).rem_euclid(WEEK)
}
