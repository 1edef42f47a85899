//! What one shard may do: every sequence of steps that the rules allow, by what it would end in.
//!
//! - What a shard may do next depends on its members as they then are, never on how they came to be: what remains of a
//!   sequence is open to the shard that stands where it has come to. (But a primary moves once in a sequence.)
//! - **Additions come first.** A shard that is short gets as many copies as it lacks, each in an eligible zone; those
//!   that stand in for a missing member name it. None while a member is being created, none without a healthy copy
//!   to sync from, never more than [`MAX_MEMBERS`]. A zone without capacity is used only with every other one.
//! - **Relocations**: an addition that replaces a healthy member, which is removed next. One at a time, so a shard
//!   never has more than one copy too many, and none while it has one already.
//! - **Removals** take a healthy replica only: an open addition of ours, or what a healthy addition of ours
//!   replaces, and only while more copies than the target count are healthy, so that count never falls.
//! - **A primary moves** at most once, after the replicas' removals unless a removal waits for it. Every member is
//!   healthy, every possible winner stands in a Healthy zone, none in a worse place than the primary does.
//! - A member in an Impaired zone, or whose health or role isn't known, forbids the disruptive steps of its shard.
//! - An extra copy is added without its removal only where goal 1 needs it and the removal isn't possible yet.

use super::ground::{Cell, Ground, Member};
use crate::plan::goals::{self, ShardViolations};
use crate::topology::{Health, Role, ZoneState};
use std::collections::BTreeSet;

/// One primary and five replicas (ElastiCache's limit of replicas per node group).
pub const MAX_MEMBERS: usize = 6;

/// One step of a shard. The order is that of `ActionKind` for the same shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Add { zone: u8, replaces: Option<u8> },
    Remove { member: u8 },
    Move,
}

/// Where a primary goes. `from` and `to` are measured zones; `from: None` is outside the spec's zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift {
    pub from: Option<usize>,
    pub to: usize,
}

/// What disrupts, what it costs: compared in this order after goals 1 to 5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Goal 6: healthy copies above the target count that stay.
    pub untidy: i64,
    pub disruptive: i64,
    /// Nodes added and nodes removed.
    pub nodes: i64,
    /// Removed nodes that we hadn't added.
    pub foreign: i64,
    /// Moves that the guardrail `quota` doesn't allow yet: another shard's does as well, sooner.
    pub barred: i64,
}

/// One thing that a shard may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub steps: Vec<Step>,
    pub ends: ShardViolations,
    /// Nodes by measured zone: after less before.
    pub nodes: Vec<i8>,
    pub shift: Option<Shift>,
    pub cost: Cost,
}

