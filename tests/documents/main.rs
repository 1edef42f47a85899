//! Documents are true: links lead somewhere, commands are understood, promises name tests that exist, figures are the
//! code's, and `docs/operations.md` lists the files that a run leaves and every field of the status. (Formats, catalogues and examples have
//! tests of their own: `tests/generated/`, `tests/judge/catalogue.rs`.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod figures;
mod links;

use evenkeel_sim::Sim;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The first column, in code marks, of the table whose heading begins so.
fn table(heading: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| line.split('`').nth(1).unwrap().to_owned())
        .collect()
}

struct Folders {
    dir: tempfile::TempDir,
    endpoint: String,
}

impl Folders {
    /// Two stacks, one of them in the namespace `default`.
    fn new(sim: &Sim) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stacks = dir.path().join("stacks");
        fs::create_dir(&stacks).unwrap();
        let example = fs::read_to_string(Path::new(ROOT).join("examples/nextgen-commerce.yaml")).unwrap();
        fs::write(stacks.join("shop.yaml"), &example).unwrap();
        let other = example.replace("  namespace: shop\n", "");
        fs::write(stacks.join("default.yaml"), other).unwrap();
        Self {
            dir,
            endpoint: sim.endpoint_url(),
        }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("stacks/.evenkeel")
    }

    /// One turn of the loop.
    fn once(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_evenkeel"))
            .args([
                "run",
                "--once",
                "--installation",
                "demo",
                "--aws-endpoint-url",
                &self.endpoint,
                "--file",
            ])
            .arg(self.dir.path().join("stacks"))
            .env_clear()
            .env("AWS_ACCESS_KEY_ID", "AKIAOPERATIONS000000")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap()
    }

    /// Everything in the state folder, as the document writes it.
    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for folder in ["", "records/"] {
            for entry in fs::read_dir(self.state().join(folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    let name = entry.file_name().into_string().unwrap();
                    found.insert(format!("{folder}{}", as_written(&name)));
                }
            }
        }
        found
    }
}

fn as_written(name: &str) -> String {
    name.replace("shop_nextgen-commerce", "NAMESPACE_NAME")
        .replace("default_nextgen-commerce", "NAMESPACE_NAME")
        .replace("nextgen-commerce", "NAME")
        .replace("ap-northeast-2", "REGION")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_folder_holds_what_the_document_lists() {
    let world = fs::read_to_string(Path::new(ROOT).join("examples/world-nextgen.yaml")).unwrap();
    // A dead node that says so: only trouble is noted.
    let world = format!("{world}\nswitches: {{deadNodeStatus: creating}}\n");
    let sim = Sim::builder().world_yaml(&world).start().await.unwrap();
    sim.fail_node("sessions-0001-002").unwrap();
    let folders = Folders::new(&sim);
    let run = folders.once();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));

    // The switch stops with its first line as the reason; a truncated record is kept aside.
    fs::write(folders.state().join("STOP"), "release day\n").unwrap();
    fs::write(folders.state().join("records/shop_nextgen-commerce.json"), "{").unwrap();
    let run = folders.once();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let status = fs::read_to_string(folders.state().join("shop_nextgen-commerce.status.yaml")).unwrap();
    assert!(
        status.contains("guardrail: stop") && status.contains("(release day)"),
        "{status}"
    );

    let mut listed: BTreeSet<String> = table("| file |").into_iter().collect();
    // Its row names the form for other namespaces too.
    listed.insert("NAMESPACE_NAME.status.yaml".to_owned());
    assert_eq!(folders.files(), listed);
    let text = fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap();
    assert!(text.contains("`NAMESPACE_NAME.status.yaml`"));
    assert_eq!(sim.calls().iter().filter(|call| call.mutating).count(), 0);
}

#[test]
fn the_status_tables_name_every_field_and_condition() {
    let crd = &evenkeel::api::crd::crds()[0];
    let schema = serde_json::to_value(crd.spec.versions[0].schema.as_ref().unwrap()).unwrap();
    let status = &schema["openAPIV3Schema"]["properties"]["status"]["properties"];
    let fields: BTreeSet<String> = status.as_object().unwrap().keys().cloned().collect();
    assert_eq!(table("| field |").into_iter().collect::<BTreeSet<_>>(), fields);
    let types = status["conditions"]["items"]["properties"]["type"]["enum"]
        .as_array()
        .unwrap();
    let types: Vec<&str> = types.iter().map(|t| t.as_str().unwrap()).collect();
    assert_eq!(table("| condition |"), types);
}

