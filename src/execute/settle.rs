//! Has the step shown its effect? Pure.
//!
//! "Done" is what the topology shows, never what the API accepted: ElastiCache can roll an accepted change back.
//! Only an observation made after the call says anything, and a deadline expires only on one made after it.
//!
//! `MovePrimary` is done when another node is primary *and* the old one is back. AWS shows the old primary as
//! `available` for more than a minute between the failover and the start of its rebuild ("Recovering cache nodes"),
//! so its health alone proves nothing before "Finished recovery" was seen.

use crate::aws::types::{CacheEvent, CacheEventKind, EventSource};
use crate::plan::ActionKind;
use crate::plan::history::{AddedNode, Phase, Ticket};
use crate::topology::{Component, Health, NodeId, ResourceStatus, Shard, ShardId, Switch, ZoneName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Without any recovery event, the old primary is held rebuilt this long after the call.
const REBUILT_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// AWS's clock and ours may differ this much.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(1);

/// What is seen of the ticket's component.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// `None` when the stack no longer names it.
    pub component: Option<&'a Component>,
    /// Of its region; others' events are ignored here.
    pub events: &'a BTreeSet<CacheEvent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Waiting,
    /// AWS is known to have taken the call; not done yet.
    Arrived,
    Succeeded,
    /// The deadline passed without the result.
    Expired,
}

/// How far an open ticket is.
pub fn look(ticket: &Ticket, sight: Sight<'_>, now: Timestamp) -> Progress {
    let (Phase::MaybeCalled | Phase::Settling, Some(called_at)) = (ticket.phase, ticket.called_at) else {
        return Progress::Waiting;
    };
    let Some(component) = sight.component else {
        return if now >= ticket.deadline {
            Progress::Expired
        } else {
            Progress::Waiting
        };
    };
    let seen_since_call = component.observed_at > called_at;
    if seen_since_call && done(ticket, component, sight.events, called_at, now) {
        return Progress::Succeeded;
    }
    if now >= ticket.deadline && component.observed_at >= ticket.deadline {
        return Progress::Expired;
    }
    if ticket.phase == Phase::MaybeCalled && took_the_call(ticket, component, sight.events, called_at) {
        return Progress::Arrived;
    }
    Progress::Waiting
}

/// New members that the ticket's AddReplicas explain: ours from the moment that they are seen, even while they are
/// being built. Where more appeared than we asked for, somebody else adds too, and none is claimed: what is not
/// certainly ours is never removed.
pub fn additions(ticket: &Ticket, component: &Component) -> BTreeMap<NodeId, AddedNode> {
    let mut ours = BTreeMap::new();
    let Some(called_at) = ticket.called_at.filter(|at| component.observed_at > *at) else {
        return ours;
    };
    for ((shard_id, zone), replaced) in wanted(ticket) {
        let new = new_members(ticket, component, shard_id, zone);
        if new.len() > replaced.len() {
            continue;
        }
        for (node, replaces) in new.into_iter().zip(replaced) {
            let added = AddedNode {
                component: component_name(ticket),
                shard: shard_id.clone(),
                at: called_at,
                replaces,
                created: None,
            };
            ours.insert(node.clone(), added);
        }
    }
    ours
}

fn component_name(ticket: &Ticket) -> crate::topology::ComponentName {
    ticket.actions.first().map_or_else(
        || crate::topology::ComponentName::new(""),
        |a| a.component.clone(),
    )
}

/// What the ticket's AddReplicas ask for: per shard and zone, the member that each new one replaces.
fn wanted(ticket: &Ticket) -> BTreeMap<(&ShardId, &ZoneName), Vec<Option<NodeId>>> {
    let mut wanted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for action in &ticket.actions {
        if let ActionKind::AddReplica {
            shard,
            zone,
            replaces,
        } = &action.kind
        {
            wanted.entry((shard, zone)).or_default().push(replaces.clone());
        }
    }
    wanted
}

