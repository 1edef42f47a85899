//! The chart, values, and one API server for all tests that don't install anything.

use evenkeel_testkit::{Helm, KubeRig, go_tool, shared};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::sync::OnceCell;

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/evenkeel");

/// The values files of the matrix, by name.
pub fn values_files() -> Vec<(String, PathBuf)> {
    let folder = Path::new(ROOT).join("tests/chart/values");
    let mut files: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

pub fn yaml(path: impl AsRef<Path>) -> Value {
    let path = path.as_ref();
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What the chart renders as release `evenkeel` in `evenkeel-system`.
pub async fn render(helm: Helm, more: &[&str]) -> String {
    let args = [
        &["template", "evenkeel", CHART, "--namespace", "evenkeel-system"],
        more,
    ]
    .concat();
    helm.run(&args).await.unwrap().ok().unwrap()
}

/// Every object of a manifest. A key that is there twice is an error.
pub fn objects(manifest: &str) -> Vec<Value> {
    let documents = manifest.split("\n---").map(|d| d.trim_start_matches("---"));
    let parsed = documents
        .map(|document| serde_saphyr::from_str(document).unwrap_or_else(|e| panic!("{e}\n{document}")));
    parsed.filter(|object| *object != Value::Null).collect()
}

/// The only object of this kind.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<&Value> = objects.iter().filter(|o| o["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found[0]
}

/// An API server that knows the Prometheus Operator's kinds and the matrix's namespaces.
pub async fn cluster() -> &'static KubeRig {
    static READY: OnceCell<()> = OnceCell::const_new();
    let rig = shared().await.unwrap();
    let prepare = async || {
        let admin = rig.admin();
        let crds = go_tool("prometheus-operator").unwrap();
        let apply = ["apply", "--server-side", "-f", crds.to_str().unwrap()];
        admin.kubectl(&apply).await.unwrap().ok().unwrap();
        let wait = [
            "wait",
            "--for=create",
            "--timeout=30s",
            "crd/servicemonitors.monitoring.coreos.com",
        ];
        admin.kubectl(&wait).await.unwrap().ok().unwrap();
        let wait = [
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "crd",
            "--all",
        ];
        admin.kubectl(&wait).await.unwrap().ok().unwrap();
        for namespace in ["evenkeel-system", "team-a", "team-b"] {
            admin
                .kubectl(&["create", "namespace", namespace])
                .await
                .unwrap()
                .ok()
                .unwrap();
        }
    };
    READY.get_or_init(prepare).await;
    rig
}
