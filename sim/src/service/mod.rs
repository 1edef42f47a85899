//! The API operations: requests in, replies or errors out, changes to the world in between.
//!
//! Nothing here knows HTTP. An operation gets a [`Ctx`] with the world, the caller and the quirks that fault rules
//! imposed on this one call. Errors carry the wire code and status of the service model, whose suffixes aren't uniform.

pub mod cloudwatch;
pub mod elasticache;
pub mod sts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::world::{Place, World};

/// An error as the service declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Wire code.
    pub code: Cow<'static, str>,
    /// HTTP status.
    pub status: u16,
    /// For people.
    pub message: String,
    /// The simulator doesn't know what was asked for, so the log says it too: the caller may well be right.
    pub unknown: bool,
}

impl ApiError {
    /// Any error.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            status,
            message: message.into(),
            unknown: false,
        }
    }

    /// 400 for an operation, parameter, filter or value that the simulator doesn't know or doesn't act on.
    pub fn unknown(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            unknown: true,
            ..Self::new(code, 400, message)
        }
    }

    /// 400 InvalidParameterValue.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", 400, message)
    }

    /// 400 InvalidParameterCombination.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", 400, message)
    }

    /// 400 InvalidReplicationGroupState.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new("InvalidReplicationGroupState", 400, message)
    }

    /// 400 Throttling, as Query services answer too many calls.
    pub fn throttled() -> Self {
        Self::new("Throttling", 400, "Rate exceeded")
    }
}

/// Which service a call is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Service {
    /// Amazon ElastiCache.
    ElastiCache,
    /// Amazon CloudWatch.
    CloudWatch,
    /// AWS STS.
    Sts,
}

impl Service {
    /// From the credential scope.
    pub fn from_scope(name: &str) -> Option<Self> {
        match name {
            "elasticache" => Some(Self::ElastiCache),
            "monitoring" => Some(Self::CloudWatch),
            "sts" => Some(Self::Sts),
            _ => None,
        }
    }

    /// The word in the call log and in fault rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::ElastiCache => "elasticache",
            Self::CloudWatch => "cloudwatch",
            Self::Sts => "sts",
        }
    }
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Access key id, or the name of a world's actor.
    pub access_key: String,
    /// Account and region.
    pub place: Place,
    /// Principal ARN.
    pub arn: String,
    /// Session tags, where a role was assumed with any.
    pub tags: BTreeMap<String, String>,
    /// `api`, or `actor NAME`.
    pub by: String,
}

/// What fault rules impose on one call.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    /// Answer from the world as it was at this instant.
    pub as_of: Option<Timestamp>,
    /// At most so many records a page.
    pub page_limit: Option<usize>,
    /// No points for these groups or nodes; `None` inside: for nobody.
    pub drop_points: Vec<Option<String>>,
    /// AWS blocks TestFailover.
    pub test_failover_blocked: bool,
    /// Zones without capacity.
    pub full_zones: Vec<String>,
    /// Accepted now, undone later.
    pub rollback: bool,
}

/// One call on its way through an operation.
pub struct Ctx<'a> {
    /// The world.
    pub world: &'a mut World,
    /// Who calls.
    pub caller: &'a Caller,
    /// What fault rules impose.
    pub quirks: &'a Quirks,
    /// Did the world change?
    pub applied: bool,
}

impl Ctx<'_> {
    /// The instant that reads see.
    pub fn as_of(&self) -> Timestamp {
        self.quirks.as_of.unwrap_or_else(|| self.world.now())
    }
}

/// Does an operation change anything?
pub fn is_mutating(operation: &str) -> bool {
    [
        "Create",
        "Modify",
        "Delete",
        "Increase",
        "Decrease",
        "TestFailover",
        "AddTags",
    ]
    .iter()
    .any(|prefix| operation.starts_with(prefix))
}
