//! Killed at the worst moments, it comes back and never acts twice.

use super::rehearsal::{Rehearsal, minutes};
use super::{TWO_ZONES, manifest};
use std::fs;

/// Both primaries stand in zone c, and nobody knows why but AWS: one failback is due.
async fn failback_is_due() -> Rehearsal {
    let mut r = Rehearsal::new(TWO_ZONES).await;
    r.apply("web.yaml", &manifest("Enforce", &["a", "c"]));
    r.start();
    r.pass(minutes(30)).await;
    r.sim.fail_zone("ap-northeast-2a").unwrap();
    r.pass(minutes(10)).await;
    r.sim.recover_zone("ap-northeast-2a").unwrap();
    r
}

async fn ends_balanced_after_one_failover(r: &mut Rehearsal) {
    r.pass_until(minutes(120), "called", |r| !r.changes().is_empty())
        .await;
    r.pass_until(minutes(120), "balanced", |r| r.balanced("web"))
        .await;
    r.pass(minutes(30)).await;
    assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_call_hangs_before_or_after_its_effect_it_is_not_sent_again() {
    for (point, applied) in [("before", false), ("after", true)] {
        let mut r = failback_is_due().await;
        let rule = r
            .sim
            .fault_yaml(&format!("{{operation: TestFailover, hold: {point}}}"))
            .unwrap();
        let end = r.sim.now() + minutes(90);
        // The clock can't move on while the call hangs: the loop is not parked.
        while r.sim.held(&rule) == 0 {
            assert!(r.sim.now() < end, "never called\n{}", r.story());
            let to = r.sim.now() + minutes(1);
            let moved = tokio::time::timeout(
                std::time::Duration::from_secs(3),
                r.sim.advance_expecting(to, 1, std::time::Duration::from_mins(1)),
            );
            let _ = moved.await;
        }
        assert!(r.status("web")["tickets"].as_array().is_none_or(Vec::is_empty));
        r.kill();
        r.sim.clear_faults();
        r.start();
        r.pass(minutes(1)).await;
        let phase = r.status("web")["tickets"][0]["phase"].clone();
        assert!(
            phase == "MaybeCalled" || phase == "Settling",
            "{phase}\n{}",
            r.story()
        );
        r.pass(minutes(40)).await;
        if applied {
            assert_eq!(r.change_names().len(), 1, "{point}\n{}", r.story());
        }
        r.pass_until(minutes(120), "balanced", |r| r.balanced("web"))
            .await;
        let effects = r.changes().iter().filter(|c| c.applied).count();
        assert_eq!(effects, 1, "{point}\n{}", r.story());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_settling_it_goes_on_settling() {
    let mut r = failback_is_due().await;
    r.pass_until(minutes(90), "called", |r| !r.changes().is_empty())
        .await;
    r.kill();
    r.pass(minutes(3)).await;
    r.start();
    ends_balanced_after_one_failover(&mut r).await;
    assert_eq!(r.status("web")["failovers"][0]["class"], "Own", "{}", r.story());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_broke_after_the_change_is_settled_by_what_is_seen() {
    let mut r = failback_is_due().await;
    r.sim
        .fault_yaml("{operation: TestFailover, times: 1, resetAfter: true}")
        .unwrap();
    ends_balanced_after_one_failover(&mut r).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_lost_or_truncated_in_mid_action_leads_to_no_second_action() {
    for truncate in [false, true] {
        let mut r = failback_is_due().await;
        r.pass_until(minutes(90), "called", |r| !r.changes().is_empty())
            .await;
        r.kill();
        let record = r.state().join("records/default_web.json");
        if truncate {
            let half = fs::read(&record).unwrap();
            fs::write(&record, &half[..half.len() / 2]).unwrap();
        } else {
            fs::remove_file(&record).unwrap();
        }
        r.start();
        r.pass(minutes(120)).await;
        assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
        assert!(r.balanced("web"), "{}", r.story());
        if truncate {
            assert!(r.state().join("records/default_web.json.corrupt-1").exists());
        }
        // Its own failover now looks like a person's: the next failback waits for somebody.
        r.sim.fail_zone("ap-northeast-2c").unwrap();
        r.pass(minutes(10)).await;
        r.sim.recover_zone("ap-northeast-2c").unwrap();
        r.pass(minutes(180)).await;
        assert_eq!(r.change_names(), ["TestFailover"], "{}", r.story());
        assert!(
            r.holds("web").contains(&"acknowledgement".to_owned()),
            "{}",
            r.story()
        );
    }
}
