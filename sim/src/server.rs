//! HTTP/1.1 in front of the operations: which wire format, which service, which faults, and the answer.
//!
//! A dropped connection is an answer too: [`Dropped`] makes hyper close the socket without a response, which is what a
//! connection reset after a change looks like to a client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::auth::{self, Scope};
use crate::calls::Call;
use crate::clock::real_now;
use crate::control;
use crate::faults::{Facts, Outcome};
use crate::iam;
use crate::service::{ApiError, Caller, Ctx, Quirks, Service, cloudwatch, elasticache, is_mutating, sts};
use crate::shared::Shared;
use crate::wire::query::Params;
use crate::wire::xml::Xml;
use crate::wire::{cbor, json};

/// Largest request taken.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
const CLOUDWATCH_TARGET: &str = "GraniteServiceVersion20100801";
const CLOUDWATCH_VERSION: &str = "2010-08-01";
const CLOUDWATCH_NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// The connection is closed instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the simulator closed the connection on purpose")]
pub struct Dropped;

/// Serves until the task is aborted.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "Accept failed");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
            },
            Some(_ended) = connections.join_next() => continue,
        };
        let _best_effort = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let connection = shared.new_connection();
            let service = service_fn(|request| handle(Arc::clone(&shared), connection, request));
            let served =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = served.await {
                tracing::debug!(%error, "Connection ended");
            }
            shared.connection_closed(connection);
        });
    }
}

async fn handle(shared: Arc<Shared>, connection: u64, request: Request<Incoming>) -> Result<Answer, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Err(Dropped);
    };
    let body = body.to_bytes();
    if head.uri.path().starts_with("/_sim") {
        // A client that closes after each answer says nothing about its life by closing.
        let closes = head
            .headers
            .get(CONNECTION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let connection = (!closes).then_some(connection);
        return Ok(control::handle(&shared, connection, &head.method, &head.uri, &body).await);
    }
    let wire = Wire::of(&head);
    match Inbound::read(wire, &head, &body) {
        Ok(inbound) => call(&shared, inbound, &head.headers).await,
        Err(error) => {
            tracing::warn!(code = %error.code, message = %error.message, "Request refused");
            Ok(wire.failure(None, &error, 0))
        }
    }
}

/// The three formats of requests and replies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wire {
    Query,
    Cbor,
    Json,
}

/// A request, decoded.
struct Inbound {
    wire: Wire,
    scope: Scope,
    service: Service,
    action: String,
    input: Input,
}

enum Input {
    Form(Params),
    Value(serde_json::Value),
}

impl Inbound {
    fn read(wire: Wire, head: &hyper::http::request::Parts, body: &[u8]) -> Result<Self, ApiError> {
        let scope = auth::scope(&head.headers, real_now())?;
        let service = auth::service(&scope)?;
        if head.method != Method::POST {
            return Err(ApiError::new(
                "MethodNotAllowed",
                405,
                "The simulator takes POST only.",
            ));
        }
        if wire != Wire::Cbor && head.uri.path() != "/" {
            let text = format!("The simulator has nothing at {}.", head.uri.path());
            return Err(ApiError::unknown("InvalidAction", text));
        }
        let (action, input) = match wire {
            Wire::Query => {
                let mut form = Params::decode(body)?;
                let action = form.take("Action").ok_or_else(|| {
                    ApiError::new(
                        "MissingAction",
                        400,
                        "The request has no Action, smithy-protocol or x-amz-target.",
                    )
                })?;
                check_version(service, &mut form)?;
                (action, Input::Form(form))
            }
            Wire::Cbor => {
                let rest = head.uri.path().strip_prefix("/service/").unwrap_or_default();
                let action = rest
                    .strip_prefix(CLOUDWATCH_TARGET)
                    .and_then(|rest| rest.strip_prefix("/operation/"));
                let value =
                    cbor::to_json(body).map_err(|e| ApiError::new("SerializationException", 400, e))?;
                (operation_of(service, action)?, Input::Value(value))
            }
            Wire::Json => {
                let target = head
                    .headers
                    .get("x-amz-target")
                    .and_then(|value| value.to_str().ok());
                let action = target
                    .and_then(|t| t.strip_prefix(CLOUDWATCH_TARGET))
                    .and_then(|t| t.strip_prefix('.'));
                let value = serde_json::from_slice(body)
                    .map_err(|e| ApiError::new("SerializationException", 400, e.to_string()))?;
                (operation_of(service, action)?, Input::Value(value))
            }
        };
        Ok(Self {
            wire,
            scope,
            service,
            action,
            input,
        })
    }

