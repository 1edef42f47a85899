//! Commands in documents are understood by the program as it is, and those that need only AWS are run.

use crate::ROOT;
use crate::links::documents;
use clap::Parser as _;
use evenkeel::cli::args::Cli;
use evenkeel_sim::Sim;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The commands of a document's `console` blocks, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap().replace("\\\n", " ");
        let lines = block.lines().filter_map(|line| line.strip_prefix("$ "));
        found.extend(lines.map(|line| line.split(" # ").next().unwrap().trim().to_owned()));
    }
    found
}

/// The words of each call of `evenkeel` in a command: up to a pipe, a redirection or the next command.
fn calls(command: &str) -> Vec<Vec<String>> {
    let command = command.replace("cargo run -- ", "evenkeel ");
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut found = Vec::new();
    for (place, word) in words.iter().enumerate() {
        let begins = place == 0 || ["|", "&&", "&"].contains(&words[place - 1]);
        if *word == "evenkeel" && begins {
            let rest = words[place..].iter();
            let call = rest.take_while(|w| !["|", "&&", "&", ">", "<", ">>"].contains(*w));
            found.push(call.map(|w| w.trim_matches(['\'', '"']).to_owned()).collect());
        }
    }
    found
}

#[test]
fn every_evenkeel_command_in_a_document_is_understood() {
    let mut understood = 0;
    for document in documents() {
        let text = fs::read_to_string(Path::new(ROOT).join(&document)).unwrap();
        for call in commands(&text).iter().flat_map(|c| calls(c)) {
            if let Err(error) = Cli::try_parse_from(&call) {
                panic!("{}: {call:?}: {error}", document.display());
            }
            understood += 1;
        }
    }
    assert!(understood >= 15, "{understood}");
}

#[test]
fn every_value_that_a_document_sets_is_one_of_the_chart() {
    let values = fs::read_to_string(Path::new(ROOT).join("charts/evenkeel/values.yaml")).unwrap();
    let mut set = 0;
    for document in documents() {
        let text = fs::read_to_string(Path::new(ROOT).join(&document)).unwrap();
        for command in commands(&text) {
            for assignment in command.split("--set ").skip(1) {
                let key = assignment.split(['=', '.']).next().unwrap();
                let known = values.lines().any(|line| line.starts_with(&format!("{key}:")));
                assert!(known, "{}: --set {key}", document.display());
                set += 1;
            }
        }
    }
    assert!(set >= 6, "{set}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_for_a_report_is_made_and_judged_as_troubleshooting_says() {
    let world = fs::read_to_string(Path::new(ROOT).join("examples/world-nextgen.yaml")).unwrap();
    let sim = Sim::builder().world_yaml(&world).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(Path::new(ROOT).join("docs/troubleshooting.md")).unwrap();
    let (_, section) = text.split_once("## Asking for help").unwrap();
    let commands = commands(section);
    assert!(commands[0].starts_with("kubectl") && commands[0].ends_with("> stack.yaml"));
    let example = Path::new(ROOT).join("examples/nextgen-commerce.yaml");
    fs::copy(example, folder.path().join("stack.yaml")).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_evenkeel")).parent().unwrap();
    let mut told = String::new();
    for (place, command) in commands[1..].iter().enumerate() {
        let mut shell = Command::new("bash");
        shell
            .args(["-c", command])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{}:{}", binary.display(), env!("PATH")));
        // Only the first one may need AWS.
        if place == 0 {
            shell
                .env("AWS_ENDPOINT_URL", sim.endpoint_url())
                .env("AWS_ACCESS_KEY_ID", "AKIAREPORT0000000000")
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .env("AWS_EC2_METADATA_DISABLED", "true");
        }
        let output = shell.output().unwrap();
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{command}: {wrong}");
        told.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    assert!(told.contains("sessions") && told.contains("0001"), "{told}");
}
