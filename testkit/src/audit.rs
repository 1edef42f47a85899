//! Who asked what of the API server: its audit log, read as values.

use crate::RigError;
use jiff::Timestamp;
use serde::Deserialize;
use std::path::PathBuf;

/// Everything, without bodies. `RequestReceived` would double each line.
pub(crate) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
";

/// One request, or (a watch that goes on) its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Such as `admin` or `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    pub user_agent: String,
    /// Such as `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Such as `hastacks`; empty for requests that aren't about resources.
    pub resource: String,
    /// Such as `status`; empty for the resource itself.
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    /// HTTP status; 403 is a request that RBAC denied.
    pub code: u16,
    /// `ResponseStarted` is a watch that goes on, `ResponseComplete` anything finished.
    pub stage: String,
    /// When it was at this stage.
    pub at: Timestamp,
    pub uri: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    user: User,
    #[serde(default)]
    user_agent: String,
    verb: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
    stage: String,
    stage_timestamp: Timestamp,
    #[serde(rename = "requestURI")]
    request_uri: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        let about = line.object_ref.unwrap_or_default();
        Self {
            user: line.user.username,
            user_agent: line.user_agent,
            verb: line.verb,
            group: about.api_group,
            resource: about.resource,
            subresource: about.subresource,
            namespace: about.namespace,
            name: about.name,
            code: line.response_status.map_or(0, |s| s.code),
            stage: line.stage,
            at: line.stage_timestamp,
            uri: line.request_uri,
        }
    }
}

/// The audit log of one rig, over all restarts of its API server.
#[derive(Clone, Debug)]
pub struct AuditLog {
    pub(crate) path: PathBuf,
}

impl AuditLog {
    /// All events so far, oldest first. A request is in it before its answer is out.
    pub fn events(&self) -> Result<Vec<AuditEvent>, RigError> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(RigError::file("could not read", &self.path))?,
        };
        // A last line without its end is still being written.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().enumerate().map(parse).collect()
    }

    /// Those of one user.
    pub fn of(&self, user: &str) -> Result<Vec<AuditEvent>, RigError> {
        let mut events = self.events()?;
        events.retain(|e| e.user == user);
        Ok(events)
    }
}

fn parse((index, line): (usize, &str)) -> Result<AuditEvent, RigError> {
    serde_json::from_str::<Line>(line)
        .map(AuditEvent::from)
        .map_err(|source| RigError::Audit {
            line: index + 1,
            source,
        })
}
