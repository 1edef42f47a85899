//! Multi-AZ off and every node in one zone.

use super::rig::{LoopUnderTest, Rig, healthy_and_balanced, hours};
use super::worlds::{Mode, manifest, world};

pub async fn a_group_in_one_zone_is_spread_before_its_settings_are_turned_on<L: LoopUnderTest>() {
    let world = world(Mode::Disabled, &["a", "c"], &["a:P a:r"], "").replace(
        "    clusterMode: disabled\n",
        "    clusterMode: disabled\n    multiAz: false\n    automaticFailover: false\n",
    );
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "c"], 1, "")).await;
    rig.run_until("spread and protected", hours(8), healthy_and_balanced)
        .await;

    let calls = rig.mutations();
    let names: Vec<&str> = calls.iter().map(|c| c.operation.as_str()).collect();
    assert_eq!(
        names.first(),
        Some(&"IncreaseReplicaCount"),
        "{}",
        rig.story().await
    );
    assert_eq!(
        names.last(),
        Some(&"DecreaseReplicaCount"),
        "{}",
        rig.story().await
    );
    let middle = &names[1..names.len() - 1];
    assert!(
        !middle.is_empty() && middle.iter().all(|n| *n == "ModifyReplicationGroup"),
        "{}",
        rig.story().await
    );
    assert_eq!(
        rig.zones_of_healthy("0001"),
        ["ap-northeast-2a", "ap-northeast-2c"]
    );
    let group = &rig.sim_state()["groups"][0];
    assert_eq!(
        (&group["automaticFailover"], &group["multiAz"]),
        (&"enabled".into(), &true.into())
    );
    assert_eq!(rig.nodes(), 2);
}
