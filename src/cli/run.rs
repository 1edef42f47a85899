//! `evenkeel run`: the loop over a folder of manifests.

use super::args::{AwsArgs, InstallationArgs, LimitArgs, PollArgs, listen_address};
use super::clock::clock;
use super::exit::Exit;
use super::settings::Settings;
use crate::engine;
use crate::shell::Output;
use crate::shell::http::Token;
use crate::standalone::{self, End, Options, Style};
use anyhow::Context as _;
use clap::ValueEnum;
use clap::builder::BoolishValueParser;
use std::net::SocketAddr;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

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
    #[arg(long, value_name = "ADDRESS", env = "EVENKEEL_LISTEN", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
    /// Show /metrics only to who sends the token in this file (Authorization: Bearer); read again at each request.
    #[arg(
        long,
        value_name = "FILE",
        requires = "listen",
        env = "EVENKEEL_METRICS_TOKEN_FILE"
    )]
    pub metrics_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub poll: PollArgs,
    /// How the log on standard error is written.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        env = "EVENKEEL_LOG_FORMAT"
    )]
    pub log_format: LogFormat,
    /// What is logged, such as info or evenkeel=debug [default: warn on a terminal, else info].
    #[arg(long, value_name = "FILTER", env = "EVENKEEL_LOG")]
    pub log: Option<String>,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Runs until it is told to stop.
pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let filter = if settings.stdout_terminal {
        "warn"
    } else {
        "info,aws_config=warn"
    };
    start_log(args.log_format, args.log.as_deref().unwrap_or(filter), settings)?;
    let clock = clock(&args.aws).await?;
    let options = Options {
        folder: args.file,
        state: args.state_dir,
        once: args.once,
        listen: args.listen,
        metrics_token: metrics_token(args.metrics_token_file)?,
        endpoint_url: args.aws.aws_endpoint_url,
        clock,
        engine: engine::Settings {
            installation: args.installation.installation,
            holder: format!("standalone-{}", std::process::id()),
            limits: args.limits.limits(),
            poll: args.poll.settings(),
            ..engine::Settings::default()
        },
        style: Style {
            color: settings.color,
            quiet: false,
        },
    };
    match standalone::run(options).await? {
        End::Well => Ok(Exit::Ok),
        End::Incomplete => Ok(Exit::Error),
    }
}

/// A token that isn't there is a mistake at the start, not at the first reader.
pub(super) fn metrics_token(file: Option<PathBuf>) -> anyhow::Result<Option<Token>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let name = file.display().to_string();
    let token = Token::in_file(file)
        .with_context(|| format!("--metrics-token-file: can't read a token from {name}"))?;
    Ok(Some(token))
}

/// The log goes to standard error; what people want to read goes to standard output anyway. A line that can't be
/// written is counted; told about it as usual, `tracing_subscriber` would panic, for it tells on standard error.
pub(super) fn start_log(format: LogFormat, filter: &str, settings: &Settings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        anyhow::anyhow!(
            "--log must be a level (error, warn, info, debug, trace) or a list of target=level: {error}"
        )
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Output::Stderr)
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.with_ansi(settings.color).with_target(false).try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("the log can't be started: {e}"))
}
