//! What a command looks at: stacks of manifests, or replication groups by id.

use super::args::AwsArgs;
use super::discover::{self, Found, FoundCache};
use super::manifests;
use super::online::{self, Survey};
use crate::aws::types::CacheGroup;
use crate::clock::AnyClock;
use crate::plan::Intent;
use crate::topology::{Region, StackName, ZoneName};
use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use clap::parser::ValueSource;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default, clap::Args)]
pub struct TargetArgs {
    /// Manifests: a file, a folder, or - for standard input. May be given several times.
    #[arg(short, long, value_name = "FILE|DIR|-", env = "EVENKEEL_FILE", value_parser = NonEmptyStringValueParser::new())]
    pub file: Vec<String>,
    /// Without a manifest: look at this replication group. May be given several times.
    #[arg(long, value_name = "ID", env = "EVENKEEL_CACHE", value_parser = NonEmptyStringValueParser::new())]
    pub cache: Vec<String>,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// Where a replication group that is given by id lives.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlaceArgs {
    /// With --cache: its region [default: the SDK's, such as AWS_REGION].
    #[arg(long, value_name = "REGION", env = "EVENKEEL_REGION", value_parser = NonEmptyStringValueParser::new())]
    pub region: Option<String>,
    /// With --cache: the zones that it must live in, by name or letter, such as a,c [default: those that its subnet
    /// group reaches].
    #[arg(long, value_name = "ZONES", env = "EVENKEEL_ZONES", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub zones: Vec<String>,
}

impl TargetArgs {
    /// Of files and caches, what was typed counts before what stands in the environment.
    pub fn prefer_typed(&mut self, source: impl Fn(&str) -> Option<ValueSource>) {
        let typed = |name: &str| source(name) == Some(ValueSource::CommandLine);
        match (typed("file"), typed("cache")) {
            (true, false) => self.cache.clear(),
            (false, true) => self.file.clear(),
            _ => {}
        }
    }

    /// The stacks, complete; reading AWS where only ids were given.
    pub async fn intents(&self, aws: &AwsArgs, clock: &AnyClock) -> anyhow::Result<Vec<Intent>> {
        match (self.file.is_empty(), self.cache.is_empty()) {
            (false, true) => {
                if !self.place.zones.is_empty() {
                    bail!("--zones goes with --cache; the zones of a manifest stand in its spec.zones");
                }
                let stacks = manifests::load(&self.file)?;
                Ok(stacks.into_iter().map(|s| s.intent).collect())
            }
            (true, false) => self.found(aws, clock).await,
            (true, true) => {
                bail!("say what to look at: -f with a manifest or a folder, or --cache with an id")
            }
            (false, false) => bail!("give either -f or --cache, not both"),
        }
    }

    /// One stack for each cache.
    async fn found(&self, aws: &AwsArgs, clock: &AnyClock) -> anyhow::Result<Vec<Intent>> {
        let region = self.place.region.as_deref().map(Region::from);
        let survey = online::listing(aws, region, clock).await?;
        self.cache
            .iter()
            .map(|id| {
                Ok(discover::intent(&found(
                    &survey,
                    std::slice::from_ref(id),
                    &self.place,
                )?))
            })
            .collect()
    }
}

/// Reads the region in which these groups live.
pub async fn survey(
    ids: &[String],
    place: &PlaceArgs,
    aws: &AwsArgs,
    clock: &AnyClock,
) -> anyhow::Result<Survey> {
    let region = place.region.as_deref().map(Region::from);
    let groups = ids.iter().map(|id| id.to_lowercase()).collect();
    online::survey(aws, region, &groups, clock).await
}

/// The stack that these groups make up. Its name is the first one's.
pub fn found(survey: &Survey, ids: &[String], place: &PlaceArgs) -> anyhow::Result<Found> {
    let region = survey.view.region.clone();
    let mut caches = BTreeMap::new();
    let mut groups = Vec::new();
    for id in ids {
        let group = survey.group(id)?;
        groups.push(group);
        caches.insert(
            group.identifier.clone(),
            FoundCache {
                identifier: group.identifier.clone(),
                fewest_members: group.shards.values().map(|s| s.members.len()).min(),
                remarks: Vec::new(),
            },
        );
    }
    let zones = if place.zones.is_empty() {
        zones_of(&groups)
    } else {
        place
            .zones
            .iter()
            .map(|zone| zone_named(zone, &region))
            .collect::<Result<_, _>>()?
    };
    let name = groups.first().map(|g| g.identifier.clone()).unwrap_or_default();
    Ok(Found {
        stack: StackName::new("default", name),
        region,
        zones,
        caches,
    })
}

/// Those that every subnet group reaches; when that leaves fewer than two, all that any of them reaches; and always
/// those in which nodes stand.
fn zones_of(groups: &[&CacheGroup]) -> BTreeSet<ZoneName> {
    let reach = |group: &CacheGroup| group.settings.subnet_zones.clone();
    let common = groups
        .iter()
        .map(|g| reach(g))
        .reduce(|all, one| all.intersection(&one).cloned().collect())
        .unwrap_or_default();
    let mut zones = if common.len() >= 2 {
        common
    } else {
        groups.iter().flat_map(|g| reach(g)).collect()
    };
    let members = groups
        .iter()
        .flat_map(|g| g.shards.values())
        .flat_map(|s| s.members.values());
    zones.extend(members.map(|m| m.zone.clone()));
    zones
}

/// `a` and `ap-northeast-2a` are the same zone of `ap-northeast-2`.
fn zone_named(text: &str, region: &Region) -> anyhow::Result<ZoneName> {
    let text = text.trim();
    let letter = |s: &str| s.len() == 1 && s.bytes().all(|b| b.is_ascii_lowercase());
    if letter(text) {
        return Ok(ZoneName::new(format!("{region}{text}")));
    }
    if text.strip_prefix(region.as_str()).is_some_and(letter) {
        return Ok(text.into());
    }
    bail!(
        "--zones: {text:?} is no zone of {region}; write letters, such as a,c, or full names, such as {region}a"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_named_by_letter_or_in_full() {
        let region = Region::from("ap-northeast-2");
        let named = |text| {
            zone_named(text, &region)
                .map(|z| z.to_string())
                .map_err(|e| e.to_string())
        };
        assert_eq!(named("a"), Ok("ap-northeast-2a".to_owned()));
        assert_eq!(named(" ap-northeast-2c"), Ok("ap-northeast-2c".to_owned()));
        for wrong in ["A", "ac", "us-east-1a", "ap-northeast-2", "ap-northeast-2aa", ""] {
            let error = named(wrong).unwrap_err();
            assert!(error.contains("write letters, such as a,c"), "{error}");
        }
    }

    #[test]
    fn what_is_typed_counts_before_the_environment() {
        let both = || TargetArgs {
            file: vec!["f".to_owned()],
            cache: vec!["c".to_owned()],
            place: PlaceArgs::default(),
        };
        let mut args = both();
        args.prefer_typed(|name| match name {
            "file" => Some(ValueSource::EnvVariable),
            _ => Some(ValueSource::CommandLine),
        });
        assert_eq!((args.file.len(), args.cache.len()), (0, 1));
        let mut args = both();
        args.prefer_typed(|_| Some(ValueSource::CommandLine));
        assert_eq!((args.file.len(), args.cache.len()), (1, 1));
    }
}
