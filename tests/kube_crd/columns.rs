//! What `kubectl get has` shows.

use crate::support::{MINIMAL, cluster};
use std::collections::BTreeMap;

const STATUS: &str = r#"
apiVersion: evenkeel.dev/v1alpha1
kind: HAStack
metadata: {name: shop}
status:
  observedGeneration: 1
  zoneSummary: 1/2
  skew: nodes 0, primaries 2
  lastFailover: "2021-03-01T10:00:00Z"
  plan: {id: 4f9d2c81}
  conditions:
    - {type: Ready, status: "True", reason: Judged, message: a, lastTransitionTime: "2021-03-01T10:00:00Z"}
    - {type: ZoneRedundant, status: "False", reason: ZoneLossNotSurvivable, message: b, lastTransitionTime: "2021-03-01T10:00:00Z"}
    - {type: Balanced, status: Unknown, reason: PlacementUnknown, message: c, lastTransitionTime: "2021-03-01T10:00:00Z"}
"#;

/// The one row of kubectl's table, by column: cells begin where their heads do.
fn row(table: &str) -> BTreeMap<String, String> {
    let (head, rest) = table.split_once('\n').unwrap();
    assert_eq!(rest.lines().count(), 1, "{table}");
    let row = format!("{:width$}", rest.trim_end(), width = head.len());
    let mut starts: Vec<usize> = Vec::new();
    for (at, letter) in head.char_indices() {
        if letter != ' ' && (at == 0 || head[..at].ends_with(' ')) {
            starts.push(at);
        }
    }
    starts.push(row.len());
    starts
        .windows(2)
        .map(|w| {
            let name = head[w[0]..w[1].min(head.len())].trim();
            (name.to_owned(), row[w[0]..w[1]].trim().to_owned())
        })
        .collect()
}

fn heads(table: &str) -> Vec<&str> {
    table.lines().next().unwrap().split_whitespace().collect()
}

#[tokio::test]
async fn columns_answer_the_question_at_a_glance_and_wide_adds_skew_last_failover_and_plan() {
    let cluster = cluster().await;
    let namespace = cluster.rig.namespace("columns").await.unwrap();
    let n = ["-n", namespace.as_str()];
    cluster
        .kubectl_with(&[n[0], n[1], "apply", "-f", "-"], MINIMAL)
        .await;

    // Before anybody has judged it, nothing is claimed; the mode is the default.
    let table = cluster.kubectl(&[n[0], n[1], "get", "has"]).await;
    assert_eq!(
        heads(&table),
        ["NAME", "READY", "REDUNDANT", "BALANCED", "ZONES", "MODE", "AGE"]
    );
    let before = row(&table);
    for (column, cell) in [
        ("NAME", "shop"),
        ("READY", ""),
        ("REDUNDANT", ""),
        ("BALANCED", ""),
        ("ZONES", ""),
        ("MODE", "Observe"),
    ] {
        assert_eq!(before[column], cell, "{column} in\n{table}");
    }

    let set_status = ["apply", "--server-side", "--subresource=status", "-f", "-"];
    cluster
        .kubectl_with(&[&n[..], &set_status[..]].concat(), STATUS)
        .await;
    let table = cluster
        .kubectl(&[n[0], n[1], "get", "hastacks", "-o", "wide"])
        .await;
    assert_eq!(
        heads(&table),
        [
            "NAME",
            "READY",
            "REDUNDANT",
            "BALANCED",
            "ZONES",
            "MODE",
            "AGE",
            "SKEW",
            "LASTFAILOVER",
            "PLAN"
        ]
    );
    let after = row(&table);
    for (column, cell) in [
        ("NAME", "shop"),
        ("READY", "True"),
        ("REDUNDANT", "False"),
        ("BALANCED", "Unknown"),
        ("ZONES", "1/2"),
        ("MODE", "Observe"),
        ("SKEW", "nodes 0, primaries 2"),
        ("PLAN", "4f9d2c81"),
    ] {
        assert_eq!(after[column], cell, "{column} in\n{table}");
    }
    // A date is shown as an age.
    let years = after["LASTFAILOVER"].split('y').next().unwrap().to_owned();
    assert!(years.parse::<u32>().is_ok_and(|y| y >= 4), "{table}");

    // All that belongs to the product is found under one word.
    let category = cluster
        .kubectl(&[n[0], n[1], "get", "evenkeel", "-o", "name"])
        .await;
    assert_eq!(category.trim(), "hastack.evenkeel.dev/shop");
}
