//! From what AWS told and what evidence shows to the one value that judging and planning see: the topology of a
//! stack.
//!
//! The poller's view and a fresh read before acting, a long-running loop and a one-shot command all come through
//! [`topology`]; without memory (an empty `History`, a `ZoneWatch` stepped once) it tells what one look can tell.
//! An error is never absence: a group is `Missing` only after a whole listing without it. Pure.

use super::events::{EventsByGroup, promotions};
use super::health::{NodeHealth, Survey, Vote, survey_of};
use super::roles::{EVENTS_BROKEN_AFTER, Ground, Primary, Unproven, primaries};
use super::view::{RegionView, Seen, Tags};
use super::zones::ZoneWatch;
use crate::aws::types::{AwsError, CacheGroup, CacheMember, ErrorClass};
use crate::plan::history::History;
use crate::plan::intent::CacheIntent;
use crate::plan::{Intent, Purpose};
use crate::topology::{
    CacheSettings, ClusterMode, Component, Durability, Gap, Health, Manager, Node, NodeId, Owner,
    ResourceKey, ResourceKind, ResourceStatus, Role, Shard, SmallMap, Switch, Topology, ZoneName,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// A description older than this is a gap: several polls have failed.
const DESCRIPTION_OLD_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// For acting, a lag point may be this old.
const LAG_FRESH: SignedDuration = SignedDuration::from_mins(6);
/// For judging, lag stands until the next audit should have renewed it.
const LAG_STANDS: SignedDuration = SignedDuration::from_hours(13);
/// How old the newest point may have been when it was asked for: later silence means that nothing is known.
const LAG_CURRENT: SignedDuration = SignedDuration::from_mins(6);
const OWNER_TAG: &str = "evenkeel.dev/owner";
const CLOUDFORMATION_TAG: &str = "aws:cloudformation:stack-name";

/// Everything that one look at a stack rests on.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    pub intent: &'a Intent,
    pub view: &'a RegionView,
    /// Stepped with this view, over all wanted groups of the account and region.
    pub watch: &'a ZoneWatch,
    pub history: &'a History,
    /// `--installation`; without it nothing is ours.
    pub installation: Option<&'a str>,
    /// For acting, replication lag counts only when just measured.
    pub purpose: &'a Purpose,
    pub now: Timestamp,
}

/// The stack as it stands.
pub fn topology(look: &Look<'_>) -> Topology {
    let wanted: BTreeSet<String> = look
        .intent
        .caches
        .values()
        .map(|cache| cache.replication_group.clone())
        .collect();
    let events = EventsByGroup::new(look.view, &wanted);
    let evidence = Evidence {
        survey: survey_of(look.view, &wanted, &events, look.watch.blind(), look.now),
        events,
        impaired: look.watch.impaired(),
    };
    let components: SmallMap<_, _> = look
        .intent
        .caches
        .iter()
        .map(|(name, cache)| (name.clone(), component(look, &evidence, cache)))
        .collect();
    let standing = components
        .values()
        .flat_map(|c| c.shards.values())
        .flat_map(|s| s.nodes.values())
        .map(|n| n.zone.clone());
    let zones: BTreeSet<ZoneName> = look.intent.zones.keys().cloned().chain(standing).collect();
    let oldest = components.values().map(|c| c.observed_at).min();
    Topology {
        stack: look.intent.stack.clone(),
        observed_at: oldest.unwrap_or(look.now),
        zones: zones
            .into_iter()
            .map(|zone| (zone.clone(), look.watch.zone(&zone)))
            .collect(),
        components,
    }
}

struct Evidence<'a> {
    survey: Survey,
    events: EventsByGroup<'a>,
    impaired: BTreeSet<ZoneName>,
}

fn component(look: &Look<'_>, evidence: &Evidence<'_>, cache: &CacheIntent) -> Component {
    let id = &cache.replication_group;
    let resource = ResourceKey {
        account: look.view.account.clone(),
        region: look.view.region.clone(),
        kind: ResourceKind::Cache,
        identifier: id.clone(),
    };
    match look.view.groups.get(id) {
        Some(seen) => present(look, evidence, resource, seen),
        None => absent(look, resource),
    }
}

