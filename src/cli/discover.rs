//! A stack made from what was found, where nobody wrote a manifest: for `plan --cache`, `plan --from` without `-f`, and
//! `init`.

use crate::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives};
use crate::topology::{Region, SmallMap, StackName, ZoneName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub stack: StackName,
    pub region: Region,
    pub zones: BTreeSet<ZoneName>,
    /// By component name.
    pub caches: BTreeMap<String, FoundCache>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCache {
    pub identifier: String,
    /// Of all shards; `None` where there are no shards.
    pub fewest_members: Option<usize>,
    /// What people should know, one line each.
    pub remarks: Vec<String>,
}

impl FoundCache {
    /// As many replicas as every shard has, but at least one: without a replica nothing survives.
    fn min_replicas(&self) -> u32 {
        let replicas = self.fewest_members.unwrap_or(0).saturating_sub(1);
        u32::try_from(replicas).unwrap_or(5).clamp(1, 5)
    }
}

/// The region that a zone's name begins with.
pub fn region_of(zone: &str) -> &str {
    zone.strip_suffix(|c: char| c.is_ascii_lowercase())
        .unwrap_or(zone)
}

/// The intent that the manifest of [`manifest`] would have. Made without intake: what is found may be less than a
/// manifest may ask for (a single zone), and still has a verdict.
pub fn intent(found: &Found) -> Intent {
    Intent {
        stack: found.stack.clone(),
        created: None,
        canonical_spec: manifest(found),
        mode: Mode::Observe,
        policy: SmallMap::new(),
        region: found.region.clone(),
        account_ref: None,
        mode_limit: None,
        zones: found.zones.iter().map(|z| (z.clone(), None)).collect(),
        objectives: Objectives::default(),
        max_skew: 1,
        guardrails: GuardrailSettings::default(),
        caches: found
            .caches
            .iter()
            .map(|(name, cache)| {
                let intent = CacheIntent {
                    replication_group: cache.identifier.to_lowercase(),
                    min_replicas_per_shard: cache.min_replicas(),
                    max_skew: None,
                    preferred_primary_zones: BTreeSet::new(),
                };
                (name.as_str().into(), intent)
            })
            .collect(),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    }
}

/// A HAStack in Observe mode, with what was found as comments.
pub fn manifest(found: &Found) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_manifest(&mut text, found);
    text
}

fn write_manifest(out: &mut String, found: &Found) -> std::fmt::Result {
    writeln!(out, "apiVersion: {}", crate::api::API_VERSION)?;
    writeln!(out, "kind: {}", crate::api::KIND)?;
    writeln!(out, "metadata:")?;
    writeln!(out, "  name: {}", scalar(&found.stack.name))?;
    if found.stack.namespace != "default" {
        writeln!(out, "  namespace: {}", scalar(&found.stack.namespace))?;
    }
    writeln!(out, "spec:")?;
    writeln!(
        out,
        "  mode: Observe   # only reports; Approve and Enforce act (docs/hastack.md)"
    )?;
    writeln!(out, "  aws:")?;
    writeln!(out, "    region: {}", found.region)?;
    writeln!(
        out,
        "  zones:         # at least two; those that the subnet group reaches"
    )?;
    for zone in &found.zones {
        writeln!(out, "    - name: {zone}")?;
    }
    writeln!(out, "  caches:")?;
    for (name, cache) in &found.caches {
        for remark in &cache.remarks {
            writeln!(out, "    # {remark}")?;
        }
        writeln!(out, "    - name: {}", scalar(name))?;
        writeln!(out, "      replicationGroup: {}", scalar(&cache.identifier))?;
        writeln!(out, "      minReplicasPerShard: {}", cache.min_replicas())?;
    }
    Ok(())
}

/// A name in a manifest: in quotes where YAML would read something else, such as a number.
fn scalar(name: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if plain {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::{self, Source};

    #[test]
    fn the_manifest_means_what_the_intent_says() {
        let found = Found {
            stack: StackName::new("1", "0x10"),
            region: "ap-northeast-2".into(),
            zones: BTreeSet::from(["ap-northeast-2a".into(), "ap-northeast-2c".into()]),
            caches: BTreeMap::from([
                (
                    "sessions".to_owned(),
                    FoundCache {
                        identifier: "Sessions-A".to_owned(),
                        fewest_members: Some(3),
                        remarks: vec!["2 shards, 6 nodes".to_owned()],
                    },
                ),
                (
                    "no".to_owned(),
                    FoundCache {
                        identifier: "no".to_owned(),
                        fewest_members: Some(1),
                        remarks: Vec::new(),
                    },
                ),
            ]),
        };
        let read = intake::read(&[Source {
            name: "init".to_owned(),
            text: manifest(&found),
        }]);
        assert_eq!(read.problems, []);
        let written = read.stacks.into_iter().next().unwrap().intent;
        let assumed = Intent {
            canonical_spec: written.canonical_spec.clone(),
            ..intent(&found)
        };
        assert_eq!(written, assumed);
        let cache = &written.caches[&"sessions".into()];
        assert_eq!(
            (cache.replication_group.as_str(), cache.min_replicas_per_shard),
            ("sessions-a", 2)
        );
        assert_eq!(written.caches[&"no".into()].min_replicas_per_shard, 1);
    }
}
