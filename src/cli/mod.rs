//! The command line: arguments in, exit code out.
//!
//! [`args`] is what was typed, [`settings`] what the process found around it (the only reader of the environment);
//! one file per subcommand. Nothing here decides anything about a stack: that is [`crate::plan`].

pub mod args;
pub mod claim;
pub mod clock;
pub mod connect;
pub mod controller;
pub mod crds;
mod discover;
pub mod exit;
pub mod init;
pub mod judged;
pub mod manifests;
mod offline;
mod online;
pub mod plan;
pub mod run;
pub mod settings;
pub mod snapshot;
pub mod target;

use crate::shell::Output;
use args::{Cli, Command};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};
use exit::Exit;
use settings::Settings;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Parses the process's arguments, runs the command, prints its error if it has one.
pub fn main() -> ExitCode {
    let cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let settings = Settings::of_process(cli.color);
    match dispatch(cli.command, &settings) {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Exit::Error.into()
        }
    }
}

/// What was typed, completed by the environment.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches_from(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let Some((_, typed)) = matches.subcommand() {
        let typed = |name: &str| typed.value_source(name) == Some(ValueSource::CommandLine);
        match &mut cli.command {
            Command::Plan(args) => args.prefer_typed(typed),
            Command::Snapshot(args) => args.target.prefer_typed(typed),
            _ => {}
        }
    }
    Ok(cli)
}

/// Help and version go to stdout with 0; every mistake in the arguments is 1 (2 means "actions are planned").
fn usage(error: &clap::Error) -> ExitCode {
    if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Where it can't be printed nobody can be told.
        let _unless_nobody_reads = error.print();
        return Exit::Error.into();
    }
    match printed(error.print()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&format!("error: {error:#}"));
            Exit::Error.into()
        }
    }
}

fn dispatch(command: Command, settings: &Settings) -> anyhow::Result<Exit> {
    match command {
        Command::Crds => print(&crds::yaml()?),
        Command::Plan(args) => block_on(plan::run(args, settings)),
        Command::Init(args) => block_on(init::run(args)),
        Command::Claim(args) => block_on(claim::run(args, settings)),
        Command::Snapshot(args) => block_on(snapshot::run(args)),
        Command::Completions { shell } => print(&completions(shell)),
        Command::Run(args) => block_on(run::run(args, settings)),
        Command::Controller(args) => block_on(controller::run(args, settings)),
    }
}

/// A script for the shell, to be sourced or installed.
fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "evenkeel", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes to standard output.
fn print(text: &str) -> anyhow::Result<Exit> {
    let mut out = Output::Stdout;
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// A reader that has gone away is no error.
fn printed(written: std::io::Result<()>) -> anyhow::Result<Exit> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("can't write to standard output"))
        }
        _ => Ok(Exit::Ok),
    }
}

/// Writes a line to standard error. Where that fails there is nobody left to tell, and what is to be done is done.
fn tell(line: &str) {
    let _counted = Output::Stderr.line(line);
}

/// Beside the loop itself, which runs in the main thread, there is little to do; a thread for each core of a large
/// machine would only take memory.
const WORKERS: usize = 2;

/// Runs a command that talks to AWS.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    let result = runtime.block_on(future);
    // Nobody waits for what is still being read.
    runtime.shutdown_background();
    result
}
