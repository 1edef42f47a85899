//! Who may call what: identity-based policies, evaluated as IAM does for one account.
//!
//! A world without policies allows everything. With some, a caller has those of its role, else of its access key, else
//! of its account, else the default ones; who has none is as free as in a world without. A request is allowed when a
//! statement allows it and none denies it. Resource policies, boundaries, session policies and organisations aren't
//! simulated, nor trust policies beyond `roles`.
//!
//! Source: IAM guide, *Policy evaluation logic*.

mod condition;
mod policy;
mod request;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::service::{ApiError, Caller, Service};
use crate::world::World;

use policy::{Effect, Policy};

/// Policies as a world file holds them: whose, then the documents.
pub type PolicySpecs = BTreeMap<String, Vec<Value>>;

/// One question to IAM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `elasticache:TestFailover`.
    pub action: String,
    /// An ARN, or `*` where the action knows no resource.
    pub resource: String,
    /// The tags that the resource bears.
    pub resource_tags: BTreeMap<String, String>,
    /// The tags that the request would write.
    pub written_tags: BTreeMap<String, String>,
    /// Where it is made.
    pub region: String,
}

/// Whose policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Principal {
    /// Whoever has none of its own.
    Default,
    Account(String),
    AccessKey(String),
    /// A role by account and name: an assumed role's ARN has lost its path.
    Role {
        account: String,
        name: String,
    },
}

/// Everybody's policies.
#[derive(Clone, Debug, Default)]
pub struct Access {
    policies: BTreeMap<Principal, Vec<Policy>>,
}

impl Access {
    /// Reads the policies of a world.
    pub fn read(specs: &PolicySpecs) -> Result<Self, String> {
        let mut access = Self::default();
        access.extend(specs)?;
        Ok(access)
    }

    /// Replaces the policies of all that are named, or of none if one makes no sense.
    pub fn extend(&mut self, specs: &PolicySpecs) -> Result<(), String> {
        let mut changed = self.clone();
        for (who, documents) in specs {
            changed.set(who, documents)?;
        }
        *self = changed;
        Ok(())
    }

    /// Replaces the policies of `who` (`default`, an account, an access key or a role's ARN). No document: no right.
    pub fn set(&mut self, who: &str, documents: &[Value]) -> Result<(), String> {
        let principal = Principal::read(who).map_err(|e| format!("policies: {e}"))?;
        let policies = documents
            .iter()
            .map(Policy::read)
            .collect::<Result<_, _>>()
            .map_err(|e| format!("policies of {who}: {e}"))?;
        self.policies.insert(principal, policies);
        Ok(())
    }

    fn of(&self, caller: &Caller) -> Option<&Vec<Policy>> {
        let candidates = [
            Principal::role(&caller.arn),
            Some(Principal::AccessKey(caller.access_key.clone())),
            Some(Principal::Account(caller.place.account.clone())),
            Some(Principal::Default),
        ];
        candidates
            .into_iter()
            .flatten()
            .find_map(|principal| self.policies.get(&principal))
    }
}

impl Principal {
    fn read(text: &str) -> Result<Self, String> {
        if text == "default" {
            return Ok(Self::Default);
        }
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self::Account(text.to_owned()));
        }
        if text.starts_with("arn:") {
            return Self::role(text).ok_or_else(|| format!("`{text}` is not a role's ARN"));
        }
        if text.len() >= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Ok(Self::AccessKey(text.to_owned()));
        }
        Err(format!(
            "`{text}` is neither `default`, nor an account of twelve digits, an access key or a role's ARN"
        ))
    }

    /// Of a role's ARN, or of a session's.
    fn role(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, _, account, resource] = parts[..] else {
            return None;
        };
        let name = match service {
            "iam" => resource.strip_prefix("role/")?.rsplit('/').next()?,
            "sts" => resource.strip_prefix("assumed-role/")?.split('/').next()?,
            _ => return None,
        };
        Some(Self::Role {
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// Refuses a call that the caller's policies don't allow.
pub fn authorize(
    world: &World,
    caller: &Caller,
    service: Service,
    operation: &str,
    params: &BTreeMap<String, String>,
) -> Result<(), ApiError> {
    let Some(policies) = world.access.of(caller) else {
        return Ok(());
    };
    for request in request::of(world, caller, service, operation, params) {
        judge(policies, &request).map_err(|why| {
            let (who, action, resource) = (&caller.arn, &request.action, &request.resource);
            let on = if resource == "*" {
                String::new()
            } else {
                format!(" on resource: {resource}")
            };
            let text = format!("User: {who} is not authorized to perform: {action}{on} {why}");
            ApiError::new("AccessDenied", 403, text)
        })?;
    }
    Ok(())
}

/// Explicit denial over permission over silence; the error is IAM's reason.
fn judge(policies: &[Policy], request: &Request) -> Result<(), String> {
    let effects: Vec<Effect> = policies.iter().filter_map(|p| p.effect_on(request)).collect();
    if effects.contains(&Effect::Deny) {
        return Err("with an explicit deny in an identity-based policy".to_owned());
    }
    if effects.is_empty() {
        let action = &request.action;
        return Err(format!(
            "because no identity-based policy allows the {action} action"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
