//! The rules of planning once more, written apart from the planner and as plainly as can be: every sequence of steps
//! of every shard, every combination over the shards, every winner of every move. Slow, and obviously complete.
//! It shares nothing with the planner but the types of topologies and actions.

use crate::stage::{NOW, Stage};
use evenkeel_core::plan::{Action, ActionKind};
use evenkeel_core::topology::{Health, NodeId, Role, Shard, ShardId, Switch, ZoneName, ZoneState};
use jiff::SignedDuration;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Violations of goals 1 to 6, with goal 6 in its place, then what the actions cost:
/// `[goal 1, 2, 3, 4, 5, 6, disruptive, nodes added and removed, foreign nodes removed,
/// moves of shards that were moved within 24 h]`.
pub type Vector = [i64; 10];

/// One component under the oracle's eyes.
pub struct Oracle<'a> {
    pub stage: &'a Stage,
    min_count: i64,
    pub skew: i64,
    can_move: bool,
    pub spec: Vec<ZoneName>,
    pub measured: Vec<ZoneName>,
    pub preferred: BTreeSet<ZoneName>,
    distances: RefCell<HashMap<(Vec<i64>, i64, bool), i64>>,
}

/// A member, as a person would note it on a card.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Card {
    name: NodeId,
    new: Option<usize>,
    zone: ZoneName,
    role: Role,
    health: Health,
    missing: bool,
    ours: bool,
    replaces: Option<NodeId>,
    lag: Option<SignedDuration>,
}

/// One way for one shard.
#[derive(Clone, Debug)]
pub struct Way {
    pub steps: Vec<ActionKind>,
    end: Vec<Card>,
    pub moved: Option<Moved>,
    pub own: Vector,
    pub nodes: Vec<i64>,
    /// In which measured zone the primary ends, or outside the spec's zones.
    pub primary: Option<Result<usize, ()>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    pub from: ZoneName,
    pub to: ZoneName,
    pub winners: Vec<ZoneName>,
}

#[derive(Clone)]
struct Walk {
    way: Way,
    /// An extra copy has been added for this member, which has to go next.
    pending: Option<NodeId>,
    /// The primary moved without such a member; only its own removal may follow, and if the shard had one copy too
    /// many from the start, whatever that removal makes possible.
    moved_from: Option<NodeId>,
    reopened: bool,
}

impl<'a> Oracle<'a> {
    pub fn new(stage: &'a Stage) -> Self {
        let cache = &stage.intent.caches[&"cache".into()];
        let component = &stage.topology.components[&"cache".into()];
        let spec: Vec<ZoneName> = stage.intent.zones.keys().cloned().collect();
        let stands = |z: &ZoneName| {
            component
                .shards
                .values()
                .any(|s| s.nodes.values().any(|n| n.zone == *z))
        };
        let measured = spec
            .iter()
            .filter(|z| stage.topology.zone_state(z) != ZoneState::Impaired)
            .filter(|z| component.settings.subnet_zones.contains(*z) || stands(z))
            .cloned()
            .collect();
        Self {
            stage,
            min_count: i64::from(cache.min_replicas_per_shard) + 1,
            skew: i64::from(cache.max_skew.unwrap_or(stage.intent.max_skew)),
            can_move: component.settings.automatic_failover == Switch::Enabled,
            spec,
            measured,
            preferred: cache.preferred_primary_zones.clone(),
            distances: RefCell::default(),
        }
    }

    /// The best vector, and of all lists that reach it the smallest, shard by shard.
    pub fn best(&self) -> (Vector, Vec<(ShardId, ActionKind)>) {
        let menus: Vec<(&ShardId, Vec<Way>)> = self
            .stage
            .shards()
            .iter()
            .map(|(id, shard)| (id, self.ways(id, shard)))
            .collect();
        let mut best = None;
        let mut chosen = Vec::new();
        self.combine(&menus, &mut chosen, &mut best);
        best.expect("doing nothing is a way")
    }