fn new_members<'c>(
    ticket: &Ticket,
    component: &'c Component,
    shard: &ShardId,
    zone: &ZoneName,
) -> Vec<&'c NodeId> {
    let (Some(shard_now), Some(before)) = (component.shards.get(shard), ticket.before.get(shard)) else {
        return Vec::new();
    };
    shard_now
        .nodes
        .iter()
        .filter(|(id, node)| node.zone == *zone && !before.members.contains(*id))
        .map(|(id, _)| id)
        .collect()
}

fn done(
    ticket: &Ticket,
    component: &Component,
    events: &BTreeSet<CacheEvent>,
    called_at: Timestamp,
    now: Timestamp,
) -> bool {
    let quiet = component.status == ResourceStatus::Available && component.members_match;
    quiet
        && ticket.actions.iter().all(|action| match &action.kind {
            ActionKind::EnableAutomaticFailover { .. } => {
                component.settings.automatic_failover == Switch::Enabled
            }
            ActionKind::EnableMultiAz { .. } => component.settings.multi_az == Switch::Enabled,
            ActionKind::AddReplica { shard, zone, .. } => added(ticket, component, shard, zone),
            ActionKind::RemoveReplica { shard, node } => component
                .shards
                .get(shard)
                .is_some_and(|s| !s.nodes.contains_key(node)),
            ActionKind::MovePrimary { shard } => moved(ticket, component, shard, events, called_at, now),
        })
}

fn added(ticket: &Ticket, component: &Component, shard: &ShardId, zone: &ZoneName) -> bool {
    let asked = wanted(ticket).get(&(shard, zone)).map_or(0, Vec::len);
    let healthy = new_members(ticket, component, shard, zone)
        .into_iter()
        .filter(|id| {
            let node = component.shards.get(shard).and_then(|s| s.nodes.get(*id));
            node.is_some_and(|n| n.health == Health::Healthy)
        })
        .count();
    healthy >= asked
}

fn moved(
    ticket: &Ticket,
    component: &Component,
    shard_id: &ShardId,
    events: &BTreeSet<CacheEvent>,
    called_at: Timestamp,
    now: Timestamp,
) -> bool {
    let (Some(shard), Some(before)) = (component.shards.get(shard_id), ticket.before.get(shard_id)) else {
        return false;
    };
    let Some(old) = &before.primary else { return false };
    let another = shard.primary().is_some_and(|(id, _)| id != old);
    if !another || !healthy(shard, old) {
        return false;
    }
    let rebuilt = finished_recovery(events, old, called_at) || now >= called_at + REBUILT_AFTER;
    // Whatever else befell the shard meanwhile is not this step's failure.
    let whole = before.members.iter().all(|id| healthy(shard, id));
    rebuilt && (whole || now >= ticket.deadline)
}

fn healthy(shard: &Shard, node: &NodeId) -> bool {
    shard.nodes.get(node).is_some_and(|n| n.health == Health::Healthy)
}

fn finished_recovery(events: &BTreeSet<CacheEvent>, node: &NodeId, since: Timestamp) -> bool {
    events.iter().any(|e| {
        e.kind == CacheEventKind::FinishedRecovery
            && e.at > since
            && e.source == EventSource::CacheCluster(node.clone())
    })
}

