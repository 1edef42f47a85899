//! What survives the loss of which zone, and what that would cost.

use crate::support::*;
use evenkeel::plan::Guardrail;
use evenkeel::plan::intent::Objectives;
use evenkeel::plan::judge::{verdicts, zone_reports};
use evenkeel::topology::survival::Survival::{self, Degraded, Lost, Survives, Unknown};
use evenkeel::topology::{
    ClusterMode, Durability, FailoverClass, Gap, Health, ResourceStatus, Role, Switch, ZoneState,
};
use jiff::SignedDuration;

#[test]
fn a_zone_is_survived_when_every_shard_keeps_a_copy_that_aws_would_promote() {
    let table = [
        // zones, shards, verdict without a, verdict without c
        ("a c", vec!["a:P c:r"], Survives, Survives),
        ("a c", vec!["a:P c:r", "c:P a:r"], Survives, Survives),
        ("a c", vec!["a:P a:r"], Lost, Survives),
        ("a c", vec!["a:P"], Lost, Survives),
        ("a c", vec!["a:P c:r", "a:P"], Lost, Survives),
        ("a c", vec!["a:P c:r!"], Lost, Survives),
        ("a c", vec!["a:P c:r+"], Lost, Survives),
        ("a! c", vec!["a:r! c:P"], Survives, Lost),
        ("a! c", vec!["a:P! c:r"], Survives, Lost),
        ("a c d", vec!["a:P c:r+ d:r"], Survives, Survives),
        ("a c", vec!["a:P! c:r!"], Lost, Lost),
    ];
    for (zones, shards, without_a, without_c) in table {
        let scene = scene(zones, &shards);
        assert_eq!(scene.verdict("a").verdict, without_a, "{shards:?} without a");
        assert_eq!(scene.verdict("c").verdict, without_c, "{shards:?} without c");
    }
}

#[test]
fn a_copy_in_a_local_zone_goes_with_whichever_zone_is_lost() {
    const LAX: &str = "us-west-2-lax-1a";
    let table = [
        // shards, verdict without a, without c, without the Local Zone
        ("a:P us-west-2-lax-1a:r", Lost, Survives, Survives),
        ("us-west-2-lax-1a:P a:r", Lost, Survives, Survives),
        ("us-west-2-lax-1a:P us-west-2-lax-1b:r", Lost, Lost, Lost),
        ("a:P c:r us-west-2-lax-1a:r", Survives, Survives, Survives),
        (
            "us-west-2-lax-1a:P! us-west-2-lax-1b:r! a:r",
            Lost,
            Survives,
            Survives,
        ),
    ];
    for (shard, without_a, without_c, without_lax) in table {
        let scene = scene("a c", &[shard]);
        assert_eq!(scene.verdict("a").verdict, without_a, "{shard} without a");
        assert_eq!(scene.verdict("c").verdict, without_c, "{shard} without c");
        if shard.contains(&format!("{LAX}:")) {
            assert_eq!(
                scene.verdict(LAX).verdict,
                without_lax,
                "{shard} without the Local Zone"
            );
        }
    }
}

#[test]
fn a_zone_outside_the_spec_in_which_nodes_stand_is_judged_too() {
    let scene = scene("a b c", &["c:P a:r", "c:P"]).with(|s| {
        s.intent.zones.remove(&"c".into());
    });
    assert_eq!(scene.verdict("c").verdict, Lost);
    let input = scene.input();
    let zones = zone_reports(&input, &verdicts(&input));
    let told: Vec<_> = zones
        .iter()
        .map(|(z, r)| (z.as_str(), r.in_spec, r.verdict))
        .collect();
    assert_eq!(
        told,
        [("a", true, Survives), ("b", true, Survives), ("c", false, Lost)]
    );
}

#[test]
fn without_automatic_failover_a_primary_lost_with_its_zone_is_not_replaced() {
    let off =
        |switch: Switch| scene("a c", &["a:P c:r"]).with(|s| s.cache().settings.automatic_failover = switch);
    assert_eq!(off(Switch::Disabled).verdict("a").verdict, Lost);
    assert_eq!(
        off(Switch::Disabled).verdict("a").reason,
        "Automatic failover is off: nothing would promote the healthy copy of shard 0001 outside a."
    );
    assert_eq!(off(Switch::Disabled).verdict("c").verdict, Survives);
    assert_eq!(off(Switch::Enabling).verdict("a").verdict, Unknown);
    assert_eq!(off(Switch::Disabling).verdict("a").verdict, Unknown);
}

