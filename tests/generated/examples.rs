//! Examples of documents are run, and what they print is what the document shows.
//!
//! In a document that is checked, a block of YAML that begins with `# NAME.yaml` is a file of that name, and a block of
//! `console` is a command (its first line, after `$ `) with what it prints. `make gen` writes the outputs anew.

use evenkeel_test_support::files::check_file;
use std::path::Path;
use std::process::Command;

/// Runs every example of a document in a folder of its own.
pub fn check_examples(path: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(path)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join("examples"), folder.path().join("examples")).unwrap();
    let mut wanted = String::new();
    let mut commands = 0;
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\n```") {
        let (language, block) = after.split_once('\n').unwrap();
        let (body, following) = block.split_once("```\n").unwrap();
        wanted.push_str(&format!("{before}\n```{language}\n"));
        if language == "console" {
            let command = body
                .lines()
                .next()
                .and_then(|line| line.strip_prefix("$ "))
                .unwrap();
            wanted.push_str(&format!("$ {command}\n{}", output(command, folder.path())));
            commands += 1;
        } else {
            if let Some(name) = body.lines().next().and_then(|line| line.strip_prefix("# ")) {
                std::fs::write(folder.path().join(name), body).unwrap();
            }
            wanted.push_str(body);
        }
        wanted.push_str("```\n");
        rest = following;
    }
    wanted.push_str(rest);
    assert!(commands > 0, "{path} has no examples");
    check_file(path, &wanted);
}

fn output(command: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_evenkeel")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", command])
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{}:{}", binary.display(), env!("PATH")))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.is_empty(), "{command}: {told}");
    String::from_utf8(output.stdout).unwrap()
}
