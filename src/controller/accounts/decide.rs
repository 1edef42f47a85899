//! May this stack use that account, and for how much? Pure: from specs and labels to an answer.
//!
//! What isn't allowed is refused; what can't be known is refused, too, but may become known. Nothing here ever leads to
//! the process's own credentials.

use crate::api::conditions::Reason;
use crate::api::v1alpha1::{AWSAccountSpec, LabelOperator, Mode as SpecMode, NamespaceSelector};
use crate::aws::Role;
use crate::plan::Intent;
use crate::plan::intent::{Mode, ModeLimit};
use crate::report::status::Problem;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::{Selector, SelectorExt as _};
use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

/// What a stack gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub role: Role,
    pub limit: ModeLimit,
}

/// Why it gets nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// Names the field and the remedy.
    pub message: String,
}

impl Refusal {
    fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }

    /// Only a change of a spec can help (kstatus), the stack's or the account's.
    fn is_stalled(&self) -> bool {
        self.reason != Reason::NotObserved
    }

    /// As the stack's status tells it.
    pub fn problem(&self) -> Problem<'_> {
        Problem {
            reason: self.reason,
            is_stalled: self.is_stalled(),
            message: &self.message,
        }
    }
}

/// The account of this name, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// Accounts can't be listed, and why.
    Unseen(&'a str),
    Missing,
    /// It is there, but not as this version reads it.
    Unreadable(&'a str),
    Spec(&'a AWSAccountSpec),
}

/// Labels of the stack's namespace, or why nobody knows them.
pub type KnownLabels<'a> = Result<&'a Labels, &'a str>;

/// Decides for a stack that names the account `name`.
pub fn decide(
    intent: &Intent,
    name: &str,
    account: Known<'_>,
    labels: KnownLabels<'_>,
) -> Result<Grant, Refusal> {
    let spec = match account {
        Known::Spec(spec) => spec,
        Known::Missing => {
            return Err(Refusal::new(
                Reason::AccountNotFound,
                format!(
                    "spec.aws.accountRef names the AWSAccount {name}, which doesn't exist: correct the name, or ask \
                     whoever manages the cluster to create it. AWS isn't called for this stack."
                ),
            ));
        }
        Known::Unseen(why) => {
            return Err(Refusal::new(
                Reason::NotObserved,
                format!(
                    "spec.aws.accountRef names the AWSAccount {name}, and AWSAccounts can't be read: {why}"
                ),
            ));
        }
        Known::Unreadable(why) => {
            return Err(Refusal::new(
                Reason::NotObserved,
                format!("AWSAccount {name} can't be read: {why}"),
            ));
        }
    };
    namespace(intent, name, spec, labels)?;
    region(intent, name, spec)?;
    Ok(Grant {
        role: Role {
            account_ref: name.to_owned(),
            arn: spec.role_arn.clone(),
            external_id: spec.external_id.clone(),
        },
        limit: ModeLimit {
            account: name.to_owned(),
            mode: mode(spec.mode),
        },
    })
}

fn mode(mode: SpecMode) -> Mode {
    match mode {
        SpecMode::Observe => Mode::Observe,
        SpecMode::Approve => Mode::Approve,
        SpecMode::Enforce => Mode::Enforce,
    }
}

fn namespace(
    intent: &Intent,
    name: &str,
    spec: &AWSAccountSpec,
    labels: KnownLabels<'_>,
) -> Result<(), Refusal> {
    let namespace = &intent.stack.namespace;
    let refused = |what: &str| {
        Refusal::new(
            Reason::NamespaceNotAllowed,
            format!(
                "AWSAccount {name} does not allow the namespace {namespace}: {what}. Name another account in \
                 spec.aws.accountRef, or ask whoever manages this one to allow the namespace."
            ),
        )
    };
    let Some(allowed) = &spec.allowed_namespaces else {
        return Err(refused(
            "its spec.allowedNamespaces is not set, so it allows none",
        ));
    };
    if allowed.match_names.contains(namespace) {
        return Ok(());
    }
    let Some(selector) = &allowed.selector else {
        return Err(refused("its spec.allowedNamespaces.matchNames doesn't list it"));
    };
    let selector = selector_of(selector).map_err(|why| {
        refused(&format!(
            "its spec.allowedNamespaces.selector can't be used ({why})"
        ))
    })?;
    match labels {
        Ok(labels) if selector.matches(labels) => Ok(()),
        Ok(_) => Err(refused(
            "neither its spec.allowedNamespaces.matchNames nor its selector includes it",
        )),
        Err(_) if selector.selects_all() => Ok(()),
        Err(why) => Err(Refusal::new(
            Reason::NotObserved,
            format!(
                "AWSAccount {name} allows namespaces by label, and the labels of {namespace} can't be read: {why}"
            ),
        )),
    }
}

/// Kubernetes' own reading of selectors.
fn selector_of(selector: &NamespaceSelector) -> Result<Selector, String> {
    let requirement = |e: &crate::api::v1alpha1::LabelExpression| LabelSelectorRequirement {
        key: e.key.clone(),
        operator: match e.operator {
            LabelOperator::In => "In",
            LabelOperator::NotIn => "NotIn",
            LabelOperator::Exists => "Exists",
            LabelOperator::DoesNotExist => "DoesNotExist",
        }
        .to_owned(),
        values: Some(e.values.clone()),
    };
    let selector = LabelSelector {
        match_labels: Some(selector.match_labels.clone()),
        match_expressions: Some(selector.match_expressions.iter().map(requirement).collect()),
    };
    Selector::try_from(selector).map_err(|e| e.to_string())
}

fn region(intent: &Intent, name: &str, spec: &AWSAccountSpec) -> Result<(), Refusal> {
    let region = intent.region.as_str();
    if spec.regions.is_empty() || spec.regions.iter().any(|r| r == region) {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::RegionNotAllowed,
        format!(
            "AWSAccount {name} may be used in {} only, and spec.aws.region is {region}. Name another account, or ask \
             whoever manages this one to add the region to its spec.regions.",
            spec.regions.join(", ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::support::intent;
    use serde_json::json;

    fn spec(more: serde_json::Value) -> AWSAccountSpec {
        let mut value = json!({"roleArn": "arn:aws:iam::444455556666:role/evenkeel", "externalId": "x1"});
        let fields = value.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn labels() -> Labels {
        [("team".to_owned(), "shop".to_owned())].into()
    }

    /// For the stack `shop/web` in test-region-1, whose namespace is labelled `team=shop`.
    fn asked(more: serde_json::Value) -> Result<Mode, (Reason, String)> {
        let (spec, labels) = (spec(more), labels());
        decide(&intent("g"), "prod", Known::Spec(&spec), Ok(&labels))
            .map(|grant| grant.limit.mode)
            .map_err(|refusal| (refusal.reason, refusal.message))
    }

    fn reason(more: serde_json::Value) -> Reason {
        asked(more).unwrap_err().0
    }

    #[test]
    fn a_namespace_is_allowed_by_name_or_by_label_and_by_nothing_else() {
        let names = |names: &[&str]| json!({"allowedNamespaces": {"matchNames": names}});
        let selector = |selector: serde_json::Value| json!({"allowedNamespaces": {"selector": selector}});
        assert_eq!(reason(json!({})), Reason::NamespaceNotAllowed);
        assert_eq!(asked(names(&["blog", "shop"])), Ok(Mode::Observe));
        assert_eq!(reason(names(&["blog", "shop-2"])), Reason::NamespaceNotAllowed);
        assert_eq!(asked(selector(json!({}))), Ok(Mode::Observe));
        assert_eq!(
            asked(selector(json!({"matchLabels": {"team": "shop"}}))),
            Ok(Mode::Observe)
        );
        for wrong in [
            json!({"matchLabels": {"team": "blog"}}),
            json!({"matchLabels": {"team": "shop", "tier": "prod"}}),
            json!({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}),
            json!({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}),
            json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}),
        ] {
            assert_eq!(
                reason(selector(wrong.clone())),
                Reason::NamespaceNotAllowed,
                "{wrong}"
            );
        }
        for right in [
            json!({"matchExpressions": [{"key": "team", "operator": "In", "values": ["blog", "shop"]}]}),
            json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}),
            json!({"matchExpressions": [{"key": "team", "operator": "Exists"}]}),
        ] {
            assert_eq!(asked(selector(right.clone())), Ok(Mode::Observe), "{right}");
        }
    }

    #[test]
    fn labels_that_nobody_knows_allow_nothing_unless_they_do_not_matter() {
        let known = |more| {
            let spec = spec(more);
            decide(&intent("g"), "prod", Known::Spec(&spec), Err("forbidden"))
                .map(|grant| grant.limit.mode)
                .map_err(|refusal| refusal.reason)
        };
        let by_label = json!({"allowedNamespaces": {"selector": {"matchLabels": {"team": "shop"}}}});
        assert_eq!(known(by_label), Err(Reason::NotObserved));
        assert_eq!(
            known(json!({"allowedNamespaces": {"selector": {}}})),
            Ok(Mode::Observe)
        );
        assert_eq!(
            known(json!({"allowedNamespaces": {"matchNames": ["shop"]}})),
            Ok(Mode::Observe)
        );
    }

    #[test]
    fn a_region_that_is_not_listed_is_refused_and_the_mode_is_the_accounts() {
        let with = |regions: &[&str], mode: &str| {
            asked(json!({
                "allowedNamespaces": {"matchNames": ["shop"]}, "regions": regions, "mode": mode
            }))
        };
        assert_eq!(with(&[], "Enforce"), Ok(Mode::Enforce));
        assert_eq!(
            with(&["eu-west-1", "test-region-1"], "Approve"),
            Ok(Mode::Approve)
        );
        let (reason, message) = with(&["eu-west-1"], "Enforce").unwrap_err();
        assert_eq!(reason, Reason::RegionNotAllowed);
        assert!(message.contains("eu-west-1 only"), "{message}");
        assert!(message.contains("spec.regions"), "{message}");
    }

    #[test]
    fn an_account_that_is_not_there_or_not_seen_gives_nothing() {
        let labels = labels();
        let told = |known| {
            let refusal = decide(&intent("g"), "prod", known, Ok(&labels)).unwrap_err();
            (refusal.reason, refusal.is_stalled())
        };
        assert_eq!(told(Known::Missing), (Reason::AccountNotFound, true));
        assert_eq!(told(Known::Unseen("no CRD")), (Reason::NotObserved, false));
        assert_eq!(told(Known::Unreadable("no role")), (Reason::NotObserved, false));
    }

    #[test]
    fn the_role_comes_with_its_external_id() {
        let spec = spec(json!({"allowedNamespaces": {"matchNames": ["shop"]}}));
        let grant = decide(&intent("g"), "prod", Known::Spec(&spec), Err("unread")).unwrap();
        assert_eq!(grant.role.external_id.as_deref(), Some("x1"));
        assert_eq!(grant.role.account_ref, "prod");
    }
}
