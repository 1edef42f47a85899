//! `evenkeel plan`: can each zone be lost now, what is wrong, what would be done, what does it wait for.

use super::args::{AwsArgs, InstallationArgs, moment};
use super::exit::Exit;
use super::judged::{self, Judged, Output};
use super::settings::Settings;
use super::target::TargetArgs;
use super::{clock, manifests, offline, online};
use crate::plan::Intent;
use anyhow::bail;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use jiff::Timestamp;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub target: TargetArgs,
    /// Without AWS: judge this snapshot (see `evenkeel snapshot`). Without -f its own stack is assumed.
    #[arg(long, value_name = "SNAPSHOT", env = "EVENKEEL_FROM", value_parser = NonEmptyStringValueParser::new())]
    pub from: Option<String>,
    /// With --from: judge as of this moment [default: when the snapshot was observed].
    #[arg(long, value_name = "TIME", env = "EVENKEEL_AT", value_parser = moment)]
    pub at: Option<Timestamp>,
    /// A table for people, or JSON (evenkeel.plan/v1).
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "EVENKEEL_OUTPUT"
    )]
    pub output: Output,
    /// Exit with the highest of: 2 actions planned (even if held), 3 some zone's loss is not survivable, 4 could not
    /// judge. Without it 0, or 1 on any error.
    #[arg(long, env = "EVENKEEL_DETAILED_EXITCODE", value_parser = BoolishValueParser::new())]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

impl Args {
    /// What was typed counts before what stands in the environment.
    pub fn prefer_typed(&mut self, typed: impl Fn(&str) -> bool) {
        match (typed("from"), typed("cache")) {
            (true, false) => self.target.cache.clear(),
            (false, true) => self.from = None,
            _ => {}
        }
        self.target.prefer_typed(typed);
    }
}

pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let judged = match &args.from {
        Some(snapshot) => offline::judge(snapshot, intents(&args, snapshot)?, args.at)?,
        None => online(&args).await?,
    };
    super::print(&judged::render(&judged, args.output, settings)?)?;
    Ok(if args.detailed_exitcode {
        judged::detailed_exit(&judged)
    } else {
        Exit::Ok
    })
}

async fn online(args: &Args) -> anyhow::Result<Vec<Judged>> {
    if args.at.is_some() {
        bail!("--at goes with --from: AWS can only be asked about now");
    }
    let clock = clock::clock(&args.aws).await?;
    let intents = args.target.intents(&args.aws, &clock).await?;
    let installation = args.installation.installation.as_deref();
    let seen = online::look(&args.aws, installation, &intents, &clock).await?;
    Ok(seen.into_iter().map(|s| s.judged).collect())
}

/// Of the manifests; `None` where none were given.
fn intents(args: &Args, snapshot: &str) -> anyhow::Result<Option<Vec<Intent>>> {
    let files = &args.target.file;
    if !args.target.cache.is_empty() {
        bail!("--cache asks AWS and --from doesn't: give one of them");
    }
    args.target.refuse_place()?;
    if files.is_empty() {
        return Ok(None);
    }
    if snapshot == manifests::STDIN && files.iter().any(|f| f == manifests::STDIN) {
        bail!("standard input can't be both the manifest and the snapshot");
    }
    let stacks = manifests::load(files)?;
    Ok(Some(stacks.into_iter().map(|s| s.intent).collect()))
}
