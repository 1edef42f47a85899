//! `freshness`: act only on a complete and recent observation, on a record that reaches back far enough, and disrupt
//! only where every role of the shard is newly proven.
//!
//! - A gap in any component holds the whole stack: what is missing there may be the evidence that a zone is down.
//! - A record that began less than one ticket deadline ago may be the successor of a lost one, whose call may still
//!   be on its way. A first start can't be told from a loss, so each new record waits once.
//! - A role may be shown from an older proof, but not acted on: just before acting it must have been read within the
//!   last minute, from a point at most 6 min old, with no failover of the shard since. A metric's point covers a
//!   minute, so one from before or within a failover's minute is void. A failover event proves what it names.

use super::context::{Context, Refusal, disruptive};
use crate::plan::Action;
use crate::plan::text::moment;
use crate::topology::{NodeId, Role, RoleProof, RoleSource, ShardId};
use jiff::{SignedDuration, Timestamp};

/// An observation older than this is no ground for acting: five poll intervals of a minute.
pub const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How long a new record waits: the longest ticket deadline, that of adding replicas.
pub const NEW_RECORD_WAIT: SignedDuration = SignedDuration::from_mins(30);
const MAX_READ_AGE: SignedDuration = SignedDuration::from_mins(1);
const MAX_POINT_AGE: SignedDuration = SignedDuration::from_mins(6);
/// One failover is told by two events about a second apart.
const SAME_FAILOVER: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn refuse_all(ctx: &Context<'_>) -> Option<Refusal> {
    let mut why = gaps(ctx);
    let observed = ctx.input.topology.observed_at;
    if ctx.input.now.duration_since(observed) > MAX_AGE {
        why.push(Refusal::new(format!(
            "The last complete observation is of {}, too long ago to act on.",
            moment(observed)
        )));
    }
    if !ctx.actions.is_empty() {
        why.extend(new_record(ctx));
    }
    Refusal::join(why)
}

fn gaps(ctx: &Context<'_>) -> Vec<Refusal> {
    let intent = ctx.input.intent;
    ctx.input
        .topology
        .components
        .iter()
        .filter(|(name, _)| intent.caches.contains_key(*name))
        .flat_map(|(name, c)| c.gaps.iter().map(move |gap| (name, gap)))
        .map(|(name, gap)| {
            Refusal::new(format!(
                "The observation of {name} is incomplete: {}.",
                gap.sentence()
            ))
        })
        .collect()
}

fn new_record(ctx: &Context<'_>) -> Option<Refusal> {
    let Some(began) = ctx.input.history.began else {
        return ctx.acting().then(|| {
            Refusal::new("There is no record of what was done before, so nothing may be done now.")
        });
    };
    let until = began.checked_add(NEW_RECORD_WAIT).ok()?;
    (ctx.input.now < until).then(|| {
        Refusal::until(
            format!(
                "The record of this stack began at {}. A call made before it may still be on its way, so nothing is \
                 done until {}.",
                moment(began),
                moment(until)
            ),
            until,
        )
    })
}

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    if !disruptive(action) {
        return None;
    }
    let state = ctx.state(action)?;
    let (id, shard) = state.component.shards.get_key_value(action.kind.shard()?)?;
    if shard.primary().is_none() {
        return Some(Refusal::new(format!(
            "Which node of shard {id} is the primary is not known."
        )));
    }
    if !ctx.acting() {
        return None;
    }
    let why = shard
        .nodes
        .iter()
        .filter_map(|(node, n)| unproven(ctx, action, id, node, n.role, n.role_proof))
        .collect();
    Refusal::join(why)
}

/// Why this node's role is not proven well enough to disrupt its shard.
fn unproven(
    ctx: &Context<'_>,
    action: &Action,
    shard: &ShardId,
    node: &NodeId,
    role: Role,
    proof: Option<RoleProof>,
) -> Option<Refusal> {
    let now = ctx.input.now;
    let Some(proof) = proof.filter(|_| role != Role::Unknown) else {
        return Some(Refusal::new(format!("The role of node {node} is not proven.")));
    };
    let failover = ctx
        .input
        .history
        .failovers
        .iter()
        .filter(|f| f.component == action.component && f.shard == *shard)
        .find(|f| voids(f.at, proof));
    if let Some(failover) = failover {
        return Some(Refusal::new(format!(
            "The role of node {node} was proven for {}, and shard {shard} failed over at {}.",
            moment(proof.at),
            moment(failover.at)
        )));
    }
    if now.duration_since(proof.read_at) > MAX_READ_AGE || now.duration_since(proof.at) > MAX_POINT_AGE {
        return Some(Refusal::new(format!(
            "The role of node {node} was read at {} and proven for {}: too long ago for a disruption.",
            moment(proof.read_at),
            moment(proof.at)
        )));
    }
    None
}

fn voids(failover: Timestamp, proof: RoleProof) -> bool {
    let minute = |t: Timestamp| t.as_second().div_euclid(60);
    match proof.source {
        RoleSource::Event => failover.duration_since(proof.at) > SAME_FAILOVER,
        RoleSource::Description | RoleSource::Metric | RoleSource::Snapshot => {
            minute(proof.at) <= minute(failover)
        }
    }
}
