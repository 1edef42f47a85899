//! Arguments as typed. Every flag has an environment variable: `EVENKEEL_` and its name in capitals.

use super::settings::ColorChoice;
use super::{claim, controller, init, plan, run, snapshot};
use crate::engine::fleet::Limits;
use crate::observe::PollSettings;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use jiff::{SignedDuration, Timestamp};
use std::net::SocketAddr;

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
    /// Print a HAStack for replication groups that exist, in Observe mode, with what was found as comments.
    Init(init::Args),
    /// Write the owner's tag on the resources of stacks, after showing it and asking. Without it nothing acts.
    Claim(claim::Args),
    /// Print the observation that a plan rests on, for `plan --from`.
    Snapshot(snapshot::Args),
    /// Keep the stacks of a folder of manifests balanced: the loop, without Kubernetes.
    Run(run::Args),
    /// Keep the HAStacks of a Kubernetes cluster balanced: the same loop, one leader acting.
    Controller(controller::Args),
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
    #[arg(long, value_name = "NAME", env = "EVENKEEL_INSTALLATION", value_parser = installation_name)]
    pub installation: Option<String>,
}

/// Limits of the whole process, over all stacks.
#[derive(Clone, Debug, Args)]
pub struct LimitArgs {
    /// Failovers and removals in flight at a time, over all stacks.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_concurrent_disruptions, env = "EVENKEEL_MAX_CONCURRENT_DISRUPTIONS")]
    pub max_concurrent_disruptions: u32,
    /// Nodes that Evenkeel has added and that stand, over all stacks.
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_added_nodes, env = "EVENKEEL_MAX_ADDED_NODES")]
    pub max_added_nodes: u32,
    /// TestFailover calls in 24 hours, by anybody, at which Evenkeel makes no more; AWS allows 15.
    #[arg(long, value_name = "N", default_value_t = Limits::default().test_failovers, env = "EVENKEEL_MAX_TEST_FAILOVERS")]
    pub max_test_failovers: u32,
}

impl LimitArgs {
    pub fn limits(&self) -> Limits {
        Limits {
            max_concurrent_disruptions: self.max_concurrent_disruptions,
            max_added_nodes: self.max_added_nodes,
            test_failovers: self.max_test_failovers,
        }
    }
}

/// How often AWS is read. What is older than five minutes is not acted on, which leaves room for a reading that fails.
#[derive(Clone, Debug, Args)]
pub struct PollArgs {
    /// Seconds between two readings of all descriptions of a region.
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(PollSettings::default().describe_every), env = "EVENKEEL_POLL_DESCRIPTIONS_SECONDS", value_parser = clap::value_parser!(u32).range(30..=120))]
    pub poll_descriptions_seconds: u32,
    /// Seconds between two readings of a region's events.
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(PollSettings::default().events_every), env = "EVENKEEL_POLL_EVENTS_SECONDS", value_parser = clap::value_parser!(u32).range(30..=120))]
    pub poll_events_seconds: u32,
    /// Seconds between two purchases of metrics, where something depends on them; CloudWatch has a point a minute.
    #[arg(long, value_name = "SECONDS", default_value_t = seconds(PollSettings::default().metrics_every), env = "EVENKEEL_POLL_METRICS_SECONDS", value_parser = clap::value_parser!(u32).range(60..=120))]
    pub poll_metrics_seconds: u32,
}

fn seconds(time: SignedDuration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(60)
}

impl PollArgs {
    pub fn settings(&self) -> PollSettings {
        let every = |seconds: u32| SignedDuration::from_secs(i64::from(seconds));
        PollSettings {
            describe_every: every(self.poll_descriptions_seconds),
            events_every: every(self.poll_events_seconds),
            metrics_every: every(self.poll_metrics_seconds),
            ..PollSettings::default()
        }
    }
}

/// It becomes the first part of a tag, `<installation>/<namespace>/<stack>`.
fn installation_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=63).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err("use up to 63 letters, digits, '-', '_' and '.'".to_owned())
    }
}

/// Where to listen.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "write an IP address and a port, such as 127.0.0.1:9402 or [::]:9402".to_owned())
}

/// A moment of time.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "write a moment such as 2026-03-01T10:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_flag_has_its_environment_variable() {
        let command = Cli::command();
        command.clone().debug_assert();
        let mut flags = 0;
        for part in std::iter::once(&command).chain(command.get_subcommands()) {
            for arg in part
                .get_arguments()
                .filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
            {
                let wanted = format!("EVENKEEL_{}", arg.get_id().as_str().to_uppercase());
                let found = arg.get_env().map(|e| e.to_string_lossy().into_owned());
                assert_eq!(found, Some(wanted), "{} {}", part.get_name(), arg.get_id());
                flags += 1;
            }
        }
        assert!(flags > 20, "{flags}");
    }

    #[test]
    fn the_rehearsals_clock_is_hidden() {
        for part in Cli::command().get_subcommands() {
            let clock = part.get_arguments().find(|a| a.get_id() == "clock_url");
            assert!(clock.is_none_or(clap::Arg::is_hide_set), "{}", part.get_name());
        }
    }

    #[test]
    fn an_installations_name_fits_into_a_tag() {
        assert_eq!(installation_name("prod-1.eu_a"), Ok("prod-1.eu_a".to_owned()));
        for wrong in ["", "a/b", "a b", "é"] {
            assert!(installation_name(wrong).is_err(), "{wrong:?}");
        }
    }
}
