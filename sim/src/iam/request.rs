//! What a call asks of IAM: action, resource, and the values of condition keys.
//!
//! Resources are those that the Service Authorization Reference marks as required. A list of everything is asked for
//! on `TYPE:*`, as AWS' refusals say; what such a list finds isn't looked at one by one.

use std::collections::BTreeMap;

use crate::service::{Caller, Service};
use crate::world::{GroupKey, World};

use super::Request;

type Params = BTreeMap<String, String>;
type Tags = BTreeMap<String, String>;

/// The questions of one call; none for GetCallerIdentity, which needs no permission (STS API reference).
pub fn of(
    world: &World,
    caller: &Caller,
    service: Service,
    operation: &str,
    params: &Params,
) -> Vec<Request> {
    let (resource, resource_tags) = match service {
        Service::ElastiCache => resource(world, caller, operation, params),
        Service::CloudWatch => ("*".to_owned(), Tags::new()),
        Service::Sts if operation == "GetCallerIdentity" => return Vec::new(),
        Service::Sts => (params.get("RoleArn").cloned().unwrap_or_default(), Tags::new()),
    };
    let request = Request {
        action: format!("{}:{operation}", service.word()),
        resource,
        resource_tags,
        written_tags: written(params),
        region: caller.place.region.clone(),
    };
    // Session tags are a right of their own (IAM guide, Pass session tags in AWS STS).
    let tags_session = service == Service::Sts && !request.written_tags.is_empty();
    let tag_session = tags_session.then(|| Request {
        action: "sts:TagSession".to_owned(),
        ..request.clone()
    });
    [request].into_iter().chain(tag_session).collect()
}

/// The resource of an ElastiCache operation, with its tags.
fn resource(world: &World, caller: &Caller, operation: &str, params: &Params) -> (String, Tags) {
    let arn = |kind: &str, id: &str| {
        let place = &caller.place;
        format!(
            "arn:aws:elasticache:{}:{}:{kind}:{}",
            place.region,
            place.account,
            id.to_lowercase()
        )
    };
    let named = |kind: &str, parameter: &str| {
        let id = params.get(parameter).map_or("*", String::as_str);
        let arn = arn(kind, id);
        let tags = tags(world, caller, &arn);
        (arn, tags)
    };
    match operation {
        "DescribeEvents" => ("*".to_owned(), Tags::new()),
        "DescribeCacheClusters" => named("cluster", "CacheClusterId"),
        "DescribeCacheSubnetGroups" | "CreateCacheSubnetGroup" => {
            named("subnetgroup", "CacheSubnetGroupName")
        }
        "ListTagsForResource" | "AddTagsToResource" => {
            let arn = params.get("ResourceName").cloned().unwrap_or_default();
            let tags = tags(world, caller, &arn);
            (arn, tags)
        }
        _ => named("replicationgroup", "ReplicationGroupId"),
    }
}

/// The tags of what the caller's account has under this ARN. Nodes bear their group's tags.
fn tags(world: &World, caller: &Caller, arn: &str) -> Tags {
    let place = &caller.place;
    let prefix = format!("arn:aws:elasticache:{}:{}:", place.region, place.account);
    let Some((kind, id)) = arn.strip_prefix(&prefix).and_then(|rest| rest.split_once(':')) else {
        return Tags::new();
    };
    let key = GroupKey {
        place: place.clone(),
        id: id.to_lowercase(),
    };
    let found = match kind {
        "replicationgroup" => world.group(&key).map(|group| &group.tags),
        "cluster" => {
            let key = world.key_of_node(id).filter(|key| key.place == *place);
            key.and_then(|key| world.group(&key)).map(|group| &group.tags)
        }
        "subnetgroup" => {
            let store = world.stores.get(place);
            store
                .and_then(|store| store.subnet_groups.get(id))
                .map(|group| &group.tags)
        }
        _ => None,
    };
    found.cloned().unwrap_or_default()
}

/// The tags that a request would write: `Tags.Tag.N.Key` of ElastiCache, `Tags.member.N.Key` of STS.
fn written(params: &Params) -> Tags {
    let keys = params.iter().filter_map(|(name, key)| {
        let entry = name.strip_prefix("Tags.")?.strip_suffix(".Key")?;
        let value = params.get(&format!("Tags.{entry}.Value"));
        Some((key.clone(), value.cloned().unwrap_or_default()))
    });
    keys.collect()
}
