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

use super::document::is_cut;
use super::errors::{Operation, cut_off, from_sdk};
use super::session::Session;
use super::stats::{Call, CallObserver, Outcome};
use super::types::AwsError;
use crate::clock::Stopwatch;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes what the SDK doesn't say of a request: whether it was handed to the HTTP client, and whether the document of
/// its answer was closed.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    transmitted: AtomicBool,
    cut: AtomicBool,
}

#[dyn_dispatch_hint]
impl Intercept for Notes {
    fn name(&self) -> &'static str {
        "Notes"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.transmitted.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Comes after every answer that was read, whatever the SDK made of it; only here is its body at hand.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let cut = context.response().body().bytes().is_some_and(is_cut);
        self.0.cut.store(cut, Ordering::SeqCst);
        Ok(())
    }
}

impl Notes {
    fn transmitted(&self) -> bool {
        self.0.transmitted.load(Ordering::SeqCst)
    }

    fn cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
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
        send: impl FnOnce(Notes) -> F,
    ) -> Result<T, AwsError>
    where
        E: ProvideErrorMetadata + Error + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    {
        let notes = Notes::default();
        let watch = Stopwatch::start();
        let answer = send(notes.clone()).await;
        let answer = if notes.cut() {
            Err(cut_off(op))
        } else {
            answer.map_err(|e| from_sdk(op, notes.transmitted(), &e))
        };
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
