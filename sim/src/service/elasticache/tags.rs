//! ListTagsForResource and AddTagsToResource, for replication groups and cache subnet groups.
//!
//! Both are refused while the group isn't available.

use std::collections::BTreeMap;

use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::world::GroupKey;

use super::{ApiError, Ctx, not_found};

/// What an ARN names.
enum Resource {
    Group(GroupKey),
    SubnetGroup(String),
}

impl Resource {
    fn not_found(&self) -> ApiError {
        match self {
            Self::Group(key) => not_found(&key.id),
            Self::SubnetGroup(name) => super::subnets::not_found(name),
        }
    }
}

pub fn list(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let arn = params.required("ResourceName")?;
    params.finish()?;
    let resource = resolve(ctx, &arn)?;
    let known = match &resource {
        Resource::Group(key) => {
            may_tag(ctx, key)?;
            ctx.world.group(key).map(|group| &group.tags)
        }
        Resource::SubnetGroup(name) => ctx
            .world
            .stores
            .get(&ctx.caller.place)
            .and_then(|store| store.subnet_groups.get(name))
            .map(|group| &group.tags),
    };
    known.map(render).ok_or_else(|| resource.not_found())
}

pub fn add(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let arn = params.required("ResourceName")?;
    let new = take(&mut params)?;
    params.finish()?;
    let resource = resolve(ctx, &arn)?;
    let tags = tags_mut(ctx, &resource)?;
    let before = tags.clone();
    tags.extend(new);
    if tags.len() > 50 {
        *tags = before;
        return Err(ApiError::new(
            "TagQuotaPerResourceExceeded",
            400,
            "A resource can have at most 50 tags.",
        ));
    }
    let changed = *tags != before;
    let reply = render(tags);
    ctx.applied |= changed;
    Ok(reply)
}

/// Takes `Tags.Tag.N.{Key,Value}`.
pub fn take(params: &mut Params) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for mut tag in params.structures("Tags", "Tag")?.unwrap_or_default() {
        let key = tag.required("Key")?;
        let value = tag.take("Value").unwrap_or_default();
        tag.finish()?;
        if key.starts_with("aws:") {
            return Err(ApiError::value(format!(
                "Tag keys must not begin with aws: ({key})."
            )));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

fn resolve(ctx: &Ctx<'_>, arn: &str) -> Result<Resource, ApiError> {
    let invalid = || {
        ApiError::new(
            "InvalidARN",
            400,
            format!("{arn} is not a valid ARN of a known kind."),
        )
    };
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let ["arn", "aws", "elasticache", region, account, kind, id] = parts[..] else {
        return Err(invalid());
    };
    let place = &ctx.caller.place;
    if region != place.region || account != place.account {
        return Err(not_found(id));
    }
    match kind {
        "replicationgroup" => Ok(Resource::Group(GroupKey {
            place: place.clone(),
            id: id.to_lowercase(),
        })),
        "subnetgroup" => Ok(Resource::SubnetGroup(id.to_owned())),
        _ => Err(invalid()),
    }
}

fn may_tag(ctx: &Ctx<'_>, key: &GroupKey) -> Result<(), ApiError> {
    let group = ctx.world.group(key).ok_or_else(|| not_found(&key.id))?;
    if group.status(&ctx.world.switches) == "available" {
        return Ok(());
    }
    Err(ApiError::state(
        "Cluster not in available state to perform tagging operations.",
    ))
}

fn tags_mut<'a>(
    ctx: &'a mut Ctx<'_>,
    resource: &Resource,
) -> Result<&'a mut BTreeMap<String, String>, ApiError> {
    match resource {
        Resource::Group(key) => {
            may_tag(ctx, key)?;
            ctx.world
                .group_mut(key)
                .map(|group| &mut group.tags)
                .ok_or_else(|| not_found(&key.id))
        }
        Resource::SubnetGroup(name) => ctx
            .world
            .stores
            .get_mut(&ctx.caller.place)
            .and_then(|store| store.subnet_groups.get_mut(name))
            .map(|group| &mut group.tags)
            .ok_or_else(|| super::subnets::not_found(name)),
    }
}

fn render(tags: &BTreeMap<String, String>) -> String {
    let mut xml = Xml::default();
    xml.list("TagList", "Tag", tags, |x, (key, value)| {
        x.text("Key", key);
        x.text("Value", value);
    });
    xml.finish()
}
