//! `evenkeel plan`: can each zone be lost now, what is wrong, what would be done, what does it wait for.

use super::args::{AwsArgs, InstallationArgs};
use super::exit::Exit;
use super::judged::{self, Output};
use super::settings::Settings;
use super::{manifests, offline};
use crate::plan::Intent;
use anyhow::bail;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use jiff::Timestamp;

#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").args(["file", "cache", "from"]).required(true).multiple(true))]
pub struct Args {
    /// Manifests: a file, a folder, or - for standard input. May be given several times.
    #[arg(short, long, value_name = "FILE|DIR|-", env = "EVENKEEL_FILE", value_delimiter = None, value_parser = NonEmptyStringValueParser::new())]
    pub file: Vec<String>,
    /// Without a manifest: look at this replication group. May be given several times.
    #[arg(long, value_name = "ID", env = "EVENKEEL_CACHE", conflicts_with_all = ["file", "from"], value_parser = NonEmptyStringValueParser::new())]
    pub cache: Vec<String>,
    /// With --cache: the zones that it must live in, by name or letter [default: those of its subnet group].
    #[arg(long, value_name = "ZONES", env = "EVENKEEL_ZONES", requires = "cache", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub zones: Vec<String>,
    /// Without AWS: judge this snapshot (see `evenkeel snapshot`). Without -f its own stack is assumed.
    #[arg(long, value_name = "SNAPSHOT", env = "EVENKEEL_FROM", value_parser = NonEmptyStringValueParser::new())]
    pub from: Option<String>,
    /// With --from: judge as of this moment [default: when the snapshot was observed].
    #[arg(long, value_name = "TIME", env = "EVENKEEL_AT", requires = "from")]
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

pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let judged = match &args.from {
        Some(snapshot) => {
            if snapshot == manifests::STDIN && args.file.iter().any(|f| f == manifests::STDIN) {
                bail!("standard input can't be both the manifest and the snapshot");
            }
            offline::judge(snapshot, intents(&args)?, args.at)?
        }
        None => bail!("online"),
    };
    super::print(&judged::render(&judged, args.output, settings)?)?;
    Ok(if args.detailed_exitcode {
        judged::detailed_exit(&judged)
    } else {
        Exit::Ok
    })
}

/// Of the manifests; `None` where none were given.
fn intents(args: &Args) -> anyhow::Result<Option<Vec<Intent>>> {
    if args.file.is_empty() {
        return Ok(None);
    }
    let stacks = manifests::load(&args.file)?;
    Ok(Some(stacks.into_iter().map(|s| s.intent).collect()))
}
