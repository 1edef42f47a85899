//! Wrong values are refused before anything is installed, by a sentence that names them.

use super::support::CHART;
use evenkeel_testkit::Helm;
use std::fs;
use std::path::Path;

/// (values, what the sentence holds)
const WRONG: &[(&str, &[&str])] = &[
    ("replica: 3", &["additional properties 'replica' not allowed"]),
    (
        "image: {repo: x}",
        &["'/image'", "additional properties 'repo' not allowed"],
    ),
    ("replicas: two", &["'/replicas'", "got string, want integer"]),
    ("replicas: 0", &["'/replicas'", "minimum"]),
    (
        "installation: shop/prod",
        &["'/installation'", "does not match pattern"],
    ),
    (
        "watchNamespaces: shop",
        &["'/watchNamespaces'", "got string, want array"],
    ),
    (
        "watchNamespaces: [shop, shop]",
        &["'/watchNamespaces'", "items at 0 and 1 are equal"],
    ),
    (
        "image: {digest: latest}",
        &["'/image/digest'", "does not match pattern"],
    ),
    ("log: {format: xml}", &["'/log/format'", "'json', 'text'"]),
    (
        "aws: {region: seoul}",
        &["'/aws/region'", "does not match pattern"],
    ),
    (
        "aws: {accessKeyId: AKIA}",
        &["'/aws'", "additional properties 'accessKeyId' not allowed"],
    ),
    (
        "leaderElection: {leaseSeconds: 10}",
        &["'/leaderElection/leaseSeconds'", "minimum"],
    ),
    (
        "poll: {eventsSeconds: 300}",
        &["'/poll/eventsSeconds'", "maximum"],
    ),
    (
        "guardrailDefaults: {quietPeriod: 1d}",
        &["'/guardrailDefaults/quietPeriod'", "does not match pattern"],
    ),
    (
        "{crds: {enabled: false}, guardrailDefaults: {quietPeriod: 1h}}",
        &["guardrailDefaults.quietPeriod stands in the CustomResourceDefinition: set crds.enabled"],
    ),
    (
        "extraArgs: [--poll-events-seconds=30]",
        &["--poll-events-seconds is set by the chart; change poll.eventsSeconds instead"],
    ),
    ("listen: {port: 70000}", &["'/listen/port'", "maximum"]),
    (
        "serviceMonitor: {interval: 30}",
        &["'/serviceMonitor/interval'", "got number, want string"],
    ),
    (
        "prometheusRule: {exclude: [KubeDown]}",
        &["'/prometheusRule/exclude/0'", "does not match pattern"],
    ),
    (
        "extraArgs: --log=debug",
        &["'/extraArgs'", "got string, want array"],
    ),
    (
        "extraEnv: [{value: x}]",
        &["'/extraEnv/0'", "missing property 'name'"],
    ),
    (
        "extraArgs: [--log=debug]",
        &["extraArgs: --log is set by the chart; change log.filter instead"],
    ),
    (
        "extraArgs: [--listen, 0.0.0.0:1]",
        &["--listen is set by the chart; change listen.address and listen.port"],
    ),
    (
        "extraEnv: [{name: POD_NAME, value: x}]",
        &["extraEnv: POD_NAME is the chart's own; leave it out"],
    ),
    (
        "{aws: {region: eu-west-1}, extraEnv: [{name: AWS_REGION, value: x}]}",
        &["extraEnv: AWS_REGION is set by aws.region; leave it out"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_values_are_named_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("values.yaml");
    for (values, wanted) in WRONG {
        fs::write(&file, values).unwrap();
        for helm in Helm::BOTH {
            let ran = helm
                .run(&["template", "evenkeel", CHART, "--values", file.to_str().unwrap()])
                .await
                .unwrap();
            assert_ne!(ran.status, 0, "{values} is accepted");
            for part in *wanted {
                assert!(
                    ran.stderr.contains(part),
                    "{values}, by {}: {}",
                    helm.name(),
                    ran.stderr
                );
            }
        }
    }
}

/// Copies a folder and what is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.as_ref().unwrap().file_name()),
        );
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// Helm adds `global`, and people `enabled`, to the values of a chart within a chart.
#[tokio::test]
async fn another_chart_may_depend_on_this_one() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path();
    copy(Path::new(CHART), &parent.join("charts/evenkeel"));
    fs::write(
        parent.join("Chart.yaml"),
        "apiVersion: v2\nname: platform\nversion: 1.0.0\ndependencies:\n  - {name: evenkeel, version: 0.1.0, condition: evenkeel.enabled}\n",
    )
    .unwrap();
    fs::write(
        parent.join("values.yaml"),
        "global: {registry: x}\nevenkeel: {enabled: true, installation: prod}\n",
    )
    .unwrap();
    for helm in Helm::BOTH {
        let ran = helm
            .run(&["template", "platform", parent.to_str().unwrap()])
            .await
            .unwrap();
        let manifest = ran.ok().unwrap();
        assert!(manifest.contains("name: platform-evenkeel\n"), "{manifest}");
        assert!(manifest.contains("--installation=prod"), "{manifest}");
    }
}
