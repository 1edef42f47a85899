//! AWSAccounts on a real API server: what is refused, and that the sentence says what to do; what is stored; how it reads.

use crate::support::{cluster, json, submit_to};
use kube::Client;
use serde_json::Value;

/// Each field that can be given, once.
const GOOD: &str = r"apiVersion: evenkeel.dev/v1alpha1
kind: AWSAccount
metadata:
  name: shop-prod
spec:
  roleArn: arn:aws:iam::444455556666:role/platform/evenkeel
  externalId: 3f1c9b0e-shop
  regions: [ap-northeast-2, eu-west-1]
  allowedNamespaces:
    matchNames: [shop, shop-batch]
    selector:
      matchLabels: {team: shop}
      matchExpressions:
        - {key: tier, operator: In, values: [prod]}
        - {key: closed, operator: DoesNotExist}
  mode: Approve
";

/// (what is replaced in the good one, by what, the field that the server names, what it says of it)
const BAD: &[(&str, &str, &str, &str)] = &[
    (
        "  roleArn: arn:aws:iam::444455556666:role/platform/evenkeel\n",
        "",
        "spec.roleArn",
        "Required value",
    ),
    (
        "arn:aws:iam::444455556666:role/platform/evenkeel",
        "platform/evenkeel",
        "spec.roleArn",
        "write the ARN of an IAM role, such as arn:aws:iam::111122223333:role/evenkeel",
    ),
    (
        "arn:aws:iam::444455556666:role/",
        "arn:aws:iam::44445555666:role/",
        "spec.roleArn",
        "write the ARN of an IAM role",
    ),
    (
        "arn:aws:iam::444455556666:role/",
        "arn:aws:iam::444455556666:user/",
        "spec.roleArn",
        "write the ARN of an IAM role",
    ),
    (
        "arn:aws:iam::444455556666:role/platform/evenkeel",
        "arn:aws:sts::444455556666:assumed-role/evenkeel/session",
        "spec.roleArn",
        "write the ARN of an IAM role",
    ),
    (
        "3f1c9b0e-shop",
        "x",
        "spec.externalId",
        "should be at least 2 chars long",
    ),
    (
        "3f1c9b0e-shop",
        "a secret",
        "spec.externalId",
        "an external id is made of letters, digits and _+=,.@:/-",
    ),
    (
        "[ap-northeast-2, eu-west-1]",
        "[Seoul]",
        "spec.regions",
        "write regions as AWS names them, such as ap-northeast-2",
    ),
    (
        "[ap-northeast-2, eu-west-1]",
        "[eu-west-1, eu-west-1]",
        "spec.regions[1]",
        "Duplicate value",
    ),
    (
        "[shop, shop-batch]",
        "[shop-*]",
        "spec.allowedNamespaces.matchNames",
        "write names of namespaces: lower case letters, digits and '-', no patterns (select many by label)",
    ),
    (
        "[shop, shop-batch]",
        "[shop, shop]",
        "spec.allowedNamespaces.matchNames[1]",
        "Duplicate value",
    ),
    (
        "operator: DoesNotExist",
        "operator: Missing",
        "spec.allowedNamespaces.selector.matchExpressions[1].operator",
        r#"supported values: "In", "NotIn", "Exists", "DoesNotExist""#,
    ),
    (
        "operator: In, values: [prod]",
        "operator: In",
        "spec.allowedNamespaces.selector.matchExpressions[0]",
        "In and NotIn need values; Exists and DoesNotExist take none",
    ),
    (
        "operator: DoesNotExist",
        "operator: DoesNotExist, values: [yes-it-is]",
        "spec.allowedNamespaces.selector.matchExpressions[1]",
        "In and NotIn need values; Exists and DoesNotExist take none",
    ),
    (
        "mode: Approve",
        "mode: Everything",
        "spec.mode",
        r#"supported values: "Observe", "Approve", "Enforce""#,
    ),
    ("mode: Approve", "modes: Approve", "spec.modes", "unknown field"),
];

async fn submit(client: &Client, object: &Value) -> Result<Value, String> {
    submit_to(client, "awsaccounts", object).await
}

#[tokio::test]
async fn a_bad_account_is_refused_with_a_sentence_that_says_what_to_do() {
    let client = cluster().await.admin().client().await.unwrap();
    let mut wrong = Vec::new();
    for (from, to, path, sentence) in BAD {
        assert!(GOOD.contains(from), "{from:?} is not in the good one");
        match submit(&client, &json(&GOOD.replacen(from, to, 1))).await {
            Ok(_) => wrong.push(format!("{to:?} was accepted")),
            Err(said) if said.contains(path) && said.contains(sentence) => {}
            Err(said) => wrong.push(format!("{to:?}: {said}")),
        }
    }
    let (before, _) = GOOD.split_once("    matchNames").unwrap();
    for empty in ["{}", "{matchNames: []}"] {
        let text = before.replace("allowedNamespaces:\n", &format!("allowedNamespaces: {empty}\n"));
        let said = submit(&client, &json(&text)).await.unwrap_err();
        if !said.contains("to allow none, leave allowedNamespaces out") {
            wrong.push(said);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_is_given_is_stored_as_it_is_and_the_mode_is_observe_if_nothing_is_said() {
    let client = cluster().await.admin().client().await.unwrap();
    let good = json(GOOD);
    let stored = submit(&client, &good).await.unwrap();
    assert_eq!(stored["spec"], good["spec"]);
    let mut minimal = good.clone();
    minimal["spec"] = serde_json::json!({"roleArn": "arn:aws-cn:iam::444455556666:role/evenkeel"});
    let stored = submit(&client, &minimal).await.unwrap();
    assert_eq!(
        stored["spec"],
        serde_json::json!({"roleArn": "arn:aws-cn:iam::444455556666:role/evenkeel", "mode": "Observe"})
    );
    let mut all = minimal;
    all["spec"]["allowedNamespaces"] = serde_json::json!({"selector": {}});
    let stored = submit(&client, &all).await.unwrap();
    assert_eq!(
        stored["spec"]["allowedNamespaces"],
        serde_json::json!({"selector": {}}),
        "an empty selector is not lost: it selects all"
    );
}

#[tokio::test]
async fn kubectl_lists_accounts_with_role_mode_and_readiness() {
    let cluster = cluster().await;
    let listed = GOOD.replace("name: shop-prod", "name: listed");
    cluster.kubectl_with(&["apply", "-f", "-"], &listed).await;
    let status = r#"{"status": {"identity": {"account": "444455556666", "arn": "arn:x"}, "conditions": [
        {"type": "Ready", "status": "True", "reason": "Usable", "message": "a", "lastTransitionTime": "2021-03-01T10:00:00Z"}]}}"#;
    let patch = [
        "patch",
        "awsaccount",
        "listed",
        "--subresource=status",
        "--type=merge",
        "-p",
        status,
    ];
    cluster.kubectl(&patch).await;
    let table = cluster.kubectl(&["get", "awsaccounts"]).await;
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "ACCOUNT", "ROLE", "MODE", "READY", "AGE"]);
    let row: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(
        row[..5],
        [
            "listed",
            "444455556666",
            "arn:aws:iam::444455556666:role/platform/evenkeel",
            "Approve",
            "True"
        ]
    );
    cluster.kubectl(&["delete", "awsaccount", "listed"]).await;
}
