//! ElastiCache's `Event` → [`CacheEvent`]: what its text means.
//!
//! Texts as the user guide lists them and as they are seen in the wild: a failover is told with and without the old
//! node, which is called `primary` or `master`.

use super::timestamp;
use crate::aws::types::{CacheEvent, CacheEventKind, EventSource};
use crate::topology::{NodeId, ShardId, ZoneName};
use aws_sdk_elasticache::types::Event;

/// `None` for an event without a time (AWS always sends one).
pub fn event(sdk: &Event) -> Option<CacheEvent> {
    let message = sdk.message().unwrap_or_default().to_owned();
    Some(CacheEvent {
        at: timestamp(sdk.date()?)?,
        source: source(sdk),
        kind: kind(&message),
        message,
    })
}

fn source(sdk: &Event) -> EventSource {
    let id = sdk.source_identifier().unwrap_or_default();
    match sdk
        .source_type()
        .map(aws_sdk_elasticache::types::SourceType::as_str)
    {
        Some("replication-group") => EventSource::ReplicationGroup(id.to_ascii_lowercase()),
        Some("cache-cluster") => EventSource::CacheCluster(NodeId::new(id.to_ascii_lowercase())),
        _ => EventSource::Other(id.to_owned()),
    }
}

/// What the text says, whatever its case and final full stop.
pub fn kind(message: &str) -> CacheEventKind {
    let text = message.trim().trim_end_matches('.').to_ascii_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["test", "failover", "api", "called", "for", "node", "group", shard] => {
            CacheEventKind::TestFailoverCalled {
                shard: ShardId::from(*shard),
            }
        }
        [
            "failover",
            "from",
            "primary" | "master",
            "node",
            from,
            "to",
            "replica",
            "node",
            to,
            "completed",
        ] => CacheEventKind::FailoverCompleted {
            from: Some(NodeId::from(*from)),
            to: NodeId::from(*to),
        },
        ["failover", "to", "replica", "node", to, "completed"] => CacheEventKind::FailoverCompleted {
            from: None,
            to: NodeId::from(*to),
        },
        ["recovering", "cache", "node" | "nodes", ..] => CacheEventKind::Recovering,
        ["finished", "recovery", "for", "cache", "node" | "nodes", ..] => CacheEventKind::FinishedRecovery,
        [
            "added",
            "cache",
            "node" | "nodes",
            _,
            "in",
            "availability",
            "zone",
            zone,
        ] => CacheEventKind::NodeAdded {
            zone: Some(ZoneName::from(*zone)),
        },
        ["added", "cache", "node" | "nodes", ..] => CacheEventKind::NodeAdded { zone: None },
        ["cache", "cluster", "created"] | ["replication", "group", .., "created"] => CacheEventKind::Created,
        ["cache", "cluster", "deleted"] | ["replication", "group", .., "deleted"] => CacheEventKind::Deleted,
        _ => CacheEventKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_elasticache::types::SourceType;
    use aws_smithy_types::DateTime;
    use rstest::rstest;

    fn failover(from: Option<&str>, to: &str) -> CacheEventKind {
        CacheEventKind::FailoverCompleted {
            from: from.map(NodeId::from),
            to: to.into(),
        }
    }

    #[rstest]
    #[case(
        "Failover to replica node test-cluster-0001-002 completed",
        failover(None, "test-cluster-0001-002")
    )]
    #[case(
        "Failover from primary node rg-0001-001 to replica node rg-0001-002 completed",
        failover(Some("rg-0001-001"), "rg-0001-002")
    )]
    #[case(
        "Failover from master node RG-001 to replica node RG-002 completed.",
        failover(Some("rg-001"), "rg-002")
    )]
    #[case(
        "Test Failover API called for node group 0001",
        CacheEventKind::TestFailoverCalled { shard: "0001".into() }
    )]
    #[case("Recovering cache nodes 0001", CacheEventKind::Recovering)]
    #[case("Finished recovery for cache nodes 0001", CacheEventKind::FinishedRecovery)]
    #[case(
        "Added cache node 0001 in availability zone us-west-2c",
        CacheEventKind::NodeAdded { zone: Some("us-west-2c".into()) }
    )]
    #[case("Cache cluster created", CacheEventKind::Created)]
    #[case("Replication group sessions created", CacheEventKind::Created)]
    #[case("Cache cluster deleted", CacheEventKind::Deleted)]
    #[case("Cache node 0001 shutdown", CacheEventKind::Other)]
    #[case("Cache node 0001 restarted", CacheEventKind::Other)]
    #[case("Cache cluster patched", CacheEventKind::Other)]
    #[case("Failover to replica node completed", CacheEventKind::Other)]
    #[case(
        "Failover from standby node a to replica node b completed",
        CacheEventKind::Other
    )]
    #[case("The failover to replica node b completed", CacheEventKind::Other)]
    #[case("", CacheEventKind::Other)]
    fn texts_mean(#[case] text: &str, #[case] wanted: CacheEventKind) {
        assert_eq!(kind(text), wanted);
    }

    #[test]
    fn sources_are_told_apart_and_the_text_is_kept_as_aws_wrote_it() {
        let sdk = |source: SourceType| {
            Event::builder()
                .source_identifier("Sessions-0001-001")
                .source_type(source)
                .message("Recovering cache nodes 0001")
                .date(DateTime::from_millis(1_772_409_600_250))
                .build()
        };
        let member = event(&sdk(SourceType::CacheCluster)).unwrap();
        assert_eq!(
            member.source,
            EventSource::CacheCluster("sessions-0001-001".into())
        );
        assert_eq!(member.message, "Recovering cache nodes 0001");
        assert_eq!(member.at, "2026-03-02T00:00:00.250Z".parse().unwrap());
        let group = event(&sdk(SourceType::ReplicationGroup)).unwrap();
        assert_eq!(
            group.source,
            EventSource::ReplicationGroup("sessions-0001-001".into())
        );
        let user = event(&sdk(SourceType::User)).unwrap();
        assert_eq!(user.source, EventSource::Other("Sessions-0001-001".into()));
    }

    #[test]
    fn an_event_without_a_time_is_no_event() {
        assert_eq!(
            event(&Event::builder().message("Cache cluster created").build()),
            None
        );
    }
}
