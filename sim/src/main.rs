//! The simulator alone: `evenkeel-sim --port 4599 --world examples/world-nextgen.yaml`.

use std::io::IsTerminal;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use evenkeel_sim::{ClockMode, Sim, StartError, WorldSpec};
use jiff::Timestamp;

/// AWS on the wire: a simulator that any AWS client can talk to.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Port; 0 takes a free one.
    #[arg(long, env = "EVENKEEL_SIM_PORT", default_value_t = 4599)]
    port: u16,
    /// Address to listen on. Whoever reaches it can do everything here, so no other than loopback unless in a container.
    #[arg(long, env = "EVENKEEL_SIM_LISTEN", value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// The world to simulate (YAML); empty when absent.
    #[arg(long, env = "EVENKEEL_SIM_WORLD", value_name = "FILE")]
    world: Option<PathBuf>,
    /// IAM policies (JSON) of callers for whom the world names none; may be given several times.
    #[arg(long, env = "EVENKEEL_SIM_POLICY", value_name = "FILE", value_delimiter = ',')]
    policy: Vec<PathBuf>,
    /// Simulated seconds in a real one.
    #[arg(long, env = "EVENKEEL_SIM_SPEED", conflicts_with = "stepped", value_parser = speed)]
    speed: Option<f64>,
    /// Time passes only by POST /_sim/clock/advance.
    #[arg(long, env = "EVENKEEL_SIM_STEPPED")]
    stepped: bool,
    /// Simulated time at the start (RFC 3339).
    #[arg(long, env = "EVENKEEL_SIM_START_TIME", value_name = "TIME")]
    start_time: Option<Timestamp>,
    /// Seed of everything random.
    #[arg(long, env = "EVENKEEL_SIM_SEED", default_value_t = 1)]
    seed: u64,
    /// Print only the endpoint.
    #[arg(long, env = "EVENKEEL_SIM_QUIET")]
    quiet: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed.is_finite() => Ok(speed),
        _ => Err(format!(
            "`{text}` is not a speed; write a number above 0, such as 60"
        )),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("EVENKEEL_SIM_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .init();
    match run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("evenkeel-sim: {text}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), String> {
    let world = match &args.world {
        None => WorldSpec::default(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            WorldSpec::from_yaml(&text).map_err(|e| format!("{}: {e}", path.display()))?
        }
    };
    let region = world.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    let mode = match (args.stepped, args.speed) {
        (true, _) => ClockMode::Stepped,
        (false, Some(speed)) => ClockMode::Accelerated { speed },
        (false, None) => ClockMode::Real,
    };
    let mut builder = Sim::builder()
        .world(world)
        .clock(mode)
        .seed(args.seed)
        .listen(SocketAddr::new(args.listen, args.port));
    for path in &args.policy {
        let text =
            std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        builder = builder.policy("default", &text);
    }
    if let Some(at) = args.start_time {
        builder = builder.start_time(at);
    }
    let sim = builder.start().await.map_err(|error| match error {
        StartError::Listen { .. } => format!("{error}; --port names another port, 0 takes a free one"),
        StartError::World(_) => error.to_string(),
    })?;
    let url = sim.endpoint_url();
    println!("{url}");
    if !args.quiet {
        println!("export AWS_ENDPOINT_URL={url}");
        // botocore reads the second name of the region only, other SDKs the first.
        println!("export AWS_REGION={region} AWS_DEFAULT_REGION={region}");
        println!("export AWS_ACCESS_KEY_ID=AKIASIMULATOR0000000 AWS_SECRET_ACCESS_KEY=simulated");
        println!("# What you can do to this world: curl -s {url}/_sim");
    }
    told_to_end()
        .await
        .map_err(|e| format!("cannot wait for signals: {e}"))
}

/// Ctrl-C, or SIGTERM: as the first process of a container it would be deaf to one that it doesn't ask for.
async fn told_to_end() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
