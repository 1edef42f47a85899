//! When it is calm enough for disruption: quiet periods, acknowledgements, windows; and that none of them keeps
//! redundancy from being restored.

use crate::support::*;
use evenkeel::plan::Guardrail;
use evenkeel::plan::history::ZoneMemory;
use evenkeel::topology::{FailoverClass, ZoneState};
use jiff::Timestamp;
use jiff::civil::Weekday::{Monday, Tuesday};

fn quiet_until(scene: &Scene) -> Option<Timestamp> {
    let holds = scene.holds(&[move_primary("0001")]);
    let hold = holds.iter().find(|h| h.guardrail == Guardrail::QuietPeriod)?;
    assert!(hold.retry_at.is_some());
    hold.retry_at
}

#[test]
fn the_quiet_period_counts_from_the_latest_unrest() {
    let expected = Some(at("2026-03-02T12:20:00Z"));
    let failover_at = |minutes: i64, class: FailoverClass| {
        skewed().with(|s| {
            s.history
                .failovers
                .push(failover("f", "0002", minutes_ago(minutes), class));
            s.history.acknowledged.insert("f".to_owned());
        })
    };
    for class in [
        FailoverClass::Person,
        FailoverClass::Provider,
        FailoverClass::Unknown,
    ] {
        assert_eq!(quiet_until(&failover_at(10, class)), expected, "{class:?}");
        assert_eq!(quiet_until(&failover_at(30, class)), None, "{class:?}");
    }
    let memory = |minutes: i64| {
        let memory = ZoneMemory {
            state: ZoneState::Healthy,
            left_trouble: Some(minutes_ago(minutes)),
        };
        skewed().with(|s| {
            s.history.zones.insert("a".into(), memory);
        })
    };
    assert_eq!(quiet_until(&memory(10)), expected);
    assert_eq!(quiet_until(&memory(30)), None);
    let returned =
        |minutes: i64| skewed().with(|s| s.zone("a", ZoneState::Healthy, Some(minutes_ago(minutes))));
    assert_eq!(quiet_until(&returned(10)), expected);
    assert_eq!(quiet_until(&returned(30)), None);
    let recovered =
        |minutes: i64| skewed().with(|s| s.history.last_foreign_recovery = Some(minutes_ago(minutes)));
    assert_eq!(quiet_until(&recovered(10)), expected);
    assert_eq!(quiet_until(&recovered(30)), None);
    let all = recovered(25).with(|s| {
        s.history.failovers = failover_at(20, FailoverClass::Provider).history.failovers;
        s.zone("a", ZoneState::Healthy, Some(minutes_ago(10)));
    });
    assert_eq!(quiet_until(&all), expected);
}

#[test]
fn a_zone_that_is_still_in_trouble_has_not_begun_its_quiet_period() {
    let scene = skewed().with(|s| s.zone("a", ZoneState::Impaired, Some(minutes_ago(5))));
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::ZoneHealth]);
}

#[test]
fn our_own_failovers_and_a_start_up_do_not_restart_the_quiet_period() {
    let own = skewed().with(|s| {
        s.history
            .failovers
            .push(failover("f", "0002", minutes_ago(1), FailoverClass::Own));
    });
    assert_eq!(own.held_by(&move_primary("0001")), []);
    // Just started: every zone has been as it is for longer than anybody remembers.
    assert_eq!(skewed().held_by(&move_primary("0001")), []);
}

#[test]
fn after_a_long_outage_there_is_no_failback_in_the_instant_of_return() {
    let scene = skewed().with(|s| {
        // The failover was two hours ago, the zone came back this minute.
        s.history
            .failovers
            .push(failover("f", "0001", minutes_ago(120), FailoverClass::Provider));
        s.zone("a", ZoneState::Healthy, Some(now()));
    });
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::QuietPeriod]);
    assert_eq!(quiet_until(&scene), Some(at("2026-03-02T12:30:00Z")));
    let later = scene.with(|s| s.now = at("2026-03-02T12:29:59Z"));
    assert!(
        later
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::QuietPeriod)
    );
}

#[test]
fn a_persons_failover_is_not_undone_until_it_is_acknowledged() {
    let by = |class: FailoverClass| {
        skewed().with(|s| {
            s.history
                .failovers
                .push(failover("fo-1", "0002", minutes_ago(5_000), class));
        })
    };
    for class in [FailoverClass::Person, FailoverClass::Unknown] {
        let scene = by(class);
        // Of the whole component, not just of the shard that failed over.
        assert_eq!(
            scene.held_by(&move_primary("0001")),
            [Guardrail::Acknowledgement],
            "{class:?}"
        );
        let hold = scene.hold(Guardrail::Acknowledgement, &move_primary("0002"));
        assert_eq!(hold.retry_at, None);
        assert!(
            hold.reason.ends_with("evenkeel.dev/acknowledge: fo-1"),
            "{}",
            hold.reason
        );
        assert_eq!(scene.held_by(&add("0001", "a")), []);
        let recorded = scene.clone().with(|s| {
            s.history.acknowledged.insert("fo-1".to_owned());
        });
        assert_eq!(recorded.held_by(&move_primary("0001")), []);
        let annotated = scene.with(|s| {
            s.intent.annotations.acknowledge.insert("fo-1".to_owned());
        });
        assert_eq!(annotated.held_by(&move_primary("0001")), []);
    }
    for class in [FailoverClass::Own, FailoverClass::Provider] {
        assert_eq!(by(class).held_by(&move_primary("0001")), [], "{class:?}");
    }
}