/// AWS logs each TestFailover call, and shows new members and the `modifying` of a setting while it works.
fn took_the_call(
    ticket: &Ticket,
    component: &Component,
    events: &BTreeSet<CacheEvent>,
    called_at: Timestamp,
) -> bool {
    ticket.actions.iter().any(|action| match &action.kind {
        ActionKind::MovePrimary { shard } => events.iter().any(|e| {
            e.at >= called_at - CLOCK_SKEW
                && e.source == EventSource::ReplicationGroup(component.resource.identifier.clone())
                && e.kind == CacheEventKind::TestFailoverCalled { shard: shard.clone() }
        }),
        ActionKind::AddReplica { .. } => !additions(ticket, component).is_empty(),
        ActionKind::EnableAutomaticFailover { .. } => {
            component.settings.automatic_failover == Switch::Enabling
        }
        ActionKind::EnableMultiAz { .. } => component.settings.multi_az == Switch::Enabling,
        ActionKind::RemoveReplica { .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execute::support::{action, at, cache};
    use crate::execute::ticket;

    const CALLED: i64 = 10;

    /// A ticket whose call AWS accepted at `at(CALLED)`, on `shards` as they were.
    fn accepted(shards: &[&str], kinds: Vec<ActionKind>) -> Ticket {
        let before = cache("a b c", shards);
        let actions = kinds.into_iter().map(|k| action("x", k)).collect();
        let t = ticket::prepare(actions, &before, "me", at(0));
        let t = ticket::call(&t, &before, at(CALLED)).unwrap();
        ticket::answered(&t, &Ok(()), at(CALLED)).unwrap()
    }

    fn unanswered(shards: &[&str], kinds: Vec<ActionKind>) -> Ticket {
        Ticket {
            phase: Phase::MaybeCalled,
            ..accepted(shards, kinds)
        }
    }

    fn seen(seconds: i64, shards: &[&str]) -> Component {
        Component {
            observed_at: at(seconds),
            ..cache("a b c", shards)
        }
    }

    fn progress(ticket: &Ticket, component: &Component, events: &[CacheEvent], seconds: i64) -> Progress {
        let events = events.iter().cloned().collect();
        let sight = Sight {
            component: Some(component),
            events: &events,
        };
        look(ticket, sight, at(seconds))
    }

    fn add(shard: &str, zone: &str, replaces: Option<&str>) -> ActionKind {
        ActionKind::AddReplica {
            shard: shard.into(),
            zone: zone.into(),
            replaces: replaces.map(NodeId::from),
        }
    }

    fn move_first() -> Vec<ActionKind> {
        vec![ActionKind::MovePrimary { shard: "0001".into() }]
    }

    fn event(seconds: i64, source: EventSource, kind: CacheEventKind) -> CacheEvent {
        CacheEvent {
            at: at(seconds),
            source,
            kind,
            message: String::new(),
        }
    }

    fn recovered(seconds: i64) -> CacheEvent {
        let old = EventSource::CacheCluster("cache-0001-001".into());
        event(seconds, old, CacheEventKind::FinishedRecovery)
    }

    fn test_failover(seconds: i64) -> CacheEvent {
        let group = EventSource::ReplicationGroup("cache".into());
        event(
            seconds,
            group,
            CacheEventKind::TestFailoverCalled { shard: "0001".into() },
        )
    }

    #[test]
    fn an_added_replica_counts_only_when_it_is_healthy_and_the_group_is_available() {
        let t = accepted(&["a:P b:r"], vec![add("0001", "c", None)]);
        let building = seen(60, &["a:P b:r c:r+"]);
        let built = seen(500, &["a:P b:r c:r"]);
        let modifying = Component {
            status: ResourceStatus::Modifying,
            ..built.clone()
        };
        let half = Component {
            members_match: false,
            ..built.clone()
        };
        let elsewhere = seen(500, &["a:P b:r b:r"]);
        assert_eq!(progress(&t, &building, &[], 60), Progress::Waiting);
        assert_eq!(progress(&t, &modifying, &[], 500), Progress::Waiting);
        assert_eq!(progress(&t, &half, &[], 500), Progress::Waiting);
        assert_eq!(progress(&t, &elsewhere, &[], 500), Progress::Waiting);
        assert_eq!(progress(&t, &built, &[], 500), Progress::Succeeded);
    }

    #[test]
    fn all_replicas_of_one_call_must_be_there() {
        let kinds = vec![add("0001", "c", None), add("0002", "c", None)];
        let t = accepted(&["a:P b:r", "a:P b:r"], kinds);
        let one = seen(500, &["a:P b:r c:r", "a:P b:r"]);
        let both = seen(500, &["a:P b:r c:r", "a:P b:r c:r"]);
        assert_eq!(progress(&t, &one, &[], 500), Progress::Waiting);
        assert_eq!(progress(&t, &both, &[], 500), Progress::Succeeded);
    }

    #[test]
    fn a_view_from_before_the_call_settles_nothing() {
        let t = accepted(&["a:P b:r"], vec![add("0001", "c", None)]);
        assert_eq!(
            progress(&t, &seen(CALLED, &["a:P b:r c:r"]), &[], 500),
            Progress::Waiting
        );
        assert!(additions(&t, &seen(CALLED, &["a:P b:r c:r"])).is_empty());
    }

    #[test]
    fn an_accepted_change_that_aws_rolled_back_ends_without_effect_at_its_deadline() {
        let t = accepted(&["a:P b:r"], vec![add("0001", "c", None)]);
        let rolled_back = |seconds| seen(seconds, &["a:P b:r"]);
        let deadline = CALLED + 30 * 60;
        assert_eq!(
            progress(&t, &rolled_back(deadline - 1), &[], deadline - 1),
            Progress::Waiting
        );
        assert_eq!(
            progress(&t, &rolled_back(deadline), &[], deadline),
            Progress::Expired
        );
    }

    #[test]
    fn a_deadline_does_not_expire_on_an_old_view() {
        let t = accepted(&["a:P b:r"], vec![add("0001", "c", None)]);
        let deadline = CALLED + 30 * 60;
        let old = seen(deadline - 60, &["a:P b:r"]);
        assert_eq!(progress(&t, &old, &[], deadline + 600), Progress::Waiting);
    }

    #[test]
    fn new_nodes_are_ours_while_they_are_being_built_and_know_what_they_replace() {
        let t = accepted(&["a:P b:r!"], vec![add("0001", "c", Some("cache-0001-002"))]);
        let ours = additions(&t, &seen(60, &["a:P b:r! c:r+"]));
        let node = &ours[&"cache-0001-003".into()];
        assert_eq!(node.replaces, Some("cache-0001-002".into()));
        assert_eq!(node.at, at(CALLED));
        assert_eq!(node.component, "cache".into());
    }

    #[test]
    fn where_somebody_else_adds_too_no_node_is_claimed() {
        let t = accepted(&["a:P b:r"], vec![add("0001", "c", None)]);
        assert!(additions(&t, &seen(60, &["a:P b:r c:r+ c:r+"])).is_empty());
        // A foreign node in another zone is told apart.
        let ours = additions(&t, &seen(60, &["a:P b:r b:r+ c:r+"]));
        assert_eq!(
            ours.keys().map(NodeId::as_str).collect::<Vec<_>>(),
            ["cache-0001-004"]
        );
    }

    #[test]
    fn a_removal_is_done_when_the_member_is_gone() {
        let kind = ActionKind::RemoveReplica {
            shard: "0001".into(),
            node: "cache-0001-003".into(),
        };
        let t = accepted(&["a:P b:r c:r"], vec![kind]);
        assert_eq!(
            progress(&t, &seen(60, &["a:P b:r c:r"]), &[], 60),
            Progress::Waiting
        );
        assert_eq!(
            progress(&t, &seen(90, &["a:P b:r"]), &[], 90),
            Progress::Succeeded
        );
        let gone = Component {
            status: ResourceStatus::Missing,
            shards: [].into(),
            ..seen(90, &[])
        };
        assert_eq!(progress(&t, &gone, &[], 90), Progress::Waiting);
    }

    #[test]
    fn a_setting_is_done_when_it_is_on_not_while_it_is_turning_on() {
        let kind = ActionKind::EnableMultiAz {
            identifier: "cache".into(),
        };
        let t = accepted(&["a:P b:r"], vec![kind]);
        let mut now = seen(60, &["a:P b:r"]);
        now.settings.multi_az = Switch::Enabling;
        assert_eq!(progress(&t, &now, &[], 60), Progress::Waiting);
        now.settings.multi_az = Switch::Enabled;
        assert_eq!(progress(&t, &now, &[], 60), Progress::Succeeded);
    }

    #[test]
    fn a_primary_has_moved_only_when_the_old_one_is_rebuilt() {
        let t = accepted(&["a:P b:r"], move_first());
        // AWS still shows the old primary available although its rebuild is to come.
        assert_eq!(progress(&t, &seen(80, &["a:r b:P"]), &[], 80), Progress::Waiting);
        assert_eq!(
            progress(&t, &seen(200, &["a:r! b:P"]), &[], 200),
            Progress::Waiting
        );
        assert_eq!(
            progress(&t, &seen(800, &["a:r b:P"]), &[recovered(770)], 800),
            Progress::Succeeded
        );
        // The event may be lost.
        assert_eq!(
            progress(&t, &seen(900, &["a:r b:P"]), &[], CALLED + 899),
            Progress::Waiting
        );
        assert_eq!(
            progress(&t, &seen(910, &["a:r b:P"]), &[], CALLED + 900),
            Progress::Succeeded
        );
    }

    #[test]
    fn a_primary_that_stayed_or_is_unknown_has_not_moved() {
        let t = accepted(&["a:P b:r"], move_first());
        for shard in ["a:P b:r", "a:? b:?", "a:r b:r"] {
            assert_eq!(
                progress(&t, &seen(1000, &[shard]), &[recovered(770)], 1000),
                Progress::Waiting,
                "{shard}"
            );
        }
    }

    #[test]
    fn a_recovery_from_before_the_call_proves_nothing() {
        let t = accepted(&["a:P b:r"], move_first());
        assert_eq!(
            progress(&t, &seen(80, &["a:r b:P"]), &[recovered(5)], 80),
            Progress::Waiting
        );
    }

    #[test]
    fn another_copy_lost_meanwhile_delays_but_does_not_fail_the_move() {
        let t = accepted(&["a:P b:r c:r"], move_first());
        let hurt = |seconds| seen(seconds, &["a:r b:P c:r!"]);
        assert_eq!(
            progress(&t, &hurt(900), &[recovered(770)], 900),
            Progress::Waiting
        );
        let deadline = CALLED + 25 * 60;
        assert_eq!(
            progress(&t, &hurt(deadline), &[recovered(770)], deadline),
            Progress::Succeeded
        );
    }

    #[test]
    fn an_unanswered_call_that_an_event_names_has_arrived() {
        let t = unanswered(&["a:P b:r"], move_first());
        let before = seen(60, &["a:P b:r"]);
        assert_eq!(progress(&t, &before, &[], 60), Progress::Waiting);
        assert_eq!(
            progress(&t, &before, &[test_failover(CALLED + 1)], 60),
            Progress::Arrived
        );
        // An earlier call by somebody else is not ours.
        assert_eq!(
            progress(&t, &before, &[test_failover(CALLED - 120)], 60),
            Progress::Waiting
        );
        let add = unanswered(&["a:P b:r"], vec![add("0001", "c", None)]);
        assert_eq!(
            progress(&add, &seen(60, &["a:P b:r c:r+"]), &[], 60),
            Progress::Arrived
        );
    }

    #[test]
    fn a_component_that_the_stack_no_longer_names_expires_by_the_clock() {
        let t = accepted(&["a:P b:r"], move_first());
        let events = BTreeSet::new();
        let sight = Sight {
            component: None,
            events: &events,
        };
        assert_eq!(look(&t, sight, at(60)), Progress::Waiting);
        assert_eq!(look(&t, sight, at(CALLED + 25 * 60)), Progress::Expired);
    }

    #[test]
    fn a_prepared_ticket_never_settles() {
        let t = Ticket {
            phase: Phase::Prepared,
            ..accepted(&["a:P b:r"], move_first())
        };
        assert_eq!(
            progress(&t, &seen(9000, &["a:r b:P"]), &[recovered(770)], 9000),
            Progress::Waiting
        );
    }
}
