//! What a world can be told about AWS: durations, quotas, and the facts that no public source settles.
//!
//! Defaults of [`Timings`] are observed or documented values; each field of [`Switches`] is a question whose answer on
//! the real service is unknown, so both answers can be played.

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// How long things take, in simulated time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timings {
    /// A new node, from the call until it serves.
    pub node_creation: Span,
    /// A removed node, from the call until it is gone.
    pub node_deletion: Span,
    /// A change of settings.
    pub modify: Span,
    /// A whole replication group.
    pub group_creation: Span,
    /// A replication group's end.
    pub group_deletion: Span,
    /// Moving slots after shards were added or before they are removed.
    pub resharding: Span,
    /// TestFailover: from the call to the promotion.
    pub test_failover_promotion: Span,
    /// TestFailover: from the call to the event `Recovering cache nodes 0001`.
    pub test_failover_recovering: Span,
    /// TestFailover: from the call to the event `Finished recovery for cache nodes 0001`.
    pub test_failover_finished: Span,
    /// From the loss of a primary to the promotion that AWS does by itself.
    pub provider_failover: Span,
    /// Added to it when half or more of the primaries of a cluster-mode-enabled group are lost at once.
    pub majority_loss_extra: Span,
    /// A lone lost node: from the loss to the start of its recovery.
    pub lone_recovery_start: Span,
    /// A lone lost node: from the loss until it serves again.
    pub lone_recovery_finished: Span,
    /// From a zone's return to the start of its nodes' recovery.
    pub zone_rebuild_start: Span,
    /// From a zone's return until its nodes serve again.
    pub zone_rebuild_finished: Span,
    /// Patching one node during maintenance.
    pub patch_node: Span,
    /// The short failover during maintenance.
    pub patch_failover: Span,
    /// Greatest random addition to each of these, as a share (0.1 = up to 10 % more); drawn from the seed.
    pub jitter: f64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            node_creation: Span::mins(8),
            node_deletion: Span::mins(3),
            modify: Span::mins(2),
            group_creation: Span::mins(10),
            group_deletion: Span::mins(5),
            resharding: Span::mins(5),
            test_failover_promotion: Span::secs(63),
            test_failover_recovering: Span::secs(146),
            test_failover_finished: Span::secs(764),
            provider_failover: Span::secs(60),
            majority_loss_extra: Span::secs(0),
            lone_recovery_start: Span::mins(2),
            lone_recovery_finished: Span::mins(12),
            zone_rebuild_start: Span::mins(1),
            zone_rebuild_finished: Span::mins(10),
            patch_node: Span::secs(593),
            patch_failover: Span::secs(10),
            jitter: 0.0,
        }
    }
}

/// Service quotas. They bind API calls, not what a world file declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotas {
    /// Nodes of one replication group.
    pub nodes_per_group: usize,
    /// Nodes of one account in one region.
    pub nodes_per_region: usize,
    /// Node groups that TestFailover may take in a rolling day, per account.
    pub test_failovers_per_day: usize,
    /// API calls a second of one account to one service in one region, with ten seconds' worth in hand; 0: no limit.
    pub calls_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            nodes_per_group: 90,
            nodes_per_region: 300,
            test_failovers_per_day: 15,
            calls_per_second: 0,
        }
    }
}

