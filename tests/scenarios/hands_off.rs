//! What must be left alone: missing, unreadable, half made, somebody else's. A clear status, nothing done.

use super::rig::{
    LoopUnderTest, Rig, condition, condition_message, healthy_and_balanced, hold_reason, holding, hours,
    minutes, planned,
};
use super::worlds::{Mode, manifest, skewed_manifest, skewed_world, world};

async fn settled<L: LoopUnderTest>(mode: Mode, world: &str) -> Rig<L> {
    let rig: Rig<L> = Rig::with(world, &skewed_manifest(mode, "", "")).await;
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    rig
}

pub async fn a_missing_group_is_reported<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = settled(mode, &skewed_world(mode, "").replace("id: sessions", "id: other")).await;
    let status = rig.status().await;
    assert_eq!(status["components"][0]["status"], "Missing");
    assert_eq!(
        condition(&status, "ZoneRedundant"),
        "Unknown",
        "absence proves nothing"
    );
    assert_eq!(planned(&status), Vec::<String>::new());
}

pub async fn a_group_being_created_is_waited_for<L: LoopUnderTest>(mode: Mode) {
    let world = skewed_world(mode, "timings:\n  groupCreation: 10h\n")
        .replace("    clusterMode:", "    status: creating\n    clusterMode:");
    let rig: Rig<L> = settled(mode, &world).await;
    let status = rig.status().await;
    assert_eq!(status["components"][0]["status"], "Creating");
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
}

pub async fn a_member_of_a_global_datastore_is_report_only<L: LoopUnderTest>(mode: Mode) {
    let world = skewed_world(mode, "").replace(
        "    clusterMode:",
        "    global: {id: gd-1, role: PRIMARY}\n    clusterMode:",
    );
    let rig: Rig<L> = settled(mode, &world).await;
    let status = rig.status().await;
    assert_eq!(planned(&status), Vec::<String>::new());
    if mode == Mode::Enabled {
        let message = condition_message(&status, "Balanced");
        assert!(
            message
                .contains("sessions is the primary member of Global Datastore gd-1. It is only reported on")
        );
    }
}

pub async fn a_group_on_an_outpost_is_report_only<L: LoopUnderTest>(mode: Mode) {
    const ARN: &str = "arn:aws:outposts:ap-northeast-2:111122223333:outpost/op-1";
    let world = skewed_world(mode, "")
        .replace(
            "  - name: shop-cache\n",
            &format!("  - name: shop-cache\n    outpost: {ARN}\n"),
        )
        .replace("    clusterMode:", "    multiAz: false\n    clusterMode:");
    let rig: Rig<L> = settled(mode, &world).await;
    let status = rig.status().await;
    assert_eq!(planned(&status), Vec::<String>::new());
    let told = condition_message(&status, "Balanced");
    assert!(told.contains(&format!("stands on the Outpost {ARN}")), "{told}");
    assert!(rig.lut.log().contains("OnOutposts"), "the log names the finding");
}

/// It looks like a second zone, and may be lost together with the first.
pub async fn a_copy_in_a_local_zone_is_not_relied_on_and_replaced<L: LoopUnderTest>(mode: Mode) {
    const LOCAL: &str = "ap-northeast-2-icn-1a";
    let shard = format!("a:P {LOCAL}:r");
    let world = world(mode, &["a", "c"], &[&shard], "")
        .replace("zones:\n", &format!("zones:\n  {LOCAL}: apne2-icn1-az1\n"))
        .replace("zones: [", &format!("zones: [{LOCAL}, "));
    let mut rig: Rig<L> = Rig::new(&world).await;
    rig.lut
        .apply("shop", &manifest(&["a", "c"], 1, "  mode: Observe\n"))
        .await;
    rig.lut.start().await;
    rig.run_for(minutes(10)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "ZoneRedundant"), "False");
    let told = condition_message(&status, "ZoneRedundant");
    assert!(told.contains("no healthy copy outside ap-northeast-2a"), "{told}");
    assert!(
        rig.lut.log().contains("NodeInLocalZone"),
        "the log names the finding"
    );
    rig.lut.apply("shop", &manifest(&["a", "c"], 1, "")).await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    assert_eq!(
        rig.zones_of_healthy("0001"),
        ["ap-northeast-2a", "ap-northeast-2c"]
    );
}

