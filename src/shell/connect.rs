//! Connections to AWS, one per account and region, and every request counted.
//!
//! The process's own credentials serve stacks that name no AWSAccount, and to assume the roles of those that do. They never
//! stand in for a role.

use super::roles::Roles;
use crate::aws::{self, Access, Call, CallObserver, Hands, ReadAws, Role, WriteAws};
use crate::engine::{Connect, Link, Wish};
use crate::report::metrics::Metrics;
use crate::topology::Region;
use std::sync::Arc;

/// Says why nothing may be done any more for what was judged by this wish.
pub type Withdrawn = Box<dyn Fn(&Wish) -> Option<String> + Send + Sync>;

/// Opens regions with the SDK's own chain of credentials, or with roles that are assumed by them.
pub struct AwsConnect {
    /// `--aws-endpoint-url`.
    pub endpoint_url: Option<String>,
    pub metrics: Arc<Metrics>,
    /// Where AWSAccounts can be looked up.
    pub roles: Option<Arc<Roles>>,
    pub withdrawn: Option<Withdrawn>,
}

impl AwsConnect {
    async fn own(&self, region: &Region) -> Link {
        let config = aws::config(&self.options(region)).await;
        let counter = counter(&self.metrics);
        Link {
            read: ReadAws::new(&config, counter.clone()),
            write: Hands::shared(WriteAws::new(&config, counter)),
        }
    }

    async fn assumed(&self, role: &Role, region: &Region) -> Result<Link, String> {
        let roles = self.roles.as_ref().ok_or_else(|| unresolved(&role.account_ref))?;
        let usable = roles.usable(role, region).await.map_err(|r| r.sentence)?;
        let config = aws::config(&self.options(region)).await;
        let read = ReadAws::assumed(&config, usable.observer(), usable.reading());
        let make = move |stack: &_, pace: &aws::ports::Pace| {
            WriteAws::assumed(&config, usable.observer(), usable.acting(stack), pace.clone())
        };
        Ok(Link {
            read,
            write: Hands::of_each(Box::new(make)),
        })
    }

    fn options(&self, region: &Region) -> aws::Options {
        aws::Options {
            region: Some(region.clone()),
            endpoint_url: self.endpoint_url.clone(),
            ..aws::Options::default()
        }
    }
}

impl Connect for AwsConnect {
    async fn connect(&self, access: &Access, region: &Region) -> Result<Link, String> {
        match access {
            Access::Own => Ok(self.own(region).await),
            Access::Assumed(role) => self.assumed(role, region).await,
            Access::Unresolved(name) => Err(unresolved(name)),
        }
    }

    fn withdrawn(&self, wish: &Wish) -> Option<String> {
        self.withdrawn.as_ref().and_then(|withdrawn| withdrawn(wish))
    }
}

fn unresolved(account_ref: &str) -> String {
    format!(
        "spec.aws.accountRef names the AWSAccount {account_ref}, which only `evenkeel controller` can look up, on \
         Kubernetes: leave it out and run one process per account, each with its own credentials"
    )
}

/// Hears of every request for the metrics.
pub(super) fn counter(metrics: &Arc<Metrics>) -> Arc<dyn CallObserver> {
    Arc::new(Counter(metrics.clone()))
}

struct Counter(Arc<Metrics>);

impl CallObserver for Counter {
    fn called(&self, call: &Call) {
        self.0.aws_call(
            call.service,
            call.operation,
            call.outcome.as_str(),
            call.took,
            call.metrics_requested,
        );
    }
}