    /// How many combinations `best` would look at.
    pub fn combinations(&self) -> u64 {
        self.stage
            .shards()
            .iter()
            .map(|(id, shard)| self.ways(id, shard).len() as u64)
            .product()
    }

    /// What a plan is worth: the violations after its steps, and their cost.
    pub fn worth(&self, actions: &[Action], after: &Stage) -> Vector {
        let judge = Oracle::new(after);
        let ends: Vec<Vec<Card>> = after.shards().values().map(|s| judge.cards(s)).collect();
        let mut vector = judge.violations(&ends);
        for action in actions {
            match &action.kind {
                ActionKind::AddReplica { .. } => vector[7] += 1,
                ActionKind::RemoveReplica { shard, node } => {
                    vector[6] += 1;
                    vector[7] += 1;
                    vector[8] += i64::from(!self.stage.shard(shard).nodes[node].added_by_us);
                }
                ActionKind::MovePrimary { shard } => {
                    vector[6] += 1;
                    vector[9] += i64::from(self.was_moved(shard));
                }
                _ => {}
            }
        }
        vector
    }

    /// Violations of goals 1 to 6 now.
    pub fn now(&self) -> [i64; 6] {
        let ends: Vec<Vec<Card>> = self.stage.shards().values().map(|s| self.cards(s)).collect();
        let v = self.violations(&ends);
        [v[0], v[1], v[2], v[3], v[4], v[5]]
    }