pub async fn access_denied_is_told_and_is_not_absence<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.fault("{operation: DescribeReplicationGroups, error: {code: AccessDenied, status: 403, message: not authorized}}");
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.lut.start().await;
    rig.run_for(hours(2)).await;
    let status = rig.status().await;
    assert_ne!(
        status["components"][0]["status"], "Missing",
        "an error became absence"
    );
    assert_eq!(condition(&status, "ZoneRedundant"), "Unknown");
    assert_eq!(
        condition(&status, "Ready"),
        "False",
        "nothing was observed, and people must mend it"
    );
    let message = condition_message(&status, "Ready");
    assert!(
        message.contains("add the IAM action elasticache:DescribeReplicationGroups"),
        "the missing permission is named: {message}"
    );
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

pub async fn an_aws_that_never_answered_is_not_ready_and_no_failure_either<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    rig.fault("{operation: DescribeReplicationGroups, error: {code: ServiceUnavailable, status: 503}}");
    rig.lut.apply("shop", &skewed_manifest(mode, "", "")).await;
    rig.lut.start().await;
    rig.run_for(hours(1)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "Ready"), "Unknown");
    assert!(condition_message(&status, "Ready").contains("could not be listed"));
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    rig.sim.clear_faults();
    rig.run_until("balanced once it answers", hours(2), healthy_and_balanced)
        .await;
    // What was read stays read: an outage of AWS's own interface must not hold back a fix.
    rig.fault("{operation: DescribeReplicationGroups, error: {code: ServiceUnavailable, status: 503}}");
    rig.run_for(hours(1)).await;
    let status = rig.status().await;
    assert_eq!(condition(&status, "Ready"), "True");
    assert!(holding(&status).contains(&"freshness".into()));
}

pub async fn unknown_roles_forbid_moving_primaries<L: LoopUnderTest>() {
    let mut rig: Rig<L> = Rig::new(&skewed_world(Mode::Enabled, "")).await;
    rig.fault("{dropPoints: true}");
    rig.lut
        .apply("shop", &skewed_manifest(Mode::Enabled, "", ""))
        .await;
    rig.lut.start().await;
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    assert_eq!(condition(&rig.status().await, "Balanced"), "Unknown");
}

pub async fn without_the_owners_tag_it_prints_the_command_that_claims<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = settled(
        mode,
        &skewed_world(mode, "").replace("evenkeel.dev/owner: demo", "team: shop"),
    )
    .await;
    let status = rig.status().await;
    assert!(holding(&status).contains(&"ownership".into()));
    assert!(hold_reason(&status, "ownership").contains("evenkeel claim"));
}

pub async fn anothers_tag_is_respected_and_named<L: LoopUnderTest>(mode: Mode) {
    let rig: Rig<L> = settled(
        mode,
        &skewed_world(mode, "").replace("owner: demo", "owner: other-cluster"),
    )
    .await;
    let status = rig.status().await;
    assert!(hold_reason(&status, "ownership").contains("other-cluster"));
}

pub async fn of_two_stacks_that_name_one_group_the_elder_acts<L: LoopUnderTest>(mode: Mode) {
    let mut rig: Rig<L> = Rig::new(&skewed_world(mode, "")).await;
    let younger = skewed_manifest(mode, "", "").replace("name: shop\n", "name: twin\n");
    rig.lut
        .apply("shop", &skewed_manifest(mode, "", "  mode: Observe\n"))
        .await;
    rig.lut.apply("twin", &younger).await;
    rig.lut.start().await;
    rig.run_for(hours(3)).await;
    // The elder (by name, as neither has a creation time) only observes, and the younger may not act for it.
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    let twin = rig.lut.status("twin").await;
    let said = format!(
        "{} {}",
        condition_message(&twin, "Stalled"),
        hold_reason(&twin, "ownership")
    );
    let elder = format!("{}/shop", rig.lut.namespace().await);
    assert!(said.contains(&elder), "the younger names the elder: {twin:#}");

    // It takes over when the elder goes.
    rig.lut.delete("shop").await;
    rig.run_for(hours(2)).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}
