//! The two doors to AWS. Their methods make exactly the calls in [`actions`]: the IAM policies of `deploy/iam/`.
//!
//! Each method sends one request and never repeats it, so that every request is counted and paced, and a change is
//! never made twice because its answer got lost. [`ReadAws`] can't change anything; only the executor and
//! `evenkeel claim` hold a [`WriteAws`]. [`AssumeAws`] takes on the roles of AWSAccounts.

pub mod actions;
mod assume;
mod read;
mod write;

pub use actions::{ASSUME_ACTIONS, CLAIM_ACTIONS, READ_ACTIONS, WRITE_ACTIONS};
pub use assume::{AssumeAws, Assumed, SESSION_SECONDS};
pub use read::{Completeness, MetricAnswer, MetricQuestion, MetricResult, ReadAws};
pub use write::{Pace, ShardIncrease, WriteAws};

use super::errors::{Operation, from_sdk};
use super::session::Session;
use super::stats::{Call, CallObserver, Outcome};
use super::types::AwsError;
use crate::clock::Stopwatch;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes whether the SDK handed the request to its HTTP client.
#[derive(Clone, Debug, Default)]
struct Transmitted(Arc<AtomicBool>);

#[dyn_dispatch_hint]
impl Intercept for Transmitted {
    fn name(&self) -> &'static str {
        "Transmitted"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// Sends one request, counts it, and puts its failure in our words.
struct Wire {
    observer: Arc<dyn CallObserver>,
    /// Whose credentials sign, where a role is assumed.
    session: Option<Arc<Session>>,
}

impl Wire {
    fn new(observer: Arc<dyn CallObserver>) -> Self {
        Self {
            observer,
            session: None,
        }
    }

    /// `send` gets the note-taker to add to its request. `billed` says how many metrics an answer costs.
    async fn once<T, E, F>(
        &self,
        op: Operation,
        billed: u32,
        send: impl FnOnce(Transmitted) -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let transmitted = Transmitted::default();
        let watch = Stopwatch::start();
        let answer = send(transmitted.clone()).await;
        let answer = answer.map_err(|e| from_sdk(op, transmitted.0.load(Ordering::SeqCst), &e));
        let outcome = match &answer {
            Ok(_) => Outcome::Ok,
            Err(e) if !e.maybe_sent => Outcome::NotSent,
            Err(e) => Outcome::Failed(e.class),
        };
        let metrics_requested = if answer.is_ok() { billed } else { 0 };
        self.observer.called(&Call {
            service: op.service,
            operation: op.name,
            outcome,
            took: watch.elapsed(),
            metrics_requested,
            forbidden: answer.as_ref().is_err_and(AwsError::is_forbidden),
        });
        if let Err(error) = &answer {
            if let Some(session) = self.session.as_ref().filter(|_| error.is_expired()) {
                session.has_expired();
            }
            tracing::debug!(service = op.service, operation = op.name, %error, "AWS call failed");
        }
        answer
    }
}

#[cfg(test)]
mod tests;
