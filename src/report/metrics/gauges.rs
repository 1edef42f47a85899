//! Gauges, written from a [`Scene`] in Prometheus' text format, one metric after another. Pure.
//!
//! Not kept in a registry: a thousand stacks have fifty thousand series, and a registry keeps each with all its labels,
//! and copies all of them at each scrape.

use super::{
    ACCOUNT_CONDITION, CONDITION, Entry, FINDINGS, FINDINGS_ACCEPTED, HOLDS, IMBALANCE_ACCEPTED, LAG,
    LAST_FAILOVER, LAST_FAILOVER_TOOK, LEADER, LOSS_ACCEPTED, NODES, POLL_AGE, QUOTA, STACK_INFO, SURVIVES,
    VERDICT, ZONE_IMPAIRED,
};
use crate::plan::Guardrail;
use crate::topology::survival::Survival;
use crate::topology::{SmallMap, StackName, ZoneName};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// The gauges' world at one moment.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub stacks: BTreeMap<StackName, Arc<StackSample>>,
    pub regions: Vec<RegionSample>,
    /// AWSAccount → condition type → 1, 0, -1.
    pub accounts: BTreeMap<String, BTreeMap<String, i8>>,
    /// `None` where there is no election.
    pub leader: Option<bool>,
}

/// One stack, reduced to numbers.
#[derive(Clone, Debug, Default)]
pub struct StackSample {
    pub mode: String,
    pub team: String,
    pub zones: SmallMap<ZoneName, Survival>,
    /// (component, zone, role) → nodes.
    pub nodes: SmallMap<(String, ZoneName, &'static str), u32>,
    /// Component → largest known lag in seconds.
    pub lag: SmallMap<String, f64>,
    /// Condition type → 1, 0, -1.
    pub conditions: SmallMap<String, i8>,
    /// Code → findings that are not accepted.
    pub findings: SmallMap<String, u32>,
    /// Code → findings that are.
    pub findings_accepted: SmallMap<String, u32>,
    pub losses_accepted: BTreeSet<ZoneName>,
    pub imbalance_accepted: bool,
    pub holds: SmallMap<Guardrail, u32>,
    /// The newest known failover: when, in seconds since 1970, and how many it took.
    pub last_failover: Option<(i64, Option<i64>)>,
}

/// One region of one account, reduced to numbers.
#[derive(Clone, Debug, Default)]
pub struct RegionSample {
    pub account: String,
    pub region: String,
    pub impaired: BTreeMap<ZoneName, bool>,
    pub quota_used: u32,
    /// `descriptions`, `events`, `metrics` → seconds.
    pub poll_age: BTreeMap<&'static str, f64>,
}

/// Text of one metric.
struct Family {
    name: &'static str,
    /// Names of labels in the order in which their values are given.
    labels: &'static [&'static str],
    text: String,
}

impl Family {
    fn new((name, labels, help): Entry) -> Self {
        let help = help.replace('\\', r"\\").replace('\n', r"\n");
        Self {
            name,
            labels,
            text: format!("# HELP {name} {help}\n# TYPE {name} gauge\n"),
        }
    }

