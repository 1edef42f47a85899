//! Windows in named time zones, against a minute-by-minute reading of the wall clock.

use crate::support::{EVERY_DAY, at, minutes, window};
use evenkeel::plan::intent::Window;
use evenkeel::plan::windows::{contains, next_open, open, weekly_until};
use evenkeel::topology::WeeklyWindow;
use jiff::civil::Weekday::{Friday, Monday, Saturday, Sunday};
use jiff::{SignedDuration, Timestamp};

#[test]
fn a_window_across_midnight_in_seoul_belongs_to_the_day_on_which_it_starts() {
    let w = window(&[Monday], "22:00", "02:00", "Asia/Seoul");
    // Monday 22:00 in Seoul is 13:00 UTC.
    for (time, inside) in [
        ("2026-03-02T12:59:59Z", false),
        ("2026-03-02T13:00:00Z", true),
        ("2026-03-02T15:00:00Z", true),
        ("2026-03-02T16:59:59Z", true),
        ("2026-03-02T17:00:00Z", false),
        // Tuesday's evening and the early hours of Monday are not in it.
        ("2026-03-03T13:00:00Z", false),
        ("2026-03-01T16:00:00Z", false),
    ] {
        assert_eq!(contains(&w, at(time)), inside, "{time}");
    }
}

#[test]
fn a_window_from_a_time_to_the_same_time_lasts_a_day() {
    let w = window(&[Friday], "09:00", "09:00", "UTC");
    assert!(contains(&w, at("2026-03-06T09:00:00Z")));
    assert!(contains(&w, at("2026-03-07T08:59:59Z")));
    assert!(!contains(&w, at("2026-03-07T09:00:00Z")));
    assert!(!contains(&w, at("2026-03-06T08:59:59Z")));
}

#[test]
fn a_window_inside_the_skipped_hour_does_not_open_that_day_and_one_inside_the_repeated_hour_opens_twice() {
    let w = window(&EVERY_DAY, "02:15", "02:45", "Europe/Berlin");
    let opened = |from: &str| {
        let from = at(from);
        (0..24 * 60).filter(|m| contains(&w, from + minutes(*m))).count()
    };
    // Clocks went from 02:00 to 03:00 on 29 March 2026 and will go from 03:00 to 02:00 on 25 October 2026.
    assert_eq!(opened("2026-03-28T23:00:00Z"), 0);
    assert_eq!(opened("2026-03-29T22:00:00Z"), 30);
    assert_eq!(opened("2026-10-24T22:00:00Z"), 60);
}

#[test]
fn the_next_opening_is_now_when_it_is_open() {
    let now = at("2026-03-02T12:00:00.5Z");
    assert_eq!(next_open(&[], &[], now), Some(now));
    let w = window(&[Monday], "12:00", "13:00", "UTC");
    assert_eq!(next_open(&[w], &[], now), Some(now));
}

#[test]
fn the_next_opening_waits_for_the_window_and_for_the_end_of_a_denied_one() {
    let w = window(&[Monday], "09:00", "17:00", "Asia/Seoul");
    let deny = window(&EVERY_DAY, "08:00", "12:30", "Asia/Seoul");
    assert_eq!(
        next_open(&[w], &[deny], at("2026-03-02T12:00:00Z")),
        Some(at("2026-03-09T03:30:00Z"))
    );
}

#[test]
fn windows_that_leave_no_time_never_open() {
    let w = window(&[Monday], "09:00", "10:00", "UTC");
    let deny = window(&[Monday], "08:00", "11:00", "UTC");
    assert_eq!(next_open(&[w], &[deny], at("2026-03-02T12:00:00Z")), None);
}

#[test]
fn an_opening_that_only_daylight_saving_time_makes_is_found_months_ahead() {
    // 10:00 in Berlin is 09:00 UTC in winter and 08:00 UTC in summer; the denied hour stays at 09:00 UTC.
    let w = window(&EVERY_DAY, "10:00", "11:00", "Europe/Berlin");
    let deny = window(&EVERY_DAY, "09:00", "10:00", "UTC");
    assert_eq!(
        next_open(&[w], &[deny], at("2026-10-26T12:00:00Z")),
        Some(at("2027-03-28T08:00:00Z"))
    );
}

