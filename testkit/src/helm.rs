//! Helm, in both of its major versions that are in use.

use crate::{Ran, RigError, go_tool};
use std::path::Path;
use tokio::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Helm {
    V4,
    V3,
}

impl Helm {
    pub const BOTH: [Self; 2] = [Self::V4, Self::V3];

    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "helm4",
            Self::V3 => "helm3",
        }
    }

    /// Runs it without a cluster, for what needs none (`template`, `lint`, `package`).
    pub async fn run(self, args: &[&str]) -> Result<Ran, RigError> {
        let mut command = self.command(Path::new("/nonexistent"))?;
        Ran::of(self.name(), &mut command, args, "").await
    }

    /// Without the developer's own settings, plug-ins and clusters.
    pub(crate) fn command(self, home: &Path) -> Result<Command, RigError> {
        let mut command = Command::new(go_tool(self.name())?);
        command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin");
        Ok(command)
    }
}
