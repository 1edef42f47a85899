//! Arguments as typed. Every flag has an environment variable: `EVENKEEL_` and its name in capitals.

use super::settings::ColorChoice;
use super::{plan, run};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

/// Keeps AWS stacks able to lose an Availability Zone: can we lose zone X right now, and what should be done?
#[derive(Clone, Debug, Parser)]
#[command(name = "evenkeel", version, propagate_version = true, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    /// When to colour the output.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        global = true,
        env = "EVENKEEL_COLOR"
    )]
    pub color: ColorChoice,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Can each zone be lost right now? What is wrong, what would be done, what does it wait for? Changes nothing.
    Plan(plan::Args),
    /// Keep the stacks of a folder of manifests balanced: the loop, without Kubernetes.
    Run(run::Args),
    /// Print the CustomResourceDefinitions.
    Crds,
    /// Print a completion script for a shell.
    Completions {
        #[arg(value_enum, env = "EVENKEEL_SHELL")]
        shell: clap_complete::Shell,
    },
}

/// How to reach AWS. What is not given here is the SDK's own business (profiles, `AWS_REGION`,
/// `AWS_ENDPOINT_URL`, credentials).
#[derive(Clone, Debug, Default, Args)]
pub struct AwsArgs {
    /// Send AWS calls here instead of to AWS (overrides AWS_ENDPOINT_URL).
    #[arg(long, value_name = "URL", env = "EVENKEEL_AWS_ENDPOINT_URL", value_parser = NonEmptyStringValueParser::new())]
    pub aws_endpoint_url: Option<String>,
    /// Rehearsals only: take the time from a simulator.
    #[arg(long, value_name = "URL", hide = true, env = "EVENKEEL_CLOCK_URL", value_parser = NonEmptyStringValueParser::new())]
    pub clock_url: Option<String>,
}

/// Who we are: what the owner's tag of an AWS resource must name before anything is done to it.
#[derive(Clone, Debug, Default, Args)]
pub struct InstallationArgs {
    /// Name of this installation, as in the tag evenkeel.dev/owner. Without it nothing is ever changed.
    #[arg(long, value_name = "NAME", env = "EVENKEEL_INSTALLATION", value_parser = NonEmptyStringValueParser::new())]
    pub installation: Option<String>,
}