    /// The replication group that the call names.
    fn target(params: &BTreeMap<String, String>) -> Option<String> {
        let arn_id = |arn: &String| arn.rsplit(':').next().map(str::to_owned);
        let named = params.get("ReplicationGroupId").cloned();
        named
            .or_else(|| params.get("ResourceName").and_then(arn_id))
            .map(|id| id.to_lowercase())
    }

    fn flat(&self) -> BTreeMap<String, String> {
        match &self.input {
            Input::Form(form) => form.as_map().clone(),
            Input::Value(value) => json::flatten(value),
        }
    }
}

fn operation_of(service: Service, action: Option<&str>) -> Result<String, ApiError> {
    match action {
        Some(action) if service == Service::CloudWatch => Ok(action.to_owned()),
        _ => Err(ApiError::new(
            "UnknownOperationException",
            400,
            "The operation is not one of the signed service.",
        )),
    }
}

fn check_version(service: Service, form: &mut Params) -> Result<(), ApiError> {
    let wanted = match service {
        Service::ElastiCache => elasticache::VERSION,
        Service::CloudWatch => CLOUDWATCH_VERSION,
        Service::Sts => sts::VERSION,
    };
    match form.take("Version") {
        Some(version) if version == wanted => Ok(()),
        other => {
            let given = other.unwrap_or_else(|| "none".to_owned());
            Err(ApiError::new(
                "NoSuchVersion",
                400,
                format!("The version must be {wanted}, not {given}."),
            ))
        }
    }
}

/// A call that was admitted: who, under which faults, at which place in the log.
struct Admitted {
    caller: Caller,
    outcome: Outcome,
    seq: u64,
}

async fn call(shared: &Arc<Shared>, inbound: Inbound, headers: &hyper::HeaderMap) -> Result<Answer, Dropped> {
    let wire = inbound.wire;
    let service = inbound.service;
    let action = inbound.action.clone();
    let admitted = match admit(shared, &inbound, headers) {
        Ok(admitted) => admitted,
        Err((seq, error)) => return Ok(refuse(shared, wire, service, seq, &error)),
    };
    let Admitted { caller, outcome, seq } = admitted;
    if outcome.reset_before {
        return Err(Dropped);
    }
    if let Some(latency) = outcome.latency {
        tokio::time::sleep(latency.0.unsigned_abs().mul_f64(shared.real_factor())).await;
    }
    if let Some(rule) = &outcome.hold_before {
        hold(shared, rule).await;
    }
    if let Some(error) = &outcome.error {
        return Ok(cut(refuse(shared, wire, service, seq, error), outcome.cut).await);
    }
    let result = perform(shared, inbound, &caller, &outcome.quirks, seq);
    if let Some(rule) = &outcome.hold_after {
        hold(shared, rule).await;
    }
    if outcome.reset_after {
        return Err(Dropped);
    }
    let answer = match result {
        Ok(body) => {
            shared.with(|inner| inner.calls.answered(seq, 200, None));
            wire.success(service, &action, body, seq)
        }
        Err(error) => refuse(shared, wire, service, seq, &error),
    };
    Ok(cut(answer, outcome.cut).await)
}

/// What a proxy or a server that broke off in the midst makes of an answer: shorter, with a length to match.
async fn cut(answer: Answer, share: Option<f64>) -> Answer {
    let Some(share) = share else {
        return answer;
    };
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let body = body.to_bytes();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let left = (body.len() as f64 * share) as usize;
    Response::from_parts(head, Full::new(body.slice(..left)))
}

