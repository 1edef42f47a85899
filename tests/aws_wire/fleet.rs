//! The whole loop over a fleet, at rest and when one group changes.

use crate::support::{Aws, SimClock};
use evenkeel::aws::Access;
use evenkeel::engine::{Engine, Settings, Wish};
use evenkeel::execute::step::Gate;
use evenkeel::intake::{self, Source};
use evenkeel::plan::intent::Mode;
use evenkeel::topology::StackName;
use evenkeel_test_support::in_process::{Doors, Memory};
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Six nodes a group; the primaries of its two shards stand in different zones.
fn world(groups: usize) -> String {
    format!(
        r"
region: ap-northeast-2
zones: {{ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}}
subnetGroups: [{{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2b, ap-northeast-2c]}}]
generate: {{groups: {groups}, shards: 2, replicas: 2}}
"
    )
}

fn group(i: usize) -> String {
    format!("cache-{i:04}")
}

/// One stack a group, of the same name.
fn wishes(groups: usize) -> BTreeMap<StackName, Wish> {
    let zones = ["a", "b", "c"]
        .map(|z| format!("{{name: ap-northeast-2{z}}}"))
        .join(", ");
    let manifest = |i: usize| {
        format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: HAStack\nmetadata: {{name: {0}}}\nspec:\n  aws: {{region: \
             ap-northeast-2}}\n  zones: [{zones}]\n  caches: [{{name: cache, replicationGroup: {0}, \
             minReplicasPerShard: 2}}]\n",
            group(i)
        )
    };
    let source = |i| Source {
        name: format!("{i}.yaml"),
        text: manifest(i),
    };
    let sources: Vec<Source> = (1..=groups).map(source).collect();
    let read = intake::read(&sources);
    assert_eq!(read.problems, []);
    let wish = |accepted: intake::Accepted| Wish {
        intent: Arc::new(accepted.intent),
        access: Access::Own,
        frozen: None,
        generation: None,
        identity: None,
    };
    let stacks = read.stacks.into_iter();
    stacks.map(|a| (a.intent.stack.clone(), wish(a))).collect()
}

struct Open;

impl Gate for Open {
    fn closed(&self, _now: Timestamp) -> Option<String> {
        None
    }

    fn close(&self, reason: &str) {
        panic!("the breaker: {reason}")
    }
}

struct Fleet<'a> {
    aws: &'a Aws,
    engine: Engine<SimClock<'a>, Memory, Doors, Open>,
    memory: Memory,
    wishes: BTreeMap<StackName, Wish>,
}

impl<'a> Fleet<'a> {
    async fn new(aws: &'a Aws, groups: usize) -> Self {
        let mut fleet = Self::started(aws, groups, Settings::default());
        fleet.engine.look(&fleet.wishes).await;
        // Points come minutes late; all that is news at the start is asked about by then.
        fleet.run_for(SignedDuration::from_mins(9)).await;
        for name in fleet.wishes.keys() {
            let decision = fleet.engine.report(name).unwrap().decision.unwrap();
            assert_eq!(
                (decision.balanced, decision.actions.len()),
                (Some(true), 0),
                "{name}"
            );
        }
        fleet
    }

    fn started(aws: &'a Aws, groups: usize, settings: Settings) -> Self {
        let doors = Doors {
            aws: aws.config.clone(),
            stats: aws.stats.clone(),
        };
        let memory = Memory::default();
        Self {
            aws,
            engine: Engine::new(aws.clock(), memory.clone(), doors, Open, settings),
            memory,
            wishes: wishes(groups),
        }
    }

    /// One look, at the next moment at which there is something to do. How many stacks were judged.
    async fn turn(&mut self) -> u64 {
        let wake = self.engine.next_wake().max(self.aws.sim.now());
        self.aws.sim.advance_to(wake).await.unwrap();
        let before = self.engine.judgements();
        self.engine.look(&self.wishes).await;
        self.engine.judgements() - before
    }

