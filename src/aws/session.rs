//! One assumed role, kept fresh: what the SDK signs with.
//!
//! A session is renewed well before it ends, so that no request begins with credentials that end on its way: a mutating
//! call that AWS refuses for an expired token would look like a failed action. Ends are counted from before the asking, on
//! the loop's clock and in real time, whichever is first: AWS's clock and ours need not agree.

use super::ports::{AssumeAws, Assumed, SESSION_SECONDS};
use super::role::{Role, SessionLabel};
use super::types::AwsError;
use crate::clock::Stopwatch;
use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// A session with less than this left is renewed.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
/// A refusal is not asked for again sooner: one poll makes many calls.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(15);

/// Tells the loop's time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Who we are in AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// ARN of the assumed role with the session's name.
    pub arn: String,
}

/// Why a role could not be assumed: goes through the SDK as the cause of a request that was never sent.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the role can't be assumed: {0}")]
pub struct NotAssumed(pub AwsError);

/// A role under one label.
pub struct Session {
    assume: AssumeAws,
    role: Role,
    label: SessionLabel,
    now: Now,
    last: Mutex<Option<Try>>,
    /// Counts the times that AWS called the session expired before we did.
    expired: AtomicU64,
}

struct Try {
    at: Timestamp,
    since: Stopwatch,
    /// [`Session::expired`] before it was asked for.
    expired: u64,
    outcome: Result<Assumed, AwsError>,
}

impl Session {
    pub fn new(assume: AssumeAws, role: Role, label: SessionLabel, now: Now) -> Self {
        Self {
            assume,
            role,
            label,
            now,
            last: Mutex::new(None),
            expired: AtomicU64::new(0),
        }
    }

    /// The configuration with this session's credentials, which keeps none of them itself.
    pub(super) fn sign(self: &Arc<Self>, config: &SdkConfig) -> SdkConfig {
        config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(Signer(self.clone())))
            .identity_cache(IdentityCache::no_cache())
            .build()
    }

    /// Assumes the role unless that was done a moment ago.
    pub async fn identity(&self) -> Result<Identity, AwsError> {
        let assumed = self.assumed().await?;
        Ok(Identity { arn: assumed.arn })
    }

    async fn assumed(&self) -> Result<Assumed, AwsError> {
        let mut last = self.last.lock().await;
        let (now, expired) = ((self.now)(), self.expired.load(Ordering::SeqCst));
        if let Some(known) = last.as_ref().filter(|t| t.stands(now, expired)) {
            return known.outcome.clone();
        }
        let since = Stopwatch::start();
        let outcome = self.assume.assume_role(&self.role, &self.label).await;
        if let Err(error) = &outcome {
            let (role, session) = (&self.role.arn, &self.label.name);
            tracing::warn!(role, session, %error, "The role can't be assumed");
        }
        let tried = Try {
            at: now,
            since,
            expired,
            outcome,
        };
        last.insert(tried).outcome.clone()
    }

    /// AWS says that the session has expired: the next call takes a new one.
    pub(super) fn has_expired(&self) {
        self.expired.fetch_add(1, Ordering::SeqCst);
    }
}

impl Try {
    /// It need not be made again.
    fn stands(&self, now: Timestamp, expired: u64) -> bool {
        let age = SignedDuration::try_from(self.since.elapsed()).unwrap_or(SignedDuration::MAX);
        let age = age.max(now.duration_since(self.at));
        let lasts = match self.outcome {
            Ok(_) if self.expired != expired => return false,
            Ok(_) => SignedDuration::from_secs(SESSION_SECONDS.into()) - MARGIN,
            Err(_) => REFUSED_FOR,
        };
        age < lasts
    }
}

/// Gives the SDK a session's credentials.
#[derive(Debug)]
struct Signer(Arc<Session>);

impl ProvideCredentials for Signer {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let assumed = self.0.assumed().await;
            let keys: Result<Credentials, AwsError> = assumed.map(|a| a.credentials);
            keys.map_err(|error| CredentialsError::provider_error(NotAssumed(error)))
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.role.arn)
            .field("label", &self.label.name)
            .finish_non_exhaustive()
    }
}
