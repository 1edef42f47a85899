//! From the SDK's shapes to [`super::described`] and [`super::types`].
//!
//! Words that this version does not know become `Unknown`, never a panic and never something healthy. Identifiers
//! are lower-cased, as ElastiCache treats them.

pub mod clusters;
pub mod events;
pub mod groups;
pub mod window;

use crate::topology::ResourceStatus;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// The words of `ReplicationGroup.Status` and `NodeGroup.Status`.
pub(super) fn resource_status(word: Option<&str>) -> ResourceStatus {
    match word.unwrap_or_default() {
        "available" => ResourceStatus::Available,
        "creating" => ResourceStatus::Creating,
        "modifying" => ResourceStatus::Modifying,
        "deleting" => ResourceStatus::Deleting,
        "snapshotting" => ResourceStatus::Snapshotting,
        "create-failed" => ResourceStatus::CreateFailed,
        _ => ResourceStatus::Unknown,
    }
}

pub(super) fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.as_nanos()).ok()
}

/// To the SDK's time. Whole seconds for windows of questions; AWS rounds further by itself.
pub(super) fn sdk_time(time: Timestamp) -> DateTime {
    DateTime::from_millis(time.as_millisecond())
}
