//! What one seed means: a world, what the stack wants, and who disturbs it when.

use evenkeel_core_test_support::random::Dice;
use std::fmt::Write as _;

pub const REGION: &str = "ap-northeast-2";
const ZONES: [&str; 3] = ["a", "b", "c"];

/// Everything that a run depends on.
#[derive(Debug)]
pub struct Story {
    pub world: String,
    pub manifest: String,
    /// Dead nodes, or those being built, show as they are: only then can anybody be blamed for not seeing them.
    pub death_shows: bool,
    pub enforces: bool,
    /// Minutes from the start, in order.
    pub events: Vec<(i64, Event)>,
    /// From then on nobody disturbs any more.
    pub calm_after: i64,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Somebody else acts, as the world file writes it.
    Actor(String),
    /// A fault rule, as the world file writes it.
    Fault(String),
    /// The process dies between two turns, and another one takes over.
    Kill,
    /// The process dies in the middle of its next call that changes something, before or after AWS does it.
    KillInCall(&'static str),
}

pub fn zone(letter: &str) -> String {
    format!("{REGION}{letter}")
}

impl Story {
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let zones = &ZONES[..2 + dice.below(2)];
        let disabled = dice.one_in(4);
        let min = if zones.len() == 3 && dice.one_in(4) { 2 } else { 1 };
        let groups = ["sessions", "carts"];
        let groups = &groups[..=usize::from(dice.one_in(3))];
        let shards: Vec<Vec<String>> = groups
            .iter()
            .map(|_| draw_shards(&mut dice, zones, disabled, min))
            .collect();
        let (switches, death_shows) = switches(&mut dice);
        let enforces = !dice.one_in(8);
        let mode = if enforces {
            "Enforce"
        } else {
            *dice.pick(&["Approve", "Observe"])
        };
        let calm_after = 300;
        let mut events: Vec<(i64, Event)> = (0..=dice.below(6))
            .map(|_| {
                let at = 20 + i64::try_from(dice.below(200)).unwrap();
                (at, draw_event(&mut dice, zones, groups, &shards, disabled))
            })
            .collect();
        events.sort_by_key(|(at, _)| *at);
        Self {
            world: world(zones, disabled, groups, &shards, &switches),
            manifest: manifest(&mut dice, zones, groups, mode, min),
            death_shows,
            enforces,
            events,
            calm_after,
        }
    }

    /// For a person.
    pub fn tell(&self) -> String {
        let mut text = format!("{}\n{}\n", self.world, self.manifest);
        for (at, event) in &self.events {
            let _ = writeln!(text, "after {at} min: {event:?}");
        }
        text
    }
}

/// Mostly one copy a zone, sometimes two in one, sometimes one too few.
fn draw_shards(dice: &mut Dice, zones: &[&str], disabled: bool, min: usize) -> Vec<String> {
    let count = if disabled { 1 } else { 1 + dice.below(3) };
    (0..count)
        .map(|_| {
            let copies = if dice.one_in(5) {
                min.max(1)
            } else {
                1 + min + usize::from(dice.one_in(6))
            };
            let first = dice.below(zones.len());
            let nodes: Vec<String> = (0..copies)
                .map(|i| {
                    let at = if dice.one_in(12) {
                        first
                    } else {
                        (first + i) % zones.len()
                    };
                    format!("{}:{}", zones[at], if i == 0 { "P" } else { "r" })
                })
                .collect();
            nodes.join(" ")
        })
        .collect()
}

/// Each open question about AWS, most of them as by default; and whether death shows all the same.
fn switches(dice: &mut Dice) -> (String, bool) {
    const READINGS: [(&str, &[&str]); 10] = [
        ("increaseDuringOutage", &["refuse"]),
        ("statusDuringOutage", &["modifying"]),
        ("deadNodeMetric", &["stale", "zero"]),
        ("preferredZonesMustCoverExisting", &["true"]),
        ("metricDelaySeconds", &["0", "240"]),
        ("metricSampleSpread", &["false"]),
        ("deadNodeStatus", &["creating", "rebooting", "modifying"]),
        ("failoverEventForm", &["documented", "observed", "maintenance"]),
        ("creatingNodesInNodeGroups", &["false"]),
        ("rebuildChangesCreateTime", &["true"]),
    ];
    let mut chosen = Vec::new();
    let mut death_shows = true;
    for (name, values) in READINGS {
        if dice.one_in(5) {
            chosen.push(format!("{name}: {}", dice.pick(values)));
            death_shows &= name != "deadNodeMetric";
        }
    }
    (format!("switches: {{{}}}\n", chosen.join(", ")), death_shows)
}

