//! It sees, waits, acts, and comes to rest.

use super::rehearsal::{Rehearsal, minutes};
use super::{THREE_ZONES, TWO_ZONES, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn a_balanced_stack_is_left_alone_and_its_status_does_not_change() {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(2)).await;
    let before = r.status_text("web");
    assert_eq!(r.condition("web", "ZoneRedundant"), "True");
    assert!(r.balanced("web"));
    r.pass(minutes(25)).await;
    assert_eq!(r.change_names(), Vec::<String>::new());
    assert_eq!(r.status_text("web"), before);
    assert!(r.signal("-TERM").await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn primaries_that_a_lost_zone_pushed_together_move_back_once_it_has_been_quiet() {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(30)).await;
    r.sim.fail_zone("ap-northeast-2a").unwrap();
    r.pass(minutes(20)).await;
    // Two zones only: nothing can be replaced, nothing is tried.
    assert_eq!(r.change_names(), Vec::<String>::new());
    let zones = r.status("web")["zones"].clone();
    assert_eq!(zones[0]["state"], "Impaired", "{}", r.story());
    assert_eq!(zones[1]["verdict"], "Lost", "{}", r.story());
    r.sim.recover_zone("ap-northeast-2a").unwrap();
    let recovered = r.sim.now();
    r.pass(minutes(30)).await;
    assert_eq!(r.change_names(), Vec::<String>::new(), "{}", r.story());
    assert!(
        r.holds("web").contains(&"quiet_period".to_owned()),
        "{}",
        r.story()
    );
    r.pass_until(minutes(90), "balanced again", |r| r.balanced("web"))
        .await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
    assert!(r.change_at(0) >= recovered + minutes(30));
    r.pass(minutes(60)).await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_zone_s_copies_are_replaced_in_a_third_zone_and_tidied_up_when_it_returns() {
    let mut r = Rehearsal::new(THREE_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "b", "c"]));
    r.start();
    r.pass(minutes(30)).await;
    assert_eq!(r.change_names(), Vec::<String>::new(), "{}", r.story());
    r.sim.fail_zone("ap-northeast-2a").unwrap();
    r.pass_until(minutes(60), "replaced", |r| {
        r.status("web")["addedNodes"]
            .as_array()
            .is_some_and(|n| n.len() == 2)
            && r.condition("web", "Reconciling") == "False"
    })
    .await;
    assert_eq!(r.change_names(), ["IncreaseReplicaCount"], "{}", r.story());
    r.pass(minutes(60)).await;
    r.sim.recover_zone("ap-northeast-2a").unwrap();
    r.pass_until(minutes(240), "tidied up", |r| {
        r.balanced("web") && r.status("web")["addedNodes"].as_array().is_none_or(Vec::is_empty)
    })
    .await;
    let removed = r
        .change_names()
        .iter()
        .filter(|n| *n == "DecreaseReplicaCount")
        .count();
    assert_eq!(removed, 2, "{}", r.story());
    let calls = r.change_names().len();
    r.pass(minutes(120)).await;
    assert_eq!(r.change_names().len(), calls, "{}", r.story());
    let lost = r.sim.state().data_loss_events.len();
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_person_s_failover_nothing_moves_until_it_is_acknowledged() {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(30)).await;
    r.sim
        .actor_yaml("{does: {testFailover: {group: sessions, shard: '0001'}}}")
        .unwrap();
    r.pass(minutes(180)).await;
    assert_eq!(r.change_names(), Vec::<String>::new(), "{}", r.story());
    assert_eq!(r.condition("web", "ActionBlocked"), "True", "{}", r.story());
    let failover = r.status("web")["failovers"][0].clone();
    assert_eq!(failover["class"], "Person");
    let id = failover["id"].as_str().unwrap();
    let acknowledged = manifest("Enforce", &["a", "c"]).replace(
        "metadata: {name: web}",
        &format!("metadata: {{name: web, annotations: {{evenkeel.dev/acknowledge: {id}}}}}"),
    );
    r.apply("web.yaml", &acknowledged);
    r.pass_until(minutes(60), "moved back", |r| r.balanced("web"))
        .await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
}
