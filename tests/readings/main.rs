//! What no public source settles about AWS may be one way or the other (`sim/README.md`, switches). Under every reading,
//! an outage is lived through without a wrong step, and the stack is whole and balanced in the end.
//!
//! The rig is that of `tests/scenarios/`: the real binary, the official SDK, the simulated AWS on the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel_test_support::rig::{self, Rig, condition, healthy_and_balanced, hours, minutes};
use evenkeel_test_support::standalone::Standalone;
use rstest::rstest;
use serde_json::Value;

const A: &str = "ap-northeast-2a";
const ZONES: [&str; 3] = ["a", "b", "c"];

/// A group `sessions` of ours in three zones, with this line of switches or quotas.
fn world(mode: &str, shards: &str, reading: &str) -> String {
    format!(
        "region: ap-northeast-2\naccount: \"111122223333\"\n\
         zones: {{ap-northeast-2a: apne2-az1, ap-northeast-2b: apne2-az2, ap-northeast-2c: apne2-az3}}\n\
         subnetGroups: [{{name: shop-cache, zones: [a, b, c]}}]\n\
         replicationGroups:\n  - {{id: sessions, clusterMode: {mode}, subnetGroup: shop-cache, \
         maintenanceWindow: \"sun:03:00-sun:04:00\", tags: {{evenkeel.dev/owner: demo}}, shards: {shards}}}\n{reading}\n"
    )
}

fn manifest() -> String {
    let zones = ZONES.map(|z| format!("{{name: ap-northeast-2{z}}}")).join(", ");
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: HAStack\nmetadata: {{name: shop, namespace: default}}\n\
         spec:\n  mode: Enforce\n  aws: {{region: ap-northeast-2}}\n  zones: [{zones}]\n  \
         guardrails: {{quietPeriod: 30m, replaceAfter: 15m}}\n  \
         caches: [{{name: sessions, replicationGroup: sessions}}]\n"
    )
}

/// What must never happen, whatever AWS is like.
fn nothing_wrong_was_done(rig: &Rig<Standalone>, outage: std::ops::Range<jiff::Timestamp>) {
    let state = rig.sim_state();
    assert_eq!(state["dataLossEvents"], serde_json::json!([]));
    for call in rig.mutations() {
        let disruptive = ["DecreaseReplicaCount", "TestFailover"].contains(&call.operation.as_str());
        assert!(
            !(disruptive && outage.contains(&call.at)),
            "{} while a zone was lost",
            call.operation
        );
        assert_ne!(call.operation, "DeleteReplicationGroup");
    }
    let refused = rig.mutations().iter().filter(|call| !call.applied).count();
    assert!(refused <= 20, "a storm of {refused} refused calls");
}

fn fewest_copies(state: &Value) -> u64 {
    let groups = state["groups"].as_array().unwrap();
    let shards = groups.iter().flat_map(|g| g["shards"].as_array().unwrap());
    shards
        .map(|s| s["minHealthyCopies"].as_u64().unwrap())
        .min()
        .unwrap()
}

