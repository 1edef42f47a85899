//! Connections to AWS with the process's own credentials, one per region, and every request counted.

use crate::aws::{self, Call, CallObserver, ReadAws, WriteAws};
use crate::engine::{Connect, Link};
use crate::report::metrics::Metrics;
use crate::topology::Region;
use std::sync::Arc;

/// Opens regions with the SDK's own chain of credentials.
pub struct AwsConnect {
    /// `--aws-endpoint-url`.
    pub endpoint_url: Option<String>,
    pub metrics: Arc<Metrics>,
}

impl Connect for AwsConnect {
    async fn connect(&self, account: Option<&str>, region: &Region) -> Result<Link, String> {
        if let Some(account) = account {
            return Err(format!(
                "spec.aws.accountRef names the AWSAccount {account}, which this version can't use yet: leave it out and \
                 run one process per account, each with its own credentials"
            ));
        }
        let options = aws::Options {
            region: Some(region.clone()),
            endpoint_url: self.endpoint_url.clone(),
            ..aws::Options::default()
        };
        let config = aws::config(&options).await;
        let counter: Arc<dyn CallObserver> = Arc::new(Counter(self.metrics.clone()));
        Ok(Link {
            read: ReadAws::new(&config, counter.clone()),
            write: WriteAws::new(&config, counter),
        })
    }
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
