//! The control plane, and strictness on the wire.

use crate::support::{
    A, cache, control, drawn, machine_date, minutes, raw, sessions, signed, signed_at, stepped,
};

#[tokio::test]
async fn what_the_simulator_does_not_know_it_refuses_by_name() {
    let sim = stepped(&sessions()).await;
    for (form, code, name) in [
        (
            "Action=RebootCacheCluster&Version=2015-02-02",
            "InvalidAction",
            "RebootCacheCluster",
        ),
        (
            "Action=DescribeEvents&Version=2015-02-02&Frobnicate=1",
            "UnknownParameter",
            "Frobnicate",
        ),
        (
            "Action=DescribeEvents&Version=2014-01-01",
            "NoSuchVersion",
            "2014-01-01",
        ),
        (
            "Action=DescribeEvents&Version=2015-02-02&SourceType=moon",
            "InvalidParameterValue",
            "moon",
        ),
        (
            "Action=DescribeEvents&Version=2015-02-02&MaxRecords=101",
            "InvalidParameterValue",
            "101",
        ),
        (
            "Action=DescribeReplicationGroups&Version=2015-02-02&Filters.Filter.1.Name=x",
            "UnknownParameter",
            "Filters",
        ),
    ] {
        let answer = signed(sim.address(), form).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{form}: {answer}");
        assert!(
            answer.contains(&format!("<Code>{code}</Code>")) && answer.contains(name),
            "{form}: {answer}"
        );
    }
    let unsigned = raw(
        sim.address(),
        b"POST / HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let elsewhere = signed_at(
        sim.address(),
        "/elsewhere",
        &machine_date().await,
        "Action=DescribeEvents&Version=2015-02-02",
    )
    .await;
    assert!(
        elsewhere.starts_with("HTTP/1.1 400") && elsewhere.contains("/elsewhere"),
        "{elsewhere}"
    );
    assert!(
        unsigned.starts_with("HTTP/1.1 403") && unsigned.contains("MissingAuthenticationToken"),
        "{unsigned}"
    );
}

#[tokio::test]
async fn a_request_must_be_signed_by_the_machines_time_whatever_is_simulated() {
    let sim = stepped(&sessions()).await;
    let form = "Action=DescribeEvents&Version=2015-02-02";
    assert!(signed(sim.address(), form).await.starts_with("HTTP/1.1 200"));
    let simulated = sim.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let answer = signed_at(sim.address(), "/", &simulated, form).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(
        answer.contains("<Code>SignatureDoesNotMatch</Code>") && answer.contains("Signature expired"),
        "{answer}"
    );
}

#[tokio::test]
async fn the_decrease_form_of_the_guide_is_understood() {
    let sim = stepped(&sessions()).await;
    let form = "Action=DecreaseReplicaCount&Version=2015-02-02&ApplyImmediately=true&ReplicationGroupId=sessions\
                &ReplicasToRemove.ReplicaToRemove.1=sessions-0001-002";
    assert!(signed(sim.address(), form).await.starts_with("HTTP/1.1 200"));
    assert_eq!(drawn(&sim, "sessions")[0], "a:P c:r-");
}

