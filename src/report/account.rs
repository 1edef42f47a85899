//! The status of an AWSAccount: what came of assuming its role and of calling AWS with it. Pure.
//!
//! Nothing here changes while the account is used as before, so a shell that writes only on change writes nothing.

use crate::api::conditions::ConditionStatus::{self, False, True, Unknown};
use crate::api::conditions::transition_time;
use crate::api::v1alpha1::{
    AWSAccountSpec, AWSAccountStatus, AccountCondition, AccountConditionType, AccountIdentity, AccountReason,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// What came of assuming the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    Assumed {
        account: String,
        arn: String,
    },
    /// AWS refuses.
    Refused(String),
    /// A role of another account, and no external id: nobody was asked.
    ExternalIdRequired(String),
    /// AWS didn't answer.
    NotReached(String),
}

/// Everything that a status is made of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub generation: Option<i64>,
    /// The spec, or why it can't be read.
    pub spec: Result<&'a AWSAccountSpec, &'a str>,
    /// `None`: not tried yet.
    pub trial: Option<&'a Trial>,
    /// IAM actions that were refused when last tried; `None`: nothing was called.
    pub missing: Option<&'a BTreeSet<String>>,
    pub now: Timestamp,
}

type Aspect = (ConditionStatus, AccountReason, String);

/// The account's status. `before` lends its transition times.
pub fn status(subject: &Subject<'_>, before: Option<&AWSAccountStatus>) -> AWSAccountStatus {
    let (assumed, permitted) = (assumed(subject), permitted(subject));
    let ready = ready(subject, &assumed, &permitted);
    let conditions = [
        (AccountConditionType::Ready, ready),
        (AccountConditionType::Assumed, assumed),
        (AccountConditionType::Permitted, permitted),
    ];
    let since = |kind: AccountConditionType, status: ConditionStatus| {
        let mut known = before.into_iter().flat_map(|b| &b.conditions);
        let same = known.find(|c| c.kind == kind && c.status == status);
        same.map_or_else(|| transition_time(subject.now), |c| c.last_transition_time)
    };
    AWSAccountStatus {
        observed_generation: subject.generation,
        conditions: conditions
            .into_iter()
            .map(|(kind, (status, reason, message))| AccountCondition {
                kind,
                status,
                reason,
                message,
                observed_generation: subject.generation,
                last_transition_time: since(kind, status),
            })
            .collect(),
        identity: match subject.trial {
            Some(Trial::Assumed { account, arn }) => Some(AccountIdentity {
                account: account.clone(),
                arn: arn.clone(),
            }),
            _ => None,
        },
        missing_permissions: subject.missing.into_iter().flatten().cloned().collect(),
    }
}

fn assumed(subject: &Subject<'_>) -> Aspect {
    if let Err(problem) = subject.spec {
        return (False, AccountReason::InvalidSpec, problem.to_owned());
    }
    match subject.trial {
        None => pending(),
        Some(Trial::Assumed { arn, .. }) => (
            True,
            AccountReason::RoleAssumed,
            format!("The role is assumed as {arn}."),
        ),
        Some(Trial::Refused(why)) => (False, AccountReason::RefusedByAws, why.clone()),
        Some(Trial::ExternalIdRequired(why)) => (False, AccountReason::ExternalIdRequired, why.clone()),
        Some(Trial::NotReached(why)) => (Unknown, AccountReason::NotReached, why.clone()),
    }
}

fn permitted(subject: &Subject<'_>) -> Aspect {
    match subject.missing {
        None => (
            Unknown,
            AccountReason::NotUsed,
            "No HAStack has used the account yet, so nobody knows what the role may do.".to_owned(),
        ),
        Some(missing) if missing.is_empty() => (
            True,
            AccountReason::NothingRefused,
            "AWS refused nothing that was called with the role.".to_owned(),
        ),
        Some(missing) => {
            let list: Vec<&str> = missing.iter().map(String::as_str).collect();
            let message = format!(
                "AWS refuses {} to the role: allow it in the role's policies.",
                list.join(", ")
            );
            (False, AccountReason::PermissionMissing, message)
        }
    }
}

fn ready(subject: &Subject<'_>, assumed: &Aspect, permitted: &Aspect) -> Aspect {
    if let Err(problem) = subject.spec {
        return (False, AccountReason::InvalidSpec, problem.to_owned());
    }
    match (assumed.0, assumed.1) {
        (Unknown, AccountReason::Pending) => return pending(),
        (True, _) => {}
        (status, _) => return (status, AccountReason::NotAssumed, assumed.2.clone()),
    }
    if permitted.0 == False {
        return permitted.clone();
    }
    let nobody = subject.spec.is_ok_and(|s| s.allowed_namespaces.is_none());
    let message = if nobody {
        "The role is assumed, but no HAStack may use it: spec.allowedNamespaces names no namespace."
    } else {
        "The role is assumed."
    };
    (True, AccountReason::Usable, message.to_owned())
}

