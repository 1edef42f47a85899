//! DescribeCacheSubnetGroups and CreateCacheSubnetGroup.
//!
//! There is no EC2 here, so a subnet's zone is read off its id: `subnet-…-a` lies in the caller's region plus `a`, and
//! subnets of existing groups keep their zones.

use std::collections::BTreeMap;

use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::world::model::{SourceType, SubnetGroup};

use super::{ApiError, Ctx, Page, tags};

pub fn not_found(name: &str) -> ApiError {
    // 400 despite its name, as the service model declares.
    ApiError::new(
        "CacheSubnetGroupNotFoundFault",
        400,
        format!("Cache Subnet Group {name} does not exist."),
    )
}

pub fn describe(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let wanted = params.take("CacheSubnetGroupName");
    let page = Page::take(ctx, &mut params)?;
    params.finish()?;
    let groups = ctx
        .world
        .stores
        .get(&ctx.caller.place)
        .into_iter()
        .flat_map(|store| &store.subnet_groups);
    let groups = groups.filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name));
    let (groups, marker) = page.cut(groups, |(name, _)| (*name).clone());
    if let (Some(name), true) = (wanted, groups.is_empty()) {
        return Err(not_found(&name));
    }
    let mut xml = Xml::default();
    xml.opt("Marker", marker);
    xml.list(
        "CacheSubnetGroups",
        "CacheSubnetGroup",
        groups,
        |x, (name, group)| shape(x, ctx, name, group),
    );
    Ok(xml.finish())
}

pub fn create(ctx: &mut Ctx<'_>, mut params: Params) -> Result<String, ApiError> {
    let name = params.required("CacheSubnetGroupName")?.to_lowercase();
    let description = params.required("CacheSubnetGroupDescription")?;
    let ids = params.texts("SubnetIds", "SubnetIdentifier")?.unwrap_or_default();
    let tags = tags::take(&mut params)?;
    params.finish()?;
    if ids.is_empty() {
        return Err(ApiError::value("The parameter SubnetIds must be provided."));
    }
    if ids.len() > 20 {
        return Err(ApiError::new(
            "CacheSubnetQuotaExceededFault",
            400,
            "A group can have at most 20 subnets.",
        ));
    }
    let mut subnets = BTreeMap::new();
    for id in ids {
        let zone = zone_of(ctx, &id).ok_or_else(|| {
            ApiError::new(
                "InvalidSubnet",
                400,
                format!("No Amazon VPC subnet was found with id {id}."),
            )
        })?;
        subnets.insert(id, zone);
    }
    let place = ctx.caller.place.clone();
    let store = ctx.world.stores.entry(place.clone()).or_default();
    if store.subnet_groups.contains_key(&name) {
        let text = format!("Cache Subnet Group {name} already exists.");
        return Err(ApiError::new("CacheSubnetGroupAlreadyExists", 400, text));
    }
    let group = SubnetGroup {
        description,
        subnets,
        outpost: None,
        tags,
    };
    store.subnet_groups.insert(name.clone(), group.clone());
    ctx.applied = true;
    ctx.world.emit(
        &place,
        SourceType::CacheSubnetGroup,
        &name,
        format!("Cache subnet group {name} created"),
    );
    let mut xml = Xml::default();
    xml.node("CacheSubnetGroup", |x| shape(x, ctx, &name, &group));
    Ok(xml.finish())
}

fn zone_of(ctx: &Ctx<'_>, subnet: &str) -> Option<String> {
    let mut known = ctx
        .world
        .stores
        .get(&ctx.caller.place)
        .into_iter()
        .flat_map(|store| store.subnet_groups.values());
    if let Some(zone) = known.find_map(|group| group.subnets.get(subnet)) {
        return Some(zone.clone());
    }
    let (_, letter) = subnet.strip_prefix("subnet-")?.rsplit_once('-')?;
    let zone = format!("{}{letter}", ctx.caller.place.region);
    ctx.world.zones.contains_key(&zone).then_some(zone)
}

fn shape(x: &mut Xml, ctx: &Ctx<'_>, name: &str, group: &SubnetGroup) {
    let place = &ctx.caller.place;
    x.text("CacheSubnetGroupName", name);
    x.text("CacheSubnetGroupDescription", &group.description);
    x.text("VpcId", "vpc-0a1b2c3d");
    x.list("Subnets", "Subnet", &group.subnets, |x, (id, zone)| {
        x.text("SubnetIdentifier", id);
        x.node("SubnetAvailabilityZone", |x| x.text("Name", zone));
        if let Some(arn) = &group.outpost {
            x.node("SubnetOutpost", |x| x.text("SubnetOutpostArn", arn));
        }
        x.node("SupportedNetworkTypes", |x| x.text("member", "ipv4"));
    });
    x.text(
        "ARN",
        format!(
            "arn:aws:elasticache:{}:{}:subnetgroup:{name}",
            place.region, place.account
        ),
    );
    x.node("SupportedNetworkTypes", |x| x.text("member", "ipv4"));
}
