//! Files that hold what the code should give. `make gen` rewrites them (`UPDATE_GENERATED=1`).

use std::fs;
use std::path::Path;

/// Compares a file of the repository with what it should hold, or writes it when asked to.
pub fn check_file(path: &str, wanted: &str) {
    let file = Path::new(crate::ROOT).join(path);
    #[expect(
        clippy::disallowed_methods,
        reason = "`make gen` asks through the environment"
    )]
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, wanted).unwrap();
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "{path} is out of date: run `make gen` and look at the difference.\n--- file\n{found}\n--- now\n{wanted}"
    );
}
