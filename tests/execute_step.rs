//! One step against ports that fail, freeze and crash: what is stored, what is sent, in which order.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel::aws::types::{AwsError, ErrorClass};
use evenkeel::clock::Clock;
use evenkeel::execute::change::Change;
use evenkeel::execute::step::{Again, Blind, Gate, Outcome, Ports, Record, Replan, Write};
use evenkeel::execute::store::{Store, StoreError, Stored, Version};
use evenkeel::plan::history::{History, Phase, Ticket, TicketOutcome};
use evenkeel::plan::{Action, ActionId, ActionKind};
use evenkeel::topology::{Component, StackName, Topology, shorthand};
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;

/// What happened, in order, as short words.
#[derive(Default)]
struct Diary(Mutex<Vec<String>>);

impl Diary {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn read(&self) -> String {
        self.0.lock().unwrap().join(", ")
    }
}

struct World {
    diary: Diary,
    now: Mutex<Timestamp>,
    /// The save with this number (from 1) fails.
    failing_save: Option<usize>,
    saves: Mutex<usize>,
    on_disk: Mutex<History>,
    answer: Result<(), AwsError>,
    /// The gate closes at its n-th look (from 1).
    closes_at: Option<usize>,
    looks: Mutex<usize>,
}

impl World {
    fn new() -> Self {
        Self {
            diary: Diary::default(),
            now: Mutex::new(at(0)),
            failing_save: None,
            saves: Mutex::new(0),
            on_disk: Mutex::default(),
            answer: Ok(()),
            closes_at: None,
            looks: Mutex::new(0),
        }
    }

    fn stored(&self) -> Ticket {
        self.on_disk.lock().unwrap().tickets.last().unwrap().clone()
    }

    fn calls(&self) -> usize {
        self.diary.read().matches("send").count()
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
    async fn sleep_until(&self, _until: Timestamp) {
        panic!("a step never sleeps")
    }
}

impl Store for World {
    async fn load(&self, _stack: &StackName, _now: Timestamp) -> Result<Stored, StoreError> {
        panic!("a step never loads")
    }

    async fn save(
        &self,
        stack: &StackName,
        history: &History,
        _expected: &Version,
    ) -> Result<Version, StoreError> {
        let n = {
            let mut saves = self.saves.lock().unwrap();
            *saves += 1;
            *saves
        };
        if self.failing_save == Some(n) {
            self.diary.note("save fails");
            return Err(StoreError::Unwritable {
                stack: stack.clone(),
                reason: "no space left on device".to_owned(),
            });
        }
        self.diary
            .note(format!("{:?}", history.tickets.last().unwrap().phase));
        *self.on_disk.lock().unwrap() = history.clone();
        Ok(Version(n.to_string()))
    }

    async fn load_note(&self, _key: &str) -> Option<String> {
        None
    }

    async fn save_note(&self, _key: &str, _text: &str) -> Result<(), String> {
        panic!("a step writes no notes")
    }
}

impl Write for World {
    async fn send(&self, group: &str, change: Change) -> Result<(), AwsError> {
        assert_eq!(group, "cache");
        assert_eq!(
            self.stored().phase,
            Phase::MaybeCalled,
            "MaybeCalled is stored before sending"
        );
        let Change::TestFailover(shard) = change else {
            panic!("{change:?}")
        };
        self.diary.note(format!("send {shard}"));
        self.answer.clone()
    }
}

impl Gate for World {
    fn closed(&self, _now: Timestamp) -> Option<String> {
        let mut looks = self.looks.lock().unwrap();
        *looks += 1;
        self.closes_at.filter(|n| *looks >= *n).map(|_| "stop".to_owned())
    }

    fn close(&self, _reason: &str) {
        panic!("a step closes no gate")
    }
}

/// Plans this again, or fails; `frozen` is how long the process stands still after the read.
struct Plans<'w> {
    world: &'w World,
    again: Result<Vec<Action>, Blind>,
    frozen: SignedDuration,
}

impl Replan for Plans<'_> {
    async fn replan(&mut self, history: &History, ticket: &Ticket) -> Result<Again, Blind> {
        assert!(
            history.tickets.contains(ticket),
            "the record that is planned on holds the ticket"
        );
        self.world.diary.note("look");
        let read_at = self.world.now();
        *self.world.now.lock().unwrap() = read_at + self.frozen;
        Ok(Again {
            topology: topology(),
            step: self.again.clone()?,
            holds: Vec::new(),
            read_at,
        })
    }
}