fn absent(look: &Look<'_>, resource: ResourceKey) -> Component {
    let listed = &look.view.listed;
    let (status, gaps) = match (&listed.error, listed.complete_at) {
        (Some(error), _) if error.class == ErrorClass::Denied => (
            ResourceStatus::Denied,
            vec![Gap::Description(never_read(Some(error)))],
        ),
        (_, Some(_)) => (ResourceStatus::Missing, description_gap(look, listed.complete_at)),
        (error, None) => (
            ResourceStatus::Unknown,
            vec![Gap::Description(never_read(error.as_ref()))],
        ),
    };
    Component {
        resource,
        status,
        observed_at: listed.complete_at.unwrap_or(look.now),
        gaps,
        settings: CacheSettings {
            cluster_mode: ClusterMode::Disabled,
            multi_az: Switch::Disabled,
            automatic_failover: Switch::Disabled,
            subnet_zones: BTreeSet::new(),
            durability: Durability::Disabled,
        },
        endpoints: SmallMap::new(),
        shards: SmallMap::new(),
        members_match: true,
        owner: Owner::NotRead,
        managed_elsewhere: Vec::new(),
        maintenance_windows: Vec::new(),
    }
}

fn never_read(error: Option<&AwsError>) -> String {
    error.map_or_else(
        || "the replication groups have not been listed yet".to_owned(),
        |error| {
            let advice = error.advice().map_or_else(String::new, |a| format!(". {a}"));
            let error = error.to_string();
            format!(
                "the replication groups could not be listed: {}{advice}",
                error.trim_end_matches('.')
            )
        },
    )
}

fn description_gap(look: &Look<'_>, read_at: Option<Timestamp>) -> Vec<Gap> {
    let Some(at) = read_at.filter(|at| look.now.duration_since(*at) >= DESCRIPTION_OLD_AFTER) else {
        return Vec::new();
    };
    let why = look
        .view
        .listed
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!(": {error}"));
    vec![Gap::Description(format!(
        "the description was last read at {at}{why}"
    ))]
}

fn present(
    look: &Look<'_>,
    evidence: &Evidence<'_>,
    resource: ResourceKey,
    seen: &Seen<CacheGroup>,
) -> Component {
    let group = &seen.value;
    let ground = Ground {
        view: look.view,
        events: &evidence.events,
        impaired: &evidence.impaired,
        now: look.now,
    };
    let mut primaries = primaries(&ground, group);
    let promotions = promotions(group, evidence.events.of(&group.identifier));
    let mut shards = SmallMap::new();
    for (id, shard) in &group.shards {
        let primary = primaries.remove(id).unwrap_or_else(|| Err(Unproven::default()));
        // Lag behind the primary of before says nothing.
        let promoted = promotions
            .iter()
            .rfind(|p| p.shard.as_ref().is_none_or(|s| s == id))
            .map(|p| p.last_at);
        let place = |(node, member): (&NodeId, &CacheMember)| {
            (
                node.clone(),
                self::node(look, evidence, node, member, &primary, promoted),
            )
        };
        let nodes = shard.members.iter().map(place).collect();
        shards.insert(id.clone(), Shard::new(nodes));
    }
    let listed: BTreeSet<&NodeId> = shards.values().flat_map(|s| s.nodes.keys()).collect();
    let members_match = group.members_listed && listed == group.member_clusters.iter().collect();
    let tags = look.view.tags.get(&group.identifier).map(|seen| &seen.value);
    Component {
        status: status(group),
        observed_at: seen.read_at,
        gaps: gaps(look, evidence, seen),
        settings: group.settings.clone(),
        endpoints: group.endpoints.clone(),
        shards,
        members_match,
        owner: owner(look, tags),
        managed_elsewhere: managers(group, tags),
        maintenance_windows: group.maintenance_windows.iter().copied().collect(),
        resource,
    }
}

/// A group is as busy as the busiest of its shards.
fn status(group: &CacheGroup) -> ResourceStatus {
    let busy = group
        .shards
        .values()
        .map(|s| s.status)
        .find(|s| *s != ResourceStatus::Available);
    match group.status {
        ResourceStatus::Available => busy.unwrap_or(ResourceStatus::Available),
        other => other,
    }
}

fn node(
    look: &Look<'_>,
    evidence: &Evidence<'_>,
    id: &NodeId,
    member: &CacheMember,
    primary: &Primary,
    promoted: Option<Timestamp>,
) -> Node {
    let (health, since) = health(evidence, id, member);
    let remembered = look.watch.since(id, health);
    let (role, role_proof) = match primary {
        Ok((node, proof)) if node == id => (Role::Primary, Some(*proof)),
        Ok((_, proof)) => (Role::Replica, Some(*proof)),
        // Several of them: the shard knows what that means.
        Err(unproven) if unproven.contenders.contains(id) => (Role::Primary, None),
        Err(_) => (Role::Unknown, None),
    };
    let measurable = role != Role::Primary && health == Health::Healthy;
    Node {
        zone: member.zone.clone(),
        role,
        role_proof,
        health,
        health_since: [since, remembered].into_iter().flatten().min(),
        lag: measurable.then(|| lag(look, id, promoted)).flatten(),
        added_by_us: look.history.added_nodes.contains_key(id),
    }
}

