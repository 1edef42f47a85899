//! What is made from something else: the chart's copy of the CRDs, the sentences of its schema, its README, and the plain
//! manifests of `deploy/`. `make gen` rewrites them.

use super::support::{CHART, ROOT, render, yaml};
use evenkeel_test_support::files::check_file;
use evenkeel_testkit::{Helm, go_tool};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn the_chart_carries_the_crds_of_the_repository() {
    for name in names("crds") {
        let text = fs::read_to_string(Path::new(ROOT).join("crds").join(&name)).unwrap();
        check_file(&format!("charts/evenkeel/files/crds/{name}"), &text);
    }
    assert_eq!(names("charts/evenkeel/files/crds"), names("crds"));
}

#[tokio::test]
async fn the_crds_come_out_of_the_template_as_they_are() {
    let rendered = render(Helm::V4, &["--show-only", "templates/crds.yaml"]).await;
    let rendered = super::support::objects(&rendered);
    assert_eq!(rendered.len(), names("crds").len());
    for (name, mut object) in names("crds").into_iter().zip(rendered) {
        let metadata = object["metadata"].as_object_mut().unwrap();
        assert_eq!(
            metadata.remove("annotations"),
            Some(json!({"helm.sh/resource-policy": "keep"}))
        );
        assert!(metadata.remove("labels").is_some());
        assert_eq!(object, yaml(Path::new(ROOT).join("crds").join(name)));
    }
}

/// Path of a value → its sentence in `values.yaml`: the comment that begins with `# --`.
fn sentences() -> BTreeMap<String, String> {
    let text = fs::read_to_string(format!("{CHART}/values.yaml")).unwrap();
    let mut sentences = BTreeMap::new();
    let (mut parents, mut sentence): (Vec<(usize, String)>, Option<String>) = (Vec::new(), None);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if let Some(begin) = line.strip_prefix("# -- ") {
            sentence = Some(begin.to_owned());
        } else if let (Some(sentence), Some(more)) = (&mut sentence, line.strip_prefix("# ")) {
            sentence.push(' ');
            sentence.push_str(more);
        } else if let Some((key, _)) = line.split_once(':').filter(|_| !line.starts_with(['#', '-'])) {
            parents.retain(|(depth, _)| *depth < indent);
            parents.push((indent, key.to_owned()));
            if let Some(sentence) = sentence.take() {
                let path: Vec<&str> = parents.iter().map(|(_, key)| key.as_str()).collect();
                sentences.insert(path.join("."), sentence);
            }
        }
    }
    sentences
}

/// The schema at this path.
fn schema_of<'a>(schema: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(schema, |at, key| &mut at["properties"][key])
}

/// Every schema with a path, described or not.
fn undescribed(schema: &Value, at: &str, found: &mut Vec<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        if inner["description"].as_str().is_none_or(str::is_empty) {
            found.push(path.clone());
        }
        if inner["properties"].is_object() {
            assert_eq!(inner["additionalProperties"], false, "{path}");
        }
        undescribed(inner, &path, found);
    }
}

#[test]
fn the_schema_describes_every_value_as_the_values_file_does() {
    let file = format!("{CHART}/values.schema.json");
    let mut schema: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let sentences = sentences();
    assert!(sentences.len() > 50, "{sentences:?}");
    for (path, sentence) in sentences {
        let described = schema_of(&mut schema, &path);
        assert!(described.is_object(), "the schema lacks {path}");
        described["description"] = json!(sentence);
    }
    assert_eq!(schema["additionalProperties"], false);
    let mut missing = Vec::new();
    undescribed(&schema, "", &mut missing);
    assert_eq!(missing, Vec::<String>::new(), "without a sentence");
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    check_file("charts/evenkeel/values.schema.json", &text);
}

#[test]
fn the_charts_readme_is_made_from_its_values() {
    let made = Command::new(go_tool("helm-docs").unwrap())
        .args([
            "--chart-search-root",
            CHART,
            "--sort-values-order",
            "file",
            "--dry-run",
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).unwrap();
    check_file("charts/evenkeel/README.md", &format!("{}\n", text.trim()));
}

const PLAIN: &str = "# Rendered from charts/evenkeel by `make gen`; change it there.\n";

const RBAC: &str = "\
# What `evenkeel controller` may do on Kubernetes, each right with its reason. Tests run the controller under this
# ServiceAccount and hold it to exactly these verbs.
#
# It never writes the spec or metadata of a HAStack or an AWSAccount, never deletes anything, reads no Secret and no Pod.
# To watch some namespaces only (--namespace), bind the ClusterRole there with RoleBindings instead of cluster-wide.
# Another --lease-name needs its name in the Role.
#
";

const NAMESPACE: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: evenkeel-system
---
";

/// A template as people apply it without Helm.
async fn plain(templates: &[&str]) -> String {
    let files: Vec<String> = templates
        .iter()
        .map(|name| format!("templates/{name}.yaml"))
        .collect();
    let mut documents = Vec::new();
    for file in &files {
        let rendered = render(Helm::V4, &["--show-only", file]).await;
        let lines = rendered.lines().filter(|line| {
            let of_helm = ["# Source:", "helm.sh/", "app.kubernetes.io/managed-by:"];
            !of_helm.iter().any(|begin| line.trim_start().starts_with(begin))
        });
        let text = lines.fold(String::new(), |text, line| text + line.trim_end() + "\n");
        documents.extend(
            text.split("---\n")
                .map(|d| d.trim().to_owned())
                .filter(|d| !d.is_empty()),
        );
    }
    documents.join("\n---\n") + "\n"
}

#[tokio::test]
async fn the_plain_manifests_are_rendered_from_the_chart() {
    let rights = plain(&["serviceaccount", "rbac"]).await;
    check_file("deploy/rbac.yaml", &format!("{RBAC}{PLAIN}{NAMESPACE}{rights}"));
    let keep_nothing = "  annotations:\n";
    let crds = plain(&["crds"]).await.replace(keep_nothing, "");
    check_file("deploy/crds.yaml", &format!("{PLAIN}{crds}"));
    let roles = plain(&["aggregated-roles"]).await;
    check_file("deploy/aggregated-roles.yaml", &format!("{PLAIN}{roles}"));
    let workload = plain(&["deployment", "service", "poddisruptionbudget"]).await;
    check_file("deploy/evenkeel.yaml", &format!("{PLAIN}{workload}"));
    let rules = fs::read_to_string(format!("{CHART}/files/rules.yaml")).unwrap();
    check_file("deploy/prometheus-rules.yaml", &format!("{PLAIN}{rules}"));
    assert_eq!(
        names("deploy"),
        [
            "aggregated-roles.yaml",
            "alertmanager-example.yaml",
            "argocd",
            "crds.yaml",
            "evenkeel.yaml",
            "iam",
            "kind",
            "kustomization.yaml",
            "prometheus-rules.yaml",
            "rbac.yaml"
        ],
        "what nothing generates any more misleads"
    );
}