    async fn run_for(&mut self, span: SignedDuration) -> u64 {
        let end = self.aws.sim.now() + span;
        let mut judged = 0;
        while self.engine.next_wake() < end {
            judged += self.turn().await;
        }
        judged
    }
}

#[rstest]
#[case(10, 1, 1)]
#[case(100, 1, 6)]
#[case(1_000, 10, 60)]
#[tokio::test]
async fn a_fleet_at_rest_costs_pages_a_minute_whatever_the_number_of_stacks(
    #[case] groups: usize,
    #[case] group_pages: usize,
    #[case] member_pages: usize,
) {
    let aws = Aws::new(&world(groups)).await;
    let mut fleet = Fleet::new(&aws, groups).await;
    let mark = aws.sim.mark();
    let judged = fleet.run_for(SignedDuration::from_mins(3)).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for operation in aws.operations_since(mark) {
        *counts.entry(operation).or_default() += 1;
    }
    let cycles = counts["DescribeEvents"];
    assert!((2..=4).contains(&cycles), "{cycles} cycles in three minutes");
    let wanted = [
        ("DescribeCacheClusters".to_owned(), cycles * member_pages),
        ("DescribeEvents".to_owned(), cycles),
        ("DescribeReplicationGroups".to_owned(), cycles * group_pages),
        // The sentinels of all zones in one call.
        ("GetMetricData".to_owned(), cycles),
    ];
    assert_eq!(counts, wanted.into());
    // Each stack is looked at every four minutes lest its view grow old, those with sentinels at every answer.
    let most = groups + 6 * cycles;
    assert!(
        judged <= u64::try_from(most).unwrap(),
        "{judged} judgements of {groups} stacks"
    );
}

#[tokio::test]
async fn only_the_stacks_concerned_are_woken_by_a_change() {
    let aws = Aws::new(&world(100)).await;
    let mut fleet = Fleet::new(&aws, 100).await;
    // Just after all were looked at, because their views had grown old.
    while fleet.turn().await < 90 {}
    fleet.engine.take_changed();
    aws.sim
        .actor_yaml(&format!(
            r#"{{"does": {{"testFailover": {{"group": "{}", "shard": "0001"}}}}}}"#,
            group(77)
        ))
        .unwrap();
    let mut changed = BTreeSet::new();
    let mut judged = 0;
    for _ in 0..3 {
        judged += fleet.turn().await;
        changed.extend(fleet.engine.take_changed());
    }
    let failed_over = StackName::new("default", group(77));
    assert!(changed.contains(&failed_over), "{changed:?}");
    let report = fleet.engine.report(&failed_over).unwrap();
    assert_eq!(report.history.unwrap().failovers.len(), 1);
    // Besides it only those in which the six sentinels stand, because more is known of them each minute.
    assert!(
        changed.len() <= 7 && judged <= 21,
        "{judged} judgements, {} changed",
        changed.len()
    );
}

/// Twelve stacks, each one copy short, become due at one moment: when their records are old enough.
#[tokio::test]
async fn a_fleet_in_need_is_served_at_the_pace_of_the_budget_not_of_the_polls() {
    let groups = 12;
    let short = "replicas: 1, template: {tags: {evenkeel.dev/owner: demo}}}";
    let aws = Aws::new(&world(groups).replace("replicas: 2}", short)).await;
    let settings = Settings {
        installation: Some("demo".to_owned()),
        ..Settings::default()
    };
    let mut fleet = Fleet::started(&aws, groups, settings);
    for wish in fleet.wishes.values_mut() {
        Arc::make_mut(&mut wish.intent).mode = Mode::Enforce;
    }
    let end = aws.sim.now() + SignedDuration::from_mins(40);
    while aws.sim.now() < end && aws.mutating().len() < groups {
        fleet.engine.look(&fleet.wishes).await;
        fleet.engine.act().await;
        let turn = fleet.engine.next_turn().max(aws.sim.now());
        aws.sim.advance_to(turn).await.unwrap();
    }
    let calls = aws.mutating();
    assert!(
        calls
            .iter()
            .all(|c| c.operation == "IncreaseReplicaCount" && c.applied)
    );
    let seconds: Vec<i64> = calls
        .iter()
        .map(|c| c.at.duration_since(calls[0].at).as_secs())
        .collect();
    assert_eq!(seconds.len(), groups, "{seconds:?}");
    assert!(seconds[groups - 1] <= 15, "they wait for polls: {seconds:?}");
    // A burst of three, then one a second.
    let too_soon = (0..).zip(&seconds).find(|(n, at)| **at < n - 3);
    assert_eq!(too_soon, None, "{seconds:?}");
}