/// (reading, what the lost zone is held for after two hours, is the stack redundant then)
///
/// With no evidence of death (a metric that goes on) the zone passes for healthy and nothing is done; where a dead
/// primary still claims to be one, two claim it, and nobody knows what the loss of either zone would cost. Nodes that say
/// they reboot are taken at their word for a quarter of an hour. Where AWS takes no increase, or shows the group as busy,
/// copies stay lost until the zone is back.
#[rstest]
#[case::increase_refused("switches: {increaseDuringOutage: refuse}", "Impaired", "False")]
#[case::group_shown_modifying("switches: {statusDuringOutage: modifying}", "Impaired", "False")]
#[case::dead_metric_stale("switches: {deadNodeMetric: stale}", "Healthy", "Unknown")]
#[case::dead_metric_zero("switches: {deadNodeMetric: zero}", "Healthy", "True")]
#[case::dead_node_shown_creating("switches: {deadNodeStatus: creating}", "Impaired", "True")]
#[case::dead_node_shown_rebooting("switches: {deadNodeStatus: rebooting}", "Impaired", "True")]
#[case::dead_node_shown_modifying("switches: {deadNodeStatus: modifying}", "Impaired", "True")]
#[case::rebuilt_nodes_tell_another_creation("switches: {rebuildChangesCreateTime: true}", "Impaired", "True")]
#[case::recovery_announced_in_the_outage("switches: {recoveringEventDuringOutage: true}", "Impaired", "True")]
#[case::zones_must_cover_existing("switches: {preferredZonesMustCoverExisting: true}", "Impaired", "True")]
#[case::new_nodes_hidden("switches: {creatingNodesInNodeGroups: false}", "Impaired", "True")]
#[case::points_at_once("switches: {metricDelaySeconds: 0}", "Impaired", "True")]
#[case::points_late("switches: {metricDelaySeconds: 240}", "Impaired", "True")]
#[case::points_of_the_minutes_start("switches: {metricSampleSpread: false}", "Impaired", "True")]
#[case::failover_as_documented("switches: {failoverEventForm: documented}", "Impaired", "True")]
#[case::failover_as_observed("switches: {failoverEventForm: observed}", "Impaired", "True")]
#[case::failover_as_in_maintenance("switches: {failoverEventForm: maintenance}", "Impaired", "True")]
#[case::calls_limited("quotas: {callsPerSecond: 1}", "Impaired", "True")]
#[case::all_at_once(
    "switches: {increaseDuringOutage: refuse, statusDuringOutage: modifying, deadNodeMetric: stale, \
     deadNodeStatus: modifying, recoveringEventDuringOutage: true, creatingNodesInNodeGroups: false}",
    "Impaired",
    "False"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_lived_through_under_this_reading_of_aws(
    #[case] reading: &str,
    #[case] zone_state: &str,
    #[case] redundant: &str,
) {
    let rig: Rig<Standalone> =
        Rig::with(&world("enabled", "['a:P b:r', 'c:P a:r']", reading), &manifest()).await;
    rig.run_for(minutes(30)).await;
    assert!(healthy_and_balanced(&rig.status().await));
    rig.fail_zone(A);
    let lost_at = rig.sim.now();
    rig.run_for(hours(2)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "Ready"), "True");
    let zone = status["zones"]
        .as_array()
        .unwrap()
        .iter()
        .find(|z| z["name"] == A);
    assert_eq!(
        (
            zone.unwrap()["state"].as_str().unwrap(),
            condition(&status, "ZoneRedundant")
        ),
        (zone_state, redundant)
    );
    rig.recover_zone(A);
    let back_at = rig.sim.now();
    rig.run_until("whole and balanced", hours(8), healthy_and_balanced)
        .await;
    nothing_wrong_was_done(&rig, lost_at..back_at);
    assert_eq!(rig.nodes(), 4, "what was added is gone again");
    assert_eq!(fewest_copies(&rig.sim_state()), 1);
}

/// AWS may or may not say who is primary in cluster mode compatible.
#[rstest]
#[case::roles_shown("switches: {compatibleShowsRoles: true}")]
#[case::roles_hidden("switches: {compatibleShowsRoles: false}")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_cluster_mode_compatible_the_primary_is_known_either_way(#[case] reading: &str) {
    let rig: Rig<Standalone> = Rig::with(&world("compatible", "['a:P b:r']", reading), &manifest()).await;
    rig.run_for(minutes(30)).await;
    let status = rig.status().await;
    assert_eq!(
        status["components"][0]["placement"],
        serde_json::json!(["0001  a:P  b:r"])
    );
    rig.fail_node("sessions-001");
    rig.run_until("the failover is seen", minutes(20), |s| {
        s["components"][0]["placement"][0]
            .as_str()
            .is_some_and(|line| line.contains("b:P"))
    })
    .await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

/// Whether Multi-AZ can be turned on before copies stand in two zones: the plan never needs to know.
#[rstest]
#[case::needs_two_zones("switches: {multiAzRequiresSpread: true}")]
#[case::does_not("switches: {multiAzRequiresSpread: false}")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_turned_on_without_a_refusal(#[case] reading: &str) {
    let world = world("disabled", "['a:P a:r']", reading).replace(
        "clusterMode: disabled",
        "clusterMode: disabled, multiAz: false, automaticFailover: false",
    );
    let rig: Rig<Standalone> = Rig::with(&world, &manifest()).await;
    rig.run_until("spread and protected", hours(6), healthy_and_balanced)
        .await;
    assert!(
        rig.mutations().iter().all(|call| call.applied),
        "AWS refused something"
    );
    assert!(
        rig.mutation_names()
            .contains(&"ModifyReplicationGroup".to_owned())
    );
}