#[test]
fn without_multi_az_a_failover_between_zones_is_not_promised_so_it_is_degraded() {
    let scene = scene("a c", &["a:P c:r"]).with(|s| {
        s.cache().settings.multi_az = Switch::Disabled;
        s.cache().settings.cluster_mode = ClusterMode::Disabled;
    });
    assert_eq!(scene.verdict("a").verdict, Degraded);
    assert_eq!(
        scene.verdict("a").reason,
        "Shard 0001 fails over to a healthy copy outside a. A promise is missed: Multi-AZ is off, and AWS promises a \
         failover between zones only with it."
    );
    assert_eq!(scene.verdict("c").verdict, Survives);
}

#[test]
fn an_unknown_role_makes_the_verdict_unknown_only_where_it_decides() {
    // With automatic failover both answers are the same, whichever node is the primary.
    let both = scene("a c", &["a:? c:?"]);
    assert_eq!(both.verdict("a").verdict, Survives);
    assert_eq!(both.verdict("a").expected_recovery, Some(minutes(2)));
    // Without it, everything depends on where the primary is.
    let off = both.with(|s| s.cache().settings.automatic_failover = Switch::Disabled);
    assert_eq!(off.verdict("a").verdict, Unknown);
    assert_eq!(
        off.verdict("a").reason,
        "Which node is the primary is not known of shard 0001, and the loss of a turns on it."
    );
    // One copy is down: either it was the primary and the other is promoted, or the other is the primary.
    let down = scene("a! c", &["a:?! c:?"]);
    assert_eq!(down.verdict("a").verdict, Survives);
    assert_eq!(down.verdict("c").verdict, Lost);
}

#[test]
fn of_nodes_that_all_claim_to_be_the_primary_one_is_and_the_others_may_be_dead() {
    let table = [
        // shard, then the verdict without a, b and c
        ("a:P b:P", Unknown, Unknown, Survives),
        // A healthy replica in a third zone survives whoever is the primary.
        ("a:P b:P c:r", Survives, Survives, Survives),
        ("a:P b:P c:?", Survives, Survives, Survives),
        // Where it isn't healthy it is no help.
        ("a:P b:P c:r!", Unknown, Unknown, Survives),
        ("a:P b:P c:r+", Unknown, Unknown, Survives),
        ("a:P b:P c:r#", Unknown, Unknown, Survives),
        // Both in one zone: the zone takes the primary, whichever it is.
        ("a:P a:P", Lost, Survives, Survives),
        ("a:P a:P c:r", Survives, Survives, Survives),
        ("a:P b:P c:P", Unknown, Unknown, Unknown),
        // A claimant that is known to be dead is not the primary.
        ("a:P! b:P", Survives, Lost, Survives),
        ("a:P! b:P!", Lost, Lost, Lost),
    ];
    for (shard, a, b, c) in table {
        let scene = scene("a b c", &[shard]);
        let verdicts = ["a", "b", "c"].map(|zone| scene.verdict(zone).verdict);
        assert_eq!(verdicts, [a, b, c], "{shard} without a, b, c");
    }
    let two = scene("a b c", &["a:P b:P", "c:P b:r"]);
    assert_eq!(
        two.verdict("a").reason,
        "Which node is the primary is not known of shard 0001, and the loss of a turns on it."
    );
    assert_eq!(two.verdict("a").expected_recovery, None);
    // The third zone's loss promotes nobody in shard 0001, whoever is its primary.
    assert_eq!(
        two.verdict("c").reason,
        "Shard 0002 fails over to a healthy copy outside c. Half or more of the primaries stand there: the failover \
         may be slow."
    );
    // With automatic failover off the replica in c is promoted by nobody.
    let off =
        scene("a b c", &["a:P b:P c:r"]).with(|s| s.cache().settings.automatic_failover = Switch::Disabled);
    let verdicts = ["a", "b", "c"].map(|zone| off.verdict(zone).verdict);
    assert_eq!(verdicts, [Unknown, Unknown, Survives]);
}

