//! The image: what is in it, as whom it runs, and that it runs.

use super::support::{Image, ROOT, VERSION, architecture, hack, image, ok, text};
use evenkeel_sim::Sim;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};

/// Starts the program as the image says, in its file system, which nobody can write to.
fn run(image: &Image, args: &[&str], env: &[(&str, &str)]) -> Output {
    let config = &image.config["config"];
    let list = |key: &str| -> Vec<String> {
        let list = config[key].as_array().cloned().unwrap_or_default();
        list.iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    let script = r#"
        set -e
        rootfs=$1 user=$2
        shift 2
        mount --bind "$rootfs" "$rootfs"
        mount -o remount,bind,ro "$rootfs"
        if touch "$rootfs/tmp/written" 2>/dev/null; then echo "it can be written to" >&2; exit 99; fi
        exec setpriv --no-new-privs chroot --userspec="$user" --groups="${user#*:}" "$rootfs" "$@"
    "#;
    let inside = ["unshare", "--mount", "bash", "-c", script, "in-image"];
    // Who isn't root becomes it in a user namespace, in which the image's user has an id.
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new(inside[0])
    } else {
        let mut command = hack("buildah");
        command.args(["unshare", inside[0]]);
        command
    };
    command
        .args(&inside[1..])
        .arg(&image.rootfs)
        .arg(config["User"].as_str().unwrap())
        .args(list("Entrypoint"))
        .args(args)
        .current_dir("/")
        .env_remove("AWS_PROFILE");
    for variable in list("Env") {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    command.envs(env.iter().copied()).output().unwrap()
}

#[test]
fn its_configuration_is_what_the_chart_and_people_rely_on() {
    let image = image();
    let config = &image.config["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/local/bin/evenkeel"]));
    assert_eq!(config["Cmd"], json!(null));
    let set = config["Env"].as_array().unwrap();
    assert!(set.contains(&json!("MALLOC_ARENA_MAX=1")), "{set:?}");
    assert_eq!(config["ExposedPorts"], json!(null));
    assert_eq!(image.config["os"], "linux");
    assert_eq!(image.config["architecture"], architecture());
    let labels = &config["Labels"];
    let label = |name: &str| {
        labels[format!("org.opencontainers.image.{name}")]
            .as_str()
            .unwrap()
    };
    assert_eq!(label("title"), "evenkeel");
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(label("version"), VERSION);
    assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
    assert_eq!(label("licenses"), "Apache-2.0");
    let git = |args: &[&str]| ok(Command::new("git").args(args).current_dir(ROOT).output().unwrap());
    let clean = git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    let head = git(&["rev-parse", "HEAD"]);
    let revision = format!("{}{}", head.trim(), if clean { "" } else { "-dirty" });
    assert_eq!(label("revision"), revision);
    let values = text("charts/evenkeel/values.yaml");
    assert!(values.contains("runAsNonRoot: true") && values.contains("runAsUser: 65532"));
}

#[test]
fn it_adds_the_program_to_its_base_and_nothing_else() {
    let image = image();
    let (added, base) = image.layers.split_last().unwrap();
    assert_eq!(added, &["usr/local/bin/evenkeel"]);
    for name in base.iter().flatten() {
        assert!(!name.contains("evenkeel"), "{name}");
        assert!(!name.ends_with("/sh") && !name.ends_with("/bash"), "{name}");
    }
}

/// As `docs/release.md` states.
const LARGEST: u64 = 40_000_000;

#[test]
fn the_program_is_stripped_and_no_larger_than_documented() {
    let program = image().rootfs.join("usr/local/bin/evenkeel");
    let size = fs::metadata(&program).unwrap().len();
    assert!(size <= LARGEST, "{size} bytes");
    assert!(text("docs/release.md").contains("at most 40 MB"));
    let bytes = fs::read(&program).unwrap();
    let holds = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
    assert!(!holds(b".symtab\0") && !holds(b".debug_info\0"));
    // And what the simulator alone says isn't in it.
    assert!(holds(b"evenkeel.dev/v1alpha1") && !holds(b"/_sim/zones/"));
    assert!(
        fs::read(evenkeel_test_support::program("evenkeel-sim"))
            .unwrap()
            .windows(12)
            .any(|w| w == b"/_sim/zones/")
    );
}

#[test]
fn every_library_is_one_that_the_base_has() {
    let image = image();
    let loader = fs::read_dir(image.rootfs.join("lib64")).unwrap();
    let loader = loader.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let loader = loader
        .into_iter()
        .find(|name| name.starts_with("ld-linux"))
        .unwrap();
    let list = Command::new("chroot")
        .arg(&image.rootfs)
        .arg(format!("/lib64/{loader}"))
        .args(["--list", "/usr/local/bin/evenkeel"])
        .output();
    let listed = ok(list.unwrap());
    let names: BTreeSet<&str> = listed
        .lines()
        .map(|line| {
            line.split_whitespace()
                .next()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
        })
        .filter(|name| !name.starts_with("linux-vdso") && *name != loader)
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["libc.so.6", "libgcc_s.so.1", "libm.so.6"]),
        "{listed}"
    );
}

#[test]
fn it_starts_as_its_user_on_a_read_only_file_system() {
    let said = ok(run(image(), &["--version"], &[]));
    assert_eq!(said.trim(), format!("evenkeel {VERSION}"));
    let crds = ok(run(image(), &["crds"], &[]));
    let built = Command::new(env!("CARGO_BIN_EXE_evenkeel")).arg("crds").output();
    assert_eq!(crds, ok(built.unwrap()));
    let help = ok(run(image(), &["controller", "--help"], &[]));
    assert!(help.contains("--lease-namespace"), "{help}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_aws_and_plans_as_the_program_of_the_tests_does() {
    let sim = Sim::builder()
        .world_yaml(&text("examples/world-nextgen.yaml"))
        .start()
        .await
        .unwrap();
    sim.fail_node("sessions-0001-002").unwrap();
    // An image of its own, for others use the file system at the same time.
    let folder = tempfile::tempdir().unwrap();
    let archive = super::support::file(&format!("-image-linux-{}.tar", architecture()));
    let own = Image::of(&archive, &folder.path().join("image"));
    let example = format!("{ROOT}/examples/nextgen-commerce.yaml");
    fs::copy(&example, own.rootfs.join("tmp/stack.yaml")).unwrap();
    let endpoint = sim.endpoint_url();
    let aws = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIAIMAGE00000000000"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let snapshot = ok(run(&own, &["snapshot", "-f", "/tmp/stack.yaml"], &aws));
    let file = own.rootfs.join("tmp/snapshot.yaml");
    fs::write(&file, snapshot).unwrap();
    let plan = ["plan", "-f", "/tmp/stack.yaml", "--from", "/tmp/snapshot.yaml"];
    let plan = ok(run(&own, &plan, &[]));
    let same = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["plan", "-f", &example, "--from"])
        .arg(&file)
        .output();
    assert_eq!(plan, ok(same.unwrap()));
    assert!(plan.contains("sessions") && plan.contains("0001"), "{plan}");
}
