//! Whose role is assumed, and what a session tells AWS of itself. Pure.
//!
//! CloudTrail shows the session's name in the ARN of each call, and its tags are there for IAM policies
//! (`aws:PrincipalTag/…`, `aws:RequestTag/…`). Limits: API shapes `roleSessionNameType`, `Tag` of STS.

use crate::topology::{AccountId, StackName};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// A role, as an AWSAccount tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role {
    /// Name of the AWSAccount.
    pub account_ref: String,
    /// `arn:aws:iam::<account>:role/<path and name>`.
    pub arn: String,
    /// What the role's trust policy demands as `sts:ExternalId`.
    pub external_id: Option<String>,
}

impl Role {
    /// The account that the role belongs to, by its ARN.
    pub fn account(&self) -> Option<AccountId> {
        let account = self.arn.split(':').nth(4)?;
        let whole = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        whole.then(|| AccountId::new(account))
    }
}

/// With what AWS is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// The process's own credentials.
    Own,
    /// This role, assumed with them.
    Assumed(Role),
    /// An AWSAccount is named, and nobody here can look it up: AWS isn't called at all, least of all with the process's
    /// own credentials.
    Unresolved(String),
}

impl Access {
    /// For a stack that names this AWSAccount, where none can be looked up.
    pub fn without_accounts(account_ref: Option<&str>) -> Self {
        account_ref.map_or(Self::Own, |name| Self::Unresolved(name.to_owned()))
    }

    /// Name of the AWSAccount.
    pub fn account_ref(&self) -> Option<&str> {
        match self {
            Self::Own => None,
            Self::Assumed(role) => Some(&role.account_ref),
            Self::Unresolved(name) => Some(name),
        }
    }

    /// The account, where it is known without asking.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Assumed(role) => role.account(),
            Self::Own | Self::Unresolved(_) => None,
        }
    }
}

/// Session tag: the installation that calls.
pub const INSTALLATION_TAG: &str = "evenkeel.dev/installation";
/// Session tag: namespace of the stack for which something is changed.
pub const NAMESPACE_TAG: &str = "evenkeel.dev/namespace";
/// Session tag: name of that stack.
pub const STACK_TAG: &str = "evenkeel.dev/stack";

/// AWS takes names of 2 to 64 characters.
const LONGEST_NAME: usize = 64;
/// Hex digits that tell two long names apart whose beginnings are alike.
const DIGITS: usize = 8;
/// AWS takes tag values of up to 256 characters.
const LONGEST_VALUE: usize = 256;

/// Name and tags of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLabel {
    pub name: String,
    pub tags: Vec<(&'static str, String)>,
}

impl SessionLabel {
    /// Of the session that reads: one for all stacks of an account.
    pub fn reading(installation: Option<&str>) -> Self {
        Self {
            name: session_name(&format!("evenkeel@{}", installation.unwrap_or("-"))),
            tags: installation_tag(installation),
        }
    }

    /// Of the session that changes something for this stack.
    pub fn acting(installation: Option<&str>, stack: &StackName) -> Self {
        let StackName { namespace, name } = stack;
        let mut tags = installation_tag(installation);
        tags.push((NAMESPACE_TAG, shortened(namespace, LONGEST_VALUE)));
        tags.push((STACK_TAG, shortened(name, LONGEST_VALUE)));
        Self {
            // A namespace has no dot: two stacks never share a name.
            name: session_name(&format!("{namespace}.{name}@{}", installation.unwrap_or("-"))),
            tags,
        }
    }
}

fn installation_tag(installation: Option<&str>) -> Vec<(&'static str, String)> {
    let tag = |name: &str| (INSTALLATION_TAG, shortened(name, LONGEST_VALUE));
    installation.map(tag).into_iter().collect()
}

/// The text, as far as AWS takes it for a session's name: `[\w+=,.@-]{2,64}`.
fn session_name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let clean: String = text.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    shortened(&clean, LONGEST_NAME)
}

/// Cut, with a hash of the whole at the end, where it is too long.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - DIGITS - 1).collect();
    short.push('=');
    for byte in Sha256::digest(text.as_bytes()).iter().take(DIGITS / 2) {
        // Writing to a String cannot fail.
        let _ = write!(short, "{byte:02x}");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acting(namespace: &str, name: &str) -> SessionLabel {
        SessionLabel::acting(Some("prod"), &StackName::new(namespace, name))
    }

    #[test]
    fn a_session_that_acts_names_namespace_stack_and_installation() {
        let label = acting("shop", "nextgen-commerce");
        assert_eq!(label.name, "shop.nextgen-commerce@prod");
        assert_eq!(
            label.tags,
            [
                ("evenkeel.dev/installation", "prod".to_owned()),
                ("evenkeel.dev/namespace", "shop".to_owned()),
                ("evenkeel.dev/stack", "nextgen-commerce".to_owned()),
            ]
        );
        let reading = SessionLabel::reading(None);
        assert_eq!((reading.name.as_str(), reading.tags), ("evenkeel@-", vec![]));
    }

    #[test]
    fn long_names_are_cut_and_still_differ() {
        let long = "n".repeat(253);
        let (one, other) = (acting("shop", &long), acting("shop", &format!("{long}x")));
        assert_eq!((one.name.len(), other.name.len()), (64, 64));
        assert_ne!(one.name, other.name);
        assert!(one.name.starts_with("shop.nnnn"), "{}", one.name);
        assert_eq!(one.tags[2].1, long, "a tag holds 256 characters");
    }

    #[test]
    fn the_account_of_a_role_is_that_of_its_arn() {
        let account = |arn: &str| {
            let role = Role {
                account_ref: "shop".to_owned(),
                arn: arn.to_owned(),
                external_id: None,
            };
            role.account().map(|a| a.to_string())
        };
        assert_eq!(
            account("arn:aws-cn:iam::444455556666:role/a/b").as_deref(),
            Some("444455556666")
        );
        assert_eq!(account("arn:aws:iam::44445555666:role/b"), None);
        assert_eq!(account("role/b"), None);
    }

    #[test]
    fn a_named_account_is_never_the_own_credentials() {
        assert_eq!(Access::without_accounts(None), Access::Own);
        assert_eq!(
            Access::without_accounts(Some("shop")),
            Access::Unresolved("shop".to_owned())
        );
    }
}
