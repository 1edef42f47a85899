//! A stack written in shorthand, what the planner says of it, and a pure stepping function.

use evenkeel_core::plan::history::{AddedNode, Phase, Ticket, TicketOutcome};
use evenkeel_core::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Intent, Mode, Objectives};
use evenkeel_core::plan::verify::{Fault, verify};
use evenkeel_core::plan::{
    Action, ActionId, ActionKind, Decision, Fleet, History, Input, Proposal, Purpose, plan, propose,
};
use evenkeel_core::topology::shorthand::{additions, topology};
use evenkeel_core::topology::{
    Health, Node, NodeId, Role, Shard, SmallMap, Switch, Topology, ZoneName, ZoneState,
};
use jiff::{SignedDuration, Timestamp};

pub const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A stack with one cache, as the planner sees it.
#[derive(Clone, Debug)]
pub struct Stage {
    pub intent: Intent,
    pub topology: Topology,
    pub history: History,
    /// Numbers of nodes added by `after`: higher than all others, never used twice.
    next_number: usize,
}

impl Stage {
    /// Zones and shards in the words of `topology::shorthand`; at least one replica per shard, skew at most 1.
    pub fn new(zones: &str, shards: &[&str]) -> Self {
        let topology = topology(NOW, zones, shards);
        let names = topology.zones.keys().map(|z| (z.clone(), None)).collect();
        let mut history = History::default();
        for (shard, node, old) in additions(shards) {
            let added = AddedNode {
                component: "cache".into(),
                shard,
                at: NOW,
                replaces: Some(old),
                created: None,
            };
            history.added_nodes.insert(node, added);
        }
        Self {
            intent: intent(names),
            topology,
            history,
            next_number: 101,
        }
    }

    pub fn cache(mut self, change: impl FnOnce(&mut CacheIntent)) -> Self {
        change(self.intent.caches.get_mut(&"cache".into()).unwrap());
        self
    }

    pub fn component(mut self, change: impl FnOnce(&mut evenkeel_core::topology::Component)) -> Self {
        change(self.topology.components.get_mut(&"cache".into()).unwrap());
        self
    }

    /// Our record tells that we moved this shard's primary so long ago.
    pub fn moved(mut self, shard: &str, ago: SignedDuration) -> Self {
        let move_primary = ActionKind::MovePrimary { shard: shard.into() };
        self.history.tickets.push(Ticket {
            id: format!("moved-{shard}"),
            actions: vec![Action {
                id: ActionId(format!("move-primary-cache-{shard}")),
                component: "cache".into(),
                kind: move_primary,
                from_zone: None,
                to_zone: None,
                why: String::new(),
            }],
            phase: Phase::Done,
            prepared_at: NOW - ago,
            called_at: Some(NOW - ago),
            deadline: NOW - ago,
            before: [].into(),
            finished_at: Some(NOW - ago),
            outcome: Some(TicketOutcome::Succeeded),
            holder: "test".to_owned(),
            incarnation: None,
        });
        self
    }

    pub fn propose(&self) -> Proposal {
        self.with_input(propose)
    }

    /// The whole decision, guardrails included.
    pub fn decide(&self) -> Decision {
        self.with_input(plan)
    }

    /// What the verifier says of these actions, were they the plan and held by nothing.
    pub fn faults_of(&self, actions: Vec<Action>) -> Vec<Fault> {
        let decision = Decision {
            actions,
            holds: Vec::new(),
            ..self.decide()
        };
        self.with_input(|input| verify(input, &decision))
    }