    fn combine<'w>(
        &self,
        menus: &'w [(&ShardId, Vec<Way>)],
        chosen: &mut Vec<&'w Way>,
        best: &mut Option<(Vector, Vec<(ShardId, ActionKind)>)>,
    ) {
        if let Some((_, ways)) = menus.get(chosen.len()) {
            for way in ways {
                chosen.push(way);
                self.combine(menus, chosen, best);
                chosen.pop();
            }
            return;
        }
        let vector = self.sum(chosen);
        if best.as_ref().is_some_and(|(v, _)| *v < vector) || !self.moves_are_allowed(chosen) {
            return;
        }
        let list: Vec<(ShardId, ActionKind)> = menus
            .iter()
            .zip(chosen.iter())
            .flat_map(|((id, _), way)| way.steps.iter().map(|s| ((*id).clone(), s.clone())))
            .collect();
        if best.as_ref().is_none_or(|(v, l)| (&vector, &list) < (v, l)) {
            *best = Some((vector, list));
        }
    }

    fn sum(&self, chosen: &[&Way]) -> Vector {
        let mut v = [0; 10];
        let mut nodes = vec![0; self.measured.len()];
        let mut primaries = vec![0; self.measured.len()];
        let mut outside = 0;
        for way in chosen {
            for (sum, part) in v.iter_mut().zip(way.own) {
                *sum += part;
            }
            nodes.iter_mut().zip(&way.nodes).for_each(|(sum, n)| *sum += n);
            match way.primary {
                Some(Ok(zone)) => primaries[zone] += 1,
                Some(Err(())) => outside += 1,
                None => {}
            }
        }
        v[3] = self.distance(&nodes, 0, false);
        v[4] = self.distance(&primaries, outside, true);
        v
    }

    /// What a way leaves and costs by itself.
    fn weigh(&self, mut way: Way) -> Way {
        let [first, second, third, sixth] = self.shard_violations(&way.end);
        let [disruptive, nodes, foreign, barred] = self.cost(&way);
        way.own = [
            first, second, third, 0, 0, sixth, disruptive, nodes, foreign, barred,
        ];
        way.nodes = self
            .measured
            .iter()
            .map(|z| way.end.iter().filter(|c| c.zone == *z).count() as i64)
            .collect();
        way.primary =
            self.primary(&way.end)
                .and_then(|p| match self.measured.iter().position(|z| *z == p.zone) {
                    Some(at) => Some(Ok(at)),
                    None => (!self.spec.contains(&p.zone)).then_some(Err(())),
                });
        way
    }

    fn cost(&self, way: &Way) -> [i64; 4] {
        let mut cost = [0; 4];
        for step in &way.steps {
            match step {
                ActionKind::AddReplica { .. } => cost[1] += 1,
                ActionKind::RemoveReplica { shard, node } => {
                    cost[0] += 1;
                    cost[1] += 1;
                    cost[2] += i64::from(!self.stage.shard(shard).nodes[node].added_by_us);
                }
                ActionKind::MovePrimary { shard } => {
                    cost[0] += 1;
                    cost[3] += i64::from(self.was_moved(shard));
                }
                _ => cost[0] += 1,
            }
        }
        cost
    }

    /// Our record tells of a move of this shard less than a day ago.
    fn was_moved(&self, shard: &ShardId) -> bool {
        self.stage.history.tickets.iter().any(|t| {
            t.called_at
                .is_some_and(|at| NOW.duration_since(at) < SignedDuration::from_hours(24))
                && t.actions
                    .iter()
                    .any(|a| a.kind == ActionKind::MovePrimary { shard: shard.clone() })
        })
    }

    /// Each move, one after the other: the expected winner brings goal 5 nearer (or the primary in from outside), and
    /// no possible winner makes any goal worse.
    fn moves_are_allowed(&self, chosen: &[&Way]) -> bool {
        let mut primaries: Vec<ZoneName> = self
            .stage
            .shards()
            .values()
            .filter_map(|s| self.primary(&self.cards(s)).map(|p| p.zone.clone()))
            .collect();
        let inside = |z: &ZoneName| self.spec.contains(z);
        let moves = || chosen.iter().filter_map(|w| w.moved.as_ref());
        for m in moves()
            .filter(|m| !inside(&m.from))
            .chain(moves().filter(|m| inside(&m.from)))
        {
            let before = self.primaries_distance(&primaries);
            let with = |zone: &ZoneName| {
                let mut after = primaries.clone();
                let at = after.iter().position(|z| *z == m.from).unwrap();
                after[at] = zone.clone();
                after
            };
            for winner in &m.winners {
                let leaves_spec = inside(&m.from) && !inside(winner);
                if leaves_spec || self.primaries_distance(&with(winner)) > before {
                    return false;
                }
            }
            let improves =
                self.primaries_distance(&with(&m.to)) < before || (!inside(&m.from) && inside(&m.to));
            if !improves {
                return false;
            }
            primaries = with(&m.to);
        }
        true
    }

    fn violations(&self, shards: &[Vec<Card>]) -> Vector {
        let mut v = [0; 10];
        let mut nodes = vec![0; self.measured.len()];
        let mut primaries = Vec::new();
        for cards in shards {
            let own = self.shard_violations(cards);
            (v[0], v[1], v[2], v[5]) = (v[0] + own[0], v[1] + own[1], v[2] + own[2], v[5] + own[3]);
            for zone in cards
                .iter()
                .filter_map(|c| self.measured.iter().position(|z| *z == c.zone))
            {
                nodes[zone] += 1;
            }
            primaries.extend(self.primary(cards).map(|p| p.zone.clone()));
        }
        v[3] = self.distance(&nodes, 0, false);
        v[4] = self.primaries_distance(&primaries);
        v
    }

    /// Goals 1, 2, 3 and 6.
    fn shard_violations(&self, cards: &[Card]) -> [i64; 4] {
        let standing: BTreeSet<&ZoneName> = cards.iter().filter(|c| !c.missing).map(|c| &c.zone).collect();
        let alone = cards.len() <= 1 && self.min_count == 1;
        let inside: Vec<&ZoneName> = cards
            .iter()
            .map(|c| &c.zone)
            .filter(|z| self.spec.contains(z))
            .collect();
        let distinct: BTreeSet<&&ZoneName> = inside.iter().collect();
        let primary_outside = self.primary(cards).is_some_and(|p| !self.spec.contains(&p.zone));
        let outside = cards.len() - inside.len();
        let together = inside.len() - distinct.len();
        [
            i64::from(standing.len() < 2 && !alone),
            (self.target(cards) - cards.iter().filter(|c| !c.missing).count() as i64).max(0),
            (outside + together) as i64 + i64::from(primary_outside),
            (healthy(cards) - self.target(cards)).max(0),
        ]
    }

    fn target(&self, cards: &[Card]) -> i64 {
        let open = cards
            .iter()
            .filter(|c| {
                c.replaces
                    .as_ref()
                    .is_some_and(|old| cards.iter().any(|d| d.name == *old))
            })
            .count();
        self.min_count.max((cards.len() - open) as i64)
    }

    fn primary<'c>(&self, cards: &'c [Card]) -> Option<&'c Card> {
        let primaries: Vec<&Card> = cards.iter().filter(|c| c.role == Role::Primary).collect();
        (primaries.len() == 1 && cards.iter().all(|c| c.role != Role::Unknown)).then(|| primaries[0])
    }

    fn primaries_distance(&self, zones: &[ZoneName]) -> i64 {
        let mut counts = vec![0; self.measured.len()];
        let mut outside = 0;
        for zone in zones {
            match self.measured.iter().position(|z| z == zone) {
                Some(at) => counts[at] += 1,
                None if !self.spec.contains(zone) => outside += 1,
                None => {}
            }
        }
        self.distance(&counts, outside, true)
    }

    /// The fewest units to be put elsewhere for a spread within the skew that has the most in preferred zones. Found
    /// zone by zone, for each lowest count that a spread may have: for each sum so far, the most that stand in
    /// preferred zones and the fewest that have come in.
    pub fn distance(&self, counts: &[i64], outside: i64, primaries: bool) -> i64 {
        let key = (counts.to_vec(), outside, primaries);
        if let Some(known) = self.distances.borrow().get(&key) {
            return *known;
        }
        let total = counts.iter().sum::<i64>() + outside;
        let mut best: Option<(i64, i64)> = None;
        for low in 0..=total {
            let mut sums = BTreeMap::from([(0, (0, 0))]);
            for (zone, have) in self.measured.iter().zip(counts) {
                let liked = i64::from(primaries && self.preferred.contains(zone));
                let mut next: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
                for (sum, (disliked, come)) in &sums {
                    for n in low..=low + self.skew {
                        let end = (disliked - liked * n, come + (n - have).max(0));
                        let known = next.entry(sum + n).or_insert(end);
                        *known = end.min(*known);
                    }
                }
                next.retain(|sum, _| *sum <= total);
                sums = next;
            }
            best = [best, sums.get(&total).copied()].into_iter().flatten().min();
        }
        let found = best.map_or(outside, |(_, come)| come);
        self.distances.borrow_mut().insert(key, found);
        found
    }

    fn cards(&self, shard: &Shard) -> Vec<Card> {
        let settings = &self.stage.intent.guardrails;
        let long = |since: Option<jiff::Timestamp>| {
            since.is_none_or(|t| crate::stage::NOW.duration_since(t) >= settings.replace_after)
        };
        shard
            .nodes
            .iter()
            .map(|(name, n)| {
                let zone = self.stage.topology.zones.get(&n.zone);
                let gone = zone.is_some_and(|z| z.state == ZoneState::Impaired && long(z.since));
                let added = self.stage.history.added_nodes.get(name);
                let old = added
                    .and_then(|a| a.replaces.clone())
                    .filter(|old| shard.nodes.contains_key(old));
                Card {
                    name: name.clone(),
                    new: None,
                    zone: n.zone.clone(),
                    role: n.role,
                    health: n.health,
                    missing: n.health == Health::Down && gone && long(n.health_since),
                    ours: n.added_by_us,
                    replaces: old,
                    lag: n.lag,
                }
            })
            .collect()
    }

    /// Every way for one shard, one of each kind of end. Goals 1 to 3 are sums over shards, so a way that is worse at
    /// them than another that depends on no other shard is never part of the best.
    pub fn ways(&self, id: &ShardId, shard: &Shard) -> Vec<Way> {
        let start = self.cards(shard);
        let mut found = Vec::new();
        let walk = Walk {
            way: Way {
                steps: Vec::new(),
                end: start.clone(),
                moved: None,
                own: [0; 10],
                nodes: Vec::new(),
                primary: None,
            },
            pending: None,
            moved_from: None,
            reopened: false,
        };
        self.restore(id, &start, walk, &mut found);
        let first_three = |w: &Way| {
            let v = self.shard_violations(&w.end);
            [v[0], v[1], v[2]]
        };
        let comes_in = |m: &Moved| !self.spec.contains(&m.from) && self.spec.contains(&m.to);
        let sure = |w: &&Way| w.moved.as_ref().is_none_or(comes_in);
        let best = found.iter().filter(sure).map(first_three).min();
        found.retain(|w| Some(first_three(w)) <= best);
        let mut kinds: BTreeMap<(Vec<i64>, Option<Moved>), Way> = BTreeMap::new();
        for way in found {
            let zones = self
                .measured
                .iter()
                .map(|z| way.end.iter().filter(|c| c.zone == *z).count() as i64);
            let kind = (zones.collect(), way.moved.clone());
            let key = |w: &Way| {
                (
                    self.shard_violations(&w.end)[3],
                    self.cost(w),
                    order_key(&w.steps),
                )
            };
            match kinds.get(&kind) {
                Some(known) if key(known) <= key(&way) => {}
                _ => {
                    kinds.insert(kind, way);
                }
            }
        }
        kinds.into_values().map(|way| self.weigh(way)).collect()
    }

    /// What the shard is short of comes first.
    fn restore(&self, id: &ShardId, start: &[Card], walk: Walk, found: &mut Vec<Way>) {
        let cards = &walk.way.end;
        let short = self.target(start) - start.iter().filter(|c| !c.missing).count() as i64;
        let done = walk.way.steps.len() as i64;
        let free: Vec<&ZoneName> = self
            .eligible(start)
            .into_iter()
            .filter(|z| cards.iter().all(|c| c.zone != **z))
            .collect();
        if short <= done || free.is_empty() || !self.can_add(cards) {
            if self.capacity_rule(start, cards) {
                self.rescue(id, start, &walk, found);
                self.disrupt(id, start, walk, found);
            }
            return;
        }
        let lost = cards
            .iter()
            .find(|c| c.missing && cards.iter().all(|d| d.replaces.as_ref() != Some(&c.name)));
        let lost = lost.map(|c| c.name.clone());
        for zone in free {
            let last = walk
                .way
                .end
                .iter()
                .filter(|c| c.new.is_some())
                .map(|c| &c.zone)
                .max();
            if last.is_some_and(|last| last > zone) {
                continue;
            }
            self.restore(id, start, added(id, &walk, zone, lost.clone()), found);
        }
    }

    /// All copies in one zone, and none of them can go yet: one more elsewhere.
    fn rescue(&self, id: &ShardId, start: &[Card], walk: &Walk, found: &mut Vec<Way>) {
        let full = start.iter().filter(|c| !c.missing).count() as i64 == self.target(start);
        let movable = self.calm(start) && healthy(start) >= self.target(start);
        if !walk.way.steps.is_empty()
            || !full
            || movable
            || self.shard_violations(start)[0] == 0
            || !self.can_add(start)
        {
            return;
        }
        let old = start
            .iter()
            .filter(|c| !c.missing)
            .max_by_key(|c| (c.role != Role::Primary, c.name.clone()))
            .unwrap();
        for zone in self.eligible(start) {
            let next = added(id, walk, zone, Some(old.name.clone()));
            if self.capacity_rule(start, &next.way.end) {
                self.disrupt(id, start, next, found);
            }
        }
    }

    /// Every further step, and stopping here.
    fn disrupt(&self, id: &ShardId, start: &[Card], walk: Walk, found: &mut Vec<Way>) {
        let cards = &walk.way.end;
        if walk.pending.is_none() {
            found.push(walk.way.clone());
        }
        if !self.calm(cards) {
            return;
        }
        let primary = self.primary(cards).unwrap().clone();
        let may_remove = |c: &Card| match (&walk.pending, &walk.moved_from) {
            (Some(pending), _) => c.name == *pending,
            (None, Some(old)) if !walk.reopened => c.name == *old,
            _ => true,
        };
        for card in cards.iter().filter(|c| may_remove(c) && self.removable(cards, c)) {
            let mut next = walk.clone();
            next.way.steps.push(ActionKind::RemoveReplica {
                shard: id.clone(),
                node: card.name.clone(),
            });
            next.way.end.retain(|c| c.name != card.name);
            let closes_move = walk.moved_from.as_ref() == Some(&card.name);
            // After a relocated primary has gone, nothing more; after a move that made a surplus go, all else.
            if closes_move && walk.pending.is_some() {
                found.push(next.way);
                continue;
            }
            next.reopened |= closes_move;
            next.pending = None;
            self.disrupt(id, start, next, found);
        }
        let may_move = walk.way.moved.is_none() && walk.pending.as_ref().is_none_or(|p| *p == primary.name);
        if may_move && let Some(next) = self.moved(id, &walk, &primary) {
            self.disrupt(id, start, next, found);
        }
        let settled = walk.pending.is_none() && (walk.moved_from.is_none() || walk.reopened);
        if settled
            && self.can_add(cards)
            && healthy(cards) == cards.len() as i64
            && healthy(cards) == self.target(cards)
        {
            self.relocate(id, start, &walk, found);
        }
    }

    fn relocate(&self, id: &ShardId, start: &[Card], walk: &Walk, found: &mut Vec<Way>) {
        let cards = &walk.way.end;
        for old in walk.way.end.iter().filter(|c| c.new.is_none()) {
            if old.role == Role::Primary && walk.way.moved.is_some() {
                continue;
            }
            for zone in self.eligible(cards) {
                let well_placed =
                    self.spec.contains(&old.zone) && cards.iter().filter(|c| c.zone == old.zone).count() == 1;
                let another = self.eligible(cards).into_iter().any(|z| !self.missed(z));
                let just_added = old.ours && old.lag.is_none() && old.role != Role::Primary;
                if (self.missed(zone) && (another || well_placed)) || (just_added && well_placed) {
                    continue;
                }
                let mut next = added(id, walk, zone, Some(old.name.clone()));
                next.pending = Some(old.name.clone());
                self.disrupt(id, start, next, found);
            }
        }
    }

    fn moved(&self, id: &ShardId, walk: &Walk, primary: &Card) -> Option<Walk> {
        let cards = &walk.way.end;
        let replicas: Vec<&Card> = cards.iter().filter(|c| c.role == Role::Replica).collect();
        let winner = replicas
            .iter()
            .min_by_key(|c| (c.new.is_some(), c.lag.is_none(), c.lag, c.new, c.name.clone()))?;
        let sound =
            healthy(cards) == cards.len() as i64 && replicas.iter().all(|c| self.stage.healthy_zone(&c.zone));
        if !sound || !self.can_move {
            return None;
        }
        let mut winners: Vec<ZoneName> = replicas.iter().map(|c| c.zone.clone()).collect();
        winners.sort();
        winners.dedup();
        let mut next = walk.clone();
        next.way.steps.push(ActionKind::MovePrimary { shard: id.clone() });
        next.way.moved = Some(Moved {
            from: primary.zone.clone(),
            to: winner.zone.clone(),
            winners,
        });
        next.moved_from = Some(primary.name.clone());
        for card in &mut next.way.end {
            if card.name == primary.name {
                card.role = Role::Replica;
            } else if card.name == winner.name {
                card.role = Role::Primary;
            }
        }
        Some(next)
    }

    /// Roles are known; nobody is being created, in an unknown state or in an impaired zone.
    fn calm(&self, cards: &[Card]) -> bool {
        self.primary(cards).is_some()
            && cards
                .iter()
                .all(|c| c.health == Health::Healthy || c.health == Health::Down)
            && cards
                .iter()
                .all(|c| self.stage.topology.zone_state(&c.zone) != ZoneState::Impaired)
    }

    fn can_add(&self, cards: &[Card]) -> bool {
        cards.len() < 6 && healthy(cards) > 0 && cards.iter().all(|c| c.health != Health::Creating)
    }

    fn removable(&self, cards: &[Card], card: &Card) -> bool {
        let stands = |name: &NodeId| cards.iter().any(|c| c.name == *name);
        let open = card.ours && card.replaces.as_ref().is_some_and(stands);
        let successors: Vec<&Card> = cards
            .iter()
            .filter(|c| c.replaces.as_ref() == Some(&card.name))
            .collect();
        let replaced = successors.len() == 1 && successors[0].health == Health::Healthy;
        let closes_one = (open && successors.is_empty()) || (!open && replaced);
        let zones = |without: Option<&Card>| {
            let left = cards
                .iter()
                .filter(|c| c.health == Health::Healthy && Some(*c) != without);
            left.map(|c| &c.zone).collect::<BTreeSet<_>>().len() as i64
        };
        closes_one
            && card.role == Role::Replica
            && card.health == Health::Healthy
            && self.primary(cards).is_some_and(|p| p.health == Health::Healthy)
            && healthy(cards) > self.target(cards)
            && zones(Some(card)) >= self.target(cards).min(zones(None).max(2))
    }

    fn eligible(&self, cards: &[Card]) -> Vec<&ZoneName> {
        let subnets = &self.stage.topology.components[&"cache".into()]
            .settings
            .subnet_zones;
        self.spec
            .iter()
            .filter(|z| subnets.contains(*z) && self.stage.healthy_zone(z))
            .filter(|z| cards.iter().all(|c| c.zone != **z))
            .collect()
    }

    fn missed(&self, zone: &ZoneName) -> bool {
        let misses = self.stage.history.capacity_misses.get(&"cache".into());
        misses.is_some_and(|m| m.contains_key(zone))
    }

    /// A zone without capacity is used only if every other eligible zone is.
    fn capacity_rule(&self, start: &[Card], end: &[Card]) -> bool {
        let missed = |z: &ZoneName| self.missed(z);
        let used: BTreeSet<&ZoneName> = end.iter().filter(|c| c.new.is_some()).map(|c| &c.zone).collect();
        !used.iter().any(|z| missed(z))
            || self
                .eligible(start)
                .into_iter()
                .all(|z| missed(z) || used.contains(z))
    }
}

fn healthy(cards: &[Card]) -> i64 {
    cards.iter().filter(|c| c.health == Health::Healthy).count() as i64
}

fn added(id: &ShardId, walk: &Walk, zone: &ZoneName, replaces: Option<NodeId>) -> Walk {
    let mut next = walk.clone();
    let number = walk.way.steps.len();
    next.way.steps.push(ActionKind::AddReplica {
        shard: id.clone(),
        zone: zone.clone(),
        replaces: replaces.clone(),
    });
    next.way.end.push(Card {
        name: NodeId::new(format!("new-{number}")),
        new: Some(number),
        zone: zone.clone(),
        role: Role::Replica,
        health: Health::Healthy,
        missing: false,
        ours: true,
        replaces,
        lag: None,
    });
    next
}

/// Lists compare step by step; one that goes on comes before one that has ended, because in the whole list a later
/// shard's step would follow.
fn order_key(steps: &[ActionKind]) -> (Vec<(bool, Option<ActionKind>)>,) {
    (steps
        .iter()
        .map(|s| (false, Some(s.clone())))
        .chain([(true, None)])
        .collect(),)
}
