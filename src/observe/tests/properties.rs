//! What holds whatever happens: thousands of random days, reproducible by their seed.

use super::support::{World, mins, t};
use crate::aws::types::{CacheEvent, CacheEventKind, EventSource, Metric};
use crate::observe::events::EventsByGroup;
use crate::observe::roles::{Ground, primaries};
use crate::observe::view::Asked;
use crate::observe::zones::ZoneWatch;
use crate::topology::{NodeId, RoleSource, ZoneName, ZoneState};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A small generator of our own: the same seed, the same day, for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(n).unwrap()).unwrap()
    }
}

/// Asks about the last 15 minutes of a node that spoke in the minutes that `value` tells, as far as they are visible.
fn ask(
    world: &mut World,
    node: &NodeId,
    now: Timestamp,
    delay: i64,
    value: impl Fn(Timestamp) -> Option<f64>,
) {
    let asked = Asked {
        at: now,
        from: now - mins(15),
        to: now,
    };
    // A minute's point is complete a minute later and then takes its delay to be seen.
    let points: Vec<(Timestamp, f64)> = (1 + delay..=15)
        .rev()
        .filter_map(|m| value(now - mins(m)).map(|v| (now - mins(m), v)))
        .collect();
    let log = world.view.points.entry(node.clone()).or_default();
    log.absorb(Metric::IsMaster, asked, &points);
}

fn nodes(world: &World) -> Vec<(NodeId, ZoneName)> {
    let shards = world.view.groups.values().flat_map(|g| g.value.shards.values());
    let members = shards.flat_map(|s| s.members.iter());
    members.map(|(id, m)| (id.clone(), m.zone.clone())).collect()
}

#[test]
fn gaps_of_cloudwatch_never_take_down_a_living_node_or_impair_a_living_zone() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut world = World::new("10:00")
            .group("g", &["a b c", "b c a"])
            .group("h", &["a c"]);
        let nodes = nodes(&world);
        // Blind for up to an hour, up to three times: no node's points of these minutes ever come.
        let blind: Vec<(Timestamp, Timestamp)> = (0..dice.below(4))
            .map(|_| {
                let from = t("10:00") + mins(dice.below(180));
                (from, from + mins(1 + dice.below(60)))
            })
            .collect();
        let heard = |at: Timestamp| !blind.iter().any(|(from, to)| *from <= at && at < *to);
        let mut watch = ZoneWatch::default();
        for minute in 16..240 {
            let now = t("10:00") + mins(minute);
            for (id, _) in &nodes {
                // Each node's points come late by its own mood: up to three minutes.
                let delay = dice.below(4);
                ask(&mut world, id, now, delay, |at| heard(at).then_some(0.0));
            }
            world.view.metrics.complete_at = Some(now);
            watch.step(&world.view, &world.wanted, now);
            assert!(watch.impaired().is_empty(), "seed {seed}, {now}");
            for (id, _) in &nodes {
                let down = watch.since(id, crate::topology::Health::Down);
                assert_eq!(down, None, "seed {seed}, {now}, {id}");
            }
        }
    }
}

#[test]
fn a_zone_that_dies_is_impaired_within_nine_minutes_since_it_died_and_no_other_zone_is() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let mut world = World::new("10:00")
            .group("g", &["a b c", "b c a"])
            .group("h", &["a c"]);
        let nodes = nodes(&world);
        let died = t("10:30") + SignedDuration::from_secs(dice.below(3_600));
        let mut watch = ZoneWatch::default();
        let mut found = None;
        for minute in 16..180 {
            let now = t("10:00") + mins(minute);
            for (id, zone) in &nodes {
                let delay = dice.below(4);
                let dead = zone.as_str() == "a";
                ask(&mut world, id, now, delay, |at| {
                    (!dead || at + mins(1) <= died).then_some(0.0)
                });
            }
            world.view.metrics.complete_at = Some(now);
            watch.step(&world.view, &world.wanted, now);
            let impaired: Vec<ZoneName> = watch.impaired().into_iter().collect();
            if impaired.is_empty() {
                assert_eq!(found, None, "seed {seed}, {now}: it does not flap");
            } else {
                assert_eq!(impaired, ["a".into()], "seed {seed}, {now}");
                found.get_or_insert(now);
            }
        }
        let found = found.unwrap();
        assert!(
            found.duration_since(died) <= mins(9),
            "seed {seed}: {found} for {died}"
        );
        let since = watch.zone(&"a".into()).since.unwrap();
        assert!(
            since.duration_since(died).abs() <= mins(1),
            "seed {seed}: {since} for {died}"
        );
    }
}