#[test]
fn acknowledging_the_newest_failover_covers_the_earlier_ones_and_no_later_one() {
    let scene = skewed().with(|s| {
        for (id, ago) in [("old", 9_000), ("middle", 8_000), ("new", 7_000)] {
            let f = failover(id, "0001", minutes_ago(ago), FailoverClass::Person);
            s.history.failovers.push(f);
        }
    });
    let acknowledged = |id: &str| {
        scene
            .clone()
            .with(|s| {
                s.history.acknowledged.insert(id.to_owned());
            })
            .held_by(&move_primary("0001"))
    };
    assert_eq!(acknowledged("new"), []);
    assert_eq!(acknowledged("middle"), [Guardrail::Acknowledgement]);
    assert_eq!(acknowledged("old"), [Guardrail::Acknowledgement]);
}

#[test]
fn a_persons_failover_is_remembered_until_acknowledged_however_many_follow() {
    let mut scene = skewed().with(|s| {
        let f = failover("person", "0001", minutes_ago(9_000), FailoverClass::Person);
        s.history.failovers.push(f);
        for i in 0..30 {
            let f = failover(
                &format!("own-{i}"),
                "0001",
                minutes_ago(8_000 - i),
                FailoverClass::Own,
            );
            s.history.failovers.push(f);
        }
    });
    let absorb = |s: &Scene| evenkeel::observe::memory::absorb(&s.history, &s.topology, &[], s.now);
    scene.history = absorb(&scene);
    assert_eq!(scene.history.failovers.len(), 20);
    assert_eq!(scene.history.failovers[0].id, "person");
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::Acknowledgement]);
    scene.history.acknowledged.insert("person".to_owned());
    scene
        .history
        .failovers
        .push(failover("own-30", "0001", minutes_ago(7_000), FailoverClass::Own));
    scene.history = absorb(&scene);
    assert_eq!(scene.history.failovers[0].id, "own-11");
}

#[test]
fn a_failover_of_another_component_needs_no_acknowledgement_here() {
    let scene = skewed().with(|s| {
        let mut f = failover("f", "0001", minutes_ago(5_000), FailoverClass::Person);
        f.component = "other".into();
        s.history.failovers.push(f);
    });
    assert_eq!(scene.held_by(&move_primary("0001")), []);
}

#[test]
fn disruption_happens_only_inside_a_window_when_there_are_any() {
    let scene = skewed().with(|s| {
        s.intent.guardrails.windows = vec![window(&[Tuesday], "01:00", "03:00", "Asia/Seoul")];
    });
    let hold = scene.hold(Guardrail::Window, &move_primary("0001"));
    assert_eq!(hold.retry_at, Some(at("2026-03-02T16:00:00Z")));
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::Window]);
    assert_eq!(scene.held_by(&add("0001", "a")), []);
    let open = scene.with(|s| s.now = at("2026-03-02T16:00:00Z"));
    assert!(!open.held_by(&move_primary("0001")).contains(&Guardrail::Window));
}

#[test]
fn nothing_disruptive_happens_inside_a_denied_window_across_midnight_in_seoul() {
    // 12:00 UTC is 21:00 in Seoul.
    let scene = skewed().with(|s| {
        s.intent.guardrails.deny_windows = vec![window(&[Monday], "20:00", "06:00", "Asia/Seoul")];
    });
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::DenyWindow]);
    let hold = scene.hold(Guardrail::DenyWindow, &move_primary("0001"));
    assert_eq!(hold.retry_at, Some(at("2026-03-02T21:00:00Z")));
    assert_eq!(scene.held_by(&add("0001", "a")), []);
    let after_midnight = scene.with(|s| s.now = at("2026-03-02T18:00:00Z"));
    assert!(
        after_midnight
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::DenyWindow)
    );
}

#[test]
fn windows_that_leave_no_time_say_so_and_promise_no_retry() {
    let scene = skewed().with(|s| {
        s.intent.guardrails.windows = vec![window(&[Tuesday], "01:00", "03:00", "UTC")];
        s.intent.guardrails.deny_windows = vec![window(&EVERY_DAY, "00:00", "00:00", "UTC")];
    });
    for guardrail in [Guardrail::Window, Guardrail::DenyWindow] {
        let hold = scene.hold(guardrail, &move_primary("0001"));
        assert_eq!(hold.retry_at, None);
        assert!(hold.reason.contains("guardrails.denyWindows"), "{}", hold.reason);
    }
}

#[test]
fn restoring_redundancy_is_never_blocked_by_windows_quiet_periods_or_maintenance() {
    let scene = scene("a c d", &["a:P c:r"]).with(|s| {
        s.intent.guardrails.windows = vec![window(&[Tuesday], "01:00", "03:00", "UTC")];
        s.intent.guardrails.deny_windows = vec![window(&EVERY_DAY, "00:00", "00:00", "UTC")];
        s.history.last_foreign_recovery = Some(now());
        s.history
            .failovers
            .push(failover("f", "0001", now(), FailoverClass::Person));
        s.cache().maintenance_windows = vec![evenkeel::topology::WeeklyWindow {
            start_minute: 0,
            end_minute: 0,
        }];
        s.zone("a", ZoneState::Impaired, Some(minutes_ago(20)));
        s.node("cache-0001-001").health = evenkeel::topology::Health::Down;
    });
    assert_eq!(scene.held_by(&add("0001", "d")), []);
    let disruptive = scene.held_by(&move_primary("0001"));
    for guardrail in [
        Guardrail::Window,
        Guardrail::DenyWindow,
        Guardrail::QuietPeriod,
        Guardrail::Acknowledgement,
        Guardrail::ProviderMaintenance,
        Guardrail::ZoneHealth,
        Guardrail::Redundancy,
    ] {
        assert!(disruptive.contains(&guardrail), "{guardrail:?}");
    }
}
