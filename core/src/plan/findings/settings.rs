//! Findings on settings: automatic failover, Multi-AZ, and the zones that the subnet group reaches.

use super::About;
use crate::plan::text::plural;
use crate::plan::{FindingCode, Severity};
use crate::topology::{Manager, Switch, ZoneName};

pub(super) fn find(about: &mut About<'_, '_>) {
    if !about.accepts_single_copies() {
        switches(about);
    }
    subnet_zones(about);
}

fn switches(about: &mut About<'_, '_>) {
    let id = about.component.resource.identifier.clone();
    let off = |switch: Switch| matches!(switch, Switch::Disabled | Switch::Disabling);
    if off(about.component.settings.automatic_failover) {
        let message = format!(
            "Automatic failover of replication group {id} is off: when a primary fails, no replica takes over and \
             writes stop. Turn it on (action EnableAutomaticFailover)."
        );
        about.add_whole(
            FindingCode::AutomaticFailoverDisabled,
            Severity::Critical,
            message,
        );
    }
    // On an Outpost there is none to turn on.
    let on_outpost = |m: &Manager| matches!(m, Manager::Outpost { .. });
    let can_have = !about.component.managed_elsewhere.iter().any(on_outpost);
    if off(about.component.settings.multi_az) && can_have {
        let message = format!(
            "Multi-AZ of replication group {id} is off: AWS does not promise a failover between zones, nor to keep \
             its nodes apart. Turn it on (action EnableMultiAz)."
        );
        about.add_whole(FindingCode::MultiAzDisabled, Severity::Warning, message);
    }
}

fn subnet_zones(about: &mut About<'_, '_>) {
    let reached = &about.component.settings.subnet_zones;
    if reached.is_empty() {
        return;
    }
    let zones = about.input.intent.zones.keys();
    let (covered, absent): (Vec<&ZoneName>, Vec<&ZoneName>) = zones.partition(|z| reached.contains(*z));
    let severity = if covered.len() < 2 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let id = about.component.resource.identifier.clone();
    for zone in absent {
        let message = format!(
            "The subnet group of replication group {id} has no subnet in {zone}, so no copy can stand there; it \
             reaches {} {} of the stack. Add a subnet in {zone} to it, or take the zone out of the stack.",
            covered.len(),
            plural(covered.len(), "zone", "zones"),
        );
        about.add(FindingCode::ZoneMissing, severity, zone.as_str(), message);
    }
}
