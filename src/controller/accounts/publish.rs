//! Tries the role of each AWSAccount, also of those that no stack uses yet, and writes what came of it: by server-side
//! apply on the status, and only when something changed.

use super::cache::{Accounts, SeenAccount};
use super::watch::resource;
use crate::api::v1alpha1::AWSAccountStatus;
use crate::api::{ACCOUNT_KIND, API_VERSION};
use crate::aws::Role;
use crate::controller::client::{Failure, ask};
use crate::controller::objects::STATUS;
use crate::report::account::{Subject, Trial, status};
use crate::report::sample;
use crate::shell::Roles;
use crate::shell::roles::{Refusal, RefusalKind};
use crate::topology::Region;
use jiff::{SignedDuration, Timestamp};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A role that is assumed is looked at this often, so that the condition stays true while nobody uses it.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(10);
/// One that is not.
const TRY_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Statuses of AWSAccounts, as written last.
pub struct AccountPublisher {
    client: Client,
    accounts: Arc<Accounts>,
    roles: Arc<Roles>,
    tried: BTreeMap<Role, (Timestamp, Trial)>,
    written: BTreeMap<String, (String, AWSAccountStatus)>,
    /// What metrics show, whether or not it could be written.
    samples: BTreeMap<String, BTreeMap<String, i8>>,
}

impl AccountPublisher {
    pub fn new(client: Client, accounts: Arc<Accounts>, roles: Arc<Roles>) -> Self {
        Self {
            client,
            accounts,
            roles,
            tried: BTreeMap::new(),
            written: BTreeMap::new(),
            samples: BTreeMap::new(),
        }
    }

    /// When a role is to be tried again.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.tried.values().map(|(at, trial)| *at + wait(trial)).min()
    }

    /// Account → condition type → 1, 0, -1.
    pub fn samples(&self) -> BTreeMap<String, BTreeMap<String, i8>> {
        self.samples.clone()
    }

    /// Tries what is due, and writes what changed.
    pub async fn turn(&mut self, now: Timestamp) {
        let all = self.accounts.all();
        let roles: BTreeSet<Role> = all.iter().filter_map(|(name, a)| role(name, a)).collect();
        self.roles.keep(&roles);
        self.tried.retain(|role, _| roles.contains(role));
        self.written.retain(|name, _| all.contains_key(name));
        self.samples.retain(|name, _| all.contains_key(name));
        for (name, account) in &all {
            if let Some(role) = role(name, account) {
                self.try_role(role, account, now).await;
            }
            self.write(name, account, now).await;
        }
    }

    async fn try_role(&mut self, role: Role, account: &SeenAccount, now: Timestamp) {
        let due = |(at, trial): &(Timestamp, Trial)| *at + wait(trial) <= now;
        if !self.tried.get(&role).is_none_or(due) {
            return;
        }
        let regions = account.spec.iter().flat_map(|s| &s.regions);
        let near = regions.map(|r| Region::from(r.as_str())).next();
        let trial = match self.roles.identity(&role, near.as_ref()).await {
            Ok(identity) => Trial::Assumed {
                account: role.account().map_or(String::new(), |a| a.to_string()),
                arn: identity.arn,
            },
            Err(Refusal { kind, sentence }) => match kind {
                RefusalKind::ByAws => Trial::Refused(sentence),
                RefusalKind::ExternalIdMissing => Trial::ExternalIdRequired(sentence),
                RefusalKind::NotReached => Trial::NotReached(sentence),
            },
        };
        self.tried.insert(role, (now, trial));
    }

    async fn write(&mut self, name: &str, account: &SeenAccount, now: Timestamp) {
        let role = role(name, account);
        let missing = role.as_ref().and_then(|role| self.roles.missing(role));
        let subject = Subject {
            generation: account.generation,
            spec: account.spec.as_ref().map_err(String::as_str),
            trial: role
                .as_ref()
                .and_then(|r| self.tried.get(r))
                .map(|(_, trial)| trial),
            missing: missing.as_ref(),
            now,
        };
        let ours = self.written.get(name).filter(|(uid, _)| *uid == account.uid);
        let before = ours.map(|(_, status)| status).or(account.status.as_ref());
        let status = status(&subject, before);
        self.samples.insert(name.to_owned(), sample::account(&status));
        if account.status.as_ref() == Some(&status) || ours.is_some_and(|(_, said)| *said == status) {
            return;
        }
        match self.apply(name, &account.uid, &status).await {
            Ok(()) => {
                self.written
                    .insert(name.to_owned(), (account.uid.clone(), status));
            }
            // It is gone or another one: the watch tells.
            Err(Failure::NotFound(_) | Failure::Conflict(_)) => {}
            Err(error) => {
                tracing::warn!(account = name, %error, "The status of an AWSAccount can't be written; trying again");
            }
        }
    }

    async fn apply(&self, name: &str, uid: &str, status: &AWSAccountStatus) -> Result<(), Failure> {
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource());
        let body = json!({
            "apiVersion": API_VERSION,
            "kind": ACCOUNT_KIND,
            "metadata": {"name": name, "uid": uid},
            "status": status,
        });
        let params = PatchParams::apply(STATUS).force();
        ask(api.patch_status(name, &params, &Patch::Apply(&body))).await?;
        Ok(())
    }
}

fn wait(trial: &Trial) -> SignedDuration {
    match trial {
        Trial::Assumed { .. } => LOOK_AGAIN,
        Trial::Refused(_) | Trial::ExternalIdRequired(_) | Trial::NotReached(_) => TRY_AGAIN,
    }
}

fn role(name: &str, account: &SeenAccount) -> Option<Role> {
    let spec = account.spec.as_ref().ok()?;
    Some(Role {
        account_ref: name.to_owned(),
        arn: spec.role_arn.clone(),
        external_id: spec.external_id.clone(),
    })
}
