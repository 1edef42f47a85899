//! What the schema can't say: rules between fields, and texts with a grammar. Mirrors the CEL rules of the custom
//! resource, and goes further where CEL can't (time zones).
//!
//! Each rule looks at what is there and passes over what `shape` has refused already, so that one look finds
//! everything.

use super::duration;
use crate::document::Problems;
use crate::document::{Node, Value};
use jiff::tz::TimeZoneDatabase;
use std::collections::BTreeMap;

/// Checks `spec`.
pub(super) fn check(spec: &Node, problems: &mut Problems) {
    region(spec, problems);
    zones(spec, problems);
    durations(spec, problems);
    windows(spec, problems);
    components(spec, problems);
    accepted(spec, problems);
}

/// Reports a text that breaks its grammar.
fn refuse(node: &Node, path: &str, what: &str, remedy: &str, problems: &mut Problems) {
    problems.add(
        node.line,
        path,
        Some(node.shown()),
        format!("{} {what}", node.shown()),
        remedy,
    );
}

/// Every text at `path` below `node` that doesn't pass.
fn grammar(
    node: Option<&Node>,
    path: &str,
    passes: fn(&str) -> bool,
    what: &str,
    remedy: &str,
    problems: &mut Problems,
) {
    if let Some(node) = node
        && let Some(text) = node.text()
        && !passes(text)
    {
        refuse(node, path, what, remedy, problems);
    }
}

fn region(spec: &Node, problems: &mut Problems) {
    let aws = spec.get("aws");
    grammar(
        aws.and_then(|a| a.get("region")),
        "spec.aws.region",
        is_region,
        "is no region",
        "write the region as AWS names it, such as ap-northeast-2",
        problems,
    );
    grammar(
        aws.and_then(|a| a.get("accountRef")).and_then(|r| r.get("name")),
        "spec.aws.accountRef.name",
        is_subdomain,
        "is no name of an object",
        "write the name of an AWSAccount object: lower case letters, digits, '-' and '.'",
        problems,
    );
}

/// `ap-northeast-2`, `us-gov-west-1`.
pub(super) fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').collect::<Vec<_>>();
    let number = parts.pop().unwrap_or_default();
    parts.len() >= 2
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
        && parts
            .iter()
            .all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
}

/// A DNS label: what names of components and namespaces are.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Labels joined by dots: what names of Kubernetes objects are.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_zone_id(text: &str) -> bool {
    text.rsplit_once("-az").is_some_and(|(front, number)| {
        !front.is_empty()
            && front
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && (1..=2).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_digit())
    })
}

fn zones(spec: &Node, problems: &mut Problems) {
    let Some(zones) = spec.get("zones") else { return };
    let Value::List(items) = &zones.value else { return };
    if items.len() < 2 {
        problems.add(
            zones.line,
            "spec.zones",
            Some(format!("{} items", items.len())),
            match items.len() {
                0 => "lists no zone",
                _ => "lists one zone only",
            },
            "list at least two zones: with one zone there is nothing to fail over to",
        );
    }
    let region = spec
        .get("aws")
        .and_then(|a| a.get("region")?.text())
        .filter(|r| is_region(r));
    let mut ids = BTreeMap::new();
    for (i, zone) in items.iter().enumerate() {
        if let Some(name) = zone.get("name") {
            zone_name(name, &format!("spec.zones[{i}].name"), region, problems);
        }
        let Some(id) = zone.get("id") else { continue };
        let path = format!("spec.zones[{i}].id");
        grammar(
            Some(id),
            &path,
            is_zone_id,
            "is no zone id",
            "write the zone's id, such as apne2-az1 (the name goes into name)",
            problems,
        );
        if let Some(text) = id.text()
            && let Some(first) = ids.insert(text, i)
        {
            let what = format!("is the id of spec.zones[{first}] too");
            refuse(id, &path, &what, "give each zone its own id", problems);
        }
    }
}