fn admit(
    shared: &Shared,
    inbound: &Inbound,
    headers: &hyper::HeaderMap,
) -> Result<Admitted, (u64, ApiError)> {
    shared.with(|inner| {
        let now = inner.world.now();
        let params = inbound.flat();
        let target = Inbound::target(&params);
        let credentials_now = inner.credentials_now();
        let caller = auth::caller(
            &inbound.scope,
            headers,
            &inner.world,
            &inner.sessions,
            credentials_now,
        );
        let account = caller
            .as_ref()
            .map_or(String::new(), |caller| caller.place.account.clone());
        let outcome = match &caller {
            Ok(caller) => {
                let facts = Facts {
                    service: inbound.service.word(),
                    operation: &inbound.action,
                    target: target.as_deref(),
                    account: &account,
                    region: &caller.place.region,
                };
                let mut outcome = inner.faults.judge(&facts, now);
                let limit = inner.world.quotas.calls_per_second;
                if !inner.rates.admit(&caller.place, inbound.service, limit, now) {
                    outcome.error = Some(ApiError::throttled());
                }
                // A rule's error is there to be seen, whatever the policies say.
                if outcome.error.is_none() {
                    outcome.error =
                        iam::authorize(&inner.world, caller, inbound.service, &inbound.action, &params).err();
                }
                outcome
            }
            Err(_) => Outcome::default(),
        };
        let seq = inner.calls.begin(Call {
            seq: 0,
            at: now,
            real_at: real_now(),
            service: inbound.service.word().to_owned(),
            operation: inbound.action.clone(),
            region: inbound.scope.region.clone(),
            account,
            principal: caller.as_ref().map_or(String::new(), |c| c.arn.clone()),
            session_tags: caller.as_ref().map_or(BTreeMap::new(), |c| c.tags.clone()),
            params,
            status: None,
            error: None,
            mutating: is_mutating(&inbound.action),
            applied: false,
            faults: outcome.fired.clone(),
        });
        caller
            .map(|caller| Admitted { caller, outcome, seq })
            .map_err(|error| (seq, error))
    })
}

/// What an operation answers, before encoding.
enum Body {
    Xml(String),
    Metrics(cloudwatch::MetricReply),
}

fn perform(
    shared: &Shared,
    inbound: Inbound,
    caller: &Caller,
    quirks: &Quirks,
    seq: u64,
) -> Result<Body, ApiError> {
    shared.with(|inner| {
        let credentials_now = inner.credentials_now();
        let mut ctx = Ctx {
            world: &mut inner.world,
            caller,
            quirks,
            applied: false,
        };
        let mut session = None;
        let result = match (inbound.service, inbound.input) {
            (Service::ElastiCache, Input::Form(form)) => {
                elasticache::dispatch(&mut ctx, &inbound.action, form).map(Body::Xml)
            }
            (Service::Sts, Input::Form(form)) => {
                sts::dispatch(&mut ctx, &inbound.action, form, credentials_now).map(|(xml, made)| {
                    session = made;
                    Body::Xml(xml)
                })
            }
            (Service::CloudWatch, input) => {
                let value = match input {
                    Input::Value(value) => value,
                    Input::Form(form) => json::form_to_json(form.as_map()),
                };
                cloudwatch::dispatch(&mut ctx, &inbound.action, value).map(Body::Metrics)
            }
            (_, Input::Value(_)) => Err(ApiError::unknown(
                "InvalidAction",
                "This service takes forms only.",
            )),
        };
        let applied = ctx.applied;
        inner.calls.applied(seq, applied);
        if let Some(session) = session {
            inner.sessions.insert(session.access_key.clone(), session);
        }
        result
    })
}

fn refuse(shared: &Shared, wire: Wire, service: Service, seq: u64, error: &ApiError) -> Answer {
    if error.unknown {
        tracing::warn!(code = %error.code, message = %error.message, "Request that the simulator doesn't know");
    }
    shared.with(|inner| inner.calls.answered(seq, error.status, Some(&error.code)));
    wire.failure(Some(service), error, seq)
}

/// Hangs until the rule is released or gone.
async fn hold(shared: &Arc<Shared>, rule: &str) {
    struct Held<'a>(&'a Shared, &'a str);
    impl Drop for Held<'_> {
        fn drop(&mut self) {
            self.0.with(|inner| inner.faults.hold(self.1, false));
        }
    }
    let mut ticks = shared.ticks();
    let releases = shared.with(|inner| {
        inner.faults.hold(rule, true);
        inner.faults.releases(rule)
    });
    let _held = Held(shared, rule);
    shared.wake();
    while shared.with(|inner| inner.faults.releases(rule)) == releases && releases.is_some() {
        if ticks.changed().await.is_err() {
            return;
        }
    }
}