/// One shard of three nodes for three hours, with failovers, and perhaps old primaries that go on saying 1.
struct Shard {
    nodes: Vec<NodeId>,
    /// (when, which node from then on).
    truth: Vec<(Timestamp, usize)>,
    /// After a failover the old primary's metric is frozen at 1 for so long.
    frozen: SignedDuration,
}

impl Shard {
    fn throw(dice: &mut Dice, world: &World) -> Self {
        let mut truth = vec![(t("09:00"), 0)];
        let mut at = t("10:20");
        for _ in 0..dice.below(4) {
            at += SignedDuration::from_secs(60 + dice.below(3_000));
            let before = truth[truth.len() - 1].1;
            let next = (before + 1 + usize::try_from(dice.below(2)).unwrap()) % 3;
            truth.push((at, next));
        }
        Self {
            nodes: nodes(world).into_iter().map(|(id, _)| id).collect(),
            truth,
            frozen: mins([0, 0, 5, 30][usize::try_from(dice.below(4)).unwrap()]),
        }
    }

    fn primary(&self, at: Timestamp) -> usize {
        self.truth.iter().rfind(|(from, _)| *from <= at).unwrap().1
    }

    /// What the node says for the minute that begins at `at`; `edge` is the second at which it is sampled.
    fn says(&self, node: usize, at: Timestamp, edge: i64) -> f64 {
        let sampled = at + SignedDuration::from_secs(edge);
        let frozen = self.truth.windows(2).any(|w| {
            let lost = w[1].0;
            w[0].1 == node && lost <= sampled && sampled < lost + self.frozen
        });
        f64::from(u8::from(frozen || self.primary(sampled) == node))
    }
}

#[test]
fn a_role_that_is_told_is_never_wrong_as_long_as_failover_events_come() {
    let mut by_source = std::collections::BTreeMap::new();
    for seed in 0..500 {
        let mut dice = Dice(seed);
        let mut world = World::new("10:00").group("g", &["a b c"]);
        let shard = Shard::throw(&mut dice, &world);
        for minute in 16..200 {
            let now = t("10:00") + mins(minute);
            for (at, to) in shard.truth.iter().skip(1).filter(|(at, _)| *at <= now) {
                let source = EventSource::ReplicationGroup("g".to_owned());
                let to = shard.nodes[*to].clone();
                world.view.events.events.insert(CacheEvent {
                    at: *at,
                    source,
                    kind: CacheEventKind::FailoverCompleted { from: None, to },
                    message: String::new(),
                });
            }
            world.view.events.poll.complete_at = Some(now);
            // Asked now and then, not each time, and not every node.
            for node in 0..3 {
                if dice.below(3) > 0 {
                    continue;
                }
                let (delay, edge) = (dice.below(4), dice.below(60));
                let id = shard.nodes[node].clone();
                ask(&mut world, &id, now, delay, |at| Some(shard.says(node, at, edge)));
            }
            let events = EventsByGroup::new(&world.view, &world.wanted);
            let ground = Ground {
                view: &world.view,
                events: &events,
                impaired: &BTreeSet::new(),
                now,
            };
            let group = &world.view.groups["g"].value;
            if let Ok((node, proof)) = &primaries(&ground, group)[&"0001".into()] {
                let truth = &shard.nodes[shard.primary(now)];
                assert_eq!(node, truth, "seed {seed}, {now}, {proof:?}");
                *by_source.entry(proof.source).or_insert(0) += 1;
            }
        }
    }
    // It is told most of the time, too.
    assert!(by_source[&RoleSource::Metric] > 50_000, "{by_source:?}");
    assert!(by_source[&RoleSource::Event] > 500, "{by_source:?}");
}

#[test]
fn a_blind_hour_makes_zones_unknown_while_it_lasts() {
    let mut world = World::new("10:00").group("g", &["a c", "c a"]);
    let nodes = nodes(&world);
    let mut watch = ZoneWatch::default();
    let mut unknown = Vec::new();
    for minute in 16..180 {
        let now = t("10:00") + mins(minute);
        let blind = |at: Timestamp| at >= t("11:00") && at < t("12:00");
        for (id, _) in &nodes {
            ask(&mut world, id, now, 1, |at| (!blind(at)).then_some(0.0));
        }
        world.view.metrics.complete_at = Some(now);
        watch.step(&world.view, &world.wanted, now);
        let states = ["a", "c"].map(|z| watch.zone(&z.into()).state);
        if states == [ZoneState::Unknown; 2] {
            unknown.push(now);
        } else {
            assert_eq!(states, [ZoneState::Healthy; 2]);
        }
    }
    assert_eq!(unknown.first(), Some(&t("11:05")));
    assert_eq!(unknown.last(), Some(&t("12:01")));
    assert_eq!(unknown.len(), 57);
}
