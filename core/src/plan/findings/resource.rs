//! Findings on the resource itself: is it there, may we read it, is it busy, who else decides about it?

use super::About;
use crate::plan::{FindingCode, Severity};
use crate::topology::{Component, Manager, Owner, ResourceStatus};

/// There is a placement to judge: anything but a resource that is absent, refused or still without members.
pub(super) fn readable(component: &Component) -> bool {
    !matches!(
        component.status,
        ResourceStatus::Missing | ResourceStatus::Denied | ResourceStatus::Unknown
    ) && !component.shards.is_empty()
}

pub(super) fn find(about: &mut About<'_, '_>) {
    status(about);
    tags(about);
    managers(about);
    if let Some(elder) = about.input.fleet.claimed_by_elder.get(about.name) {
        let message = format!(
            "Replication group {} is also named by the older stack {elder}, which decides about it. Remove it from \
             one of the two.",
            about.component.resource.identifier
        );
        about.add_whole(FindingCode::ClaimedByElder, Severity::Warning, message);
    }
}

fn status(about: &mut About<'_, '_>) {
    let id = about.component.resource.identifier.clone();
    let region = &about.component.resource.region;
    let busy = |what: &str| {
        format!("Replication group {id} is {what}. Nothing is done to it until AWS shows it as available.")
    };
    let (code, severity, message) = match about.component.status {
        ResourceStatus::Available if about.component.members_match => return,
        ResourceStatus::Available => (
            FindingCode::ResourceBusy,
            Severity::Info,
            format!(
                "AWS's lists of the members of replication group {id} disagree: a change is half done. Nothing is \
                 done to it until they agree."
            ),
        ),
        ResourceStatus::Missing => (
            FindingCode::ResourceNotFound,
            Severity::Critical,
            format!(
                "There is no replication group {id} in {region}. Correct `replicationGroup`, the region or the \
                 account, or create it."
            ),
        ),
        ResourceStatus::Denied => (
            FindingCode::AccessDenied,
            Severity::Critical,
            about.component.gaps.first().map_or_else(
                || {
                    format!(
                        "AWS refuses to describe replication group {id} in {region}. Grant the read-only actions that \
                         the documentation lists."
                    )
                },
                |gap| format!("AWS refuses to describe replication group {id} in {region}: {}.", gap.sentence()),
            ),
        ),
        ResourceStatus::Creating => (FindingCode::ResourceBusy, Severity::Info, busy("being created")),
        ResourceStatus::Modifying => (FindingCode::ResourceBusy, Severity::Info, busy("being modified")),
        ResourceStatus::Snapshotting => (
            FindingCode::ResourceBusy,
            Severity::Info,
            busy("taking a snapshot"),
        ),
        ResourceStatus::Deleting => (
            FindingCode::ResourceBusy,
            Severity::Warning,
            format!("Replication group {id} is being deleted. Remove it from the stack if that is meant."),
        ),
        ResourceStatus::CreateFailed => (
            FindingCode::ResourceBusy,
            Severity::Critical,
            format!("The creation of replication group {id} failed. Delete it and create it again."),
        ),
        ResourceStatus::Unknown => (
            FindingCode::ResourceBusy,
            Severity::Warning,
            format!(
                "The status of replication group {id} is not known. Nothing is done to it until AWS shows it as \
                 available."
            ),
        ),
    };
    about.add_whole(code, severity, message);
}

fn tags(about: &mut About<'_, '_>) {
    if let Owner::Unreadable(why) = &about.component.owner {
        let message = format!(
            "The tags of replication group {} can't be read ({}), so nobody knows whose it is and nothing is done to \
             it. Grant elasticache:ListTagsForResource.",
            about.component.resource.identifier,
            why.trim_end_matches('.')
        );
        about.add_whole(FindingCode::AccessDenied, Severity::Warning, message);
    }
}

fn managers(about: &mut About<'_, '_>) {
    let id = about.component.resource.identifier.clone();
    for manager in about.component.managed_elsewhere.clone() {
        let message = match manager {
            Manager::GlobalDatastore { id: global, role } => format!(
                "Replication group {id} is the {role} member of Global Datastore {global}. It is only reported on; \
                 change it through the Global Datastore."
            ),
            Manager::CloudFormation { stack } => format!(
                "Replication group {id} belongs to CloudFormation stack {stack}. Its settings are only reported on; \
                 change them in the template."
            ),
            Manager::Outpost { arn } => {
                let message = format!(
                    "Replication group {id} stands on the Outpost {arn}, where ElastiCache has no Multi-AZ and no zones \
                     to choose from. It is only reported on; for copies in other zones move it into the region."
                );
                about.add_whole(FindingCode::OnOutposts, Severity::Warning, message);
                continue;
            }
        };
        about.add_whole(FindingCode::ManagedElsewhere, Severity::Info, message);
    }
}
