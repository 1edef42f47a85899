//! The control plane, `/_sim/…`: for tests, demos and people. JSON (or YAML) in, JSON out.
//!
//! `GET /_sim` lists every route. Mistakes are answered with 400 or 404 and `{"error": …}`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, Uri};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::actors::{self, ActorSpec};
use crate::faults::FaultSpec;
use crate::iam::PolicySpecs;
use crate::server::Answer;
use crate::shared::{AdvanceError, STALL_LIMIT, Shared};
use crate::units::{Span, later, stamp};
use crate::world::spec::{FailNodeBody, GroupSpec, SubnetGroupSpec};
use crate::world::{Switches, Timings, WorldSpec};

/// Every route, for `GET /_sim`.
const ROUTES: [&str; 27] = [
    "GET /_sim/clock",
    "GET /_sim/clock/wait?until=RFC3339&client=NAME",
    "POST /_sim/clock/advance {\"by\":\"10m\"} or {\"to\":RFC3339}, optional expectClients, timeoutSeconds",
    "POST /_sim/clock/forget {\"client\":NAME}",
    "GET /_sim/state",
    "GET /_sim/calls?since=SEQ",
    "GET /_sim/calls/mark",
    "POST /_sim/zones/{zone}/fail, optional {\"for\":\"20m\"}",
    "POST /_sim/zones/{zone}/recover",
    "POST /_sim/nodes/{id}/fail, optional {\"recoverAfter\":\"12m\"}",
    "POST /_sim/nodes/{id}/lag {\"seconds\":2.5}",
    "POST /_sim/groups (a replication group as in world files)",
    "POST /_sim/groups/{id}/tags {KEY:VALUE}",
    "POST /_sim/subnet-groups (a subnet group as in world files)",
    "GET /_sim/faults",
    "POST /_sim/faults (a rule, or a list of them)",
    "DELETE /_sim/faults",
    "DELETE /_sim/faults/{id}",
    "POST /_sim/faults/{id}/release",
    "POST /_sim/actors (an actor, or a list of them)",
    "DELETE /_sim/actors",
    "POST /_sim/switches {SWITCH:VALUE}",
    "POST /_sim/timings {TIMING:VALUE}",
    "POST /_sim/policies {WHO:[POLICY]}, as in world files",
    "POST /_sim/credentials/expire",
    "POST /_sim/minima/reset",
    "POST /_sim/reset, optional {\"world\":YAML}",
];

/// A request that cannot be served.
struct Refusal {
    status: u16,
    text: String,
}

impl Refusal {
    fn bad(text: impl Into<String>) -> Self {
        Self {
            status: 400,
            text: text.into(),
        }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self {
            status: 404,
            text: text.into(),
        }
    }
}

/// Serves one control request. `connection` tells whose end would mean the client's.
pub async fn handle(
    shared: &Arc<Shared>,
    connection: Option<u64>,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> Answer {
    let (status, value) = match route(shared, connection, method, uri, body).await {
        Ok(value) => (200, value),
        Err(refusal) => {
            tracing::warn!(%method, path = uri.path(), error = %refusal.text, "Control request refused");
            (refusal.status, json!({"error": refusal.text}))
        }
    };
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(value.to_string())))
        .unwrap_or_default()
}

async fn route(
    shared: &Arc<Shared>,
    connection: Option<u64>,
    method: &Method,
    uri: &Uri,
    body: &[u8],
) -> Result<Value, Refusal> {
    let path: Vec<String> = uri
        .path()
        .trim_matches('/')
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query = query_of(uri);
    match (method.as_str(), path.as_slice()) {
        ("GET", ["clock", "wait"]) => wait(shared, connection, &query).await,
        ("POST", ["clock", "advance"]) => advance(shared, body).await,
        ("GET", path) => look(shared, path, &query),
        ("POST", ["clock" | "zones" | "nodes" | "groups" | "subnet-groups", ..]) => {
            steer(shared, &path, body)
        }
        ("POST" | "DELETE", path) => arrange(shared, method.as_str(), path, body),
        _ => Err(unknown(method, uri.path())),
    }
}

fn unknown(method: &impl std::fmt::Display, path: &str) -> Refusal {
    Refusal::missing(format!("there is no {method} {path}; GET /_sim lists the routes"))
}