/// Polls are always due somewhere in a large fleet, or when AWS is slow: acting on what was seen doesn't wait for them.
#[tokio::test]
async fn a_poll_that_is_due_is_no_reason_to_look_again_before_acting_but_a_new_want_is() {
    let aws = Aws::new(&world(2).replace("replicas: 2", "replicas: 1")).await;
    let mut fleet = Fleet::started(&aws, 2, Settings::default());
    fleet.engine.look(&fleet.wishes).await;
    assert!(
        fleet.engine.wants_more(),
        "tags of the groups on which something is planned"
    );
    fleet.engine.look(&fleet.wishes).await;
    assert!(!fleet.engine.wants_more());
    let later = fleet.engine.next_wake() + SignedDuration::from_mins(2);
    aws.sim.advance_to(later).await.unwrap();
    assert_eq!(fleet.engine.next_wake(), aws.sim.now(), "polls are due");
    assert!(!fleet.engine.wants_more());
}

/// What people wait for is written first. A record says no more than a look does until something is done.
#[tokio::test]
async fn a_first_record_is_stored_after_the_look_that_made_it_and_before_any_step() {
    let aws = Aws::new(&world(1)).await;
    let mut fleet = Fleet::started(&aws, 1, Settings::default());
    let name = fleet.wishes.keys().next().unwrap().clone();
    let first = aws.sim.now();
    fleet.engine.look(&fleet.wishes).await;
    assert!(fleet.engine.report(&name).unwrap().decision.is_some());
    assert_eq!(fleet.memory.began(&name), None);
    fleet.engine.act().await;
    let began = fleet.memory.began(&name).unwrap();
    assert!(first <= began && began <= aws.sim.now(), "{began}");
    let saved = |fleet: &Fleet<'_>| fleet.memory.saves(&name);
    assert_eq!(saved(&fleet), 1);
    fleet.engine.act().await;
    assert_eq!(saved(&fleet), 1, "it is stored once");
}

#[tokio::test]
async fn a_first_record_that_cannot_be_stored_is_told_until_it_can() {
    let aws = Aws::new(&world(1)).await;
    let mut fleet = Fleet::started(&aws, 1, Settings::default());
    let name = fleet.wishes.keys().next().unwrap().clone();
    let held = |fleet: &Fleet<'_>| {
        let decision = fleet.engine.report(&name).unwrap().decision.unwrap();
        decision
            .holds
            .iter()
            .any(|h| h.id == "stop:record" && h.reason.contains("disk full"))
    };
    fleet.memory.fill(true);
    fleet.engine.look(&fleet.wishes).await;
    fleet.engine.act().await;
    for _ in 0..3 {
        aws.sim.advance(SignedDuration::from_secs(31)).await.unwrap();
        fleet.engine.look(&fleet.wishes).await;
        assert!(held(&fleet));
        fleet.engine.act().await;
        assert!(held(&fleet));
    }
    assert_eq!(fleet.memory.began(&name), None);
    fleet.memory.fill(false);
    aws.sim.advance(SignedDuration::from_secs(31)).await.unwrap();
    fleet.engine.look(&fleet.wishes).await;
    fleet.engine.act().await;
    assert!(!held(&fleet));
    assert!(fleet.memory.began(&name).is_some());
}