fn at(seconds: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn topology() -> Topology {
    shorthand::topology(at(0), "a b", &["a:P b:r", "a:P b:r"])
}

fn component() -> Component {
    topology().components.into_values().next().unwrap()
}

fn move_primary(shard: &str) -> Vec<Action> {
    vec![Action {
        id: ActionId(format!("move-{shard}")),
        component: "cache".into(),
        kind: ActionKind::MovePrimary { shard: shard.into() },
        from_zone: None,
        to_zone: None,
        why: "two primaries stand in one zone".to_owned(),
    }]
}

fn error(class: ErrorClass) -> AwsError {
    AwsError {
        class,
        service: "elasticache",
        operation: "TestFailover",
        code: "Code".to_owned(),
        message: "no".to_owned(),
        maybe_sent: true,
    }
}

async fn run(world: &World, again: Result<Vec<Action>, Blind>) -> (Outcome, Record) {
    run_frozen(world, again, SignedDuration::ZERO).await
}

async fn run_frozen(
    world: &World,
    again: Result<Vec<Action>, Blind>,
    frozen: SignedDuration,
) -> (Outcome, Record) {
    let mut record = Record {
        stack: StackName::new("shop", "web"),
        history: History::default(),
        version: Version::default(),
        unsure: false,
    };
    let mut plans = Plans { world, again, frozen };
    let mut ports = Ports {
        clock: world,
        store: world,
        replan: &mut plans,
        write: world,
        gate: world,
    };
    let outcome = ports
        .take(&mut record, move_primary("0001"), &component(), "me")
        .await;
    (outcome, record)
}

#[tokio::test]
async fn each_phase_is_stored_before_the_next_thing_happens() {
    let world = World::new();
    let (outcome, record) = run(&world, Ok(move_primary("0001"))).await;
    assert!(matches!(outcome, Outcome::Called(_)));
    assert_eq!(
        world.diary.read(),
        "Prepared, look, MaybeCalled, send 0001, Settling"
    );
    assert_eq!(record.history, *world.on_disk.lock().unwrap());
}

#[tokio::test]
async fn a_save_that_fails_sends_nothing() {
    for (n, diary) in [(1, "save fails"), (2, "Prepared, look, save fails")] {
        let world = World {
            failing_save: Some(n),
            ..World::new()
        };
        let (outcome, record) = run(&world, Ok(move_primary("0001"))).await;
        assert!(matches!(outcome, Outcome::NotStored(_)), "{outcome:?}");
        assert_eq!(world.diary.read(), diary);
        assert!(record.unsure);
    }
}

#[tokio::test]
async fn an_answer_that_can_not_be_stored_leaves_a_ticket_that_is_never_sent_again() {
    let world = World {
        failing_save: Some(3),
        ..World::new()
    };
    let (outcome, record) = run(&world, Ok(move_primary("0001"))).await;
    assert!(matches!(outcome, Outcome::NotStored(_)), "{outcome:?}");
    assert_eq!(world.calls(), 1);
    assert_eq!(world.stored().phase, Phase::MaybeCalled);
    assert!(record.unsure);
}

#[tokio::test]
async fn a_fresh_look_that_gives_another_step_or_none_sends_nothing() {
    for again in [move_primary("0002"), Vec::new()] {
        let world = World::new();
        let (outcome, _) = run(&world, Ok(again)).await;
        assert!(matches!(outcome, Outcome::Overtaken { .. }), "{outcome:?}");
        assert_eq!(world.diary.read(), "Prepared, look, GaveUp");
        assert_eq!(world.stored().outcome, Some(TicketOutcome::Overtaken));
    }
}

#[tokio::test]
async fn a_fresh_look_that_fails_sends_nothing() {
    let world = World::new();
    let (outcome, _) = run(&world, Err(Blind("throttled".to_owned()))).await;
    assert!(matches!(outcome, Outcome::Blind(_)), "{outcome:?}");
    assert_eq!(world.diary.read(), "Prepared, look, GaveUp");
}

#[tokio::test]
async fn the_stop_switch_is_looked_at_before_the_ticket_and_just_before_the_call() {
    for (n, diary) in [
        (1, "Prepared, look, GaveUp"),
        (2, "Prepared, look, MaybeCalled, GaveUp"),
    ] {
        let world = World {
            closes_at: Some(n),
            ..World::new()
        };
        let (outcome, _) = run(&world, Ok(move_primary("0001"))).await;
        assert!(matches!(outcome, Outcome::Stopped(_)), "{outcome:?}");
        assert_eq!(world.diary.read(), diary);
        assert_eq!(world.stored().outcome, Some(TicketOutcome::Overtaken));
    }
}

#[tokio::test]
async fn a_process_that_was_frozen_after_its_fresh_look_sends_nothing() {
    let world = World::new();
    let long = SignedDuration::from_secs(61);
    let (outcome, _) = run_frozen(&world, Ok(move_primary("0001")), long).await;
    assert!(matches!(outcome, Outcome::Overtaken { .. }), "{outcome:?}");
    assert_eq!(world.calls(), 0);
    let world = World::new();
    let short = SignedDuration::from_secs(59);
    run_frozen(&world, Ok(move_primary("0001")), short).await;
    assert_eq!(world.calls(), 1);
}

#[tokio::test]
async fn a_call_is_sent_once_whatever_aws_answers() {
    use ErrorClass as C;
    let classes = [
        C::NotFound,
        C::Throttled,
        C::Denied,
        C::Conflict,
        C::Capacity,
        C::Quota,
        C::Invalid,
        C::Transient,
        C::Unknown,
    ];
    for class in classes {
        let world = World {
            answer: Err(error(class)),
            ..World::new()
        };
        let (outcome, _) = run(&world, Ok(move_primary("0001"))).await;
        let Outcome::Called(ticket) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(world.calls(), 1, "{class:?}");
        let unknown = matches!(class, C::Transient | C::Unknown);
        let phase = if unknown {
            Phase::MaybeCalled
        } else {
            Phase::GaveUp
        };
        assert_eq!(ticket.phase, phase, "{class:?}");
        assert_eq!(world.stored(), ticket);
    }
}
