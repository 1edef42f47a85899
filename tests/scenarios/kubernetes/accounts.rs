//! HAStacks that name an AWSAccount: whose role, for whom, for how much. Accounts belong to the whole cluster, so each
//! scenario has an API server of its own.

use super::*;
use crate::controller::Container;
use crate::rig::{
    LoopUnderTest as _, condition, condition_message, healthy_and_balanced, hold_reason, holding, hours,
    minutes,
};
use evenkeel::clock::Stopwatch;
use evenkeel_sim::Call;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::444455556666:role/evenkeel";

/// The groups belong to 444455556666, the controller's own credentials to 111122223333. The role wants the external id x1
/// and the tag that every session has.
fn foreign(world: &str, more: &str) -> String {
    let own = "account: \"111122223333\"\n";
    assert!(world.contains(own));
    let foreign = "account: \"444455556666\"\n";
    format!(
        "{}accounts: {{AKIASCENARIO00000000: \"111122223333\"}}\nroles: {{'{ROLE}': {{externalId: x1, requiredTags: \
         [evenkeel.dev/installation]}}}}\n{more}",
        world.replace(own, foreign)
    )
}

async fn accounts(lut: &Controller) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("evenkeel.dev", "v1alpha1", "AWSAccount");
    let resource = ApiResource::from_gvk_with_plural(&gvk, "awsaccounts");
    Api::all_with(lut.place().await.admin.client().await.unwrap(), &resource)
}

pub async fn apply_account(lut: &Controller, name: &str, spec: &Value) {
    let object = json!({
        "apiVersion": "evenkeel.dev/v1alpha1",
        "kind": "AWSAccount",
        "metadata": {"name": name},
        "spec": spec,
    });
    let params = PatchParams::apply("scenario").force();
    let accounts = accounts(lut).await;
    accounts
        .patch(name, &params, &Patch::Apply(&object))
        .await
        .unwrap();
}

async fn account_status(lut: &Controller, name: &str) -> Value {
    let object = accounts(lut).await.get(name).await.unwrap();
    object.data["status"].clone()
}

/// For the scenario's own namespace, for everything.
async fn generous(lut: &Controller) -> Value {
    let namespace = lut.namespace().await;
    json!({
        "roleArn": ROLE,
        "externalId": "x1",
        "allowedNamespaces": {"matchNames": [namespace]},
        "mode": "Enforce",
    })
}

fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec[field] = value;
    spec
}

/// The stack `shop` of this account.
fn stack(account: &str) -> String {
    naming(account, &manifest(ZONES, 1, ""))
}

/// The manifest with this account in it.
pub fn naming(account: &str, manifest: &str) -> String {
    let region = "    region: ap-northeast-2\n";
    assert!(manifest.contains(region));
    manifest.replace(region, &format!("{region}    accountRef: {{name: {account}}}\n"))
}

/// Waits in real time for the account's status; the loop needs no time of its own for it.
async fn account_until(
    rig: &Rig<Controller>,
    name: &str,
    what: &str,
    pleases: impl Fn(&Value) -> bool,
) -> Value {
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(20));
    loop {
        let status = account_status(&rig.lut, name).await;
        if pleases(&status) {
            return status;
        }
        assert!(waited.elapsed() < limit, "{what}: {status:#}\n{}", rig.lut.log());
        rig.run_for(jiff::SignedDuration::from_secs(10)).await;
    }
}

fn reason<'a>(status: &'a Value, kind: &str) -> &'a str {
    let conditions = status["conditions"].as_array();
    let found = conditions.and_then(|all| all.iter().find(|c| c["type"] == kind));
    found.and_then(|c| c["reason"].as_str()).unwrap_or("absent")
}

/// Calls for what the stack names, by whomever.
fn resource_calls(sim: &Sim) -> Vec<Call> {
    let calls = sim.calls().into_iter();
    calls.filter(|c| c.service != "sts").collect()
}

