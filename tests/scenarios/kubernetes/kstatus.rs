//! As kstatus reads a HAStack, and with it Flux, kpt and whatever else waits for one.

use super::*;
use crate::rig::{LoopUnderTest as _, condition, healthy_and_balanced, hours, minutes};
use evenkeel_testkit::kstatus;

async fn told(rig: &Rig<Controller>) -> String {
    let place = rig.lut.place().await;
    let get = ["-n", &place.namespace, "get", "has/shop", "-o", "json"];
    let object = place.admin.kubectl(&get).await.unwrap().ok().unwrap();
    kstatus(&object).await.unwrap()
}

const IN_MARS_TIME: &str = "  guardrails:\n    windows:\n      - from: \"05:00\"\n        to: \"06:00\"\n        timeZone: Mars/Phobos\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kstatus_waits_for_open_tickets_fails_on_bad_specs_and_never_minds_an_outage() {
    let mut rig = skewed().await;
    rig.run_until("judged", minutes(5), |s| condition(s, "Ready") == "True")
        .await;
    // A plan that is held back is no progress to wait for.
    assert!(told(&rig).await.starts_with("Current:"), "{}", told(&rig).await);

    rig.run_until("a ticket is open", hours(2), |s| {
        condition(s, "Reconciling") == "True"
    })
    .await;
    assert!(
        told(&rig).await.starts_with("InProgress:"),
        "{}",
        told(&rig).await
    );
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    assert!(told(&rig).await.starts_with("Current:"), "{}", told(&rig).await);

    rig.fail_zone("ap-northeast-2a");
    rig.run_until("the outage is seen", hours(1), |s| {
        condition(s, "ZoneRedundant") == "False"
    })
    .await;
    assert!(told(&rig).await.starts_with("Current:"), "{}", told(&rig).await);

    rig.lut.apply("shop", &manifest(ZONES, 1, IN_MARS_TIME)).await;
    rig.run_until("refused", minutes(5), |s| condition(s, "Stalled") == "True")
        .await;
    let refused = told(&rig).await;
    assert!(
        refused.starts_with("Failed:") && refused.contains("Mars/Phobos"),
        "{refused}"
    );

    rig.lut.stop().await;
    rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
    let unseen = told(&rig).await;
    assert!(
        unseen.starts_with("InProgress:") && unseen.contains("generation"),
        "{unseen}"
    );
    forget_clients(&rig.sim);
    rig.lut.start().await;
    rig.run_until("accepted", minutes(5), |s| condition(s, "Stalled") == "False")
        .await;
    assert!(told(&rig).await.starts_with("Current:"), "{}", told(&rig).await);
}
