//! Ids are given again: what is remembered holds for one life of a group, and for one node of it.

use super::rig::{LoopUnderTest, Rig, healthy_and_balanced, hours, minutes, planned};
use super::worlds::{Mode, manifest, world};

const ZONES: &[&str] = &["a", "b", "c"];
const B: &str = "ap-northeast-2b";

/// Zone b is lost, the copies that stood there are replaced elsewhere, and the zone is back.
async fn with_copies_of_ours<L: LoopUnderTest>(mode: Mode) -> Rig<L> {
    let shards: &[&str] = mode.pick(&["a:P b:r", "b:P c:r", "c:P a:r"], &["a:P b:r"]);
    let rig: Rig<L> = Rig::with(&world(mode, ZONES, shards, ""), &manifest(ZONES, 1, "")).await;
    rig.run_for(minutes(40)).await;
    rig.fail_zone(B);
    rig.run_for(minutes(50)).await;
    assert!(rig.applied("IncreaseReplicaCount") > 0);
    rig.recover_zone(B);
    rig.run_for(minutes(1)).await;
    rig
}

pub async fn a_group_made_anew_under_its_id_is_another_one<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = with_copies_of_ours(mode).await;
    let shards = mode.pick(
        "\"a:P b:r c:r\", \"b:P c:r a:r\", \"c:P a:r b:r\"",
        "\"a:P b:r c:r\"",
    );
    let word = mode.pick("enabled", "disabled");
    rig.actor(&format!(
        "{{does: {{recreate: {{group: {{id: sessions, clusterMode: {word}, subnetGroup: shop-cache, tags: \
         {{evenkeel.dev/owner: demo}}, shards: [{shards}]}}}}}}}}"
    ));
    rig.run_for(hours(6)).await;
    assert!(healthy_and_balanced(&rig.status().await));
    assert_eq!(
        rig.applied("DecreaseReplicaCount"),
        0,
        "a person made these nodes"
    );
    assert_eq!(rig.nodes(), mode.pick(9, 3));
}

pub async fn another_group_under_a_components_name_has_its_own_history<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = mode.pick(&["a:P b:r", "b:P c:r", "c:P a:r"], &["a:P b:r"]);
    let other = mode.pick("\"b:P a:r\", \"c:P b:r\", \"a:P c:r\"", "\"b:P a:r\"");
    let word = mode.pick("enabled", "disabled");
    let more = format!(
        "  - id: carts\n    clusterMode: {word}\n    subnetGroup: shop-cache\n    tags: {{evenkeel.dev/owner: demo}}\n    \
         shards: [{other}]\n"
    );
    let before = manifest(ZONES, 1, "");
    let rig: Rig<L> = Rig::with(&world(mode, ZONES, shards, &more), &before).await;
    rig.run_for(minutes(40)).await;
    assert!(healthy_and_balanced(&rig.status().await));
    let after = before.replace("replicationGroup: sessions", "replicationGroup: carts");
    rig.lut.apply("shop", &after).await;
    rig.run_for(minutes(20)).await;
    let status = rig.status().await;
    assert_eq!(
        status["failovers"].as_array().map_or(0, Vec::len),
        0,
        "{status:#}"
    );
    assert_eq!(rig.mutation_names(), [""; 0]);
}

pub async fn a_component_that_changes_its_name_keeps_its_memory<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = with_copies_of_ours(mode).await;
    let renamed = manifest(ZONES, 1, "").replace("- name: sessions", "- name: cache");
    rig.lut.apply("shop", &renamed).await;
    rig.run_until("all that was added is gone", hours(6), |status| {
        planned(status).is_empty() && rig.applied("DecreaseReplicaCount") > 0
    })
    .await;
    rig.run_for(hours(1)).await;
    assert_eq!(
        rig.nodes(),
        mode.pick(6, 2),
        "what was added for a time is tidied up"
    );
    let status = rig.status().await;
    assert_eq!(
        status["addedNodes"].as_array().map_or(0, Vec::len),
        0,
        "{status:#}"
    );
}

/// Found by the swarm: what one of ours had replaced was gone, and somebody was given its id.
pub async fn a_node_added_by_others_under_the_id_of_one_that_was_replaced_stays<L: LoopUnderTest>(
    mode: Mode,
) {
    let zones = &["a", "b"];
    let rig: Rig<L> = Rig::with(&world(mode, zones, &["b:P b:r"], ""), &manifest(zones, 1, "")).await;
    rig.run_for(hours(2)).await;
    assert_eq!(
        (
            rig.applied("IncreaseReplicaCount"),
            rig.applied("DecreaseReplicaCount")
        ),
        (1, 1)
    );
    rig.actor("{does: {terraform: {group: sessions, replicas: 2}}}");
    rig.run_for(hours(3)).await;
    assert_eq!(rig.applied("DecreaseReplicaCount"), 1);
    assert_eq!(rig.nodes(), 3);
}
