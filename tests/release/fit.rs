//! What `hack/release --release` refuses, and a dry run warns of.

use super::support::{ROOT, ok};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A checkout of its own, with what the check reads.
struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    fn new(changelog: &str) -> Self {
        let checkout = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(checkout.path().join("hack")).unwrap();
        for script in ["hack/release-check", "hack/version"] {
            fs::copy(Path::new(ROOT).join(script), checkout.path().join(script)).unwrap();
        }
        fs::write(
            checkout.path().join("Cargo.toml"),
            "[package]\nversion = \"9.9.9\"\n\n[workspace.package]\nversion = \"1.2.3\"\n\n[x]\n",
        )
        .unwrap();
        fs::write(checkout.path().join("CHANGELOG.md"), changelog).unwrap();
        checkout.git(&["init", "--quiet"]);
        checkout.git(&["add", "--all"]);
        checkout.git(&["commit", "--quiet", "--message", "all"]);
        checkout
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, args: &[&str]) {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]);
        git.args(["-c", "tag.gpgSign=false", "-c", "commit.gpgSign=false"]);
        ok(git.args(args).current_dir(self.path()).output().unwrap());
    }

    fn check(&self, args: &[&str], images: &[(&str, &str)]) -> Output {
        let mut check = Command::new(self.path().join("hack/release-check"));
        check.args(args).env_remove("BUILDER").env_remove("BASE");
        check.envs(images.iter().copied()).output().unwrap()
    }
}

const SECTION: &str = "# Changelog\n\n## Unreleased\n\n## 1.2.3 (2027-01-01)\n\n- All.\n";

fn by_digest() -> [(&'static str, String); 2] {
    let digest = "0".repeat(64);
    [
        ("BUILDER", format!("registry.example.com/rust@sha256:{digest}")),
        ("BASE", format!("registry.example.com/base@sha256:{digest}")),
    ]
}

#[test]
fn everything_that_is_missing_is_told_and_only_a_release_is_refused() {
    let checkout = Checkout::new("# Changelog\n\n## Unreleased\n\n## 1.2.30\n");
    fs::write(checkout.path().join("more"), "").unwrap();
    let tags = [("BUILDER", "rust:1"), ("BASE", "base@sha256:12")];
    let wanted = "  - the tree differs from the commit (git status)\n  \
                    - the commit has no tag v1.2.3\n  \
                    - CHANGELOG.md has no section for 1.2.3\n  \
                    - BUILDER names no image by digest (…@sha256:…)\n  \
                    - BASE names no image by digest (…@sha256:…)\n";
    for (args, code) in [(&["--release"][..], 1), (&[], 0)] {
        let output = checkout.check(args, &tags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(said.split_once('\n').unwrap().1, wanted);
    }
}

#[test]
fn a_checkout_that_is_ready_may_be_released() {
    let checkout = Checkout::new(SECTION);
    checkout.git(&["tag", "v1.2.3"]);
    let images = by_digest();
    let images = images.each_ref().map(|(name, image)| (*name, image.as_str()));
    let output = checkout.check(&["--release"], &images);
    assert_eq!(ok(output), "");
    checkout.git(&["tag", "--delete", "v1.2.3"]);
    checkout.git(&["tag", "v1.2.30"]);
    assert!(!checkout.check(&["--release"], &images).status.success());
}

/// The check comes first: nothing is built for a release that can't be.
#[test]
fn a_release_of_this_tree_from_images_by_tag_is_refused_at_once() {
    let output = Command::new(Path::new(ROOT).join("hack/release"))
        .arg("--release")
        .env("BUILDER", "docker.io/library/rust:1.95.0-bookworm")
        .env_remove("BASE")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("Not fit for a release:\n"), "{said}");
    assert!(said.contains("  - BUILDER names no image by digest"), "{said}");
}
