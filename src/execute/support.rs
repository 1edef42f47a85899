//! Fixtures shared by the tests of this module.

use crate::aws::types::{AwsError, ErrorClass};
use crate::plan::{Action, ActionId, ActionKind};
use crate::topology::{Component, shorthand};
use jiff::{SignedDuration, Timestamp};

/// Seconds after 2026-03-02T00:00:00Z.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-03-02T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// The shorthand's one component, observed at `at(0)`.
pub(crate) fn cache(zones: &str, shards: &[&str]) -> Component {
    let topology = shorthand::topology(at(0), zones, shards);
    topology.components.into_values().next().unwrap()
}

pub(crate) fn action(id: &str, kind: ActionKind) -> Action {
    Action {
        id: ActionId(id.to_owned()),
        component: "cache".into(),
        kind,
        from_zone: None,
        to_zone: None,
        why: "a test wants it".to_owned(),
    }
}

pub(crate) fn failed(class: ErrorClass, maybe_sent: bool) -> AwsError {
    AwsError {
        class,
        service: "elasticache",
        operation: "TestFailover",
        code: format!("{class:?}"),
        message: "no".to_owned(),
        maybe_sent,
    }
}