    /// A series, with the values of the labels in the catalogue's order.
    fn add(&mut self, values: &[&str], value: f64) {
        let mut labels: Vec<(&str, &str)> = self.labels.iter().copied().zip(values.iter().copied()).collect();
        labels.sort_unstable();
        self.text.push_str(self.name);
        let mut opening = '{';
        for (label, value) in labels {
            self.text.push(opening);
            self.text.push_str(label);
            self.text.push_str("=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str(r"\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str(r"\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
            opening = ',';
        }
        if opening == ',' {
            self.text.push('}');
        }
        // Writing to a String does not fail.
        let _ = writeln!(self.text, " {value}");
    }

    /// A series of each stack, or several.
    fn of_stacks(&mut self, scene: &Scene, series: impl Fn(&mut Self, [&str; 2], &StackSample)) {
        for (stack, sample) in &scene.stacks {
            series(self, [&stack.namespace, &stack.name], sample);
        }
    }

    /// A series of each region, or several.
    fn of_regions(&mut self, scene: &Scene, series: impl Fn(&mut Self, [&str; 2], &RegionSample)) {
        for sample in &scene.regions {
            series(self, [&sample.account, &sample.region], sample);
        }
    }

    /// Findings by code.
    fn count(&mut self, [namespace, name]: [&str; 2], findings: &SmallMap<String, u32>) {
        for (code, n) in findings {
            self.add(&[namespace, name, code], f64::from(*n));
        }
    }
}

/// What fills a metric.
type Fill = fn(&mut Family, &Scene);

/// Every gauge of a scene.
const GAUGES: &[(Entry, Fill)] = &[
    (SURVIVES, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for (zone, verdict) in &sample.zones {
                let survives = matches!(verdict, Survival::Survives | Survival::Degraded);
                family.add(&[namespace, name, zone.as_str()], flag(survives));
            }
        });
    }),
    (VERDICT, |family, scene| {
        const ALL: [(Survival, &str); 4] = [
            (Survival::Survives, "Survives"),
            (Survival::Degraded, "Degraded"),
            (Survival::Unknown, "Unknown"),
            (Survival::Lost, "Lost"),
        ];
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for (zone, verdict) in &sample.zones {
                for (one, label) in ALL {
                    family.add(&[namespace, name, zone.as_str(), label], flag(one == *verdict));
                }
            }
        });
    }),
    (ZONE_IMPAIRED, |family, scene| {
        family.of_regions(scene, |family, [account, region], sample| {
            for (zone, impaired) in &sample.impaired {
                family.add(&[account, region, zone.as_str()], flag(*impaired));
            }
        });
    }),
    (STACK_INFO, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            family.add(&[namespace, name, &sample.mode, &sample.team], 1.0);
        });
    }),
    (NODES, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for ((component, zone, role), n) in &sample.nodes {
                family.add(&[namespace, name, component, zone.as_str(), role], f64::from(*n));
            }
        });
    }),
    (LAG, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for (component, seconds) in &sample.lag {
                family.add(&[namespace, name, component], *seconds);
            }
        });
    }),
    (QUOTA, |family, scene| {
        family.of_regions(scene, |family, place, sample| {
            family.add(&place, f64::from(sample.quota_used));
        });
    }),
    (CONDITION, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for (condition, value) in &sample.conditions {
                family.add(&[namespace, name, condition], f64::from(*value));
            }
        });
    }),
    (FINDINGS, |family, scene| {
        family.of_stacks(scene, |family, stack, sample| {
            family.count(stack, &sample.findings);
        });
    }),
    (FINDINGS_ACCEPTED, |family, scene| {
        family.of_stacks(scene, |family, stack, sample| {
            family.count(stack, &sample.findings_accepted);
        });
    }),
    (LOSS_ACCEPTED, |family, scene| {
        family.of_stacks(scene, |family, [namespace, name], sample| {
            for zone in &sample.losses_accepted {
                family.add(&[namespace, name, zone.as_str()], 1.0);
            }
        });
    }),
    (IMBALANCE_ACCEPTED, |family, scene| {
        family.of_stacks(scene, |family, stack, sample| {
            if sample.imbalance_accepted {
                family.add(&stack, 1.0);
            }
        });
    }),
    (HOLDS, |family, scene| {
        let mut held: BTreeMap<Guardrail, u32> = BTreeMap::new();
        for (guardrail, n) in scene.stacks.values().flat_map(|s| &s.holds) {
            *held.entry(*guardrail).or_default() += n;
        }
        for (guardrail, n) in held {
            family.add(&[guardrail.as_str()], f64::from(n));
        }
    }),
    (POLL_AGE, |family, scene| {
        family.of_regions(scene, |family, [account, region], sample| {
            for (kind, seconds) in &sample.poll_age {
                family.add(&[account, region, kind], *seconds);
            }
        });
    }),
    (LEADER, |family, scene| {
        if let Some(leader) = scene.leader {
            family.add(&[], flag(leader));
        }
    }),
    (ACCOUNT_CONDITION, |family, scene| {
        for (account, conditions) in &scene.accounts {
            for (condition, value) in conditions {
                family.add(&[account, condition], f64::from(*value));
            }
        }
    }),
    (LAST_FAILOVER, |family, scene| {
        family.of_stacks(scene, |family, stack, sample| {
            if let Some((at, _)) = sample.last_failover {
                family.add(&stack, seconds(at));
            }
        });
    }),
    (LAST_FAILOVER_TOOK, |family, scene| {
        family.of_stacks(scene, |family, stack, sample| {
            if let Some((_, Some(took))) = sample.last_failover {
                family.add(&stack, seconds(took));
            }
        });
    }),
];

/// Each gauge of this scene that has a series, as text.
pub(super) fn pages(scene: Arc<Scene>) -> impl Iterator<Item = String> + Send + 'static {
    GAUGES.iter().filter_map(move |(entry, fill)| {
        let mut family = Family::new(*entry);
        let heading = family.text.len();
        fill(&mut family, &scene);
        (family.text.len() > heading).then_some(family.text)
    })
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

#[allow(clippy::cast_precision_loss, reason = "seconds fit")]
fn seconds(whole: i64) -> f64 {
    whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus::{Encoder as _, GaugeVec, Opts, TextEncoder};

    #[test]
    fn a_series_is_written_as_the_prometheus_crate_writes_it() {
        let odd = [
            "plain",
            "",
            "with \"quotes\" and \\",
            "two\nlines",
            "zone=\u{1f600}",
        ];
        for (one, other) in odd.into_iter().flat_map(|a| odd.map(|b| (a, b))) {
            for value in [0.0, 1.0, -1.0, 0.25, 1e-9, 1_772_409_600.0, 12_345.678_9] {
                let entry: Entry = ("m", &["zone", "name"], "What it \\ says.");
                let mut family = Family::new(entry);
                family.add(&[one, other], value);
                let gauge = GaugeVec::new(Opts::new(entry.0, entry.2), entry.1).unwrap();
                gauge.with_label_values(&[one, other]).set(value);
                let mut expected = Vec::new();
                let families = prometheus::core::Collector::collect(&gauge);
                TextEncoder::new().encode(&families, &mut expected).unwrap();
                assert_eq!(family.text, String::from_utf8(expected).unwrap());
            }
        }
    }

    #[test]
    fn a_metric_without_labels_has_no_braces_and_one_without_series_is_left_out() {
        let scene = Scene {
            leader: Some(true),
            ..Scene::default()
        };
        let pages: Vec<String> = pages(Arc::new(scene)).collect();
        let [leader] = pages.as_slice() else {
            panic!("{pages:?}");
        };
        assert!(leader.ends_with("\nevenkeel_leader 1\n"), "{leader}");
    }
}