fn assumptions(sim: &Sim) -> usize {
    sim.calls().iter().filter(|c| c.operation == "AssumeRole").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allowed_namespace_acts_under_a_session_that_names_it() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    rig.lut.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;

    let namespace = rig.lut.namespace().await;
    let acted = rig.mutations();
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
    assert_eq!(
        acted[0].principal,
        format!("arn:aws:sts::444455556666:assumed-role/evenkeel/{namespace}.shop@demo")
    );
    let tags = json!({
        "evenkeel.dev/installation": "demo",
        "evenkeel.dev/namespace": namespace,
        "evenkeel.dev/stack": "shop",
    });
    assert_eq!(json!(acted[0].session_tags), tags);
    // One session reads, and the controller's own credentials touch nothing.
    for call in resource_calls(&rig.sim).iter().filter(|c| !c.mutating) {
        assert_eq!(
            call.principal, "arn:aws:sts::444455556666:assumed-role/evenkeel/evenkeel@demo",
            "{}",
            call.operation
        );
    }

    let status = account_until(&rig, "prod", "told", |s| condition(s, "Permitted") == "True").await;
    assert_eq!(condition(&status, "Ready"), "True", "{status:#}");
    assert_eq!(condition(&status, "Assumed"), "True", "{status:#}");
    assert_eq!(status["identity"]["account"], "444455556666");
    assert_eq!(
        status["identity"]["arn"],
        "arn:aws:sts::444455556666:assumed-role/evenkeel/evenkeel@demo"
    );
    assert_eq!(status["observedGeneration"], 1);

    // What AWS refuses to the role is told there, as IAM names it.
    rig.fault("{operation: DescribeEvents, error: {code: AccessDenied, status: 403, message: not you}}");
    rig.run_for(minutes(3)).await;
    let status = account_until(&rig, "prod", "refused", |s| condition(s, "Permitted") == "False").await;
    assert_eq!(
        status["missingPermissions"],
        json!(["elasticache:DescribeEvents"])
    );
    assert_eq!(condition(&status, "Ready"), "False");
    rig.sim.clear_faults();
    rig.run_for(minutes(3)).await;
    account_until(&rig, "prod", "allowed", |s| condition(s, "Ready") == "True").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_that_tries_anothers_account_is_stalled_and_calls_nothing() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    let theirs = with(
        generous(&rig.lut).await,
        "allowedNamespaces",
        json!({"matchNames": ["another-team"]}),
    );
    apply_account(&rig.lut, "theirs", &theirs).await;
    rig.lut.apply("shop", &stack("theirs")).await;
    rig.lut.start().await;
    let status = rig
        .run_until("stalled", minutes(10), |s| condition(s, "Stalled") == "True")
        .await;
    assert_eq!(condition(&status, "Ready"), "False");
    assert_eq!(reason(&status, "Stalled"), "NamespaceNotAllowed");
    let message = condition_message(&status, "Ready");
    assert!(
        message.contains("AWSAccount theirs does not allow the namespace"),
        "{message}"
    );
    rig.run_for(hours(3)).await;
    assert_eq!(resource_calls(&rig.sim).len(), 0);

    // The account that it may use by its label.
    let by_label = json!({"selector": {"matchLabels": {"team": "shop"}}});
    let by_label = with(generous(&rig.lut).await, "allowedNamespaces", by_label);
    apply_account(&rig.lut, "labelled", &by_label).await;
    rig.lut.apply("shop", &stack("labelled")).await;
    seen(&rig, |s| {
        condition_message(s, "Stalled").contains("AWSAccount labelled")
    })
    .await;
    let place = rig.lut.place().await.clone();
    let label = async |label: &str| {
        let args = ["label", "namespace", place.namespace.as_str(), label];
        place.admin.kubectl(&args).await.unwrap().ok().unwrap();
    };
    label("team=shop").await;
    seen(&rig, |s| condition(s, "Ready") == "True").await;
    assert_ne!(resource_calls(&rig.sim).len(), 0);

    // Taken away again: not one more call.
    label("team-").await;
    seen(&rig, |s| reason(s, "Stalled") == "NamespaceNotAllowed").await;
    let calls = resource_calls(&rig.sim).len();
    rig.run_for(hours(3)).await;
    assert_eq!(resource_calls(&rig.sim).len(), calls);
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
}