/// Questions that no public source answers; see the README for what is known of each.
#[expect(clippy::struct_excessive_bools, reason = "yes-or-no questions")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// Is IncreaseReplicaCount accepted while a member is lost?
    pub increase_during_outage: OutageAnswer,
    /// What a group's status says while a member is lost.
    pub status_during_outage: GroupStatusShown,
    /// What CloudWatch has of a dead node.
    pub dead_node_metric: DeadMetric,
    /// Must IncreaseReplicaCount's zones cover the zones of existing nodes?
    pub preferred_zones_must_cover_existing: bool,
    /// Which words DecreaseReplicaCount takes in ReplicasToRemove.
    pub replicas_to_remove_form: RemoveForm,
    /// Seconds from the start of a minute until its point is served.
    pub metric_delay_seconds: u32,
    /// Does a minute's point show the node at a moment of its own within the minute (true), or at its start (false)?
    pub metric_sample_spread: bool,
    /// Error of a TestFailover while another of the same group hasn't finished.
    pub second_test_failover_during_recovery: FailoverRefusal,
    /// Error of a TestFailover without automatic failover.
    pub test_failover_without_auto_failover: FailoverRefusal,
    /// Error of a TestFailover where no replica could be promoted.
    pub test_failover_without_replica: FailoverRefusal,
    /// What a lost member's CacheClusterStatus and CacheNodeStatus say.
    pub dead_node_status: DeadStatus,
    /// Is `Recovering cache nodes 0001` emitted when a zone dies, although recovery waits for the zone?
    pub recovering_event_during_outage: bool,
    /// Does a node that AWS rebuilt tell a new CacheClusterCreateTime?
    pub rebuild_changes_create_time: bool,
    /// Which texts announce a failover.
    pub failover_event_form: EventForm,
    /// Does turning Multi-AZ on need copies of each shard in two zones?
    pub multi_az_requires_spread: bool,
    /// Do nodes being created show among a shard's members (else only in MemberClusters)?
    pub creating_nodes_in_node_groups: bool,
    /// Are roles shown in cluster mode compatible?
    pub compatible_shows_roles: bool,
    /// Do credentials of AssumeRole expire by simulated time (else by the machine's, as SDKs count)?
    pub credentials_expire_by_sim_clock: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            increase_during_outage: OutageAnswer::Accept,
            status_during_outage: GroupStatusShown::Available,
            dead_node_metric: DeadMetric::Gap,
            preferred_zones_must_cover_existing: false,
            replicas_to_remove_form: RemoveForm::ClusterId,
            metric_delay_seconds: 90,
            metric_sample_spread: true,
            second_test_failover_during_recovery: FailoverRefusal::InvalidReplicationGroupState,
            test_failover_without_auto_failover: FailoverRefusal::TestFailoverNotAvailableFault,
            test_failover_without_replica: FailoverRefusal::TestFailoverNotAvailableFault,
            dead_node_status: DeadStatus::Available,
            recovering_event_during_outage: false,
            rebuild_changes_create_time: false,
            failover_event_form: EventForm::Seeded,
            multi_az_requires_spread: true,
            creating_nodes_in_node_groups: true,
            compatible_shows_roles: true,
            credentials_expire_by_sim_clock: false,
        }
    }
}

/// Accept or refuse (InvalidReplicationGroupState).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutageAnswer {
    /// The call goes through.
    Accept,
    /// InvalidReplicationGroupState.
    Refuse,
}

/// A group's status while a member is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupStatusShown {
    /// As if nothing had happened.
    Available,
    /// As during a change.
    Modifying,
}

/// Points of a dead node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadMetric {
    /// None.
    Gap,
    /// The last value, again and again.
    Stale,
    /// `IsMaster` says 0; there is no lag.
    Zero,
}

/// Accepted forms of an element of ReplicasToRemove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemoveForm {
    /// `rg-0001-002` only.
    ClusterId,
    /// Also its last number, `002`, where that names one member.
    Any,
}

/// Error codes of a refused TestFailover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailoverRefusal {
    /// 400 InvalidReplicationGroupState.
    InvalidReplicationGroupState,
    /// 400 TestFailoverNotAvailableFault.
    TestFailoverNotAvailableFault,
    /// 400 InvalidParameterCombination.
    InvalidParameterCombination,
}

/// What a lost member says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadStatus {
    /// As if nothing had happened.
    Available,
    /// As a new node.
    Creating,
    /// As after a reboot request (the cluster says "rebooting cluster nodes").
    Rebooting,
    /// As during a change (the node itself says available).
    Modifying,
}

/// How a failover is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventForm {
    /// One of the other three, drawn from the seed each time.
    Seeded,
    /// Cluster and group: `Failover from primary node P to replica node R completed`.
    Documented,
    /// Group only: `Failover to replica node R completed`.
    Observed,
    /// Both texts a second apart, with the word *master*.
    Maintenance,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_spelt_as_the_readme_says() {
        let text = "increaseDuringOutage: refuse\nstatusDuringOutage: modifying\ndeadNodeMetric: stale\n\
                    preferredZonesMustCoverExisting: true\nreplicasToRemoveForm: any\nmetricDelaySeconds: 120\n\
                    secondTestFailoverDuringRecovery: TestFailoverNotAvailableFault\n\
                    testFailoverWithoutAutoFailover: InvalidReplicationGroupState\ndeadNodeStatus: creating\n";
        let switches: Switches = serde_saphyr::from_str(text).unwrap();
        assert_eq!(switches.increase_during_outage, OutageAnswer::Refuse);
        assert_eq!(switches.dead_node_metric, DeadMetric::Stale);
        assert_eq!(switches.replicas_to_remove_form, RemoveForm::Any);
        assert_eq!(switches.dead_node_status, DeadStatus::Creating);
        assert_eq!(
            switches.test_failover_without_auto_failover,
            FailoverRefusal::InvalidReplicationGroupState
        );
    }

    #[test]
    fn timings_default_to_what_was_observed() {
        let timings: Timings = serde_saphyr::from_str("nodeCreation: 30s").unwrap();
        assert_eq!(timings.node_creation, Span::secs(30));
        assert_eq!(timings.test_failover_promotion, Span::secs(63));
        assert_eq!(timings.test_failover_finished, Span::secs(764));
    }
}