    pub fn with_input<T>(&self, ask: impl FnOnce(&Input<'_>) -> T) -> T {
        ask(&Input {
            intent: &self.intent,
            topology: &self.topology,
            history: &self.history,
            fleet: &Fleet::default(),
            purpose: &Purpose::Propose,
            now: NOW,
        })
    }

    pub fn shards(&self) -> &SmallMap<evenkeel_core::topology::ShardId, Shard> {
        &self.topology.components[&"cache".into()].shards
    }

    pub fn shard(&self, id: &evenkeel_core::topology::ShardId) -> &Shard {
        &self.shards()[id]
    }

    pub fn healthy_zone(&self, zone: &ZoneName) -> bool {
        self.topology.zone_state(zone) == ZoneState::Healthy
    }

    /// The stack once this step has succeeded and everything has settled. A move is won by `winner`.
    pub fn after(&self, action: &Action, winner: Option<&NodeId>) -> Self {
        let mut next = self.clone();
        let component = next.topology.components.get_mut(&action.component).unwrap();
        let shard = action.kind.shard().and_then(|id| component.shards.get_mut(id));
        match (&action.kind, shard) {
            (ActionKind::EnableAutomaticFailover { .. }, _) => {
                component.settings.automatic_failover = Switch::Enabled;
            }
            (ActionKind::EnableMultiAz { .. }, _) => component.settings.multi_az = Switch::Enabled,
            (
                ActionKind::AddReplica {
                    shard: id,
                    zone,
                    replaces,
                },
                Some(shard),
            ) => {
                let node = NodeId::new(format!("cache-{id}-{}", next.next_number));
                next.next_number += 1;
                shard.nodes.insert(node.clone(), new_replica(zone));
                let added = AddedNode {
                    component: action.component.clone(),
                    shard: id.clone(),
                    at: NOW,
                    replaces: replaces.clone(),
                    created: None,
                };
                next.history.added_nodes.insert(node, added);
            }
            (ActionKind::RemoveReplica { node, .. }, Some(shard)) => {
                shard.nodes.remove(node).unwrap();
                next.history.added_nodes.remove(node);
                for added in next
                    .history
                    .added_nodes
                    .values_mut()
                    .filter(|a| a.replaces.as_ref() == Some(node))
                {
                    added.replaces = None;
                }
            }
            (ActionKind::MovePrimary { .. }, Some(shard)) => {
                let (old, _) = shard.primary().unwrap();
                let old = old.clone();
                let winner = winner.cloned().unwrap_or_else(|| expected_winner(shard).unwrap());
                for (id, role) in [(&old, Role::Replica), (&winner, Role::Primary)] {
                    let node = shard.nodes.get_mut(id).unwrap();
                    node.role = role;
                    node.lag = (role == Role::Replica).then_some(SignedDuration::ZERO);
                }
            }
            (kind, None) => panic!("{kind:?} names a shard that is not there"),
        }
        next
    }

    /// The stack after all these steps, each move won by the replica that is expected to.
    pub fn after_all(&self, actions: &[Action]) -> Self {
        actions
            .iter()
            .fold(self.clone(), |stage, action| stage.after(action, None))
    }
}

/// Least known lag, then unknown lag; of equal ones the lowest id. Nodes that we have just added have no lag yet.
pub fn expected_winner(shard: &Shard) -> Option<NodeId> {
    let replicas = shard.nodes.iter().filter(|(_, n)| n.role == Role::Replica);
    replicas
        .min_by_key(|(id, n)| (n.lag.is_none(), n.lag, *id))
        .map(|(id, _)| id.clone())
}

fn new_replica(zone: &ZoneName) -> Node {
    Node {
        zone: zone.clone(),
        role: Role::Replica,
        role_proof: None,
        health: Health::Healthy,
        health_since: None,
        lag: None,
        added_by_us: true,
    }
}

fn intent(zones: SmallMap<ZoneName, Option<evenkeel_core::topology::ZoneId>>) -> Intent {
    let cache = CacheIntent {
        replication_group: "cache".to_owned(),
        min_replicas_per_shard: 1,
        max_skew: None,
        preferred_primary_zones: [].into(),
    };
    Intent {
        stack: evenkeel_core::topology::StackName::new("shop", "web"),
        created: None,
        canonical_spec: String::new(),
        mode: Mode::Enforce,
        policy: SmallMap::new(),
        region: "test-region-1".into(),
        account_ref: None,
        mode_limit: None,
        zones,
        objectives: Objectives::default(),
        max_skew: 1,
        guardrails: GuardrailSettings::default(),
        caches: SmallMap::from([("cache".into(), cache)]),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    }
}

/// A step as people say it: `add 0001 c (for 002)`, `remove 0001-002`, `move 0003`.
pub fn say(action: &Action) -> String {
    let short = |node: &NodeId| node.as_str().trim_start_matches("cache-").to_owned();
    match &action.kind {
        ActionKind::EnableAutomaticFailover { .. } => "enable failover".to_owned(),
        ActionKind::EnableMultiAz { .. } => "enable multi-az".to_owned(),
        ActionKind::AddReplica {
            shard,
            zone,
            replaces: None,
        } => format!("add {shard} {zone}"),
        ActionKind::AddReplica {
            shard,
            zone,
            replaces: Some(old),
        } => format!("add {shard} {zone} for {}", short(old)),
        ActionKind::RemoveReplica { node, .. } => format!("remove {}", short(node)),
        ActionKind::MovePrimary { shard } => format!("move {shard}"),
    }
}

/// The whole plan as people say it.
pub fn spoken(proposal: &Proposal) -> Vec<String> {
    proposal.actions.iter().map(say).collect()
}