/// Routes that only look.
fn look(shared: &Shared, path: &[&str], query: &BTreeMap<String, String>) -> Result<Value, Refusal> {
    match path {
        [] => Ok(json!({ "routes": ROUTES })),
        ["clock"] => as_json(&shared.with(|inner| inner.clock.view())),
        ["state"] => as_json(&shared.state()),
        ["calls"] => {
            let since = query.get("since").map_or(Ok(0), |text| {
                text.parse()
                    .map_err(|_| Refusal::bad(format!("since={text} is not a number")))
            })?;
            shared.with(|inner| as_json(&inner.calls.since(since).collect::<Vec<_>>()))
        }
        ["calls", "mark"] => Ok(json!({"latest": shared.with(|inner| inner.calls.latest())})),
        ["faults"] => shared.with(|inner| as_json(&inner.faults.rules())),
        _ => Err(unknown(&"GET", &path.join("/"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientBody {
    client: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondsBody {
    seconds: f64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ForBody {
    r#for: Option<Span>,
}

/// Routes that change the world.
fn steer(shared: &Shared, path: &[&str], body: &[u8]) -> Result<Value, Refusal> {
    match path {
        ["clock", "forget"] => {
            let ClientBody { client } = read(body)?;
            let known = shared.with(|inner| inner.clock.forget(&client));
            shared.wake();
            if known {
                Ok(json!({}))
            } else {
                Err(Refusal::missing(format!("there is no client {client}")))
            }
        }
        ["zones", zone, "fail"] => {
            let ForBody { r#for: duration } = read_or_default(body)?;
            change(shared, |world| match duration {
                Some(duration) => world.fail_zone_for(zone, duration),
                None => world.fail_zone(zone),
            })
        }
        ["zones", zone, "recover"] => change(shared, |world| world.recover_zone(zone)),
        ["nodes", node, "fail"] => {
            let FailNodeBody { recover_after } = read_or_default(body)?;
            change(shared, |world| world.fail_node(node, recover_after))
        }
        ["nodes", node, "lag"] => {
            let SecondsBody { seconds } = read(body)?;
            change(shared, |world| world.set_lag(node, seconds))
        }
        ["groups"] => {
            let spec: GroupSpec = read(body)?;
            shared
                .with(|inner| inner.world.add_group(&spec))
                .map_err(Refusal::bad)?;
            Ok(json!({"id": spec.id}))
        }
        ["subnet-groups"] => {
            let spec: SubnetGroupSpec = read(body)?;
            shared
                .with(|inner| inner.world.add_subnet_group(&spec))
                .map_err(Refusal::bad)?;
            Ok(json!({"name": spec.name}))
        }
        ["groups", group, "tags"] => {
            let tags: BTreeMap<String, String> = read(body)?;
            change(shared, |world| world.set_tags(group, tags))
        }
        _ => Err(unknown(&"POST", &path.join("/"))),
    }
}

fn change(
    shared: &Shared,
    f: impl FnOnce(&mut crate::world::World) -> Result<(), String>,
) -> Result<Value, Refusal> {
    let (now, result) = shared.with(|inner| (inner.world.now(), f(&mut inner.world)));
    result.map_err(|text| {
        if text.starts_with("there is no") {
            Refusal::missing(text)
        } else {
            Refusal::bad(text)
        }
    })?;
    Ok(json!({"now": stamp(now)}))
}

/// Routes about faults, actors and settings.
fn arrange(shared: &Shared, method: &str, path: &[&str], body: &[u8]) -> Result<Value, Refusal> {
    match (method, path) {
        ("POST", ["faults"]) => {
            let rules: Vec<FaultSpec> = read_many(body)?;
            let ids: Vec<String> = shared.with(|inner| {
                let now = inner.world.now();
                rules
                    .into_iter()
                    .map(|rule| inner.faults.add(rule, now))
                    .collect()
            });
            Ok(json!({"id": ids.first(), "ids": ids}))
        }
        ("DELETE", ["faults"]) => {
            shared.with(|inner| inner.faults.clear());
            shared.wake();
            Ok(json!({}))
        }
        ("DELETE", ["faults", id]) => fault(shared, id, |faults| faults.remove(id)),
        ("POST", ["faults", id, "release"]) => fault(shared, id, |faults| faults.release(id)),
        ("POST", ["actors"]) => {
            let specs: Vec<ActorSpec> = read_many(body)?;
            for spec in specs {
                shared
                    .with(|inner| actors::enlist(&mut inner.world, spec))
                    .map_err(Refusal::bad)?;
            }
            Ok(json!({}))
        }
        ("DELETE", ["actors"]) => {
            shared.with(|inner| actors::dismiss(&mut inner.world));
            Ok(json!({}))
        }
        ("POST", ["switches"]) => {
            let changes: Value = read(body)?;
            let before = shared.with(|inner| inner.world.switches.clone());
            let switches: Switches = merged(&before, changes)?;
            shared.with(|inner| inner.world.switches = switches);
            Ok(json!({}))
        }
        ("POST", ["timings"]) => {
            let changes: Value = read(body)?;
            let before = shared.with(|inner| inner.world.timings.clone());
            let timings: Timings = merged(&before, changes)?;
            shared.with(|inner| inner.world.timings = timings);
            Ok(json!({}))
        }
        ("POST", ["policies"]) => {
            let specs: PolicySpecs = read(body)?;
            change(shared, |world| world.access.extend(&specs))
        }
        ("POST", ["credentials", "expire"]) => {
            shared.with(crate::shared::Inner::expire_credentials);
            Ok(json!({}))
        }
        ("POST", ["minima", "reset"]) => {
            shared.with(|inner| inner.world.reset_minima());
            Ok(json!({}))
        }
        ("POST", ["reset"]) => reset(shared, body),
        _ => Err(unknown(&method, &path.join("/"))),
    }
}

fn fault(
    shared: &Shared,
    id: &str,
    f: impl FnOnce(&mut crate::faults::Faults) -> bool,
) -> Result<Value, Refusal> {
    let known = shared.with(|inner| f(&mut inner.faults));
    shared.wake();
    if known {
        Ok(json!({}))
    } else {
        Err(Refusal::missing(format!("there is no fault rule {id}")))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ResetBody {
    world: Option<Value>,
}

fn reset(shared: &Shared, body: &[u8]) -> Result<Value, Refusal> {
    let ResetBody { world } = read_or_default(body)?;
    let spec = match world {
        None => None,
        Some(Value::String(yaml)) => Some(WorldSpec::from_yaml(&yaml).map_err(Refusal::bad)?),
        Some(value) => Some(serde_json::from_value(value).map_err(|e| Refusal::bad(e.to_string()))?),
    };
    shared.reset(spec).map_err(Refusal::bad)?;
    Ok(json!({"now": stamp(shared.with(|inner| inner.world.now()))}))
}

async fn wait(
    shared: &Arc<Shared>,
    connection: Option<u64>,
    query: &BTreeMap<String, String>,
) -> Result<Value, Refusal> {
    let until = query
        .get("until")
        .ok_or_else(|| Refusal::bad("until=RFC3339 is needed"))?;
    let until: Timestamp = until
        .parse()
        .map_err(|_| Refusal::bad(format!("until={until} is not an RFC 3339 instant")))?;
    let client = query.get("client").filter(|name| !name.is_empty());
    let client = client.ok_or_else(|| Refusal::bad("client=NAME is needed"))?;
    let now = shared.wait(client, until, connection).await;
    Ok(json!({"now": stamp(now)}))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AdvanceBody {
    #[serde(default)]
    by: Option<Span>,
    #[serde(default)]
    to: Option<Timestamp>,
    #[serde(default)]
    expect_clients: Option<usize>,
    #[serde(default)]
    timeout_seconds: Option<f64>,
}

async fn advance(shared: &Shared, body: &[u8]) -> Result<Value, Refusal> {
    let body: AdvanceBody = read(body)?;
    let now = shared.with(|inner| inner.world.now());
    let target = match (body.by, body.to) {
        (Some(by), None) => later(now, by.0),
        (None, Some(to)) => to,
        _ => return Err(Refusal::bad("give exactly one of by and to")),
    };
    let limit = body.timeout_seconds.map_or(STALL_LIMIT, |seconds| {
        Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
    });
    match shared.advance_to(target, body.expect_clients, limit).await {
        Ok(now) => Ok(json!({"now": stamp(now)})),
        Err(error @ AdvanceError::NotStepped(_)) => Err(Refusal::bad(error.to_string())),
        Err(error @ AdvanceError::Stalled { .. }) => Err(Refusal {
            status: 504,
            text: error.to_string(),
        }),
    }
}

fn query_of(uri: &Uri) -> BTreeMap<String, String> {
    let pairs = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    pairs.map(|(key, value)| (decode(key), decode(value))).collect()
}

/// JSON, or YAML that is not JSON.
fn value_of(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).or_else(|json_error| {
        std::str::from_utf8(body)
            .ok()
            .and_then(|text| serde_saphyr::from_str(text).ok())
            .ok_or_else(|| Refusal::bad(format!("the body is neither JSON nor YAML: {json_error}")))
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_value(value_of(body)?).map_err(|e| Refusal::bad(e.to_string()))
}

/// One, or a list.
fn read_many<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Refusal> {
    let values = match value_of(body)? {
        Value::Array(values) => values,
        value => vec![value],
    };
    let items = values.into_iter().map(serde_json::from_value);
    items
        .collect::<Result<_, _>>()
        .map_err(|e| Refusal::bad(e.to_string()))
}

fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        read(body)
    }
}

/// The present value with some fields replaced.
fn merged<T: serde::Serialize + DeserializeOwned>(present: &T, changes: Value) -> Result<T, Refusal> {
    let mut value = as_json(present)?;
    match (value.as_object_mut(), changes) {
        (Some(map), Value::Object(changes)) => map.extend(changes),
        _ => return Err(Refusal::bad("the body must be a map")),
    }
    serde_json::from_value(value).map_err(|e| Refusal::bad(e.to_string()))
}

fn as_json(value: &impl serde::Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|e| Refusal {
        status: 500,
        text: e.to_string(),
    })
}
