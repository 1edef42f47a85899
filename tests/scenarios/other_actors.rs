//! Others change the same group for two days: no fight, and nothing that isn't ours is removed.

use super::rig::{LoopUnderTest, Rig, hours};
use super::worlds::{Mode, manifest, world};

const ZONES: &[&str] = &["a", "b", "c"];

pub async fn replica_autoscaling_up_and_down_is_let_be<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = mode.pick(&["a:P b:r", "c:P a:r"], &["a:P b:r"]);
    let actors = "actors:\n  - at: 1h\n    every: 6h\n    does: {autoscaling: {group: sessions, replicas: [2, 3, 2, 1]}}\n";
    let rig: Rig<L> = Rig::with(&world(mode, ZONES, shards, actors), &manifest(ZONES, 1, "")).await;
    rig.run_for(hours(48)).await;
    let deeds = rig.sim_state()["actorDeeds"].as_array().unwrap().len();
    assert!(deeds >= 6, "the autoscaler did something: {deeds}");
    // It removes only to complete a relocation of its own: after its addition, never beyond it.
    let mut added = 0_usize;
    for call in rig.mutations().iter().filter(|c| c.applied) {
        match call.operation.as_str() {
            "IncreaseReplicaCount" => added += 1,
            "DecreaseReplicaCount" => {
                assert!(added > 0, "it removed what it hadn't added");
                added -= 1;
            }
            _ => {}
        }
    }
    assert!(
        rig.mutations().len() <= 12,
        "a fight of {} calls",
        rig.mutations().len()
    );
    assert_eq!(rig.sim_state()["dataLossEvents"].as_array().unwrap().len(), 0);
}

pub async fn terraform_undoing_each_added_replica_is_not_fought_beyond_the_limit<L: LoopUnderTest>(
    mode: Mode,
) {
    let actors =
        "actors:\n  - at: 1h\n    every: 30m\n    does: {terraform: {group: sessions, replicas: 1}}\n";
    let world = world(mode, ZONES, &["a:P b:r"], actors);
    let rig: Rig<L> = Rig::with(&world, &manifest(ZONES, 2, "")).await;
    rig.run_for(hours(48)).await;
    let added = rig.applied("IncreaseReplicaCount");
    assert!((1..=3).contains(&added), "added {added} times against Terraform");
    assert_eq!(rig.applied("DecreaseReplicaCount"), 0);
}