fn zone_name(node: &Node, path: &str, region: Option<&str>, problems: &mut Problems) {
    let Some(name) = node.text() else { return };
    let of_region = |region: &str| {
        name.strip_prefix(region)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase()))
    };
    let Some(region) = region else {
        // The region is missing or refused; the name's own shape can still be judged.
        let shape = name.len() > 1
            && name.is_char_boundary(name.len() - 1)
            && is_region(&name[..name.len() - 1])
            && name.ends_with(|c: char| c.is_ascii_lowercase());
        if !shape {
            refuse(node, path, "is no Availability Zone", ZONE_REMEDY, problems);
        }
        return;
    };
    if of_region(region) {
        return;
    }
    if name.starts_with(&format!("{region}-")) {
        let what = "is a Local Zone or Wavelength Zone, which can't take part";
        refuse(node, path, what, ZONE_REMEDY, problems);
    } else if is_zone_id(name) {
        let remedy = format!("move it to id and write the zone's name here, such as {region}a");
        refuse(node, path, "is a zone id", &remedy, problems);
    } else {
        let what = format!("is not a zone of {region}");
        let remedy =
            format!("name a zone as {region} and one letter, such as {region}a, or correct spec.aws.region");
        refuse(node, path, &what, &remedy, problems);
    }
}

const ZONE_REMEDY: &str =
    "write the name of an Availability Zone: the region and one letter, such as ap-northeast-2a";

fn durations(spec: &Node, problems: &mut Problems) {
    for (parent, name) in [
        ("objectives", "recoveryTime"),
        ("objectives", "recoveryPoint"),
        ("guardrails", "quietPeriod"),
        ("guardrails", "maxReplicationLag"),
        ("guardrails", "replaceAfter"),
    ] {
        if let Some(node) = spec.get(parent).and_then(|p| p.get(name))
            && let Some(text) = node.text()
            && let Err(what) = duration::parse(text)
        {
            let path = format!("spec.{parent}.{name}");
            refuse(node, &path, &what, duration::REMEDY, problems);
        }
    }
}

fn windows(spec: &Node, problems: &mut Problems) {
    for list in ["windows", "denyWindows"] {
        let items = spec.get("guardrails").and_then(|g| g.get(list));
        for (i, window) in items.map(Node::items).into_iter().flatten().enumerate() {
            let path = format!("spec.guardrails.{list}[{i}]");
            for end in ["from", "to"] {
                grammar(
                    window.get(end),
                    &format!("{path}.{end}"),
                    |t| time_of_day(t).is_some(),
                    "is no time of day",
                    "write a time of day such as 22:00 (24 hours, two digits each)",
                    problems,
                );
            }
            grammar(
                window.get("timeZone"),
                &format!("{path}.timeZone"),
                |t| TimeZoneDatabase::bundled().get(t).is_ok(),
                "is no time zone",
                "write a time zone by its IANA name, such as Asia/Seoul, Europe/Berlin or UTC",
                problems,
            );
        }
    }
}

