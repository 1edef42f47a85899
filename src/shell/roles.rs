//! The roles of AWSAccounts: assumed, kept, and what their use has shown.
//!
//! One session per role reads, whatever the region; each stack's changes are made under a session of its own. A role of
//! another account is not even tried without an external id: whoever may be made to use a role for others can otherwise be
//! made to use it for anybody (IAM guide, *The confused deputy problem*).

use super::connect::counter;
use crate::aws::session::Now;
use crate::aws::types::{AwsError, ErrorClass};
use crate::aws::{
    self, AssumeAws, Call, CallObserver, Identity, Outcome, ReadAws, Role, Session, SessionLabel,
};
use crate::report::metrics::Metrics;
use crate::topology::{AccountId, Region, StackName};
use aws_config::SdkConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Where STS is asked if neither the process nor the AWSAccount knows a region.
const SOME_REGION: &str = "us-east-1";

/// Every role that was tried.
pub struct Roles {
    pub endpoint_url: Option<String>,
    pub metrics: Arc<Metrics>,
    /// `--installation`: in the sessions' names and tags.
    pub installation: Option<String>,
    pub now: Now,
    own: OnceCell<AccountId>,
    known: Mutex<BTreeMap<Role, Arc<KnownRole>>>,
}

/// Why a role can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub kind: RefusalKind,
    /// Names the field and the remedy.
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It belongs to another account, and no external id is given. Nobody was asked.
    ExternalIdMissing,
    /// AWS refuses.
    ByAws,
    /// AWS didn't answer, or the process's own credentials can't be used.
    NotReached,
}

/// One role with its sessions' makings.
pub struct KnownRole {
    role: Role,
    /// Where and as whom it is assumed.
    sts: SdkConfig,
    reading: Arc<Session>,
    calls: Arc<RoleCalls>,
    metrics: Arc<Metrics>,
    installation: Option<String>,
    now: Now,
}

impl Roles {
    pub fn new(
        endpoint_url: Option<String>,
        metrics: Arc<Metrics>,
        installation: Option<String>,
        now: Now,
    ) -> Self {
        Self {
            endpoint_url,
            metrics,
            installation,
            now,
            own: OnceCell::new(),
            known: Mutex::new(BTreeMap::new()),
        }
    }

    /// The role, assumed. `near` is where STS is asked if the process has no region of its own.
    pub async fn usable(&self, role: &Role, near: &Region) -> Result<Arc<KnownRole>, Refusal> {
        let known = self.known(role, near).await?;
        known.identity().await?;
        Ok(known)
    }

    /// Assumes the role (or knows that it is) and says who that is.
    pub async fn identity(&self, role: &Role, near: Option<&Region>) -> Result<Identity, Refusal> {
        let some = Region::from(SOME_REGION);
        let known = self.known(role, near.unwrap_or(&some)).await?;
        known.identity().await
    }

    /// IAM actions that were refused to this role when last tried; `None` when it never called anything.
    pub fn missing(&self, role: &Role) -> Option<BTreeSet<String>> {
        let known = self.lock();
        known.get(role)?.calls.missing()
    }

