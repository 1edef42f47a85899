//! A rehearsal to watch: the sessions cache of NextGen Commerce loses a zone on a simulated AWS, survives, and comes
//! back balanced. `make demo` runs it.
//!
//! This process keeps the simulated AWS and its clock, and tells the story. Evenkeel itself is a child process: the
//! very command `evenkeel run`, with the real AWS SDK, on a folder with one manifest. [`stage`] starts both, [`script`]
//! decides what happens to the zone, [`story`] collects what happened, [`screen`] draws it, [`summary`] adds it up.

mod screen;
mod script;
mod stage;
mod story;
mod summary;
mod text;

use clap::Parser as _;
use script::Ending;
use std::process::ExitCode;

/// Lose a zone and heal, on a simulated AWS: no account, no Kubernetes.
#[derive(clap::Parser)]
#[command(name = "demo")]
struct Args {
    /// Simulated seconds in a real one.
    #[arg(long, default_value_t = 75.0, value_parser = speed)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (1.0..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 1 to 1000".to_owned()),
    }
}

fn main() -> ExitCode {
    // The child: this program as the command `evenkeel run`.
    if std::env::args().nth(1).as_deref() == Some(stage::EVENKEEL) {
        stage::end_with_parent();
        return evenkeel::cli::main();
    }
    let args = Args::parse();
    match watch(&args) {
        Ok(Ending::Balanced) => ExitCode::SUCCESS,
        Ok(Ending::Interrupted | Ending::NotBalanced) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn watch(args: &Args) -> anyhow::Result<Ending> {
    let mut stage = stage::Stage::set(args.speed).await?;
    let mut screen = screen::Screen::of_process(args.speed);
    let (ending, story) = script::play(&mut stage, &mut screen).await?;
    screen.leave(&summary::summary(&stage, &story, ending));
    Ok(ending)
}
