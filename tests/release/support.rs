//! The folder of the release and the image, unpacked.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub fn text(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What it printed; it must succeed.
pub fn ok(output: Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {told}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

pub fn hack(script: &str) -> Command {
    Command::new(Path::new(ROOT).join("hack").join(script))
}

/// The folder, built by the first who asks. What was built before is taken from its caches. Where the check has built the
/// program already (`EVENKEEL_PROGRAMS`), the image gets that one; `make release-dry-run` compiles it within the image.
pub fn release() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut release = hack("release");
        #[expect(
            clippy::disallowed_methods,
            reason = "a setting of the tests, not of the product"
        )]
        if std::env::var_os("EVENKEEL_PROGRAMS").is_some() {
            release.arg("--compiled-here");
        }
        let output = release.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "hack/release failed");
        Path::new(ROOT).join(String::from_utf8(output.stdout).unwrap().trim())
    });
    &FOLDER
}

/// One of its files, by the end of its name.
pub fn file(end: &str) -> PathBuf {
    let files = fs::read_dir(release())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = files
        .filter(|path| path.to_str().unwrap().ends_with(end))
        .collect();
    assert_eq!(found.len(), 1, "…{end}: {found:?}");
    found.remove(0)
}

/// An archive of the release, unpacked.
pub fn unpacked(end: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut tar = Command::new("tar");
    tar.arg("--extract").arg("--file").arg(file(end));
    ok(tar.arg("--directory").arg(folder.path()).output().unwrap());
    folder
}

pub struct Image {
    pub rootfs: PathBuf,
    /// As a container engine reads it.
    pub config: Value,
    /// The files of each layer.
    pub layers: Vec<Vec<String>>,
}

impl Image {
    pub fn of(archive: &Path, folder: &Path) -> Self {
        ok(hack("unpack-image").arg(archive).arg(folder).output().unwrap());
        let json =
            |name: &str| serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap();
        Self {
            rootfs: folder.join("rootfs"),
            config: json("config.json"),
            layers: serde_json::from_value(json("layers.json")).unwrap(),
        }
    }
}

/// The image of the release.
pub fn image() -> &'static Image {
    static IMAGE: LazyLock<Image> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release-image");
        let _ = fs::remove_dir_all(&folder);
        Image::of(&file(&format!("-image-linux-{}.tar", architecture())), &folder)
    });
    &IMAGE
}

/// As images name it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