    /// Forgets all other roles.
    pub fn keep(&self, roles: &BTreeSet<Role>) {
        self.lock().retain(|role, _| roles.contains(role));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Role, Arc<KnownRole>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn known(&self, role: &Role, near: &Region) -> Result<Arc<KnownRole>, Refusal> {
        if let Some(known) = self.lock().get(role) {
            return Ok(known.clone());
        }
        let sts = self.sts(near).await;
        if role.external_id.is_none() {
            let own = self.own_account(&sts).await?;
            if role.account().as_ref() != Some(&own) {
                return Err(without_external_id(role, &own));
            }
        }
        let label = SessionLabel::reading(self.installation.as_deref());
        let assume = AssumeAws::new(&sts, counter(&self.metrics));
        let known = KnownRole {
            role: role.clone(),
            reading: Arc::new(Session::new(assume, role.clone(), label, self.now.clone())),
            sts,
            calls: Arc::new(RoleCalls {
                counter: counter(&self.metrics),
                tried: Mutex::new(BTreeMap::new()),
            }),
            metrics: self.metrics.clone(),
            installation: self.installation.clone(),
            now: self.now.clone(),
        };
        let mut all = self.lock();
        Ok(all.entry(role.clone()).or_insert_with(|| Arc::new(known)).clone())
    }

    /// The process's own region is in the partition of its own credentials; a stack's may not be enabled for them.
    async fn sts(&self, near: &Region) -> SdkConfig {
        let options = |region| aws::Options {
            region,
            endpoint_url: self.endpoint_url.clone(),
            ..aws::Options::default()
        };
        let config = aws::config(&options(None)).await;
        if config.region().is_some() {
            return config;
        }
        aws::config(&options(Some(near.clone()))).await
    }

    async fn own_account(&self, sts: &SdkConfig) -> Result<AccountId, Refusal> {
        let read = ReadAws::new(sts, counter(&self.metrics));
        let own = self.own.get_or_try_init(|| read.get_caller_identity()).await;
        own.cloned().map_err(|error| Refusal {
            kind: RefusalKind::NotReached,
            sentence: format!(
                "The controller can't learn whose credentials it has itself, so it assumes no role: {error}.{}",
                advice(&error)
            ),
        })
    }
}

fn without_external_id(role: &Role, own: &AccountId) -> Refusal {
    let account = role
        .account()
        .map_or("an unknown one".to_owned(), |a| a.to_string());
    Refusal {
        kind: RefusalKind::ExternalIdMissing,
        sentence: format!(
            "AWSAccount {} names a role of another account ({account}; the controller's own is {own}) and no \
             external id, so the role isn't tried: set spec.externalId, and demand the same value as sts:ExternalId in \
             the role's trust policy.",
            role.account_ref
        ),
    }
}

fn advice(error: &AwsError) -> String {
    error
        .advice()
        .map_or(String::new(), |advice| format!(" {advice}"))
}

impl KnownRole {
    /// The session that reads.
    pub fn reading(&self) -> Arc<Session> {
        self.reading.clone()
    }

    /// A session that changes something for this stack.
    pub fn acting(&self, stack: &StackName) -> Arc<Session> {
        let label = SessionLabel::acting(self.installation.as_deref(), stack);
        let assume = AssumeAws::new(&self.sts, counter(&self.metrics));
        Arc::new(Session::new(assume, self.role.clone(), label, self.now.clone()))
    }

    /// Hears of every call under this role.
    pub fn observer(&self) -> Arc<dyn CallObserver> {
        self.calls.clone()
    }

    async fn identity(&self) -> Result<Identity, Refusal> {
        self.reading.identity().await.map_err(|error| Refusal {
            kind: match error.class {
                ErrorClass::Denied | ErrorClass::Invalid | ErrorClass::NotFound if error.maybe_sent => {
                    RefusalKind::ByAws
                }
                _ => RefusalKind::NotReached,
            },
            sentence: format!(
                "The role {} of AWSAccount {} can't be assumed ({}): {}.{}",
                self.role.arn,
                self.role.account_ref,
                error.code,
                error.message.trim_end_matches('.'),
                advice(&error)
            ),
        })
    }
}

/// What was refused to a role, and what was not.
struct RoleCalls {
    counter: Arc<dyn CallObserver>,
    /// IAM action → whether it was refused when last tried.
    tried: Mutex<BTreeMap<String, bool>>,
}

impl RoleCalls {
    fn missing(&self) -> Option<BTreeSet<String>> {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = tried.iter().filter(|(_, refused)| **refused);
        (!tried.is_empty()).then(|| missing.map(|(action, _)| action.clone()).collect())
    }
}

impl CallObserver for RoleCalls {
    fn called(&self, call: &Call) {
        self.counter.called(call);
        let action = format!("{}:{}", call.service, call.operation);
        let tells = call.forbidden
            || !matches!(
                call.outcome,
                Outcome::NotSent | Outcome::Failed(ErrorClass::Denied)
            );
        // Asking who one is needs no permission.
        if tells && call.service != "sts" {
            let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
            tried.insert(action, call.forbidden);
        }
    }
}
