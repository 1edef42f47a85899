//! Where status goes: `<state>/<name>.status.yaml` (`<namespace>_<name>…` outside the namespace `default`), the
//! terminal, and the numbers for metrics. Written only when something changed: a quiet stack's file stays as it is.

use super::records::{file_name, write_durably};
use crate::api::v1alpha1::HAStackStatus;
use crate::api::{API_VERSION, KIND};
use crate::engine::{Happening, Report};
use crate::plan::history::History;
use crate::report::events::{Event, events, finished};
use crate::report::metrics::{Metrics, StackSample};
use crate::report::sample::sample;
use crate::report::status::{Subject, drawn, status};
use crate::shell::Output;
use crate::shell::said::{self, Logged};
use crate::topology::StackName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How sentences are printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    pub color: bool,
    /// Print nothing (tests, or a service whose log says it all).
    pub quiet: bool,
}

/// The status file: the part of a HAStack that Evenkeel writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusFile {
    api_version: String,
    kind: String,
    metadata: Metadata,
    status: HAStackStatus,
}

#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    name: String,
    namespace: String,
}

pub(super) struct Publisher {
    folder: PathBuf,
    style: Style,
    metrics: Arc<Metrics>,
    last: BTreeMap<StackName, Published>,
    /// Standard output takes nothing, and the log said so.
    mute: AtomicBool,
}

struct Published {
    status: HAStackStatus,
    sample: Arc<StackSample>,
    /// What the last log line said.
    logged: Option<Logged>,
    /// The file says so too.
    written: bool,
}

/// The status file of a stack.
pub fn status_path(state: &Path, stack: &StackName) -> PathBuf {
    let name = if stack.namespace == "default" {
        format!("{}.status.yaml", stack.name)
    } else {
        file_name(stack, ".status.yaml")
    };
    state.join(name)
}

impl Publisher {
    pub(super) fn new(state: &Path, style: Style, metrics: Arc<Metrics>) -> Self {
        Self {
            folder: state.to_owned(),
            style,
            metrics,
            last: BTreeMap::new(),
            mute: AtomicBool::new(false),
        }
    }

    /// Publishes what is to be said of this stack now.
    pub(super) fn publish(&mut self, stack: &StackName, report: &Report<'_>, now: Timestamp) {
        let nothing = History::default();
        let subject = Subject {
            intent: &report.wish.intent,
            generation: report.wish.generation,
            spec_problem: report.wish.frozen.as_deref(),
            unobserved: report.unobserved,
            topology: report.topology,
            decision: report.decision,
            history: report.history.unwrap_or(&nothing),
            now,
        };
        let known = self.last.remove(stack);
        let first = known.is_none();
        let before = known
            .as_ref()
            .map(|p| p.status.clone())
            .or_else(|| read(&status_path(&self.folder, stack)));
        let status = status(&subject, before.as_ref());
        let told = before.as_ref().filter(|_| !first);
        for event in events(told, &status) {
            self.tell(stack, &event, now);
        }
        let sample = sample(&report.wish.intent, report.topology, report.decision, &status);
        let logged = report.decision.map(|d| Logged::of(d, drawn(&status)));
        let logged_before = known.as_ref().and_then(|p| p.logged.as_ref());
        if let (Some(decision), Some(line)) = (report.decision, &logged)
            && logged_before != Some(line)
        {
            line.log(decision);
        }
        let up_to_date = match &known {
            Some(published) => published.written && published.status == status,
            None => before.as_ref() == Some(&status),
        };
        let written = up_to_date || self.write(stack, &status);
        self.last.insert(
            stack.clone(),
            Published {
                status,
                sample: Arc::new(sample),
                logged,
                written,
            },
        );
    }

    /// What keeps files from saying what they should, one line each.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = String> {
        let late = self.last.iter().filter(|(_, published)| !published.written);
        late.map(|(stack, _)| {
            let path = status_path(&self.folder, stack);
            format!("the status of {stack} can't be written to {}", path.display())
        })
    }

    /// The stack is no longer wanted: its status would only mislead. Its record stays.
    pub(super) fn forget(&mut self, stack: &StackName, now: Timestamp) {
        if self.last.remove(stack).is_some() {
            let path = status_path(&self.folder, stack);
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(%stack, %error, "The status file can't be removed");
            }
            self.say(
                now,
                &stack.to_string(),
                "forgotten: its manifest is gone; AWS is left as it is",
                false,
            );
        }
    }

    pub(super) fn happened(&mut self, happening: &Happening, now: Timestamp) {
        said::happened(&self.metrics, happening);
        if let Happening::Finished { stack, ticket } = happening {
            self.tell(stack, &finished(ticket), now);
        }
    }

    /// The numbers of all stacks.
    pub(super) fn samples(&self) -> BTreeMap<StackName, Arc<StackSample>> {
        self.last
            .iter()
            .map(|(name, p)| (name.clone(), p.sample.clone()))
            .collect()
    }

    fn tell(&self, stack: &StackName, event: &Event, now: Timestamp) {
        self.say(now, &stack.to_string(), &event.message, event.warning);
    }

    /// One line: time, stack, sentence.
    pub(super) fn say(&self, now: Timestamp, who: &str, what: &str, warning: bool) {
        if self.style.quiet {
            return;
        }
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
        let line = match (self.style.color, warning) {
            (true, true) => format!("\u{1b}[2m{time}\u{1b}[0m  {who}  \u{1b}[33m{what}\u{1b}[0m"),
            (true, false) => format!("\u{1b}[2m{time}\u{1b}[0m  {who}  {what}"),
            (false, true) => format!("{time}  {who}  ! {what}"),
            (false, false) => format!("{time}  {who}  {what}"),
        };
        let Err(error) = Output::Stdout.line(&line) else {
            return;
        };
        // A reader that went away wishes to hear no more.
        if error.kind() != ErrorKind::BrokenPipe && !self.mute.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "What happens can't be told on standard output");
        }
    }

    fn write(&self, stack: &StackName, status: &HAStackStatus) -> bool {
        let path = status_path(&self.folder, stack);
        let file = StatusFile {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            metadata: Metadata {
                name: stack.name.clone(),
                namespace: stack.namespace.clone(),
            },
            status: status.clone(),
        };
        let result = serde_saphyr::to_string(&file)
            .map_err(|e| e.to_string())
            .and_then(|text| write_durably(&path, text.as_bytes()).map_err(|e| e.to_string()));
        if let Err(reason) = &result {
            tracing::error!(%stack, reason, "The status file can't be written");
        }
        result.is_ok()
    }
}

/// What was published before this process began: conditions keep their transition times.
fn read(path: &Path) -> Option<HAStackStatus> {
    let text = std::fs::read_to_string(path).ok()?;
    let file: StatusFile = serde_saphyr::from_str(&text).ok()?;
    Some(file.status)
}