/// Everything that the shard may do and that leaves goals 1 to 3 as well met as it surely can (what needs a move that
/// the whole component has to allow may leave them better met), in order of preference: an earlier choice gives the
/// smaller action list. Of choices that end alike only the cheapest stays.
pub fn choices(ground: &Ground<'_>, cell: &Cell) -> Vec<Choice> {
    let mut walk = Walk {
        ground,
        cell,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    for (steps, members) in walk.additions() {
        walk.go(&Path {
            next_id: next_id(&members),
            steps,
            members,
            moved: None,
            closing: false,
        });
    }
    let mut found = walk.found;
    let sure = found
        .iter()
        .filter(|c| !c.moves_between_zones())
        .map(|c| c.ends.placed())
        .min();
    found.retain(|c| Some(c.ends.placed()) <= sure);
    found.sort_by(|a, b| {
        let key = |c: &Choice| (c.nodes.clone(), c.shift, c.ends.placed(), c.cost);
        key(a)
            .cmp(&key(b))
            .then_with(|| compare_steps(&a.steps, &b.steps))
    });
    found.dedup_by(|later, kept| later.nodes == kept.nodes && later.shift == kept.shift);
    found.sort_by(|a, b| compare_steps(&a.steps, &b.steps));
    found
}

impl Choice {
    /// A primary moves that didn't stand outside the spec's zones: allowed only where that brings goal 5 nearer.
    fn moves_between_zones(&self) -> bool {
        self.shift.is_some_and(|s| s.from.is_some())
    }
}

/// How many copies the shard has, counting those that will be added because it is short.
pub fn arriving(ground: &Ground<'_>, cell: &Cell) -> usize {
    let walk = Walk {
        ground,
        cell,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    let standing = |(_, members): &(Vec<Step>, Vec<Member>)| goals::standing(members);
    walk.additions().iter().map(standing).max().unwrap_or_default()
}

/// As parts of a whole list in which other shards' steps follow: a sequence that goes on comes first.
fn compare_steps(a: &[Step], b: &[Step]) -> std::cmp::Ordering {
    let end = |steps: &[Step]| {
        steps
            .iter()
            .map(|s| (false, Some(*s)))
            .chain([(true, None)])
            .collect::<Vec<_>>()
    };
    end(a).cmp(&end(b))
}

/// A sequence so far, and the shard after it.
#[derive(Clone)]
struct Path {
    steps: Vec<Step>,
    members: Vec<Member>,
    /// Of the next addition: never that of a member removed before.
    next_id: u8,
    moved: Option<Shift>,
    /// The move let a removal close an addition that was open from the start; replicas may be relocated after it.
    closing: bool,
}

/// What decides how a path can go on: the members (an added one is known by its zone), which addition came first
/// (it would win a failover among additions), and the primary's move.
type Standing = (Vec<(bool, u8, Role, Option<u8>)>, Option<u8>, Option<Shift>, bool);

struct Walk<'a> {
    ground: &'a Ground<'a>,
    cell: &'a Cell,
    found: Vec<Choice>,
    seen: BTreeSet<Standing>,
}

impl Walk<'_> {
    /// The ways to add what the shard is short of: the sequences from which all else goes on.
    fn additions(&self) -> Vec<(Vec<Step>, Vec<Member>)> {
        let start = (Vec::new(), self.cell.members.clone());
        if !self.can_add(&start.1) {
            return vec![start];
        }
        let target = goals::target(&start.1, self.ground.min_count);
        let short = target.saturating_sub(goals::standing(&start.1));
        if short == 0 {
            return self.extra_for_survival(start, target);
        }
        let free = self.ground.free(&start.1);
        let wanted = short.min(free.len()).min(MAX_MEMBERS - start.1.len());
        subsets(&free, wanted)
            .into_iter()
            .filter(|zones| self.capacity_allows(&free, zones))
            .map(|zones| {
                let mut members = start.1.clone();
                let mut steps = Vec::new();
                for zone in zones {
                    let replaces = lost_member(&members);
                    steps.push(Step::Add { zone, replaces });
                    members.push(added(next_id(&members), zone, replaces));
                }
                (steps, members)
            })
            .collect()
    }

    fn can_add(&self, members: &[Member]) -> bool {
        members.len() < MAX_MEMBERS
            && members.iter().all(|m| m.health != Health::Creating)
            && members.iter().any(|m| m.health == Health::Healthy)
    }

    /// Zones without capacity are used only together with every other free one.
    fn capacity_allows(&self, free: &[u8], zones: &[u8]) -> bool {
        let missed = |z: &u8| self.ground.place(*z).capacity_missed;
        !zones.iter().any(missed) || free.iter().all(|z| missed(z) || zones.contains(z))
    }

    /// All copies stand in one zone and none of them can be removed yet: one more elsewhere, all the same.
    fn extra_for_survival(
        &self,
        start: (Vec<Step>, Vec<Member>),
        target: usize,
    ) -> Vec<(Vec<Step>, Vec<Member>)> {
        let (steps, members) = start;
        let alone = goals::of_shard(self.ground, &members).survivable > 0;
        let can_relocate = self.calm(&members) && goals::healthy(&members) >= target;
        let mut ways = vec![(steps, members.clone())];
        if !alone || can_relocate || goals::standing(&members) > target {
            return ways;
        }
        let Some(old) = members
            .iter()
            .filter(|m| !m.missing)
            .max_by_key(|m| (m.role != Role::Primary, m.id))
        else {
            return ways;
        };
        let replaces = Some(old.id);
        for zone in self.ground.eligible(&members) {
            let mut more = members.clone();
            more.push(added(next_id(&members), zone, replaces));
            ways.push((vec![Step::Add { zone, replaces }], more));
        }
        ways
    }

    /// Roles are known, nothing is being created, unknown or in an Impaired zone.
    fn calm(&self, members: &[Member]) -> bool {
        goals::primary(members).is_some()
            && members.iter().all(|m| {
                matches!(m.health, Health::Healthy | Health::Down)
                    && self.ground.place(m.zone).state != ZoneState::Impaired
            })
    }

    /// Notes where the path has come to, then goes every way on from there.
    /// Paths are gone in the order of their steps, so the first one to come to a standing is the smallest.
    fn go(&mut self, path: &Path) {
        if !self.seen.insert(self.standing(path)) {
            return;
        }
        self.note(path);
        if !self.calm(&path.members) {
            return;
        }
        let mut ways = Vec::new();
        if path.moved.is_none() || path.closing {
            ways.extend(self.removals(path));
            ways.extend(self.relocations(path));
        }
        if path.moved.is_none() {
            ways.extend(self.primary_moves(path));
            self.primary_relocations(path)
                .iter()
                .for_each(|way| self.note(way));
        }
        ways.sort_by(|a, b| a.steps.cmp(&b.steps));
        for way in ways {
            self.go(&way);
        }
    }

    fn standing(&self, path: &Path) -> Standing {
        let new = |m: &Member| !self.observed(m);
        let first = path.members.iter().filter(|m| new(m)).min_by_key(|m| m.id);
        let card = |m: &Member| (new(m), if new(m) { m.zone } else { m.id }, m.role, m.replaces);
        let mut cards: Vec<_> = path.members.iter().map(card).collect();
        cards.sort_unstable();
        (cards, first.map(|m| m.zone), path.moved, path.closing)
    }

    fn removals(&self, path: &Path) -> Vec<Path> {
        let mut ways = Vec::new();
        for member in path.members.iter().filter(|m| self.removable(&path.members, m)) {
            let mut next = path.clone();
            remove(&mut next, member.id);
            ways.push(next);
        }
        ways
    }

    /// An open addition of ours or what a healthy one replaces, never both at once, as long as a copy is left over.
    fn removable(&self, members: &[Member], member: &Member) -> bool {
        let replaced_by: Vec<&Member> = members.iter().filter(|m| m.replaces == Some(member.id)).collect();
        let open = member.ours && member.replaces.is_some();
        let replaced = replaced_by.len() == 1 && replaced_by.iter().all(|m| m.health == Health::Healthy);
        member.role == Role::Replica
            && member.health == Health::Healthy
            && goals::healthy(members) > goals::target(members, self.ground.min_count)
            && goals::primary(members).is_some_and(|p| p.health == Health::Healthy)
            && ((open && replaced_by.is_empty()) || (replaced && !open))
            && self.no_worse_without(members, member)
    }

    fn removable_id(&self, members: &[Member], id: u8) -> bool {
        members.iter().any(|m| m.id == id && self.removable(members, m))
    }

    /// Redundancy in settled states never falls: what is left stands in as many zones as the target count asks for,
    /// or at least in as many as now, and a single zone is never enough for two copies.
    fn no_worse_without(&self, members: &[Member], member: &Member) -> bool {
        let healthy = |m: &Member| m.health == Health::Healthy && self.ground.place(m.zone).fails_alone;
        let before = goals::zones_of(members, healthy);
        let after = goals::zones_of(members, |m| healthy(m) && m.id != member.id);
        after >= goals::target(members, self.ground.min_count).min(before.max(2))
    }

    fn relocations(&self, path: &Path) -> Vec<Path> {
        let mut ways = Vec::new();
        if !self.place_for_one_more(&path.members) {
            return ways;
        }
        for old in path
            .members
            .iter()
            .filter(|m| m.role == Role::Replica && self.observed(m))
        {
            for zone in self.better_zones(&path.members, old) {
                let mut next = path.clone();
                add(&mut next, zone, old.id);
                if self.removable(&next.members, old) {
                    remove(&mut next, old.id);
                    ways.push(next);
                }
            }
        }
        ways
    }

    /// Where a member may be relocated. For the spread over zones alone, never into one without capacity, and never
    /// one that we have just added: to add and remove copies only to steer who wins a failover is no way to treat a
    /// cache.
    fn better_zones(&self, members: &[Member], old: &Member) -> Vec<u8> {
        let beside = members.iter().any(|m| m.zone == old.zone && m.id != old.id);
        let misplaced = beside || !self.ground.place(old.zone).in_spec;
        let mut zones = self.ground.eligible(members);
        let settled = !old.ours || old.lag_known || old.role == Role::Primary;
        zones.retain(|z| misplaced || (settled && !self.ground.place(*z).capacity_missed));
        zones
    }

    /// Everything is healthy, and there is no copy too many.
    fn place_for_one_more(&self, members: &[Member]) -> bool {
        self.can_add(members)
            && members.iter().all(|m| m.health == Health::Healthy)
            && members.len() == goals::target(members, self.ground.min_count)
    }

    fn observed(&self, member: &Member) -> bool {
        usize::from(member.id) < self.cell.members.len()
    }

    /// The move alone, or with the removal that it makes possible.
    fn primary_moves(&self, path: &Path) -> Vec<Path> {
        let Some((next, old)) = self.moved(path) else {
            return Vec::new();
        };
        let mut ways = vec![next.clone()];
        if self.removable_id(&next.members, old) {
            let mut closed = next;
            remove(&mut closed, old);
            closed.closing = true;
            ways.push(closed);
        }
        ways
    }

    /// Another copy elsewhere, the role to whoever wins it, then away with the old primary.
    fn primary_relocations(&self, path: &Path) -> Vec<Path> {
        let mut ways = Vec::new();
        let Some(old) = goals::primary(&path.members).filter(|p| self.observed(p)) else {
            return ways;
        };
        if !self.place_for_one_more(&path.members) {
            return ways;
        }
        for zone in self.better_zones(&path.members, old) {
            let mut next = path.clone();
            add(&mut next, zone, old.id);
            if let Some((mut next, old)) = self.moved(&next)
                && self.removable_id(&next.members, old)
            {
                remove(&mut next, old);
                ways.push(next);
            }
        }
        ways
    }

    /// The path after a failover as it is expected to go, and who was the primary.
    fn moved(&self, path: &Path) -> Option<(Path, u8)> {
        let place = |m: &Member| self.ground.place(m.zone);
        let old = goals::primary(&path.members)?;
        let replicas: Vec<&Member> = path.members.iter().filter(|m| m.role == Role::Replica).collect();
        let winner = replicas.iter().min_by_key(|m| (m.rank, m.id))?;
        let sound = path.members.iter().all(|m| m.health == Health::Healthy)
            && replicas.iter().all(|m| place(m).state == ZoneState::Healthy)
            && (!place(old).in_spec || replicas.iter().all(|m| place(m).in_spec));
        if !self.ground.can_move || !sound {
            return None;
        }
        let (old, winner, to) = (old.id, winner.id, place(winner).measured?);
        let from = place(path.members.iter().find(|m| m.id == old)?).measured;
        let mut next = path.clone();
        next.steps.push(Step::Move);
        next.moved = Some(Shift { from, to });
        for member in &mut next.members {
            if member.id == old {
                member.role = Role::Replica;
            } else if member.id == winner {
                member.role = Role::Primary;
            }
        }
        (from != Some(to)).then_some((next, old))
    }

    fn note(&mut self, path: &Path) {
        let ends = goals::of_shard(self.ground, &path.members);
        let removed = |s: &&Step| matches!(s, Step::Remove { .. });
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let foreign = path.steps.iter().filter(|s| match s {
            Step::Remove { member } => self.cell.members.iter().any(|m| m.id == *member && !m.ours),
            _ => false,
        });
        self.found.push(Choice {
            ends,
            nodes: self.node_change(&path.members),
            shift: path.moved,
            cost: Cost {
                untidy: ends.tidy,
                disruptive: count(
                    path.steps
                        .iter()
                        .filter(|s| !matches!(s, Step::Add { .. }))
                        .count(),
                ),
                nodes: count(path.steps.iter().filter(|s| !matches!(s, Step::Move)).count()),
                foreign: count(foreign.filter(removed).count()),
                barred: i64::from(self.cell.move_barred && path.steps.contains(&Step::Move)),
            },
            steps: path.steps.clone(),
        });
    }

    fn node_change(&self, members: &[Member]) -> Vec<i8> {
        let mut change = vec![0; self.ground.measured];
        for (list, sign) in [(members, 1), (&self.cell.members[..], -1)] {
            for zone in list.iter().filter_map(|m| self.ground.place(m.zone).measured) {
                change[zone] += sign;
            }
        }
        change
    }
}

