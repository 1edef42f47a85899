//! `evenkeel snapshot`: the observation that a plan rests on, as a file that `plan --from` reads.

use super::args::{AwsArgs, InstallationArgs};
use super::exit::Exit;
use super::target::TargetArgs;
use super::{connect, online};
use crate::report::snapshot;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub target: TargetArgs,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// Prints one snapshot, or an array of them for several stacks.
pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let clock = connect::clock(&args.aws, "snapshot").await?;
    let intents = args.target.intents(&args.aws, &clock).await?;
    let installation = args.installation.installation.as_deref();
    let seen = online::look(&args.aws, installation, &intents, &clock).await?;
    let snapshots: Vec<_> = seen
        .iter()
        .map(|s| snapshot::snapshot(&s.judged.topology, &s.history))
        .collect();
    let text = match snapshots.as_slice() {
        [one] => serde_json::to_string_pretty(one)?,
        several => serde_json::to_string_pretty(several)?,
    };
    super::print(&format!("{text}\n"))
}
