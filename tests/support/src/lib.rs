//! What end-to-end tests share: the rig that a scenario is told over, the product's processes, worlds and manifests.
//!
//! The programs are those of the folder `EVENKEEL_PROGRAMS`, in the whole check the optimised ones that are also released;
//! otherwise those beside the test that runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::missing_panics_doc, reason = "a panic is how a test fails")]
#![allow(
    async_fn_in_trait,
    reason = "a scenario is awaited by its own test, never spawned"
)]

pub mod child;
pub mod files;
pub mod in_process;
pub mod rig;
pub mod standalone;
pub mod worlds;

use std::path::PathBuf;

/// The top folder of the repository.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A program of this workspace.
///
/// # Panics
///
/// Where it wasn't built.
pub fn program(name: &str) -> PathBuf {
    let path = programs().join(name);
    assert!(
        path.is_file(),
        "{} isn't built: cargo build --workspace --bins",
        path.display()
    );
    path
}

/// The folder of the programs.
#[expect(
    clippy::disallowed_methods,
    reason = "a setting of the tests, not of the product"
)]
pub fn programs() -> PathBuf {
    let beside = || {
        // Tests lie in `deps`, beside which the programs are.
        let test = std::env::current_exe().unwrap();
        test.parent().unwrap().with_file_name("")
    };
    std::env::var_os("EVENKEEL_PROGRAMS").map_or_else(beside, PathBuf::from)
}
