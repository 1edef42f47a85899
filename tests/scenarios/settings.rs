//! Multi-AZ off and every node in one zone.

use super::rig::{LoopUnderTest, Rig, healthy_and_balanced, hours};
use super::worlds::{Mode, manifest, world};

pub async fn a_group_in_one_zone_is_spread_before_its_settings_are_turned_on<L: LoopUnderTest>(mode: Mode) {
    // AWS demands automatic failover where cluster mode is enabled.
    let (off, turned_on) = mode.pick(("", 1), ("    automaticFailover: false\n", 2));
    let line = mode.pick("    clusterMode: enabled\n", "    clusterMode: disabled\n");
    let world =
        world(mode, &["a", "c"], &["a:P a:r"], "").replace(line, &format!("{line}    multiAz: false\n{off}"));
    let rig: Rig<L> = Rig::with(&world, &manifest(&["a", "c"], 1, "")).await;
    rig.run_until("spread and protected", hours(8), healthy_and_balanced)
        .await;

    let settings = vec!["ModifyReplicationGroup"; turned_on];
    let wanted = [
        &["IncreaseReplicaCount"],
        &settings[..],
        &["DecreaseReplicaCount"],
    ]
    .concat();
    assert_eq!(rig.mutation_names(), wanted);
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