impl Wire {
    fn of(head: &hyper::http::request::Parts) -> Self {
        if head
            .headers
            .get("smithy-protocol")
            .is_some_and(|value| value == "rpc-v2-cbor")
        {
            Self::Cbor
        } else if head.headers.contains_key("x-amz-target") {
            Self::Json
        } else {
            Self::Query
        }
    }

    fn success(self, service: Service, action: &str, body: Body, seq: u64) -> Answer {
        match (self, body) {
            (Self::Cbor, Body::Metrics(reply)) => self.answer(200, reply.to_cbor(), None, seq),
            (Self::Json, Body::Metrics(reply)) => {
                self.answer(200, reply.to_json().to_string().into_bytes(), None, seq)
            }
            (_, Body::Metrics(reply)) => {
                self.answer(200, envelope(service, action, &reply.to_xml(), seq), None, seq)
            }
            (_, Body::Xml(inside)) => self.answer(200, envelope(service, action, &inside, seq), None, seq),
        }
    }

    fn failure(self, service: Option<Service>, error: &ApiError, seq: u64) -> Answer {
        let side = if error.status >= 500 { "Receiver" } else { "Sender" };
        let kind = format!("com.amazonaws.cloudwatch#{}", error.code);
        let body = match self {
            Self::Cbor => {
                let mut w = cbor::Writer::default();
                w.map(2)
                    .text("__type")
                    .text(&kind)
                    .text("message")
                    .text(&error.message);
                w.finish()
            }
            Self::Json => serde_json::json!({"__type": kind, "message": error.message})
                .to_string()
                .into_bytes(),
            Self::Query => error_document(service, error, side, seq),
        };
        let header = (self != Self::Query).then(|| format!("{};{side}", error.code));
        self.answer(error.status, body, header.as_deref(), seq)
    }

    fn answer(self, status: u16, body: Vec<u8>, query_error: Option<&str>, seq: u64) -> Answer {
        let kind = match self {
            Self::Query => "text/xml",
            Self::Cbor => "application/cbor",
            Self::Json => "application/x-amz-json-1.0",
        };
        let mut builder = Response::builder()
            .status(status)
            .header(CONTENT_TYPE, kind)
            .header("x-amzn-requestid", request_id(seq));
        if self == Self::Cbor {
            builder = builder.header("smithy-protocol", "rpc-v2-cbor");
        }
        if let Some(text) = query_error {
            builder = builder.header("x-amzn-query-error", text);
        }
        builder.body(Full::new(Bytes::from(body))).unwrap_or_default()
    }
}

fn namespace(service: Option<Service>) -> &'static str {
    match service {
        Some(Service::CloudWatch) => CLOUDWATCH_NAMESPACE,
        Some(Service::Sts) => sts::NAMESPACE,
        Some(Service::ElastiCache) | None => elasticache::NAMESPACE,
    }
}

fn envelope(service: Service, action: &str, inside: &str, seq: u64) -> Vec<u8> {
    let namespace = namespace(Some(service));
    format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{inside}</{action}Result><ResponseMetadata><RequestId>{}\
         </RequestId></ResponseMetadata></{action}Response>",
        request_id(seq)
    )
    .into_bytes()
}

fn error_document(service: Option<Service>, error: &ApiError, side: &str, seq: u64) -> Vec<u8> {
    let mut xml = Xml::default();
    xml.node("Error", |x| {
        x.text("Type", side);
        x.text("Code", &error.code);
        x.text("Message", &error.message);
    });
    xml.text("RequestId", request_id(seq));
    let mut out = format!("<ErrorResponse xmlns=\"{}\">", namespace(service));
    out.push_str(&xml.finish());
    out.push_str("</ErrorResponse>");
    out.into_bytes()
}

fn request_id(seq: u64) -> String {
    format!("51000000-0000-4000-8000-{seq:012x}")
}
