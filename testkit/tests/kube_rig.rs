//! The rig keeps its promises: a real server, real tokens, real RBAC, a true audit log, and nothing left behind.

#![allow(clippy::unwrap_used, clippy::panic)]
use evenkeel_testkit::{AuditEvent, KubeRig, shared, until};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{ObjectMeta, PostParams, WatchEvent, WatchParams};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn config_map(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("value".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

fn value(map: &ConfigMap) -> Option<&str> {
    Some(map.data.as_ref()?.get("value")?.as_str())
}

/// Command lines of all processes that mention `folder`: guards, servers, janitor.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let here = entry.path();
        let command = fs::read(here.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let at = fs::read_link(here.join("cwd")).unwrap_or_default();
        if !command.is_empty() && (command.contains(folder) || at == Path::new(folder)) {
            found.push(command);
        }
    }
    found
}

fn is_alive(pid: u32) -> bool {
    // A zombie has no command line any more.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| !c.is_empty())
}

#[tokio::test]
async fn the_server_is_kubernetes_1_36_3() {
    let rig = shared().await.unwrap();
    let client = rig.admin().client().await.unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.3");
    assert_eq!((version.major.as_str(), version.minor.as_str()), ("1", "36"));
}

#[tokio::test]
async fn kubectl_and_the_server_are_of_one_version() {
    let rig = shared().await.unwrap();
    let said = rig.admin().kubectl(&["version"]).await.unwrap().ok().unwrap();
    assert!(said.contains("Client Version: v1.36.3"), "{said}");
    assert!(said.contains("Server Version: v1.36.3"), "{said}");
}

#[tokio::test]
async fn a_service_account_is_denied_what_rbac_does_not_grant_and_the_audit_log_tells() {
    let rig = shared().await.unwrap();
    let namespace = rig.namespace("rbac").await.unwrap();
    let reader = rig.service_account(&namespace, "reader").await.unwrap();
    assert_eq!(reader.user(), format!("system:serviceaccount:{namespace}:reader"));

    let admin: Api<ConfigMap> = Api::namespaced(rig.admin().client().await.unwrap(), &namespace);
    admin
        .create(&PostParams::default(), &config_map("notice", "hello"))
        .await
        .unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(reader.client().await.unwrap(), &namespace);
    let denied = maps.get("notice").await.unwrap_err();
    assert!(
        matches!(&denied, kube::Error::Api(s) if s.code == 403),
        "{denied}"
    );

    let grant = format!(
        "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader, namespace: {namespace}}}
rules: [{{apiGroups: [''], resources: [configmaps], verbs: [get]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: reader, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}}
subjects: [{{kind: ServiceAccount, name: reader, namespace: {namespace}}}]
"
    );
    rig.admin()
        .kubectl_with(&["apply", "-f", "-"], &grant)
        .await
        .unwrap()
        .ok()
        .unwrap();
    until("the role to be known to the authorizer", 30, || async {
        maps.get("notice").await.is_ok()
    })
    .await
    .unwrap();
    assert_eq!(value(&maps.get("notice").await.unwrap()), Some("hello"));
    let denied = maps
        .create(&PostParams::default(), &config_map("mine", "no"))
        .await
        .unwrap_err();
    assert!(
        matches!(&denied, kube::Error::Api(s) if s.code == 403),
        "{denied}"
    );

    let seen = rig.audit().of(reader.user()).unwrap();
    let codes_of = |verb: &str| -> Vec<u16> {
        seen.iter()
            .filter(|e: &&AuditEvent| {
                e.verb == verb && e.resource == "configmaps" && e.namespace == namespace
            })
            .map(|e| e.code)
            .collect()
    };
    let gets = codes_of("get");
    assert_eq!(gets.first(), Some(&403));
    assert_eq!(gets.last(), Some(&200));
    assert_eq!(codes_of("create"), [403]);
    assert_eq!(
        seen.iter()
            .filter(|e| !e.group.is_empty() || !e.subresource.is_empty())
            .count(),
        0
    );
}

#[tokio::test]
async fn restarting_the_api_server_keeps_port_data_and_tokens() {
    let mut rig = KubeRig::start().await.unwrap();
    let account = rig.service_account("default", "keeper").await.unwrap();
    let admin = rig.admin().client().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(admin);
    maps.create(&PostParams::default(), &config_map("before", "kept"))
        .await
        .unwrap();
    let kubeconfig = fs::read_to_string(rig.admin().kubeconfig()).unwrap();

    rig.kill_api_server();
    assert!(maps.get("before").await.is_err(), "a killed server answers");
    rig.start_api_server().await.unwrap();
    assert_eq!(value(&maps.get("before").await.unwrap()), Some("kept"));

    rig.stop_api_server().await.unwrap();
    assert!(maps.get("before").await.is_err(), "a stopped server answers");
    rig.start_api_server().await.unwrap();
    assert_eq!(value(&maps.get("before").await.unwrap()), Some("kept"));

    assert_eq!(fs::read_to_string(rig.admin().kubeconfig()).unwrap(), kubeconfig);
    // The token is still known: refused for want of a role (403), not for want of an identity (401).
    let own: Api<ConfigMap> = Api::default_namespaced(account.client().await.unwrap());
    let denied = own.get("before").await.unwrap_err();
    assert!(
        matches!(&denied, kube::Error::Api(s) if s.code == 403),
        "{denied}"
    );
    // The audit log goes on where it was.
    let creates = rig.audit().of("admin").unwrap();
    let creates = creates
        .iter()
        .filter(|e| e.verb == "create" && e.name == "before" && e.code == 201);
    assert_eq!(creates.count(), 1);
}

#[tokio::test]
async fn a_paused_server_answers_nobody_until_it_is_resumed() {
    let mut rig = KubeRig::start().await.unwrap();
    let client = rig.admin().client().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    rig.pause().unwrap();
    let waited = tokio::time::timeout(Duration::from_millis(1500), maps.get_opt("nothing")).await;
    assert!(waited.is_err(), "a frozen server answered: {waited:?}");
    rig.resume().unwrap();
    let answer = tokio::time::timeout(Duration::from_mins(1), maps.get_opt("nothing")).await;
    assert!(answer.unwrap().unwrap().is_none());
}

#[tokio::test]
async fn a_paused_server_does_not_survive_its_rig() {
    let mut rig = KubeRig::start().await.unwrap();
    let pids = rig.process_ids();
    rig.pause().unwrap();
    drop(rig);
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
}

#[tokio::test]
async fn after_compaction_and_restart_an_old_watch_is_gone() {
    let mut rig = KubeRig::start().await.unwrap();
    let client = rig.admin().client().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let first = maps
        .create(&PostParams::default(), &config_map("old", "1"))
        .await
        .unwrap();
    let since = first.metadata.resource_version.unwrap();
    maps.create(&PostParams::default(), &config_map("new", "2"))
        .await
        .unwrap();

    // With its history the watch tells what happened since.
    let event = first_event(&maps, &since).await;
    assert!(
        matches!(&event, WatchEvent::Added(m) if m.metadata.name.as_deref() == Some("new")),
        "{event:?}"
    );

    rig.compact().await.unwrap();
    rig.kill_api_server();
    rig.start_api_server().await.unwrap();
    let event = first_event(&maps, &since).await;
    assert!(
        matches!(&event, WatchEvent::Error(e) if e.code == 410),
        "{event:?}"
    );
}

/// The first event after `since` that is about this test's own objects.
async fn first_event(maps: &Api<ConfigMap>, since: &str) -> WatchEvent<ConfigMap> {
    use futures::{StreamExt as _, pin_mut};
    let parameters = WatchParams::default().disable_bookmarks();
    let watching = async {
        let events = maps.watch(&parameters, since).await.unwrap();
        pin_mut!(events);
        loop {
            let event = events.next().await.unwrap().unwrap();
            let foreign = matches!(&event, WatchEvent::Added(m) | WatchEvent::Modified(m)
                if m.metadata.name.as_deref() == Some("kube-root-ca.crt"));
            if !foreign {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), watching)
        .await
        .unwrap()
}

#[tokio::test]
async fn two_rigs_live_side_by_side_and_know_nothing_of_each_other() {
    let (one, two) = tokio::join!(KubeRig::start(), KubeRig::start());
    let (one, two) = (one.unwrap(), two.unwrap());
    let client = one.admin().client().await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    maps.create(&PostParams::default(), &config_map("here", "one"))
        .await
        .unwrap();
    let client = two.admin().client().await.unwrap();
    let elsewhere: Api<ConfigMap> = Api::default_namespaced(client);
    assert!(elsewhere.get_opt("here").await.unwrap().is_none());
    assert_ne!(one.folder(), two.folder());
}

#[tokio::test]
async fn nothing_is_left_behind_after_a_rig_is_dropped() {
    let rig = KubeRig::start().await.unwrap();
    let folder = rig.folder().to_owned();
    let pids = rig.process_ids();
    assert_eq!(pids.iter().filter(|pid| is_alive(**pid)).count(), 2);
    // Two servers, each with its guard, and a janitor: the search below can find what it must find.
    let running = processes_of(&folder);
    assert!(running.len() >= 5, "{running:#?}");
    drop(rig);
    assert!(!pids.iter().any(|pid| is_alive(*pid)));
    assert!(!folder.exists());
    until("guards to end", 10, || async { processes_of(&folder).is_empty() })
        .await
        .unwrap();
}

/// The development cluster holds a rig in a process of its own, which can be killed as a test can be.
#[tokio::test]
async fn nothing_is_left_behind_after_the_holder_is_killed() {
    let (mut holder, folder) = dev_cluster();
    assert!(processes_of(&folder).len() >= 5);
    holder.kill().unwrap();
    holder.wait().unwrap();
    until("servers and folder to go", 30, || async {
        processes_of(&folder).is_empty() && !folder.exists()
    })
    .await
    .unwrap_or_else(|e| panic!("{e}: {:#?}", processes_of(&folder)));
}

#[tokio::test]
async fn the_dev_cluster_prints_its_kubeconfig_and_stops_in_good_order_on_ctrl_c() {
    let (mut holder, folder) = dev_cluster();
    let pid = rustix::process::Pid::from_child(&holder);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = tokio::task::spawn_blocking(move || holder.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(!folder.exists());
    assert!(processes_of(&folder).is_empty());
}

fn dev_cluster() -> (std::process::Child, PathBuf) {
    let mut holder = Command::new(env!("CARGO_BIN_EXE_dev-cluster"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let kubeconfig = line
        .trim()
        .strip_prefix("export KUBECONFIG=")
        .unwrap_or_else(|| panic!("printed {line:?}"));
    let folder = Path::new(kubeconfig).parent().unwrap().to_owned();
    assert!(folder.join("audit.log").exists());
    (holder, folder)
}
