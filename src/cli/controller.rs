//! `evenkeel controller`: the loop on Kubernetes.

use super::args::{AwsArgs, InstallationArgs, LimitArgs, PollArgs, listen_address};
use super::clock::clock;
use super::exit::Exit;
use super::run::{LogFormat, metrics_token, start_log};
use super::settings::Settings;
use crate::controller::client::Target;
use crate::controller::{self, Options, lease};
use crate::engine;
use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Kubeconfig that leads to the API server [default: KUBECONFIG, ~/.kube/config, or the Pod's own account].
    #[arg(long, value_name = "FILE", env = "EVENKEEL_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: its current one].
    #[arg(long, value_name = "NAME", env = "EVENKEEL_CONTEXT", value_parser = NonEmptyStringValueParser::new())]
    pub context: Option<String>,
    /// Watch this namespace only; may be given several times, or as a list with commas [default: all].
    #[arg(long, value_name = "NAME", env = "EVENKEEL_NAMESPACE", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub namespace: Vec<String>,
    /// Serve /metrics, /healthz and /readyz here, such as 0.0.0.0:9402.
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
    /// Namespace of the lease, of the stop switch evenkeel-stop and of notes [default: the controller's own].
    #[arg(long, value_name = "NAME", env = "EVENKEEL_LEASE_NAMESPACE", value_parser = NonEmptyStringValueParser::new())]
    pub lease_namespace: Option<String>,
    /// Name of the lease that the leader holds.
    #[arg(long, value_name = "NAME", default_value = "evenkeel", env = "EVENKEEL_LEASE_NAME", value_parser = NonEmptyStringValueParser::new())]
    pub lease_name: String,
    /// Seconds after which a silent leader is replaced; one call to AWS may take 20 of them.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, env = "EVENKEEL_LEASE_SECONDS", value_parser = clap::value_parser!(u32).range(i64::try_from(lease::SHORTEST.as_secs()).unwrap_or(27)..=3600))]
    pub lease_seconds: u32,
    /// Name of this process in the lease, of its own for each: the Pod's name and uid, say. A restart under the same
    /// identity leads again at once [default: host name and a random part].
    #[arg(long, value_name = "NAME", env = "EVENKEEL_IDENTITY", value_parser = NonEmptyStringValueParser::new())]
    pub identity: Option<String>,
    #[command(flatten)]
    pub limits: LimitArgs,
    #[command(flatten)]
    pub poll: PollArgs,
    /// How the log on standard error is written [default: text on a terminal, else json].
    #[arg(long, value_enum, value_name = "FORMAT", env = "EVENKEEL_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged, such as info or evenkeel=debug.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info,aws_config=warn,kube_client=off",
        env = "EVENKEEL_LOG"
    )]
    pub log: String,
    #[command(flatten)]
    pub installation: InstallationArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// Runs until it is told to stop.
pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let format = args.log_format.unwrap_or(if settings.stdout_terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    start_log(format, &args.log, settings)?;
    let identity = args.identity.unwrap_or_else(controller::own_identity);
    if identity.len() > 253 {
        bail!("--identity has {} characters; use at most 253", identity.len());
    }
    let options = Options {
        target: Target {
            kubeconfig: args.kubeconfig,
            context: args.context,
        },
        namespaces: args.namespace,
        listen: args.listen,
        metrics_token: metrics_token(args.metrics_token_file)?,
        lease_namespace: args.lease_namespace,
        lease_name: args.lease_name,
        lease_duration: Duration::from_secs(u64::from(args.lease_seconds)),
        identity,
        endpoint_url: args.aws.aws_endpoint_url.clone(),
        clock: clock(&args.aws).await?,
        engine: engine::Settings {
            installation: args.installation.installation,
            limits: args.limits.limits(),
            poll: args.poll.settings(),
            ..engine::Settings::default()
        },
    };
    Box::pin(controller::run(options)).await?;
    Ok(Exit::Ok)
}
