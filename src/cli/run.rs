//! `evenkeel run`: the loop over a folder of manifests.

use super::args::{AwsArgs, InstallationArgs};
use super::exit::Exit;
use super::settings::Settings;
use clap::builder::BoolishValueParser;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder of HAStack manifests; changes are picked up.
    #[arg(short, long, value_name = "DIR", env = "EVENKEEL_FILE")]
    pub file: PathBuf,
    /// Look, plan, take at most one step, report, end.
    #[arg(long, env = "EVENKEEL_ONCE", value_parser = BoolishValueParser::new())]
    pub once: bool,
    /// Where tickets, history and status are kept [default: DIR/.evenkeel].
    #[arg(long, value_name = "DIR", env = "EVENKEEL_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Serve /metrics, /healthz and /readyz here, such as 127.0.0.1:9402.
    #[arg(long, value_name = "ADDRESS", env = "EVENKEEL_LISTEN")]
    pub listen: Option<SocketAddr>,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// Runs until it is told to stop.
#[expect(clippy::unused_async, reason = "the loop waits")]
pub async fn run(_args: Args, _settings: &Settings) -> anyhow::Result<Exit> {
    anyhow::bail!("this build has no loop")
}