#[test]
fn a_shard_whose_primary_is_disputed_is_degraded_so_nothing_disruptive_happens_to_its_component() {
    let scene = scene("a c", &["a:P c:P", "c:P a:r"]);
    assert_eq!(
        scene.hold(Guardrail::Redundancy, &move_primary("0002")).reason,
        "Nothing disruptive is done while a shard is degraded: shard 0001 has fewer healthy copies than wanted."
    );
}

#[test]
fn a_copy_of_unknown_health_never_counts_as_surviving() {
    let scene = scene("a c", &["a:P c:r"]).with(|s| s.node("cache-0001-002").health = Health::Unknown);
    assert_eq!(scene.verdict("a").verdict, Unknown);
    assert_eq!(scene.verdict("c").verdict, Survives);
    let primary =
        self::scene("a c", &["a:P c:r+"]).with(|s| s.node("cache-0001-001").health = Health::Unknown);
    assert_eq!(primary.verdict("c").verdict, Unknown);
}

#[test]
fn shards_that_are_all_replicas_have_a_primary_that_nobody_knows() {
    let scene = scene("a c", &["a:r c:r"]).with(|s| s.cache().settings.automatic_failover = Switch::Disabled);
    assert_eq!(scene.verdict("a").verdict, Unknown);
}

#[test]
fn what_can_not_be_known_is_unknown() {
    let base = scene("a c", &["a:P c:r"]);
    let unknown = |name: &str, scene: Scene| {
        assert_eq!(scene.verdict("a").verdict, Unknown, "{name}");
        assert_eq!(scene.verdict("a").expected_recovery, None, "{name}");
        assert_eq!(scene.verdict("a").expected_loss, None, "{name}");
        assert_eq!(scene.verdict("c").verdict, Unknown, "{name}");
    };
    unknown(
        "no shards",
        scene("a c", &[]).with(|s| s.cache().status = ResourceStatus::Creating),
    );
    unknown(
        "members differ",
        base.clone().with(|s| s.cache().members_match = false),
    );
    for gap in [
        Gap::Description("x".to_owned()),
        Gap::Metrics("x".to_owned()),
        Gap::Events("x".to_owned()),
    ] {
        unknown("gap", base.clone().with(|s| s.cache().gaps = vec![gap.clone()]));
    }
    for status in [
        ResourceStatus::Missing,
        ResourceStatus::Denied,
        ResourceStatus::Deleting,
        ResourceStatus::CreateFailed,
        ResourceStatus::Unknown,
    ] {
        unknown("status", base.clone().with(|s| s.cache().status = status));
    }
    unknown(
        "not observed",
        base.clone().with(|s| s.topology.components.clear()),
    );
    for status in [
        ResourceStatus::Available,
        ResourceStatus::Modifying,
        ResourceStatus::Snapshotting,
    ] {
        let scene = base.clone().with(|s| s.cache().status = status);
        assert_eq!(scene.verdict("a").verdict, Survives, "{status:?}");
    }
}

#[test]
fn a_minimum_of_no_replica_makes_a_loss_accepted_and_not_survivable() {
    let scene = scene("a c", &["a:P"]).with(|s| s.wanted().min_replicas_per_shard = 0);
    assert_eq!(scene.verdict("a").verdict, Lost);
    assert_eq!(
        scene.verdict("a").reason,
        "Shard 0001 has no healthy copy outside a."
    );
}

#[test]
fn the_loss_of_a_zone_without_primaries_costs_nothing() {
    let scene = scene("a c", &["a:P c:r", "a:P c:r"]);
    let verdict = scene.verdict("c");
    assert_eq!(verdict.expected_recovery, Some(SignedDuration::ZERO));
    assert_eq!(verdict.expected_loss, Some(SignedDuration::ZERO));
    assert_eq!(
        verdict.reason,
        "No primary stands in c: every shard keeps its primary."
    );
}

#[test]
fn recovery_is_two_minutes_until_failovers_were_measured_then_the_slowest_of_the_newest_five() {
    let scene = scene("a c", &["a:P c:r"]);
    assert_eq!(scene.verdict("a").expected_recovery, Some(minutes(2)));
    let measured = |durations: &[i64]| {
        scene.clone().with(|s| {
            for (i, seconds) in durations.iter().enumerate() {
                let day = i64::try_from(i).unwrap();
                let mut f = failover(
                    &format!("f{i}"),
                    "0001",
                    minutes_ago(100_000 - day),
                    FailoverClass::Provider,
                );
                f.duration_seconds = Some(*seconds);
                s.history.failovers.push(f);
            }
        })
    };
    assert_eq!(measured(&[63]).verdict("a").expected_recovery, Some(seconds(63)));
    assert_eq!(
        measured(&[900, 30, 31, 95, 33, 34])
            .verdict("a")
            .expected_recovery,
        Some(seconds(95))
    );
    let elsewhere = measured(&[500]).with(|s| s.history.failovers[0].component = "other".into());
    assert_eq!(elsewhere.verdict("a").expected_recovery, Some(minutes(2)));
}

