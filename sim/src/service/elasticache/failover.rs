//! TestFailover.
//!
//! Source: API reference TestFailover (15 node groups in a rolling day, earlier replacement must be finished within a
//! cluster-mode-enabled group) and the guide's *Testing automatic failover*. The codes without automatic failover,
//! without a replica, and for a second call during recovery, are not documented: switches.

use crate::wire::query::Params;
use crate::world::TestFailoverNote;
use crate::world::model::{Group, Phase, Shard};
use crate::world::settings::FailoverRefusal;

use super::{ApiError, Ctx, find, replicas};

pub fn test_failover(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let id = params.required("ReplicationGroupId")?;
    let shard = params.required("NodeGroupId")?;
    params.finish()?;
    if shard.len() > 4 || !shard.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ApiError::value(format!(
            "NodeGroupId must be 1 to 4 digits, not {shard}."
        )));
    }
    let group = find(ctx, &id)?.clone();
    let found = group.shards.get(&shard).ok_or_else(|| {
        ApiError::new(
            "NodeGroupNotFoundFault",
            404,
            format!("Node group {shard} not found in {id}."),
        )
    })?;
    if ctx.quirks.test_failover_blocked {
        return Err(not_available(
            "The TestFailover API is not available for this account at this time.",
        ));
    }
    may_fail_over(ctx, &group, found)?;
    let account = group.key.place.account.clone();
    let now = ctx.world.now();
    let quota = ctx.world.quotas.test_failovers_per_day;
    if ctx.world.journal.test_failovers_in_a_day(&account, now) >= quota {
        return Err(ApiError::new(
            "APICallRateForCustomerExceeded",
            400,
            format!("Test failover has been called on {quota} node groups within the last 24 hours."),
        ));
    }
    let by = ctx.caller.by.clone();
    let note = TestFailoverNote {
        at: now,
        account,
        group: group.key.id.clone(),
        shard: shard.clone(),
        by,
    };
    ctx.world.journal.test_failovers.push(note);
    ctx.world.test_failover(&group.key, &shard);
    ctx.applied = true;
    replicas::reply(ctx, &group.key)
}

fn may_fail_over(ctx: &Ctx<'_>, group: &Group, shard: &Shard) -> Result<(), ApiError> {
    let switches = &ctx.world.switches;
    if group.phase != Phase::Running || group.status(switches) != "available" {
        return Err(replicas::busy(group));
    }
    if !group.automatic_failover {
        let text = format!(
            "Automatic failover is not enabled for replication group {}.",
            group.key.id
        );
        return Err(refusal(switches.test_failover_without_auto_failover, text));
    }
    if group
        .shards
        .values()
        .any(|shard| shard.test_recovering.is_some() || shard.failover.is_some())
    {
        let text = format!(
            "A failover of replication group {} has not finished.",
            group.key.id
        );
        return Err(refusal(switches.second_test_failover_during_recovery, text));
    }
    if !shard.primary_up() || shard.successor().is_none() {
        let text = "The node group has no replica that could be promoted.".to_owned();
        return Err(refusal(switches.test_failover_without_replica, text));
    }
    Ok(())
}

fn refusal(kind: FailoverRefusal, text: String) -> ApiError {
    match kind {
        FailoverRefusal::InvalidReplicationGroupState => ApiError::state(text),
        FailoverRefusal::TestFailoverNotAvailableFault => not_available(text),
        FailoverRefusal::InvalidParameterCombination => ApiError::combination(text),
    }
}

fn not_available(text: impl Into<String>) -> ApiError {
    ApiError::new("TestFailoverNotAvailableFault", 400, text)
}