/// `22:00`; exactly two digits each.
pub(super) fn time_of_day(text: &str) -> Option<jiff::civil::Time> {
    let (hour, minute) = text.split_once(':')?;
    let two = |s: &str| s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn components(spec: &Node, problems: &mut Problems) {
    let caches = spec.get("caches").map(Node::items).unwrap_or_default();
    if caches.is_empty() {
        let refused = spec
            .get("caches")
            .is_some_and(|c| !matches!(c.value, Value::List(_)));
        if !refused {
            problems.add(
                spec.get("caches").map_or(spec.line, |c| c.line),
                "spec.caches",
                None,
                "the stack is empty",
                "name at least one resource to look after: add an entry to spec.caches",
            );
        }
    }
    let mut groups = BTreeMap::new();
    for (i, cache) in caches.iter().enumerate() {
        let path = format!("spec.caches[{i}]");
        grammar(
            cache.get("name"),
            &format!("{path}.name"),
            is_label,
            "is no name of a component",
            "use up to 63 lower case letters, digits and '-', starting and ending with a letter or digit",
            problems,
        );
        let Some(group) = cache.get("replicationGroup") else {
            continue;
        };
        let here = format!("{path}.replicationGroup");
        grammar(
            Some(group),
            &here,
            is_replication_group,
            "is no ReplicationGroupId",
            "write up to 40 letters, digits and single hyphens, starting with a letter, not ending with a hyphen",
            problems,
        );
        if let Some(id) = group.text().map(str::to_lowercase)
            && let Some(first) = groups.insert(id, i)
        {
            let what = format!("is the replication group of spec.caches[{first}] too");
            let remedy = "keep one of the two (identifiers ignore case)";
            refuse(group, &here, &what, remedy, problems);
        }
    }
    preferred_zones(spec, caches, problems);
}

fn accepted(spec: &Node, problems: &mut Problems) {
    let caches = spec.get("caches").map(Node::items).unwrap_or_default();
    let names: Vec<_> = caches.iter().filter_map(|c| c.get("name")?.text()).collect();
    let entries = spec.get("accepted").map(Node::items).unwrap_or_default();
    for (i, entry) in entries.iter().enumerate() {
        grammar(
            entry.get("until"),
            &format!("spec.accepted[{i}].until"),
            |t| moment(t).is_some(),
            "is no date and time with its offset",
            "write a date and time with its offset, such as 2027-03-31T00:00:00Z",
            problems,
        );
        grammar(
            entry.get("reason"),
            &format!("spec.accepted[{i}].reason"),
            |t| !t.is_empty(),
            "is no reason",
            "say why it is accepted, and by whom, for those who read it later",
            problems,
        );
        let component = entry.get("component");
        if let Some(node) = component
            && node.text().is_some_and(|name| !names.contains(&name))
        {
            refuse(
                node,
                &format!("spec.accepted[{i}].component"),
                "is not among the components of the stack",
                &format!(
                    "name one of spec.caches ({}), or omit it to accept the finding of all of them",
                    names.join(", ")
                ),
                problems,
            );
        }
    }
}

/// RFC 3339 to the second, as the custom resource's rule has it.
pub(super) fn moment(text: &str) -> Option<jiff::Timestamp> {
    let (date, rest) = text.split_once('T')?;
    let (time, offset) = (rest.get(..8)?, rest.get(8..)?);
    let clock = |t: &str| t.get(..5).and_then(time_of_day).is_some();
    let second = time.get(5..).is_some_and(|s| s.starts_with(':') && s < ":60");
    let offset = offset == "Z" || (offset.len() == 6 && offset.get(1..).is_some_and(clock));
    let shape = date.len() == 10 && date.starts_with("20") && clock(time) && second && offset;
    shape.then(|| text.parse().ok())?
}

/// ElastiCache's rules for a ReplicationGroupId (API reference, CreateReplicationGroup).
pub(super) fn is_replication_group(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn preferred_zones(spec: &Node, caches: &[Node], problems: &mut Problems) {
    let listed: Vec<_> = spec
        .get("zones")
        .map(Node::items)
        .into_iter()
        .flatten()
        .filter_map(|z| z.get("name")?.text())
        .collect();
    for (i, cache) in caches.iter().enumerate() {
        let wanted = cache
            .get("preferredPrimaryZones")
            .map(Node::items)
            .unwrap_or_default();
        for (j, zone) in wanted.iter().enumerate() {
            if zone.text().is_some_and(|z| !listed.contains(&z)) {
                let path = format!("spec.caches[{i}].preferredPrimaryZones[{j}]");
                let remedy = format!("name zones of spec.zones: {}", listed.join(", "));
                refuse(
                    zone,
                    &path,
                    "is not among the zones of the stack",
                    &remedy,
                    problems,
                );
            }
        }
    }
}
