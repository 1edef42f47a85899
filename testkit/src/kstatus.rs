//! What kstatus makes of an object: the rules by which Flux and others wait for it.

use crate::{Ran, RigError, go_tool};
use tokio::process::Command;

/// Runs kstatus over one object as JSON. Its answer: `Current`, `InProgress`, `Failed`, `Terminating`, then a colon and
/// why.
pub async fn kstatus(object: &str) -> Result<String, RigError> {
    let mut command = Command::new(go_tool("kstatus")?);
    command.env_clear();
    let told = Ran::of("kstatus", &mut command, &[], object).await?.ok()?;
    Ok(told.trim().to_owned())
}