fn world(zones: &[&str], disabled: bool, groups: &[&str], shards: &[Vec<String>], switches: &str) -> String {
    let ids: Vec<String> = zones
        .iter()
        .enumerate()
        .map(|(i, z)| format!("{}: apne2-az{}", zone(z), i + 1))
        .collect();
    let names: Vec<String> = zones.iter().map(|z| zone(z)).collect();
    let mut text = format!(
        "region: {REGION}\naccount: \"111122223333\"\nzones: {{{}}}\nsubnetGroups: [{{name: shop, zones: [{}]}}]\n{switches}\
         replicationGroups:\n",
        ids.join(", "),
        names.join(", ")
    );
    let mode = if disabled { "disabled" } else { "enabled" };
    for (group, shards) in groups.iter().zip(shards) {
        let _ = writeln!(
            text,
            "  - {{id: {group}, clusterMode: {mode}, subnetGroup: shop, maintenanceWindow: \"sun:03:00-sun:04:00\", tags: \
             {{evenkeel.dev/owner: demo}}, shards: {shards:?}}}"
        );
    }
    text
}

fn manifest(dice: &mut Dice, zones: &[&str], groups: &[&str], mode: &str, min: usize) -> String {
    let names: Vec<String> = zones.iter().map(|z| format!("{{name: {}}}", zone(z))).collect();
    let caches: Vec<String> = groups
        .iter()
        .map(|g| format!("{{name: {g}, replicationGroup: {g}, minReplicasPerShard: {min}}}"))
        .collect();
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: HAStack\nmetadata: {{name: shop, namespace: default}}\nspec:\n  mode: \
         {mode}\n  aws: {{region: {REGION}}}\n  zones: [{}]\n  guardrails: {{quietPeriod: {}m, replaceAfter: {}m}}\n  \
         caches: [{}]\n",
        names.join(", "),
        dice.pick(&[5, 10, 30]),
        dice.pick(&[5, 15]),
        caches.join(", ")
    )
}

fn draw_event(
    dice: &mut Dice,
    zones: &[&str],
    groups: &[&str],
    shards: &[Vec<String>],
    disabled: bool,
) -> Event {
    let at = dice.below(groups.len());
    let group = groups[at];
    let shard = 1 + dice.below(shards[at].len());
    let copies = shards[at][shard - 1].split(' ').count();
    let number = 1 + dice.below(copies);
    let node = if disabled {
        format!("{group}-{number:03}")
    } else {
        format!("{group}-{shard:04}-{number:03}")
    };
    let minutes = *dice.pick(&[2, 8, 25, 60]);
    let lost = zone(zones[dice.below(zones.len())]);
    let until = format!("until: {minutes}m");
    let actor = |does: String| Event::Actor(format!("{{does: {{{does}}}}}"));
    match dice.below(20) {
        0..=4 => actor(format!("zoneOutage: {{zone: {lost}, for: {minutes}m}}")),
        5 => actor(format!("nodeFailure: {{node: {node}, recoverAfter: {minutes}m}}")),
        6 => actor(format!("testFailover: {{group: {group}, shard: \"{shard:04}\"}}")),
        7 => actor(format!(
            "terraform: {{group: {group}, replicas: {}}}",
            1 + dice.below(2)
        )),
        8 if dice.one_in(2) => actor(format!("removeReplica: {{node: {node}}}")),
        8 => {
            let mode = if disabled { "disabled" } else { "enabled" };
            let shards = &shards[at];
            actor(format!(
                "recreate: {{group: {{id: {group}, clusterMode: {mode}, subnetGroup: shop, tags: {{evenkeel.dev/owner: \
                 demo}}, shards: {shards:?}}}}}"
            ))
        }
        9 => actor(format!("maintenance: {{group: {group}}}")),
        10 => actor(format!("backup: {{group: {group}}}")),
        11 => actor(format!("modify: {{group: {group}, multiAz: false}}")),
        12 => Event::Kill,
        13 => Event::KillInCall(if dice.one_in(2) { "before" } else { "after" }),
        14 => Event::Fault(format!("{{throttle: true, probability: 0.5, {until}}}")),
        15 => Event::Fault(format!(
            "{{error: {{code: InternalFailure, status: 500}}, probability: 0.3, {until}}}"
        )),
        16 => Event::Fault(format!("{{resetAfter: true, probability: 0.3, {until}}}")),
        17 => Event::Fault(format!(
            "{{{}, {until}}}",
            dice.pick(&["stale: 2m", "shortPages: 1", "dropPoints: true"])
        )),
        18 => Event::Fault(format!(
            "{{rollback: true, times: {}, {until}}}",
            1 + dice.below(2)
        )),
        _ => Event::Fault(format!(
            "{{{}, {until}}}",
            dice.pick(&[
                "testFailoverBlocked: true".to_owned(),
                format!("capacity: {{zone: {lost}}}")
            ])
        )),
    }
}