/// The health that evidence shows, and since when. In a zone that is impaired, a node of which nothing was heard is not
/// taken for healthy on AWS's word alone: AWS shows lost nodes as `available`.
fn health(evidence: &Evidence<'_>, id: &NodeId, member: &CacheMember) -> (Health, Option<Timestamp>) {
    match evidence.survey.nodes.get(id).map(|(_, health)| health) {
        Some(NodeHealth {
            health: Health::Healthy,
            vote: Vote::None,
            ..
        }) if evidence.impaired.contains(&member.zone) => (Health::Unknown, None),
        Some(known) => (known.health, known.since),
        None => (Health::Unknown, None),
    }
}

/// The newest measurement, if it was current when last asked for and is young enough for the purpose.
fn lag(look: &Look<'_>, id: &NodeId, promoted: Option<Timestamp>) -> Option<SignedDuration> {
    let log = look.view.points.get(id)?;
    let (at, seconds) = log.replication_lag?;
    let limit = match look.purpose {
        Purpose::Propose => LAG_STANDS,
        Purpose::Act { .. } => LAG_FRESH,
    };
    let current = log.lag_asked?.to.duration_since(at) <= LAG_CURRENT
        && look.now.duration_since(at) <= limit
        && promoted.is_none_or(|p| at > p);
    if !current || seconds < 0.0 {
        return None;
    }
    SignedDuration::try_from_secs_f64(seconds).ok()
}

fn gaps(look: &Look<'_>, evidence: &Evidence<'_>, seen: &Seen<CacheGroup>) -> Vec<Gap> {
    let view = look.view;
    let id = &seen.value.identifier;
    let mut gaps = description_gap(look, Some(seen.read_at));
    if !seen.value.members_listed {
        gaps.push(Gap::Description(format!(
            "the members of {id} could not be listed"
        )));
    }
    if let Some(why) = look
        .watch
        .blind()
        .or(evidence.survey.blind_groups.get(id).map(String::as_str))
    {
        gaps.push(Gap::Metrics(why.to_owned()));
    } else if let Some(error) = view.metrics.error.as_ref().filter(|_| unasked(view, &seen.value)) {
        gaps.push(Gap::Metrics(format!(
            "CloudWatch has not answered about {id} yet: {error}"
        )));
    }
    let polled = view.events.poll.complete_at;
    let broken = polled.is_none_or(|at| look.now.duration_since(at) >= EVENTS_BROKEN_AFTER);
    if broken {
        let why = view
            .events
            .poll
            .error
            .as_ref()
            .map_or_else(String::new, |e| format!(": {e}"));
        gaps.push(Gap::Events(match polled {
            Some(at) => format!("events were last read at {at}{why}"),
            None => format!("events have not been read{why}"),
        }));
    }
    gaps
}

/// About no node of the group was there ever an answer.
fn unasked(view: &RegionView, group: &CacheGroup) -> bool {
    let mut nodes = group.shards.values().flat_map(|s| s.members.keys());
    !nodes.any(|id| view.points.get(id).is_some_and(|log| log.asked.is_some()))
}

/// The tag `evenkeel.dev/owner` is `<installation>` or `<installation>/<namespace>/<stack>`.
fn owner(look: &Look<'_>, tags: Option<&Tags>) -> Owner {
    let tags = match tags {
        None => return Owner::NotRead,
        Some(Err(error)) => return Owner::Unreadable(error.to_string()),
        Some(Ok(tags)) => tags,
    };
    let Some(tag) = tags.get(OWNER_TAG) else {
        return Owner::Nobody;
    };
    let stack = &look.intent.stack;
    let ours = look
        .installation
        .filter(|name| !name.is_empty())
        .is_some_and(|name| *tag == name || *tag == format!("{name}/{stack}"));
    if ours {
        Owner::Ours
    } else {
        Owner::Other(tag.clone())
    }
}

fn managers(group: &CacheGroup, tags: Option<&Tags>) -> Vec<Manager> {
    let mut managers: BTreeSet<Manager> = group.managed_elsewhere.iter().cloned().collect();
    if let Some(Ok(tags)) = tags
        && let Some(stack) = tags.get(CLOUDFORMATION_TAG)
    {
        managers.insert(Manager::CloudFormation { stack: stack.clone() });
    }
    managers.into_iter().collect()
}