/// The definition itself: the wall clock, minute by minute, written without the code under test.
fn wall_clock_says(w: &Window, t: Timestamp) -> bool {
    let local = t.to_zoned(w.time_zone.clone());
    let minute = |time: jiff::civil::Time| i64::from(time.hour()) * 60 + i64::from(time.minute());
    let (now, from, to) = (minute(local.time()), minute(w.from), minute(w.to));
    let today = w.days.contains(&local.weekday());
    let yesterday = w.days.contains(&local.date().yesterday().unwrap().weekday());
    if from < to {
        today && (from..to).contains(&now)
    } else {
        (today && now >= from) || (yesterday && now < to)
    }
}

fn brute_force(windows: &[Window], deny: &[Window], from: Timestamp, span: i64) {
    let allowed: Vec<bool> = (0..=span)
        .map(|m| {
            let t = from + minutes(m);
            (windows.is_empty() || windows.iter().any(|w| wall_clock_says(w, t)))
                && !deny.iter().any(|w| wall_clock_says(w, t))
        })
        .collect();
    let mut next = None;
    for m in (0..=span).rev() {
        let t = from + minutes(m);
        let is_open = allowed[usize::try_from(m).unwrap()];
        assert_eq!(open(windows, deny, t), is_open, "{t}");
        if is_open {
            next = Some(t);
        }
        // Each hour and around the edges; every minute would only cost time.
        if let Some(next) = next
            && (m % 37 == 0 || is_open)
        {
            assert_eq!(next_open(windows, deny, t), Some(next), "from {t}");
        }
    }
}

#[test]
fn openings_agree_with_a_minute_by_minute_reading_across_the_changes_of_the_clock() {
    let changes = [
        ("Europe/Berlin", "2026-03-27T12:00:00Z"),
        ("Europe/Berlin", "2026-10-23T12:00:00Z"),
        ("America/New_York", "2026-03-06T12:00:00Z"),
        ("America/New_York", "2026-10-30T12:00:00Z"),
        // Clocks there change at midnight.
        ("America/Havana", "2026-03-06T12:00:00Z"),
        ("America/Havana", "2026-10-30T12:00:00Z"),
        // By half an hour.
        ("Australia/Lord_Howe", "2026-04-03T12:00:00Z"),
        ("Australia/Lord_Howe", "2026-10-02T12:00:00Z"),
        ("Asia/Seoul", "2026-03-06T12:00:00Z"),
    ];
    let times = [
        ("22:00", "02:00"),
        ("02:15", "02:45"),
        ("01:00", "02:30"),
        ("02:30", "04:00"),
        ("23:30", "00:30"),
        ("00:00", "01:00"),
    ];
    for (zone, from) in changes {
        for (open, close) in times {
            let w = window(&[Saturday, Sunday], open, close, zone);
            brute_force(std::slice::from_ref(&w), &[], at(from), 4 * 24 * 60);
            brute_force(&[], &[w], at(from), 4 * 24 * 60);
        }
        let w = window(&EVERY_DAY, "01:30", "03:30", zone);
        let deny = window(&EVERY_DAY, "06:00", "07:30", "UTC");
        brute_force(&[w], &[deny], at(from), 4 * 24 * 60);
    }
}

#[test]
fn a_weekly_window_holds_from_an_hour_before_to_its_end_across_the_week() {
    // sun:23:00-mon:01:30
    let window = WeeklyWindow {
        start_minute: 6 * 1440 + 23 * 60,
        end_minute: 90,
    };
    let hour = SignedDuration::from_hours(1);
    let until = |t: &str| weekly_until(&[window], hour, at(t));
    let end = Some(at("2026-03-02T01:30:00Z"));
    assert_eq!(until("2026-03-01T21:59:59Z"), None);
    assert_eq!(until("2026-03-01T22:00:00Z"), end);
    assert_eq!(until("2026-03-01T23:30:00Z"), end);
    assert_eq!(until("2026-03-02T00:00:00.7Z"), end);
    assert_eq!(until("2026-03-02T01:29:59Z"), end);
    assert_eq!(until("2026-03-02T01:30:00Z"), None);
    assert_eq!(weekly_until(&[], hour, at("2026-03-02T00:00:00Z")), None);
}

#[test]
fn weekly_windows_that_touch_hold_until_the_last_one_ends() {
    let window = |start: u16, end: u16| WeeklyWindow {
        start_minute: start * 60,
        end_minute: end * 60,
    };
    let hour = SignedDuration::from_hours(1);
    let two = [window(4, 5), window(6, 7)];
    assert_eq!(
        weekly_until(&two, hour, at("2026-03-02T04:30:00Z")),
        Some(at("2026-03-02T07:00:00Z"))
    );
    let whole_week = [window(0, 0)];
    assert!(weekly_until(&whole_week, hour, at("2026-03-02T04:30:00Z")).is_some());
}
