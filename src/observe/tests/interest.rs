//! What is bought.

use super::support::{World, mins, t};
use crate::aws::types::Metric;
use crate::observe::interest::{Buy, Interest, Scene};
use crate::observe::view::Asked;
use crate::topology::{NodeId, ZoneName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A CloudWatch that answers each question, two minutes late.
struct Monitor {
    /// The zone is silent after, and (if so) heard again from.
    dead_zone: Option<(&'static str, &'static str, &'static str)>,
    /// The node is silent after.
    dead_node: Option<(&'static str, &'static str)>,
    interest: Interest,
    world: World,
    zones: BTreeMap<NodeId, ZoneName>,
}

impl Monitor {
    fn new(world: World) -> Self {
        let shards = world.view.groups.values().flat_map(|g| g.value.shards.values());
        let members = shards.flat_map(|s| s.members.iter());
        Self {
            dead_zone: None,
            dead_node: None,
            interest: Interest::default(),
            zones: members.map(|(id, m)| (id.clone(), m.zone.clone())).collect(),
            world,
        }
    }

    fn minute(&mut self, now: Timestamp, changed: &[&str], hurried: &[&str]) -> Buy {
        self.world.view.events.poll.complete_at = Some(now);
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let scene = Scene {
            view: &self.world.view,
            wanted: &self.world.wanted,
            changed: &set(changed),
            hurried: &set(hurried),
            now,
        };
        let buy = self.interest.buy(&scene);
        self.answer(&buy, now);
        buy
    }

    fn quiet(&mut self, now: Timestamp) -> Buy {
        self.minute(now, &[], &[])
    }

    /// Metrics bought each minute, both ends included.
    fn quiet_minutes(&mut self, from: &str, to: &str) -> Vec<usize> {
        let (mut at, mut bought) = (t(from), Vec::new());
        while at <= t(to) {
            bought.push(self.quiet(at).metrics());
            at += mins(1);
        }
        bought
    }

    fn speaks(&self, id: &NodeId, at: Timestamp) -> bool {
        let zone = self.zones[id].as_str();
        let zone_dead = self
            .dead_zone
            .is_some_and(|(z, after, until)| z == zone && at > t(after) && at < t(until));
        let node_dead = self
            .dead_node
            .is_some_and(|(n, after)| n == id.as_str() && at > t(after));
        !zone_dead && !node_dead
    }

    fn answer(&mut self, buy: &Buy, now: Timestamp) {
        for ask in &buy.asks {
            let asked = Asked {
                at: now,
                from: now - ask.window,
                to: now,
            };
            for id in &ask.nodes {
                let primary = id.as_str().ends_with("-001");
                let value = match ask.metric {
                    Metric::IsMaster => f64::from(u8::from(primary)),
                    Metric::ReplicationLag => 0.2,
                };
                let silent = primary && ask.metric == Metric::ReplicationLag;
                let points: Vec<_> = (2..=15)
                    .rev()
                    .map(|m| (now - mins(m), value))
                    .filter(|(at, _)| *at >= asked.from && !silent && self.speaks(id, *at))
                    .collect();
                let log = self.world.view.points.entry(id.clone()).or_default();
                log.absorb(ask.metric, asked, &points);
            }
        }
        self.world.view.metrics.complete_at = Some(now);
    }
}

/// Groups of one shard over three zones.
fn fleet(groups: usize) -> World {
    (0..groups).fold(World::new("00:00"), |world, i| {
        world.group(&format!("g{i:04}"), &["a b c"])
    })
}

fn asked(buy: &Buy, metric: Metric) -> Vec<&str> {
    let asks = buy.asks.iter().filter(|a| a.metric == metric);
    asks.flat_map(|a| a.nodes.iter().map(NodeId::as_str)).collect()
}

#[test]
fn a_quiet_day_at_six_thousand_nodes_buys_at_most_fifty_thousand_metrics() {
    let mut monitor = Monitor::new(fleet(2_000));
    let first = monitor.quiet(t("00:00")).metrics();
    assert_eq!(first, 12_000, "IsMaster and lag of everything, once");
    let day: usize = monitor.quiet_minutes("00:01", "+1 00:00").iter().sum();
    // 6 sentinels x 1,440, four audits of 6,000 roles, two of 4,000 lags; the audits include the sentinels.
    assert_eq!(day, 8_640 + 24_000 + 8_000 - 24);
    assert!(day <= 50_000);
}

#[test]
fn each_minute_asks_two_sentinels_per_zone_in_different_groups_whose_shards_have_one_in_each_zone() {
    let mut monitor = Monitor::new(fleet(5));
    monitor.quiet(t("00:00"));
    let buy = monitor.quiet(t("00:01"));
    assert_eq!(
        asked(&buy, Metric::IsMaster),
        [
            "g0000-0001-001",
            "g0000-0001-002",
            "g0000-0001-003",
            "g0001-0001-001",
            "g0001-0001-002",
            "g0001-0001-003"
        ]
    );
    assert_eq!(buy.metrics(), 6);
    assert_eq!(monitor.quiet(t("00:02")), buy, "the choice is kept");
}

#[test]
fn what_was_never_asked_is_asked_far_back_and_only_about_groups_that_stacks_name() {
    let mut world = fleet(2);
    world.wanted.remove("g0001");
    let buy = Monitor::new(world).quiet(t("00:00"));
    assert_eq!(buy.asks[0].window, SignedDuration::from_hours(3));
    let nodes = ["g0000-0001-001", "g0000-0001-002", "g0000-0001-003"];
    assert_eq!(asked(&buy, Metric::IsMaster), nodes);
    assert_eq!(asked(&buy, Metric::ReplicationLag), nodes);
}

#[test]
fn a_changed_group_is_asked_at_once_and_again_until_points_from_after_the_change_can_be_seen() {
    let mut monitor = Monitor::new(fleet(9));
    monitor.quiet(t("00:00"));
    monitor.quiet(t("00:01"));
    let buy = monitor.minute(t("00:02"), &["g0008"], &[]);
    assert_eq!(buy.metrics(), 6 + 3 + 2, "sentinels, its roles, its lags");
    // After one, three and seven minutes; CloudWatch shows a point at most five minutes after its minute began.
    let asked = 6 + 3 + 2;
    assert_eq!(
        monitor.quiet_minutes("00:03", "00:12"),
        [asked, 6, asked, 6, 6, 6, asked, 6, 6, 6]
    );
}

#[test]
fn a_sentinel_that_falls_silent_has_every_group_of_its_zone_asked_with_siblings_and_ever_more_slowly() {
    let mut monitor = Monitor::new(fleet(20));
    monitor.quiet_minutes("00:00", "02:00");
    monitor.dead_zone = Some(("b", "02:00", "23:00"));
    let bought = monitor.quiet_minutes("02:01", "05:00");
    let first = bought.iter().position(|n| *n == 60).unwrap();
    assert!(first <= 6, "all within seven minutes, not after {first}");
    let sweeps = bought[first..].iter().filter(|n| **n == 60).count();
    assert!((5..=20).contains(&sweeps), "{sweeps} sweeps in three hours");
    assert!(bought.iter().all(|n| *n == 6 || *n == 60), "{bought:?}");
}

#[test]
fn a_zone_that_comes_back_is_noticed_by_its_sentinels_and_asked_as_a_whole_at_once() {
    let mut monitor = Monitor::new(fleet(20));
    monitor.dead_zone = Some(("b", "02:00", "04:00"));
    monitor.quiet_minutes("00:00", "04:01");
    let bought = monitor.quiet_minutes("04:02", "04:08");
    assert!(bought.contains(&60), "{bought:?}");
    let later = monitor.quiet_minutes("04:30", "05:30");
    assert!(later.iter().all(|n| *n == 6), "{later:?}");
}

#[test]
fn one_dead_sentinel_is_replaced_once_its_zone_proved_alive() {
    let mut monitor = Monitor::new(fleet(20));
    monitor.quiet_minutes("00:00", "02:00");
    monitor.dead_node = Some(("g0000-0001-002", "02:00"));
    let bought = monitor.quiet_minutes("02:01", "02:30");
    assert!(bought.iter().filter(|n| **n == 60).count() <= 8, "{bought:?}");
    let day: usize = monitor.quiet_minutes("02:31", "05:30").iter().sum();
    // Three hours of six sentinels, and its shard of three every quarter of an hour.
    assert!(day <= 180 * 6 + 13 * 3, "{day}");
    let buy = monitor.quiet(t("05:31"));
    assert!(!asked(&buy, Metric::IsMaster).contains(&"g0000-0001-002"));
}

#[test]
fn a_blind_cloudwatch_is_not_asked_for_everything_again_and_again() {
    let mut monitor = Monitor::new(fleet(20));
    monitor.quiet_minutes("00:00", "02:00");
    let all: Vec<NodeId> = monitor.zones.keys().cloned().collect();
    let mut bought = Vec::new();
    for minute in 1..=60 {
        let now = t("02:00") + mins(minute);
        let buy = monitor.minute(now, &[], &[]);
        bought.push(buy.metrics());
        // Nothing comes from any node after 2:00: undo what was answered.
        for id in &all {
            let log = monitor.world.view.points.get_mut(id).unwrap();
            log.is_master = log.is_master.iter().filter(|(at, _)| *at <= t("02:00")).collect();
        }
    }
    assert!(bought.iter().all(|n| !is_sweep_size(*n)), "{bought:?}");
}

fn is_sweep_size(metrics: usize) -> bool {
    metrics >= 60
}

#[test]
fn buying_proof_for_an_unknown_role_backs_off_from_one_minute_to_one_hour() {
    let mut monitor = Monitor::new(fleet(9));
    monitor.quiet_minutes("00:00", "00:10");
    // Two members of one shard say 1 from now on, as far as anybody can see.
    let both = NodeId::from("g0008-0001-002");
    let mut asked_at = Vec::new();
    for minute in 11..=400 {
        let now = t("00:00") + mins(minute);
        let news: &[&str] = if minute == 11 { &["g0008"] } else { &[] };
        let buy = monitor.minute(now, news, &[]);
        if asked(&buy, Metric::IsMaster).contains(&both.as_str()) {
            asked_at.push(minute);
        }
        let log = monitor.world.view.points.get_mut(&both).unwrap();
        log.is_master = log.is_master.iter().map(|(at, _)| (at, 1.0)).collect();
    }
    let gaps: Vec<i64> = asked_at.windows(2).map(|w| w[1] - w[0]).collect();
    assert_eq!(gaps, [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]);
}

#[test]
fn a_group_with_an_open_ticket_is_asked_each_minute() {
    let mut monitor = Monitor::new(fleet(9));
    monitor.quiet(t("00:00"));
    for minute in 1..=20 {
        let buy = monitor.minute(t("00:00") + mins(minute), &[], &["g0008"]);
        assert_eq!(asked(&buy, Metric::IsMaster).len(), 9);
    }
}

#[test]
fn with_cluster_mode_disabled_no_role_is_bought_beyond_the_start() {
    let world = (0..5).fold(World::new("00:00"), |world, i| {
        world.classic(&format!("g{i}"), "a:P b:r c:r")
    });
    let mut monitor = Monitor::new(world);
    assert_eq!(monitor.quiet(t("00:00")).metrics(), 15 + 10);
    let bought = monitor.quiet_minutes("00:01", "11:00");
    assert!(bought.iter().all(|n| *n == 6), "{bought:?}");
}

#[test]
fn what_cloudwatch_did_not_answer_at_start_is_asked_again_with_back_off() {
    let world = fleet(3);
    let scene = |world: &World, interest: &mut Interest, minute: i64| {
        interest
            .buy(&Scene {
                view: &world.view,
                wanted: &world.wanted,
                changed: &BTreeSet::new(),
                hurried: &BTreeSet::new(),
                now: t("00:00") + mins(minute),
            })
            .metrics()
    };
    let mut interest = Interest::default();
    let bought: Vec<usize> = (0..10).map(|m| scene(&world, &mut interest, m)).collect();
    // 18 with everything, else the six sentinels.
    assert_eq!(bought, [18, 18, 6, 18, 6, 6, 6, 18, 6, 6]);
}

#[test]
fn a_start_at_which_everything_is_new_is_bought_once() {
    let mut monitor = Monitor::new(fleet(3));
    let all = ["g0000", "g0001", "g0002"];
    assert_eq!(monitor.minute(t("00:00"), &all, &[]).metrics(), 18);
    assert_eq!(monitor.quiet_minutes("00:01", "00:15"), [6; 15]);
}