#[tokio::test]
async fn everything_can_be_steered_over_http() {
    let sim = stepped(&sessions()).await;
    assert_eq!(
        control(&sim, "POST", &format!("/_sim/zones/{A}/fail"), r#"{"for":"20m"}"#)
            .await
            .0,
        200
    );
    assert_eq!(
        control(
            &sim,
            "POST",
            "/_sim/clock/advance",
            r#"{"to":"2026-03-02T00:05:00Z"}"#
        )
        .await
        .0,
        200
    );
    let (_, state) = control(&sim, "GET", "/_sim/state", "").await;
    assert_eq!(state["zones"][A]["failed"], true);
    assert_eq!(state["groups"][0]["shards"][0]["primary"], "sessions-0001-002");
    assert_eq!(state["failovers"][0]["failoverSeconds"], 60.0);
    minutes(&sim, 30).await;
    assert_eq!(drawn(&sim, "sessions"), ["a:r c:P", "c:P a:r"]);
    let node = "/_sim/nodes/sessions-0001-001";
    assert_eq!(
        control(&sim, "POST", &format!("{node}/lag"), r#"{"seconds":2.5}"#)
            .await
            .0,
        200
    );
    assert_eq!(
        control(&sim, "POST", &format!("{node}/fail"), r#"{"recoverAfter":"3m"}"#)
            .await
            .0,
        200
    );
    assert_eq!(
        control(&sim, "POST", &format!("{node}/fail"), "").await.0,
        400,
        "dead already"
    );
    assert_eq!(control(&sim, "POST", "/_sim/nodes/nope/fail", "").await.0, 404);
    assert_eq!(control(&sim, "POST", "/_sim/zones/nope/fail", "").await.0, 404);
    assert_eq!(control(&sim, "GET", "/_sim/nonsense", "").await.0, 404);
    let (status, answer) = control(&sim, "POST", "/_sim/faults", r#"{"explode":true}"#).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("explode"), "{answer}");
    let (status, answer) = control(&sim, "POST", "/_sim/actors", r#"[{"does":{"dance":{}}}]"#).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("dance"), "{answer}");
    assert_eq!(
        control(&sim, "POST", "/_sim/switches", r#"{"deadNodeMetric":"stale"}"#)
            .await
            .0,
        200
    );
    assert_eq!(
        control(&sim, "POST", "/_sim/switches", r#"{"deadNodeMetric":"green"}"#)
            .await
            .0,
        400
    );
    assert_eq!(
        control(&sim, "POST", "/_sim/timings", r#"{"nodeCreation":"30s"}"#)
            .await
            .0,
        200
    );
    let group = r#"{"id":"late","shards":["a:P c:r"],"status":"creating"}"#;
    assert_eq!(control(&sim, "POST", "/_sim/groups", group).await.0, 200);
    assert_eq!(
        control(&sim, "POST", "/_sim/groups/late/tags", r#"{"k":"v"}"#)
            .await
            .0,
        200
    );
    assert_eq!(sim.state().groups[0].tags["k"], "v");
}

#[tokio::test]
async fn calls_are_logged_as_sent_and_numbered() {
    let sim = stepped(&sessions()).await;
    let client = cache(&sim);
    client.describe_events().duration(30).send().await.unwrap();
    let (_, mark) = control(&sim, "GET", "/_sim/calls/mark", "").await;
    assert_eq!(mark["latest"], 1);
    let _refused = client
        .test_failover()
        .replication_group_id("nope")
        .node_group_id("0001")
        .send()
        .await;
    let (_, calls) = control(&sim, "GET", "/_sim/calls?since=1", "").await;
    assert_eq!(calls.as_array().unwrap().len(), 1);
    let call = &calls[0];
    assert_eq!(
        (&call["seq"], &call["operation"], &call["status"]),
        (&2.into(), &"TestFailover".into(), &404.into())
    );
    assert_eq!(call["params"]["ReplicationGroupId"], "nope");
    assert_eq!(
        (&call["mutating"], &call["applied"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (&call["region"], &call["account"]),
        (&"ap-northeast-2".into(), &"111122223333".into())
    );
    assert_eq!(call["error"], "ReplicationGroupNotFoundFault");
    assert_eq!(call["at"], "2026-03-02T00:00:00.000Z");
}

#[tokio::test]
async fn a_reset_begins_anew_with_the_same_or_another_world() {
    let sim = stepped(&sessions()).await;
    sim.fail_zone(A).unwrap();
    minutes(&sim, 30).await;
    assert_eq!(control(&sim, "POST", "/_sim/reset", "").await.0, 200);
    assert_eq!(drawn(&sim, "sessions"), ["a:P c:r", "c:P a:r"]);
    assert_eq!(sim.now().to_string(), "2026-03-02T00:00:00Z");
    assert!(sim.calls().is_empty());
    let body = serde_json::json!({"world": crate::support::carts()}).to_string();
    assert_eq!(control(&sim, "POST", "/_sim/reset", &body).await.0, 200);
    assert_eq!(drawn(&sim, "carts"), ["a:P c:r"]);
}