#[test]
fn the_expected_loss_is_the_lag_of_the_copy_that_would_win_in_the_worst_shard() {
    let scene = scene("a c d", &["a:P c:r~250 d:r~900", "a:P c:r~700"]);
    assert_eq!(
        scene.verdict("a").expected_loss,
        Some(SignedDuration::from_millis(700))
    );
    // Without c, shard 0001's winner... is not asked: its primary stays.
    assert_eq!(scene.verdict("c").expected_loss, Some(SignedDuration::ZERO));
    let unknown = self::scene("a c", &["a:P c:r~-"]);
    assert_eq!(unknown.verdict("a").verdict, Survives);
    assert_eq!(unknown.verdict("a").expected_loss, None);
}

#[test]
fn durability_decides_the_loss_where_it_is_on() {
    let durable = |durability: Durability| {
        scene("a c", &["a:P c:r~-"])
            .with(|s| s.cache().settings.durability = durability)
            .verdict("a")
            .expected_loss
    };
    assert_eq!(durable(Durability::Sync), Some(SignedDuration::ZERO));
    assert_eq!(durable(Durability::Async), Some(seconds(10)));
    assert_eq!(durable(Durability::Disabled), None);
}

#[test]
fn a_missed_objective_degrades_and_does_not_lose() {
    let with = |time: Option<i64>, point: Option<i64>| {
        scene("a c", &["a:P c:r~3000"]).with(|s| {
            s.intent.objectives = Objectives {
                recovery_time: time.map(seconds),
                recovery_point: point.map(seconds),
            };
        })
    };
    assert_eq!(with(Some(120), Some(5)).verdict("a").verdict, Survives);
    assert_eq!(with(Some(60), None).verdict("a").verdict, Degraded);
    assert_eq!(with(None, Some(2)).verdict("a").verdict, Degraded);
    assert_eq!(
        with(Some(60), Some(2)).verdict("a").reason,
        "Shard 0001 fails over to a healthy copy outside a. Half or more of the primaries stand there: the failover \
         may be slow. A promise is missed: objectives.recoveryTime is 1m, expected is 2m; objectives.recoveryPoint \
         is 2s, expected is 3s."
    );
    // The zone without primaries keeps every promise.
    assert_eq!(with(Some(60), Some(2)).verdict("c").verdict, Survives);
}

#[test]
fn asynchronous_replication_can_not_promise_to_lose_nothing_even_with_no_lag_now() {
    let scene = scene("a c", &["a:P c:r~0"]).with(|s| s.intent.objectives.recovery_point = Some(seconds(0)));
    assert_eq!(scene.verdict("a").verdict, Degraded);
    let sync = scene.with(|s| s.cache().settings.durability = Durability::Sync);
    assert_eq!(sync.verdict("a").verdict, Survives);
}

#[test]
fn half_of_the_primaries_in_a_zone_is_a_note_and_not_a_degradation() {
    let scene = scene("a c", &["a:P c:r", "c:P a:r"]);
    let verdict = scene.verdict("a");
    assert_eq!(verdict.verdict, Survives);
    assert_eq!(
        verdict.reason,
        "Shard 0001 fails over to a healthy copy outside a. Half or more of the primaries stand there: the failover \
         may be slow."
    );
    let disabled = scene.with(|s| s.cache().settings.cluster_mode = ClusterMode::Disabled);
    assert_eq!(
        disabled.verdict("a").reason,
        "Shard 0001 fails over to a healthy copy outside a."
    );
    let three = self::scene("a c d", &["a:P c:r", "c:P d:r", "d:P a:r"]);
    assert_eq!(
        three.verdict("a").reason,
        "Shard 0001 fails over to a healthy copy outside a."
    );
}

