//! `ownership`: nothing is changed that isn't tagged as this installation's, and nothing that somebody else decides
//! about.

use super::context::{Context, Refusal};
use crate::plan::{Action, ActionType};
use crate::topology::{Component, Manager, Owner};

pub(super) fn refuse(ctx: &Context<'_>, action: &Action) -> Option<Refusal> {
    let component = ctx.state(action)?.component;
    let mut why = Vec::new();
    why.extend(installation(ctx, component));
    why.extend(owner(ctx, component));
    if let Some(elder) = ctx.input.fleet.claimed_by_elder.get(&action.component) {
        why.push(Refusal::new(format!(
            "The older stack {elder} names replication group {} too and decides about it.",
            component.resource.identifier
        )));
    }
    why.extend(
        component
            .managed_elsewhere
            .iter()
            .filter_map(|m| manager(m, action)),
    );
    Refusal::join(why)
}

/// Without a name of its own an installation owns nothing. An owner that is given (a snapshot's) is taken at its word
/// for showing, never for acting.
fn installation(ctx: &Context<'_>, component: &Component) -> Option<Refusal> {
    let given = component.owner == Owner::Ours && !ctx.acting();
    (ctx.input.fleet.installation.is_none() && !given).then(|| {
        Refusal::new(
            "This installation has no name, so nothing can be its own. Set --installation (EVENKEEL_INSTALLATION).",
        )
    })
}

fn owner(ctx: &Context<'_>, component: &Component) -> Option<Refusal> {
    let id = &component.resource.identifier;
    match &component.owner {
        Owner::Ours => None,
        Owner::Nobody => Some(Refusal::new(format!(
            "Replication group {id} has no tag evenkeel.dev/owner. Claim it with `evenkeel claim -f <manifest>`, or \
             with `{}`.",
            tag_command(ctx, component)
        ))),
        Owner::Other(other) => Some(Refusal::new(format!(
            "Replication group {id} is tagged evenkeel.dev/owner = {other}, which is not this installation and \
             stack. Only its owner may change that tag."
        ))),
        Owner::NotRead => Some(Refusal::new(format!(
            "The tags of replication group {id} have not been read yet."
        ))),
        Owner::Unreadable(why) => Some(Refusal::new(format!(
            "The tags of replication group {id} can't be read: {}.",
            why.trim_end_matches('.')
        ))),
    }
}

/// The same claim with the AWS CLI.
fn tag_command(ctx: &Context<'_>, component: &Component) -> String {
    let key = &component.resource;
    let region = key.region.as_str();
    let partition = match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let account = key.account.as_ref().map_or("<account>", |a| a.as_str());
    let installation = ctx
        .input
        .fleet
        .installation
        .as_deref()
        .unwrap_or("<installation>");
    format!(
        "aws elasticache add-tags-to-resource --region {region} --resource-name \
         arn:{partition}:elasticache:{region}:{account}:replicationgroup:{} --tags \
         Key=evenkeel.dev/owner,Value={installation}",
        key.identifier
    )
}

fn manager(manager: &Manager, action: &Action) -> Option<Refusal> {
    match (manager, action.kind.action_type()) {
        (Manager::GlobalDatastore { id, .. }, _) => Some(Refusal::new(format!(
            "It is a member of Global Datastore {id}, and is only reported on."
        ))),
        (Manager::Outpost { arn }, _) => Some(Refusal::new(format!(
            "It stands on the Outpost {arn}, and is only reported on."
        ))),
        (
            Manager::CloudFormation { stack },
            ActionType::EnableAutomaticFailover | ActionType::EnableMultiAz,
        ) => Some(Refusal::new(format!(
            "Its settings belong to CloudFormation stack {stack}, and are only reported on. Change the template."
        ))),
        (
            Manager::CloudFormation { .. },
            ActionType::AddReplica | ActionType::RemoveReplica | ActionType::MovePrimary,
        ) => None,
    }
}