#[test]
fn the_phases_and_deadlines_of_tickets_are_those_of_the_code() {
    use evenkeel::execute::ticket::time_to_settle;
    use evenkeel::plan::ActionType as Type;
    let text = fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap();
    assert_eq!(
        table("| phase |"),
        ["Prepared", "MaybeCalled", "Settling", "Done", "GaveUp"]
    );
    let minutes = |kind| time_to_settle(kind).as_mins();
    let sentence = format!(
        "{} min for `AddReplica`, {} min for `MovePrimary` (the old primary's rebuild included), {} min for \
         `RemoveReplica`, {} min for settings",
        minutes(Type::AddReplica),
        minutes(Type::MovePrimary),
        minutes(Type::RemoveReplica),
        minutes(Type::EnableMultiAz),
    );
    assert!(text.contains(&sentence), "{sentence}");
    let breaker = evenkeel::engine::Settings::default().breaker;
    assert_eq!(breaker, 5);
    assert!(text.contains("after five failed actions in a row"));
}

#[test]
fn the_readme_lists_the_permissions_that_are_used_and_no_others() {
    use evenkeel::aws::{CLAIM_ACTIONS, READ_ACTIONS, WRITE_ACTIONS};
    let of = |actions: &[evenkeel::aws::errors::Operation]| -> BTreeSet<String> {
        actions.iter().map(|action| action.iam_action()).collect()
    };
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, after) = readme.split_once("Reading needs these IAM actions").unwrap();
    let (_, block) = after.split_once("```text\n").unwrap();
    let (block, rest) = block.split_once("```").unwrap();
    let listed: BTreeSet<String> = block.split_whitespace().map(str::to_owned).collect();
    assert_eq!(listed, of(READ_ACTIONS));
    let sentence = rest.split("\n\n").nth(1).unwrap();
    assert!(sentence.starts_with("Acting needs, beyond these,"), "{sentence}");
    let words = sentence.split('`').filter(|word| word.contains(':'));
    let listed: BTreeSet<String> = words.map(str::to_owned).collect();
    assert_eq!(listed, of(&[WRITE_ACTIONS, CLAIM_ACTIONS].concat()));
}

/// The commands under this heading, without their comments.
fn commands(heading: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let (_, after) = readme.split_once(heading).unwrap();
    let (_, block) = after.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines().filter_map(|line| line.strip_prefix("$ "));
    lines
        .map(|line| line.split(" # ").next().unwrap().trim().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_read_only_commands_of_the_readme_work_as_they_stand() {
    let world = fs::read_to_string(Path::new(ROOT).join("examples/world-nextgen.yaml")).unwrap();
    let sim = Sim::builder().world_yaml(&world).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("stacks")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_evenkeel")).parent().unwrap();
    let commands = commands("## Point it at a real account");
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        // The loop runs until it is told to stop.
        let command = if command.starts_with("evenkeel run") {
            format!("{command} --once")
        } else {
            command
        };
        let output = Command::new("bash")
            .args(["-c", &command])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{}:{}", binary.display(), env!("PATH")))
            .env("AWS_ENDPOINT_URL", sim.endpoint_url())
            .env("AWS_ACCESS_KEY_ID", "AKIAREADONLY00000000")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{command}\n{told}");
    }
    let stack = fs::read_to_string(folder.path().join("stacks/sessions.yaml")).unwrap();
    assert!(
        stack.contains("mode: Observe") && stack.contains("replicationGroup: sessions"),
        "{stack}"
    );
    assert_eq!(sim.calls().iter().filter(|call| call.mutating).count(), 0);
}

/// Whether a test is called so; `…` stands for the rest of a name.
fn is_a_test(name: &str, source: &str) -> bool {
    let names = source
        .split("fn ")
        .skip(1)
        .filter_map(|rest| rest.split(['(', '<']).next());
    let (front, back) = name.split_once('…').unwrap_or((name, ""));
    names.into_iter().any(|found| {
        if name.contains('…') {
            found.starts_with(front) && found.ends_with(back)
        } else {
            found == name
        }
    })
}

/// The text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries
        .map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(end) if end == "rs" => fs::read_to_string(path).unwrap(),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(ROOT);
    let all = sources(&root.join("tests"));
    let text = fs::read_to_string(root.join("SPECIFICATION.md")).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut promises = 0;
    for row in rows {
        let held_by = row.split(" | ").nth(1).unwrap();
        for name in held_by.split('`').skip(1).step_by(2) {
            let exists = if name.contains('/') {
                root.join(name).exists()
            } else if let Some((module, test)) = name.split_once("::") {
                let file = root.join("tests/scenarios").join(format!("{module}.rs"));
                is_a_test(test, &fs::read_to_string(file).unwrap_or_default())
            } else {
                is_a_test(name, &all)
            };
            assert!(exists, "{name} does not exist, of the promise {row}");
        }
        promises += 1;
    }
    assert!(promises >= 25, "{promises}");
}