/// Two shards' primaries have to move; AWS refuses the second while the first recovers, in one way or another.
#[rstest]
#[case("switches: {secondTestFailoverDuringRecovery: InvalidReplicationGroupState}")]
#[case("switches: {secondTestFailoverDuringRecovery: TestFailoverNotAvailableFault}")]
#[case("switches: {secondTestFailoverDuringRecovery: InvalidParameterCombination}")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_failback_waits_for_the_first_to_recover(#[case] reading: &str) {
    let shards = "['a:r c:P', 'a:r c:P', 'a:r c:P', 'a:r c:P']";
    let rig: Rig<Standalone> = Rig::with(&world("enabled", shards, reading), &manifest()).await;
    rig.run_until("balanced", hours(8), healthy_and_balanced).await;
    assert!(
        rig.mutations().iter().all(|call| call.applied),
        "AWS refused something"
    );
    assert!(rig.applied("TestFailover") >= 2);
}

/// Answers that are old, short, late or none: an outage with its replacements, tidying up and failback goes as it should.
#[rstest]
#[case::half_of_all_reads_a_minute_and_a_half_old("faults: [{probability: 0.5, stale: 90s}]")]
#[case::half_of_all_reads_five_minutes_old("faults: [{probability: 0.5, stale: 5m}]")]
#[case::three_records_a_page("faults: [{shortPages: 3}]")]
#[case::answers_after_seconds("faults: [{probability: 0.2, latency: 50ms}]")]
#[case::a_third_of_all_calls_fail(
    "faults: [{probability: 0.15, throttle: true}, {probability: 0.1, error: {code: InternalFailure}}, \
     {probability: 0.05, error: {code: ServiceUnavailable}}, {probability: 0.03, resetBefore: true}]"
)]
#[case::a_third_of_all_answers_cut_off("faults: [{probability: 0.33, cut: 0.6}]")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_lived_through_over_a_rough_network(#[case] faults: &str) {
    let rig: Rig<Standalone> =
        Rig::with(&world("enabled", "['a:P b:r', 'c:P a:r']", faults), &manifest()).await;
    rig.run_for(minutes(30)).await;
    rig.fail_zone(A);
    let lost_at = rig.sim.now();
    rig.run_for(hours(2)).await;
    rig.recover_zone(A);
    let back_at = rig.sim.now();
    rig.run_until("whole and balanced", hours(12), healthy_and_balanced)
        .await;
    nothing_wrong_was_done(&rig, lost_at..back_at);
    assert_eq!(rig.nodes(), 4, "what was added is gone again");
    assert!((1..=2).contains(&rig.applied("IncreaseReplicaCount")));
    assert!(rig.applied("DecreaseReplicaCount") <= 2);
    assert!(rig.applied("TestFailover") <= 1);
}

/// AWS takes a snapshot just when a failback is due: it is waited for, and AWS has nothing to refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_waited_for() {
    let actors = "actors: [{at: 15m, does: {backup: {group: sessions, for: 3h}}}]";
    let rig: Rig<Standalone> =
        Rig::with(&world("enabled", "['a:r c:P', 'b:r c:P']", actors), &manifest()).await;
    rig.run_for(hours(3)).await;
    let status = rig.status().await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert_eq!(condition(&status, "ZoneRedundant"), "True");
    assert!(rig::hold_reason(&status, "resource_state").contains("snapshot"));
    rig.run_until("failed back", hours(3), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

/// Durability decides what the loss of a zone may cost.
#[rstest]
#[case::asynchronous_replication("", "False")]
#[case::log_before_the_answer("durability: sync, ", "True")]
#[case::log_after_the_answer("durability: async, ", "False")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_log_that_is_written_first_promises_no_loss(#[case] durability: &str, #[case] met: &str) {
    let world = world("enabled", "['a:P b:r']", "").replace("shards:", &format!("{durability}shards:"));
    let manifest = manifest().replace(
        "  guardrails:",
        "  objectives: {recoveryPoint: 0s}\n  guardrails:",
    );
    let rig: Rig<Standalone> = Rig::with(&world, &manifest).await;
    rig.run_for(minutes(10)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "ObjectivesMet"), met);
}

/// A group that AWS could not create is told as such and left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_whose_creation_failed_is_told() {
    let world = world("enabled", "['a:P c:r']", "").replace("shards:", "status: create-failed, shards:");
    let rig: Rig<Standalone> = Rig::with(&world, &manifest()).await;
    rig.run_for(hours(1)).await;
    let status = rig.status().await;
    assert_eq!(status["components"][0]["status"], "CreateFailed");
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}