/// The lowest missing member that no addition stands in for.
fn lost_member(members: &[Member]) -> Option<u8> {
    members
        .iter()
        .filter(|m| m.missing && members.iter().all(|n| n.replaces != Some(m.id)))
        .map(|m| m.id)
        .min()
}

fn added(id: u8, zone: u8, replaces: Option<u8>) -> Member {
    Member {
        id,
        zone,
        role: Role::Replica,
        health: Health::Healthy,
        missing: false,
        ours: true,
        lag_known: false,
        replaces,
        rank: u8::MAX,
    }
}

/// Ids of additions count on from the observed ones.
fn next_id(members: &[Member]) -> u8 {
    members.iter().map(|m| m.id).max().map_or(0, |m| m + 1)
}

fn add(path: &mut Path, zone: u8, replaces: u8) {
    let new = added(path.next_id, zone, Some(replaces));
    path.next_id += 1;
    path.steps.push(Step::Add {
        zone,
        replaces: Some(replaces),
    });
    path.members.push(new);
}

/// Additions that stood in for it are additions no longer open.
fn remove(path: &mut Path, member: u8) {
    path.steps.push(Step::Remove { member });
    path.members.retain(|m| m.id != member);
    for other in path.members.iter_mut().filter(|m| m.replaces == Some(member)) {
        other.replaces = None;
    }
}

/// All subsets of this size, in order.
fn subsets(of: &[u8], size: usize) -> Vec<Vec<u8>> {
    if size == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (i, first) in of.iter().enumerate() {
        for mut rest in subsets(&of[i + 1..], size - 1) {
            rest.insert(0, *first);
            all.push(rest);
        }
    }
    all
}
