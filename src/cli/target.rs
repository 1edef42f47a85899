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
    /// Of files and caches, what was typed counts before what stands in the environment. A region or zones that stand
    /// there are for caches only.
    pub fn prefer_typed(&mut self, typed: impl Fn(&str) -> bool) {
        match (typed("file"), typed("cache")) {
            (true, false) => self.cache.clear(),
            (false, true) => self.file.clear(),
            _ => {}
        }
        if self.cache.is_empty() {
            self.place.region.take_if(|_| !typed("region"));
            if !typed("zones") {
                self.place.zones.clear();
            }
        }
    }

    /// Where region and zones are given already.
    pub fn refuse_place(&self) -> anyhow::Result<()> {
        if !self.place.zones.is_empty() {
            bail!("--zones goes with --cache; the zones of a manifest stand in its spec.zones");
        }
        if self.place.region.is_some() {
            bail!("--region goes with --cache; the region of a manifest stands in its spec.aws.region");
        }
        Ok(())
    }

    /// The stacks, complete; reading AWS where only ids were given.
    pub async fn intents(&self, aws: &AwsArgs, clock: &AnyClock) -> anyhow::Result<Vec<Intent>> {
        match (self.file.is_empty(), self.cache.is_empty()) {
            (false, true) => {
                self.refuse_place()?;
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
        zones_named(&place.zones, &region)?
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
    // Local Zones can't take part.
    zones.retain(ZoneName::is_availability_zone);
    zones
}

/// Two or more, as in a manifest.
fn zones_named(texts: &[String], region: &Region) -> anyhow::Result<BTreeSet<ZoneName>> {
    let zones: BTreeSet<ZoneName> = texts
        .iter()
        .map(|zone| zone_named(zone, region))
        .collect::<Result<_, _>>()?;
    if zones.len() < 2 {
        bail!(
            "--zones names one zone only ({}): nothing survives its loss; name two or more, such as a,c",
            texts.join(",")
        );
    }
    Ok(zones)
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
        for (one, named) in [("a", "a"), ("a,ap-northeast-2a", "a,ap-northeast-2a")] {
            let texts: Vec<String> = one.split(',').map(str::to_owned).collect();
            let error = zones_named(&texts, &region).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("--zones names one zone only ({named}):")),
                "{error}"
            );
        }
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
            place: PlaceArgs {
                region: Some("r".to_owned()),
                zones: vec!["a".to_owned()],
            },
        };
        let after = |typed: &[&str]| {
            let mut args = both();
            args.prefer_typed(|name| typed.contains(&name));
            let place = args.place;
            (
                args.file.len(),
                args.cache.len(),
                place.region.is_some(),
                place.zones.len(),
            )
        };
        assert_eq!(after(&["cache"]), (0, 1, true, 1));
        assert_eq!(after(&["file"]), (1, 0, false, 0));
        assert_eq!(after(&["file", "region"]), (1, 0, true, 0));
        assert_eq!(after(&["file", "zones"]), (1, 0, false, 1));
        assert_eq!(after(&["file", "cache"]), (1, 1, true, 1));
    }
}
