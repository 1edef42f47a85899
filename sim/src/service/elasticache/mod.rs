//! Amazon ElastiCache (Query, API version 2015-02-02): the operations around replication groups.
//!
//! Each file covers one family of operations and cites the page it imitates. Parameters that the service model has but
//! this simulator does not act on are refused by name, so that no caller believes they work.

mod describe;
mod events;
mod failover;
mod groups;
mod replicas;
mod shape;
mod shards;
mod subnets;
mod tags;

use crate::wire::query::Params;
use crate::world::{Group, GroupKey};

use super::{ApiError, Ctx};

/// The API version that forms carry.
pub const VERSION: &str = "2015-02-02";
/// The namespace of replies.
pub const NAMESPACE: &str = "http://elasticache.amazonaws.com/doc/2015-02-02/";

/// Runs an operation; the reply is the inside of its result element.
pub fn dispatch(ctx: &mut Ctx<'_>, action: &str, params: Params) -> Result<String, ApiError> {
    match action {
        "DescribeReplicationGroups" => describe::replication_groups(ctx, params),
        "DescribeCacheClusters" => describe::cache_clusters(ctx, params),
        "DescribeEvents" => events::describe(ctx, params),
        "DescribeCacheSubnetGroups" => subnets::describe(ctx, params),
        "CreateCacheSubnetGroup" => subnets::create(ctx, params),
        "ListTagsForResource" => tags::list(ctx, params),
        "AddTagsToResource" => tags::add(ctx, params),
        "CreateReplicationGroup" => groups::create(ctx, params),
        "ModifyReplicationGroup" => groups::modify(ctx, params),
        "DeleteReplicationGroup" => groups::delete(ctx, params),
        "IncreaseReplicaCount" => replicas::increase(ctx, params),
        "DecreaseReplicaCount" => replicas::decrease(ctx, params),
        "ModifyReplicationGroupShardConfiguration" => shards::modify(ctx, params),
        "TestFailover" => failover::test_failover(ctx, params),
        other => Err(ApiError::unknown(
            "InvalidAction",
            format!("The simulator has no operation ElastiCache {other}."),
        )),
    }
}

/// The caller's group of that name.
fn find<'a>(ctx: &'a Ctx<'_>, id: &str) -> Result<&'a Group, ApiError> {
    let key = GroupKey {
        place: ctx.caller.place.clone(),
        id: id.to_lowercase(),
    };
    ctx.world.group(&key).ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> ApiError {
    ApiError::new(
        "ReplicationGroupNotFoundFault",
        404,
        format!("ReplicationGroup {id} not found."),
    )
}

/// Takes ApplyImmediately, which some operations accept only as true.
fn apply_immediately_only(params: &mut Params) -> Result<(), ApiError> {
    match params.boolean("ApplyImmediately")? {
        Some(true) => Ok(()),
        Some(false) => Err(ApiError::value(
            "ApplyImmediately=false is not currently supported for this operation.",
        )),
        None => Err(ApiError::value(
            "The parameter ApplyImmediately must be provided.",
        )),
    }
}

/// One page of records: MaxRecords 20..=100, and the rule of a fault if it is shorter.
struct Page {
    after: Option<String>,
    size: usize,
}

impl Page {
    fn take(ctx: &Ctx<'_>, params: &mut Params) -> Result<Self, ApiError> {
        let size = match params.integer("MaxRecords")? {
            None => 100,
            Some(n @ 20..=100) => usize::try_from(n).unwrap_or(100),
            Some(n) => {
                return Err(ApiError::value(format!(
                    "Invalid value {n} for MaxRecords. Must be between 20 and 100."
                )));
            }
        };
        let after = params
            .take("Marker")
            .filter(|marker| !marker.is_empty())
            .map(|m| decode(&m))
            .transpose()?;
        Ok(Self {
            after,
            size: ctx.quirks.page_limit.map_or(size, |limit| size.min(limit.max(1))),
        })
    }

    /// The records of this page, and the marker of the next. `key` gives each record's place in ascending order.
    fn cut<T>(
        &self,
        records: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> (Vec<T>, Option<String>) {
        let mut page: Vec<T> = records
            .filter(|record| self.after.as_ref().is_none_or(|after| key(record) > *after))
            .take(self.size + 1)
            .collect();
        if page.len() <= self.size {
            return (page, None);
        }
        page.truncate(self.size);
        let marker = page.last().map(|last| encode(&key(last)));
        (page, marker)
    }
}

fn encode(key: &str) -> String {
    key.bytes()
        .fold(String::from("sim"), |out, byte| format!("{out}{byte:02x}"))
}

fn decode(marker: &str) -> Result<String, ApiError> {
    let problem = || ApiError::value(format!("Marker {marker} is not valid."));
    let hex = marker
        .strip_prefix("sim")
        .filter(|hex| hex.is_ascii())
        .ok_or_else(problem)?;
    let bytes = (0..hex.len())
        .step_by(2)
        .map(|i| {
            hex.get(i..i + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(problem)?;
    String::from_utf8(bytes).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another_without_gap_or_repetition() {
        let ids: Vec<String> = (0..7).map(|n| format!("g{n}")).collect();
        let first = Page { after: None, size: 3 };
        let (page, marker) = first.cut(ids.iter(), |id| (*id).clone());
        assert_eq!(page, ["g0", "g1", "g2"]);
        let second = Page {
            after: Some(decode(&marker.unwrap()).unwrap()),
            size: 4,
        };
        let (page, marker) = second.cut(ids.iter(), |id| (*id).clone());
        assert_eq!(page, ["g3", "g4", "g5", "g6"]);
        assert_eq!(marker, None);
        assert!(decode("nonsense").is_err());
    }
}