fn pending() -> Aspect {
    (
        Unknown,
        AccountReason::Pending,
        "The role has not been tried yet.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::{AllowedNamespaces, Mode};
    use jiff::SignedDuration;

    fn spec(allowed: bool) -> AWSAccountSpec {
        AWSAccountSpec {
            role_arn: "arn:aws:iam::444455556666:role/evenkeel".to_owned(),
            external_id: None,
            regions: vec![],
            allowed_namespaces: allowed.then(AllowedNamespaces::default),
            mode: Mode::Observe,
        }
    }

    fn ok() -> Trial {
        Trial::Assumed {
            account: "444455556666".to_owned(),
            arn: "arn:aws:sts::444455556666:assumed-role/evenkeel/evenkeel@prod".to_owned(),
        }
    }

    /// `Ready Assumed Permitted` as status/reason.
    fn told(
        spec: Result<&AWSAccountSpec, &str>,
        trial: Option<&Trial>,
        missing: Option<&[&str]>,
    ) -> Vec<String> {
        let missing = missing.map(|m| m.iter().map(ToString::to_string).collect());
        let subject = Subject {
            generation: Some(3),
            spec,
            trial,
            missing: missing.as_ref(),
            now: Timestamp::UNIX_EPOCH,
        };
        let conditions = status(&subject, None).conditions;
        conditions
            .iter()
            .map(|c| format!("{:?}/{:?}", c.status, c.reason))
            .collect()
    }

    #[test]
    fn ready_follows_the_worst_of_assuming_and_calling() {
        let fine = spec(true);
        let refused = Trial::Refused("no".to_owned());
        let lost = Trial::NotReached("no".to_owned());
        let external = Trial::ExternalIdRequired("no".to_owned());
        assert_eq!(
            told(Ok(&fine), None, None),
            ["Unknown/Pending", "Unknown/Pending", "Unknown/NotUsed"]
        );
        assert_eq!(
            told(Ok(&fine), Some(&ok()), None),
            ["True/Usable", "True/RoleAssumed", "Unknown/NotUsed"]
        );
        assert_eq!(
            told(Ok(&fine), Some(&ok()), Some(&[])),
            ["True/Usable", "True/RoleAssumed", "True/NothingRefused"]
        );
        assert_eq!(
            told(Ok(&fine), Some(&ok()), Some(&["elasticache:DescribeEvents"])),
            [
                "False/PermissionMissing",
                "True/RoleAssumed",
                "False/PermissionMissing"
            ]
        );
        assert_eq!(
            told(Ok(&fine), Some(&refused), Some(&[])),
            ["False/NotAssumed", "False/RefusedByAws", "True/NothingRefused"]
        );
        assert_eq!(
            told(Ok(&fine), Some(&external), None),
            ["False/NotAssumed", "False/ExternalIdRequired", "Unknown/NotUsed"]
        );
        assert_eq!(
            told(Ok(&fine), Some(&lost), None),
            ["Unknown/NotAssumed", "Unknown/NotReached", "Unknown/NotUsed"]
        );
        assert_eq!(
            told(Err("spec.mode is none"), None, None),
            ["False/InvalidSpec", "False/InvalidSpec", "Unknown/NotUsed"]
        );
    }

    #[test]
    fn an_account_that_nobody_may_use_says_so() {
        let nobody = spec(false);
        let subject = Subject {
            generation: None,
            spec: Ok(&nobody),
            trial: Some(&ok()),
            missing: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let ready = &status(&subject, None).conditions[0];
        assert!(
            ready.message.contains("spec.allowedNamespaces"),
            "{}",
            ready.message
        );
    }

    #[test]
    fn a_condition_keeps_its_time_until_its_status_flips() {
        let fine = spec(true);
        let at = |seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds);
        let (good, refused) = (ok(), Trial::Refused("no".to_owned()));
        let subject = |trial, now| Subject {
            generation: None,
            spec: Ok(&fine),
            trial: Some(trial),
            missing: None,
            now,
        };
        let first = status(&subject(&good, at(1)), None);
        let second = status(&subject(&good, at(9)), Some(&first));
        assert_eq!(first, second);
        let third = status(&subject(&refused, at(9)), Some(&second));
        let times: Vec<_> = third.conditions.iter().map(|c| c.last_transition_time).collect();
        assert_eq!(times, [at(9), at(9), at(1)]);
        assert_eq!(third.identity, None);
    }
}