#[test]
fn a_long_list_of_shards_is_counted() {
    let shards = ["a:P c:r"; 8];
    let scene = scene("a c d", &shards).with(|s| s.cache().settings.cluster_mode = ClusterMode::Compatible);
    assert_eq!(
        scene.verdict("a").reason,
        "Shards 0001, 0002, 0003, 0004, 0005 and 3 more fail over to a healthy copy outside a."
    );
}

#[test]
fn a_zone_report_has_the_worst_verdict_over_the_components_and_its_sentences() {
    let scene = scene("a! c", &["a:P! c:r"]).with(|s| {
        let mut second = s.cache().clone();
        let nodes = &mut second.shards.values_mut().next().unwrap().nodes;
        let last = nodes.keys().next_back().unwrap().clone();
        nodes.remove(&last);
        s.topology.components.insert("single".into(), second);
        let wanted = s.intent.caches[&"cache".into()].clone();
        s.intent.caches.insert("single".into(), wanted);
    });
    let input = scene.input();
    let verdicts = verdicts(&input);
    let order: Vec<(&str, &str)> = verdicts
        .iter()
        .map(|v| (v.zone.as_str(), v.component.as_str()))
        .collect();
    assert_eq!(
        order,
        [("a", "cache"), ("a", "single"), ("c", "cache"), ("c", "single")]
    );
    let reports = zone_reports(&input, &verdicts);
    let a = &reports[&"a".into()];
    assert_eq!(a.verdict, Lost);
    assert_eq!(a.zone.state, ZoneState::Impaired);
    assert_eq!(a.reasons, ["single: Shard 0001 has no healthy copy outside a."]);
}

/// Small, and complete: every shard of up to three nodes over two zones, two healths, and every role.
#[test]
fn no_shard_survives_a_zone_without_a_healthy_copy_elsewhere_and_knowing_more_never_contradicts() {
    let places: Vec<(&str, char, &str)> = ["a", "c"]
        .into_iter()
        .flat_map(|z| ['P', 'r', '?'].map(move |r| (z, r)))
        .flat_map(|(z, r)| ["", "!"].map(move |h| (z, r, h)))
        .collect();
    let mut seen = 0;
    for x in &places {
        for y in &places {
            for z in &places {
                let words: Vec<String> = [x, y, z].iter().map(|(z, r, h)| format!("{z}:{r}{h}")).collect();
                check_shard(&words.join(" "));
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 12 * 12 * 12);
}

/// What the loss of a means, from the words alone. Of several primaries one is alive, if any is.
fn by_words(shard: &str) -> Survival {
    let words: Vec<&str> = shard.split_whitespace().collect();
    let claims: Vec<usize> = (0..words.len()).filter(|i| words[*i].contains('P')).collect();
    let living: Vec<usize> = claims
        .iter()
        .copied()
        .filter(|i| !words[*i].contains('!'))
        .collect();
    let worlds = if claims.len() < 2 || living.is_empty() {
        vec![None]
    } else {
        living.into_iter().map(Some).collect()
    };
    let copy_left = |primary: &Option<usize>| {
        let alive = |i: usize| primary.is_none() || !claims.contains(&i) || *primary == Some(i);
        (0..words.len()).any(|i| words[i].starts_with('c') && !words[i].contains('!') && alive(i))
    };
    match worlds.iter().filter(|w| copy_left(w)).count() {
        0 => Lost,
        n if n == worlds.len() => Survives,
        _ => Unknown,
    }
}

fn check_shard(shard: &str) {
    let scene = scene("a c", &[shard]);
    assert_eq!(scene.verdict("a").verdict, by_words(shard), "{shard}");
    // If the verdict is known in spite of unknown roles, each way of knowing them gives the same verdict.
    let off = scene.with(|s| s.cache().settings.automatic_failover = Switch::Disabled);
    let verdict = off.verdict("a").verdict;
    let has_primary = shard.contains('P');
    let unknown = off.clone().nodes().filter(|n| n.role == Role::Unknown).count();
    if verdict == Unknown || has_primary || unknown == 0 {
        return;
    }
    for chosen in 0..unknown {
        let known = off.clone().with(|s| {
            for (i, node) in s.nodes().filter(|n| n.role == Role::Unknown).enumerate() {
                node.role = if i == chosen { Role::Primary } else { Role::Replica };
            }
        });
        assert_eq!(known.verdict("a").verdict, verdict, "{shard}");
    }
}