/// Until the status pleases: the watches run in real time.
pub async fn seen(rig: &Rig<Controller>, pleases: impl Fn(&Value) -> bool) -> Value {
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(20));
    loop {
        let status = rig.status().await;
        if pleases(&status) {
            return status;
        }
        assert!(waited.elapsed() < limit);
        rig.run_for(jiff::SignedDuration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_of_another_account_needs_the_right_external_id() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    let mut spec = generous(&rig.lut).await;
    spec.as_object_mut().unwrap().remove("externalId");
    apply_account(&rig.lut, "prod", &spec).await;
    rig.lut.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    let status = account_until(&rig, "prod", "refused", |s| condition(s, "Assumed") == "False").await;
    assert_eq!(reason(&status, "Assumed"), "ExternalIdRequired", "{status:#}");
    let stack_status = rig
        .run_until("told", minutes(5), |s| condition(s, "Ready") == "False")
        .await;
    let message = condition_message(&stack_status, "Ready");
    assert!(message.contains("set spec.externalId"), "{message}");
    rig.run_for(minutes(30)).await;
    assert_eq!(assumptions(&rig.sim), 0, "it is not even tried");

    apply_account(&rig.lut, "prod", &with(spec.clone(), "externalId", json!("x2"))).await;
    let status = account_until(&rig, "prod", "wrong", |s| reason(s, "Assumed") == "RefusedByAws").await;
    let message = condition_message(&status, "Assumed");
    for wanted in ["AccessDenied", "spec.externalId", "sts:TagSession"] {
        assert!(message.contains(wanted), "{message}");
    }
    let stack_status = seen(&rig, |s| condition_message(s, "Ready").contains("AccessDenied")).await;
    assert_eq!(reason(&stack_status, "Ready"), "NotObserved");
    assert_eq!(resource_calls(&rig.sim).len(), 0);

    apply_account(&rig.lut, "prod", &with(spec, "externalId", json!("x1"))).await;
    account_until(&rig, "prod", "healed", |s| condition(s, "Ready") == "True").await;
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

/// The conditions of the account in `/metrics`, as `Ready=1`.
async fn account_metrics(lut: &Controller, name: &str) -> Vec<String> {
    let (_, text) = super::process::get(lut, "/metrics").await;
    let begins = format!("evenkeel_account_condition{{name=\"{name}\",type=\"");
    let series = text.lines().filter_map(|line| line.strip_prefix(&begins));
    let mut found: Vec<String> = series.map(|rest| rest.replace("\"} ", "=")).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accounts_conditions_are_metrics_that_go_with_it() {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let sim = simulator(&foreign(&skewed_world(), "")).await;
    let listen = ["--listen", "127.0.0.1:0"];
    let lut = Controller::at(&sim, prepare(&kube).await, "scenario", &listen);
    let mut rig = Rig::over(sim, lut);
    apply_account(&rig.lut, "unused", &generous(&rig.lut).await).await;
    let wrong = with(generous(&rig.lut).await, "externalId", json!("x2"));
    apply_account(&rig.lut, "prod", &wrong).await;
    rig.lut.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    account_until(&rig, "prod", "refused", |s| condition(s, "Ready") == "False").await;
    account_until(&rig, "unused", "tried", |s| condition(s, "Ready") == "True").await;
    let shown = async |name: &str, wanted: &[&str]| {
        let (waited, limit) = (Stopwatch::start(), Duration::from_secs(20));
        while account_metrics(&rig.lut, name).await != wanted {
            let found = account_metrics(&rig.lut, name).await;
            assert!(waited.elapsed() < limit, "{found:?} instead of {wanted:?}");
            rig.run_for(jiff::SignedDuration::from_secs(10)).await;
        }
    };
    shown("prod", &["Assumed=0", "Permitted=-1", "Ready=0"]).await;
    shown("unused", &["Assumed=1", "Permitted=-1", "Ready=1"]).await;
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    shown("prod", &["Assumed=1", "Permitted=1", "Ready=1"]).await;
    accounts(&rig.lut)
        .await
        .delete("prod", &DeleteParams::default())
        .await
        .unwrap();
    shown("prod", &[]).await;
    shown("unused", &["Assumed=1", "Permitted=-1", "Ready=1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_expire_in_the_middle_of_an_action_are_renewed_and_nothing_is_done_twice() {
    let by_sim_clock = "switches: {credentialsExpireBySimClock: true}\n";
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), by_sim_clock)).await;
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    rig.lut.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    // Prepared, and about to look afresh: every session ends.
    let look = rig.fault(FRESH_LOOK);
    rig.run_until_held(&look, hours(2)).await;
    rig.sim.expire_credentials();
    rig.sim.clear_faults();
    rig.run_until("settling", hours(2), |s| condition(s, "Reconciling") == "True")
        .await;
    // The failover takes longer than a session lasts, and once more AWS ends them all.
    let before = assumptions(&rig.sim);
    rig.run_for(minutes(1)).await;
    rig.sim.expire_credentials();
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    rig.run_for(hours(2)).await;
    assert!(assumptions(&rig.sim) > before + 5);
    assert_eq!(rig.applied("TestFailover"), 1);
    let refused: Vec<_> = rig.mutations().into_iter().filter(|c| !c.applied).collect();
    assert!(
        refused.iter().all(|c| c.error.as_deref() == Some("ExpiredToken")) && refused.len() <= 1,
        "{refused:?}"
    );
    // Two hours of renewals in time: after the two ends that nobody could foresee, none was noticed by AWS.
    let expired = rig.sim.calls();
    let expired: Vec<_> = expired
        .iter()
        .filter(|c| c.error.as_deref() == Some("ExpiredToken"))
        .collect();
    assert!(expired.len() <= 4, "{expired:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_deleted_in_mid_step_stops_the_call_and_every_other() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    rig.lut.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    let look = rig.fault(FRESH_LOOK);
    rig.run_until_held(&look, hours(2)).await;
    let accounts = accounts(&rig.lut).await;
    accounts.delete("prod", &DeleteParams::default()).await.unwrap();
    rig.lut.wait_for_log("AWSAccount gone", 20).await;
    rig.sim.clear_faults();
    rig.run_for(minutes(2)).await;
    let status = seen(&rig, |s| condition(s, "Stalled") == "True").await;
    assert_eq!(reason(&status, "Ready"), "AccountNotFound", "{status:#}");
    let log = rig.lut.log();
    assert!(log.contains("Step stopped"), "{log}");
    let calls = rig.sim.calls().len();
    rig.run_for(hours(3)).await;
    assert_eq!(rig.sim.calls().len(), calls, "AWS is left alone");
    assert_eq!(rig.mutation_names(), Vec::<String>::new());

    // It is back: the step is taken, once.
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    seen(&rig, |s| condition(s, "Ready") == "True").await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_gets_no_more_than_its_account_allows_and_one_resource_has_one_stack() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    let generous = generous(&rig.lut).await;
    let observing = with(generous.clone(), "mode", json!("Observe"));
    apply_account(&rig.lut, "prod", &observing).await;
    let bold = format!("{}  policy: {{MovePrimary: Auto}}\n", stack("prod"));
    rig.lut.apply("shop", &bold).await;
    rig.lut.start().await;
    let status = rig
        .run_until("held", hours(1), |s| holding(s).contains(&"mode".into()))
        .await;
    let why = hold_reason(&status, "mode");
    assert!(
        why.contains("AWSAccount prod allows at most the mode Observe"),
        "{why}"
    );
    assert_eq!(reason(&status, "ActionBlocked"), "LimitedByAccount", "{status:#}");
    assert_eq!(status["effective"]["mode"], "Observe");
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());

    // Another name for the same account makes no second owner.
    apply_account(&rig.lut, "alias", &generous).await;
    let younger = stack("alias").replace("name: shop\n", "name: thief\n");
    rig.lut.apply("thief", &younger).await;
    let (waited, limit) = (Stopwatch::start(), Duration::from_secs(30));
    while reason(&rig.lut.status("thief").await, "Stalled") != "ClaimedByElder" {
        assert!(waited.elapsed() < limit, "{:#}", rig.lut.status("thief").await);
        rig.run_for(minutes(1)).await;
    }
    rig.run_for(hours(3)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());

    apply_account(&rig.lut, "prod", &generous).await;
    rig.run_until("balanced", hours(3), healthy_and_balanced).await;
    assert_eq!(rig.mutation_names(), ["TestFailover"]);
    let elder = format!("{}.shop@demo", rig.lut.namespace().await);
    assert!(rig.mutations()[0].principal.ends_with(&elder));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_definition_or_the_right_only_stacks_that_name_an_account_wait() {
    for missing in ["definition", "right"] {
        let (kube, mut rig) = alone(
            &foreign(&skewed_world(), "").replace("account: \"444455556666\"", "account: \"111122223333\""),
        )
        .await;
        let admin = kube.admin();
        let remove = if missing == "definition" {
            ["delete", "crd", "awsaccounts.evenkeel.dev"]
                .map(str::to_owned)
                .to_vec()
        } else {
            let list = ["get", "clusterrolebindings", "-o", "name"];
            let bindings = admin.kubectl(&list).await.unwrap().ok().unwrap();
            let name = bindings.lines().find(|l| l.ends_with("-accounts")).unwrap();
            vec!["delete".to_owned(), name.to_owned()]
        };
        let remove: Vec<&str> = remove.iter().map(String::as_str).collect();
        admin.kubectl(&remove).await.unwrap().ok().unwrap();
        rig.lut.apply("shop", &manifest(ZONES, 1, "")).await;
        let named = stack("prod").replace("name: shop\n", "name: named\n");
        rig.lut.apply("named", &named).await;
        rig.lut.start().await;
        rig.run_until("balanced", hours(3), healthy_and_balanced).await;
        let status = rig.lut.status("named").await;
        assert_eq!(reason(&status, "Ready"), "NotObserved", "{missing} {status:#}");
        let message = condition_message(&status, "Ready");
        let wanted = match missing {
            "definition" => "install the CustomResourceDefinition",
            _ => "deploy/rbac.yaml",
        };
        assert!(message.contains(wanted), "{message}");
        assert_eq!(condition(&status, "Stalled"), "False", "{status:#}");
        assert_eq!(assumptions(&rig.sim), 0);
    }
}

/// A second installation, `west`, on an API server of its own.
async fn west(kube: &KubeRig, sim: &Sim) -> Controller {
    let place = prepare(kube).await;
    let args = ["controller", "--log-format", "text", "--installation", "west"]
        .map(str::to_owned)
        .into_iter()
        .chain(["--namespace", "--lease-namespace"].map(|flag| format!("{flag}={}", place.namespace)))
        .chain(["--aws-endpoint-url", "--clock-url"].map(|flag| format!("{flag}={}", sim.endpoint_url())));
    let env = [
        ("AWS_ACCESS_KEY_ID", "AKIASCENARIO00000000"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "ap-northeast-2"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let container = Container {
        args: args.collect(),
        env: env
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    Controller::deployed(sim, place, container)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_clusters_that_share_an_account_each_changes_only_what_is_tagged_as_its_own() {
    let carts = "  - id: carts\n    clusterMode: enabled\n    subnetGroup: shop-cache\n    tags:\n      \
                 evenkeel.dev/owner: west\n    shards: [\"c:P a:r\", \"c:P a:r\"]\n";
    let world = world(Mode::Enabled, ZONES, &["c:P a:r", "c:P a:r"], carts);
    let (_kube, mut rig) = alone(&foreign(&world, "")).await;
    // IAM lets each of them change what either owns: it is Evenkeel that keeps them apart.
    let (ours, theirs) = (
        policy("controller"),
        policy("controller").replace("\"demo", "\"west"),
    );
    let policies = [ours.as_str(), &theirs, &policy("assume-role")];
    rig.sim.set_policies("default", &policies).unwrap();
    let other_kube = KubeRig::start().await.unwrap();
    install_crd(other_kube.admin()).await;
    let mut other = west(&other_kube, &rig.sim).await;
    // Both name both groups.
    let carts = stack("prod")
        .replace("name: shop\n", "name: carts\n")
        .replace("replicationGroup: sessions\n", "replicationGroup: carts\n");
    for lut in [&rig.lut, &other] {
        apply_account(lut, "prod", &generous(lut).await).await;
        lut.apply("shop", &stack("prod")).await;
        lut.apply("carts", &carts).await;
    }
    rig.lut.start().await;
    other.start().await;
    other.wait_for_log("This process leads", 30).await;
    rig.run_until("balanced", hours(6), healthy_and_balanced).await;
    rig.run_for(hours(6)).await;

    let by: Vec<(String, String, bool)> = rig
        .mutations()
        .into_iter()
        .map(|c| {
            let session = c.principal.rsplit('/').next().unwrap();
            let installation = session.split('@').next_back().unwrap().to_owned();
            (c.params["ReplicationGroupId"].clone(), installation, c.applied)
        })
        .collect();
    let mut sorted = by.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            ("carts".to_owned(), "west".to_owned(), true),
            ("sessions".to_owned(), "demo".to_owned(), true)
        ],
        "{by:?}\n{}",
        other.log()
    );
    assert!(healthy_and_balanced(&other.status("carts").await));
}

/// While the owner waits, the other holds for its tag, and says whose it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_cluster_owns_is_held_by_ownership() {
    let (_kube, mut rig) = alone(&foreign(&skewed_world(), "")).await;
    let other_kube = KubeRig::start().await.unwrap();
    install_crd(other_kube.admin()).await;
    let mut other = west(&other_kube, &rig.sim).await;
    let paused = stack("prod").replace("  mode: Enforce\n", "  mode: Observe\n");
    apply_account(&rig.lut, "prod", &generous(&rig.lut).await).await;
    rig.lut.apply("shop", &paused).await;
    apply_account(&other, "prod", &generous(&other).await).await;
    other.apply("shop", &stack("prod")).await;
    rig.lut.start().await;
    other.start().await;
    other.wait_for_log("This process leads", 30).await;
    rig.run_for(hours(6)).await;
    assert_eq!(rig.mutation_names(), Vec::<String>::new());
    let status = other.status("shop").await;
    assert_eq!(reason(&status, "ActionBlocked"), "NotOwned", "{status:#}");
    let why = hold_reason(&status, "ownership");
    assert!(why.contains("is tagged evenkeel.dev/owner = demo"), "{why}");
}
