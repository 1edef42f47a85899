//! Time shared with other processes.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::{ClockMode, Sim};

use crate::support::{Waiter, control, eventually, sessions, stepped};

#[tokio::test]
async fn a_stepped_clock_stops_at_every_instant_that_a_client_waits_for() {
    let sim = Arc::new(stepped(&sessions()).await);
    let mut fast = Waiter::new(&sim, "fast").await;
    let mut slow = Waiter::new(&sim, "slow").await;
    fast.park("2026-03-02T00:10:00Z").await;
    slow.park("2026-03-02T00:15:00Z").await;
    let advancing = {
        let sim = Arc::clone(&sim);
        tokio::spawn(async move {
            control(
                &sim,
                "POST",
                "/_sim/clock/advance",
                r#"{"by":"20m","expectClients":2}"#,
            )
            .await
        })
    };
    assert_eq!(fast.answer().await, "2026-03-02T00:10:00.000Z");
    assert!(!advancing.is_finished(), "the fast client is still running");
    fast.park("2026-03-02T00:30:00Z").await;
    assert_eq!(slow.answer().await, "2026-03-02T00:15:00.000Z");
    slow.park("2026-03-02T00:20:00Z").await;
    assert_eq!(
        slow.answer().await,
        "2026-03-02T00:20:00.000Z",
        "what is due at the target runs, too"
    );
    slow.park("2026-03-02T01:00:00Z").await;
    let (status, answer) = advancing.await.unwrap();
    assert_eq!(
        (status, answer["now"].as_str()),
        (200, Some("2026-03-02T00:20:00.000Z"))
    );
}

#[tokio::test]
async fn a_client_that_does_not_park_is_named_after_the_time_limit() {
    let sim = stepped(&sessions()).await;
    let mut lazy = Waiter::new(&sim, "lazy").await;
    lazy.park("2026-03-02T00:00:00Z").await;
    lazy.answer().await;
    let body = r#"{"by":"1m","timeoutSeconds":0.2}"#;
    let (status, answer) = control(&sim, "POST", "/_sim/clock/advance", body).await;
    assert_eq!(status, 504);
    assert!(
        answer["error"].as_str().unwrap().contains("not parked: lazy"),
        "{answer}"
    );
    assert_eq!(sim.now().to_string(), "2026-03-02T00:00:00Z");
    let body = r#"{"by":"1m","expectClients":3,"timeoutSeconds":0.2}"#;
    let (status, answer) = control(&sim, "POST", "/_sim/clock/advance", body).await;
    assert_eq!(status, 504);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("1 of 3 expected clients"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_killed_client_does_not_block_the_clock_whether_it_waited_or_ran() {
    let sim = stepped(&sessions()).await;
    let mut parked = Waiter::new(&sim, "parked").await;
    parked.park("2026-03-02T05:00:00Z").await;
    let mut running = Waiter::new(&sim, "running").await;
    running.park("2026-03-02T00:00:00Z").await;
    running.answer().await;
    eventually("both are registered", || sim.state().clock.clients.len() == 2).await;
    drop(parked);
    drop(running);
    eventually("the parked one is un-parked", || {
        sim.state().clock.clients["parked"].is_none()
    })
    .await;
    let target = "2026-03-02T01:00:00Z".parse().unwrap();
    assert_eq!(sim.advance_to(target).await.unwrap(), target);
    assert!(sim.state().clock.clients.is_empty());
}

#[tokio::test]
async fn expecting_nobody_waits_for_nobody() {
    let sim = stepped(&sessions()).await;
    // As a process that closes its connection after each answer, and is killed while it runs.
    let (status, _) = control(
        &sim,
        "GET",
        "/_sim/clock/wait?until=2026-03-02T00:00:00Z&client=dead",
        "",
    )
    .await;
    assert_eq!((status, sim.state().clock.clients.len()), (200, 1));
    let target = "2026-03-02T01:00:00Z".parse().unwrap();
    let stalled = sim.advance_expecting(target, 1, Duration::from_millis(100)).await;
    assert!(stalled.unwrap_err().to_string().contains("not parked: dead"));
    assert_eq!(
        sim.advance_expecting(target, 0, Duration::from_millis(100))
            .await
            .unwrap(),
        target
    );
    assert!(!sim.forget_client("dead"), "forgotten already");
}

#[tokio::test]
async fn a_client_can_shorten_its_wait_by_waiting_anew() {
    let sim = Arc::new(stepped(&sessions()).await);
    let mut first = Waiter::new(&sim, "one").await;
    first.park("2026-03-02T05:00:00Z").await;
    eventually("the first wait is there", || sim.state().clock.clients.len() == 1).await;
    let mut second = Waiter::new(&sim, "one").await;
    second.park("2026-03-02T00:01:00Z").await;
    assert_eq!(
        first.answer().await,
        "2026-03-02T00:00:00.000Z",
        "the older wait is answered at once"
    );
    let advancing = {
        let sim = Arc::clone(&sim);
        tokio::spawn(async move { sim.advance(jiff::SignedDuration::from_mins(2)).await })
    };
    assert_eq!(second.answer().await, "2026-03-02T00:01:00.000Z");
    second.park("2026-03-02T05:00:00Z").await;
    assert_eq!(
        advancing.await.unwrap().unwrap().to_string(),
        "2026-03-02T00:02:00Z"
    );
}

#[tokio::test]
async fn forgetting_a_client_lets_the_clock_go_on() {
    let sim = stepped(&sessions()).await;
    let mut lazy = Waiter::new(&sim, "lazy").await;
    lazy.park("2026-03-02T00:00:00Z").await;
    lazy.answer().await;
    let (status, _) = control(&sim, "POST", "/_sim/clock/forget", r#"{"client":"lazy"}"#).await;
    assert_eq!(status, 200);
    let (status, _) = control(&sim, "POST", "/_sim/clock/advance", r#"{"by":"1m"}"#).await;
    assert_eq!(status, 200);
    let (status, _) = control(&sim, "POST", "/_sim/clock/forget", r#"{"client":"lazy"}"#).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_accelerated_clock_is_waited_for_but_not_moved() {
    let mode = ClockMode::Accelerated { speed: 600.0 };
    let start = "2026-03-02T00:00:00Z".parse().unwrap();
    let sim = Sim::builder()
        .world_yaml(&sessions())
        .clock(mode)
        .start_time(start)
        .start()
        .await
        .unwrap();
    let mut waiter = Waiter::new(&sim, "one").await;
    waiter.park("2026-03-02T00:05:00Z").await;
    let answered = waiter.answer().await;
    assert!(answered.as_str() >= "2026-03-02T00:05:00.000Z", "{answered}");
    let (status, view) = control(&sim, "GET", "/_sim/clock", "").await;
    assert_eq!(
        (status, view["mode"].as_str(), view["speed"].as_f64()),
        (200, Some("accelerated"), Some(600.0))
    );
    let (status, answer) = control(&sim, "POST", "/_sim/clock/advance", r#"{"by":"1m"}"#).await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn a_fast_clock_lets_world_events_happen_by_themselves() {
    let mode = ClockMode::Accelerated { speed: 6000.0 };
    let sim = Sim::builder()
        .world_yaml(&sessions())
        .clock(mode)
        .start()
        .await
        .unwrap();
    sim.fail_zone("ap-northeast-2a").unwrap();
    eventually("the replica is promoted", || sim.state().failovers.len() == 1).await;
    assert_eq!(sim.state().failovers[0].to, "sessions-0001-002");
}
