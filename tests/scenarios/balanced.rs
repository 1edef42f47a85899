//! A balanced stack costs nothing: no mutating call, no status change.

use super::rig::{LoopUnderTest, Rig, condition, minutes, planned};
use super::worlds::{Mode, manifest, world};

pub async fn a_balanced_stack_is_left_alone<L: LoopUnderTest>(mode: Mode) {
    let shards: &[&str] = match mode {
        Mode::Enabled => &["a:P c:r", "c:P a:r"],
        Mode::Disabled => &["a:P c:r"],
    };
    let rig: Rig<L> = Rig::with(
        &world(mode, &["a", "c"], shards, ""),
        &manifest(&["a", "c"], 1, ""),
    )
    .await;
    rig.run_for(minutes(30)).await;
    let before = rig.status().await;
    assert_eq!(condition(&before, "Ready"), "True");
    assert_eq!(condition(&before, "ZoneRedundant"), "True");
    assert_eq!(condition(&before, "Balanced"), "True");
    assert_eq!(planned(&before), Vec::<String>::new());

    rig.run_for(minutes(20)).await;

    assert_eq!(
        rig.status().await,
        before,
        "twenty quiet poll cycles changed the status"
    );
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}
