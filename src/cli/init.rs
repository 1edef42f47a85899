//! `evenkeel init`: a HAStack for replication groups that exist, in Observe mode, with what was found as comments.

use super::args::AwsArgs;
use super::discover::{self, Found};
use super::exit::Exit;
use super::online::{self, Seen};
use super::target::{self, PlaceArgs};
use super::{clock, judged};
use crate::api;
use crate::intake;
use crate::report::explain;
use crate::topology::{Owner, Role, Shard, ShardId, StackName};
use clap::builder::NonEmptyStringValueParser;

#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The replication group. May be given several times: one stack of them all.
    #[arg(long, required = true, value_name = "ID", env = "EVENKEEL_CACHE", value_parser = NonEmptyStringValueParser::new())]
    pub cache: Vec<String>,
    /// Name of the stack [default: the first replication group's].
    #[arg(long, value_name = "NAME", env = "EVENKEEL_NAME", value_parser = intake::parse_name)]
    pub name: Option<String>,
    /// Namespace of the stack.
    #[arg(long, value_name = "NAMESPACE", default_value = "default", env = "EVENKEEL_NAMESPACE", value_parser = intake::parse_namespace)]
    pub namespace: String,
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub aws: AwsArgs,
}

/// More shards than this are not listed one by one.
const LISTED: usize = 16;

pub async fn run(args: Args) -> anyhow::Result<Exit> {
    let clock = clock::clock(&args.aws).await?;
    let survey = target::survey(&args.cache, &args.place, &args.aws, &clock).await?;
    let mut found = target::found(&survey, &args.cache, &args.place)?;
    let name = args.name.unwrap_or_else(|| found.stack.name.clone());
    found.stack = StackName::new(args.namespace, name);
    if found.zones.len() < 2 {
        let zones: Vec<_> = found.zones.iter().map(ToString::to_string).collect();
        anyhow::bail!(
            "the subnet groups reach one zone only ({}): there is nothing to fail over to. Add a subnet in another \
             zone, or name the zones wanted with --zones a,c",
            zones.join(", ")
        );
    }
    let seen = online::judge_one(&survey, &discover::intent(&found))?;
    remark(&mut found, &seen);
    let mut text = String::from("# Written by `evenkeel init` from what was found at ");
    text += &format!("{:.0}.\n", seen.judged.now);
    text += &verdict(&seen);
    text += &discover::manifest(&found);
    super::print(&text)
}

fn verdict(seen: &Seen) -> String {
    let mut text = String::new();
    for (zone, report) in &seen.judged.decision.zones {
        let reasons = report.reasons.join(" ");
        let answer = explain::answer(report.verdict);
        text += &judged::comment(&format!("Can {zone} be lost? {answer}. {reasons}"), "# ");
    }
    text
}

fn remark(found: &mut Found, seen: &Seen) {
    let topology = &seen.judged.topology;
    for (name, cache) in &mut found.caches {
        let Some(component) = topology.components.get(&name.as_str().into()) else {
            continue;
        };
        let nodes: usize = component.shards.values().map(|s| s.nodes.len()).sum();
        cache.remarks.push(format!(
            "{}; {} shards, {nodes} nodes",
            explain::component(component),
            component.shards.len()
        ));
        if component.shards.len() <= LISTED {
            cache
                .remarks
                .extend(component.shards.iter().map(|(id, shard)| drawn(id, shard)));
        }
        cache.remarks.push(match &component.owner {
            Owner::Ours => format!("tag {}: ours", api::OWNER_TAG),
            Owner::Nobody => format!(
                "no tag {}: `evenkeel claim` writes it before anything may act",
                api::OWNER_TAG
            ),
            Owner::Other(owner) => format!("tag {} = {owner}", api::OWNER_TAG),
            Owner::NotRead => "its tags were not read".to_owned(),
            Owner::Unreadable(why) => format!("its tags can't be read: {why}"),
        });
        let about = seen
            .judged
            .decision
            .findings
            .iter()
            .filter(|f| f.component.as_ref().is_some_and(|c| c.as_str() == name));
        for finding in about {
            let text = format!(
                "{} {:?}: {}",
                explain::severity(finding.severity),
                finding.code,
                finding.message
            );
            cache.remarks.extend(judged::wrapped(&text));
        }
    }
}

/// `0001: primary in ap-northeast-2a, replica in ap-northeast-2c`.
fn drawn(id: &ShardId, shard: &Shard) -> String {
    let mut nodes: Vec<_> = shard.nodes.values().collect();
    nodes.sort_by_key(|n| (n.role, n.zone.clone()));
    let nodes = nodes.iter().map(|node| {
        let role = match node.role {
            Role::Primary => "primary",
            Role::Replica => "replica",
            Role::Standby => "standby",
            Role::Unknown => "unknown role",
        };
        format!("{role} in {}", node.zone)
    });
    format!("{id}: {}", nodes.collect::<Vec<_>>().join(", "))
}
