//! One stack drawn for people: can we lose a zone right now, where do the nodes stand, what is wrong, what would be
//! done, what does it wait for. In that order.

mod placement;
mod style;

pub use style::Style;

use super::explain;
use crate::plan::text::moment;
use crate::plan::{Action, ActionClass, Decision, Finding, Hold, Severity};
use crate::topology::survival::Survival;
use crate::topology::{Topology, ZoneName};
use jiff::Timestamp;
use std::collections::BTreeSet;
use style::{Line, Page, Paint};

/// Columns to fill where nobody says how many there are.
pub const DEFAULT_WIDTH: usize = 100;

/// Draws one stack as it stood at `now`.
pub fn draw(decision: &Decision, topology: &Topology, now: Timestamp, style: Style) -> String {
    let mut page = Page::default();
    headline(&mut page, decision, style);
    page.blank();
    zones(&mut page, decision, topology, now, style);
    let in_spec = decision.zones.iter().filter(|(_, z)| z.in_spec);
    let spec: BTreeSet<&ZoneName> = in_spec.map(|(name, _)| name).collect();
    for (name, component) in &topology.components {
        page.blank();
        let about = Line::plain(explain::component(component));
        page.paragraph(Line::of(Paint::Strong, format!("{name}  ")), about, style);
        if !component.shards.is_empty() {
            placement::draw(&mut page, component, topology, &spec, now, style);
        }
    }
    if !decision.findings.is_empty() {
        page.blank();
        findings(&mut page, &decision.findings, style);
    }
    page.blank();
    plan(&mut page, decision, now, style);
    page.render(style)
}

fn paint(verdict: Survival) -> Paint {
    match verdict {
        Survival::Survives => Paint::Good,
        Survival::Degraded => Paint::Warn,
        Survival::Unknown => Paint::Odd,
        Survival::Lost => Paint::Bad,
    }
}

fn headline(page: &mut Page, decision: &Decision, style: Style) {
    let worst = decision
        .zones
        .values()
        .map(|z| z.verdict)
        .max()
        .unwrap_or(Survival::Unknown);
    let of = |verdict: Survival| -> String {
        let zones: Vec<_> = decision
            .zones
            .iter()
            .filter(|(_, z)| z.verdict == verdict)
            .map(|(name, _)| name.as_str())
            .collect();
        zones.join(", ")
    };
    let answer = match worst {
        Survival::Survives => "Yes, any one of them.".to_owned(),
        Survival::Degraded => format!("Yes, but a promise would be missed: {}.", of(Survival::Degraded)),
        Survival::Unknown => format!("That can't be told: {}.", of(Survival::Unknown)),
        Survival::Lost => format!("NO, not {}.", of(Survival::Lost)),
    };
    let question = format!("Can {} lose a zone right now? ", decision.stack);
    let line = Line::of(Paint::Strong, question).and(paint(worst), answer);
    for line in line.wrap(style.width, 2) {
        page.line(line);
    }
}

/// One paragraph per zone: the answer, then for every component that has it why, and what it would cost.
fn zones(page: &mut Page, decision: &Decision, topology: &Topology, now: Timestamp, style: Style) {
    let names = decision.zones.keys().map(|n| n.as_str().len()).max().unwrap_or(0);
    for (name, report) in &decision.zones {
        let mut head = Line::plain("  ")
            .and(Paint::Strong, name.as_str())
            .pad(names + 4)
            .and(paint(report.verdict), explain::answer(report.verdict))
            .pad(names + 14);
        if let Some(state) = explain::zone_state(report.zone.state) {
            let since = topology.zones.get(name).and_then(|z| z.since);
            let since = since.map(|at| {
                format!(
                    " since {} ({})",
                    moment(at),
                    explain::rough(now.duration_since(at))
                )
            });
            let why = report.zone.reasons.join(" ");
            let text = Line::of(
                Paint::Bad,
                format!("The zone is {state}{}. ", since.unwrap_or_default()),
            );
            page.paragraph(head, text.and(Paint::Plain, why), style);
            head = Line::plain(" ".repeat(names + 14));
        }
        for verdict in decision.verdicts.iter().filter(|v| v.zone == *name) {
            let worse = verdict.verdict > Survival::Survives;
            let mut text = Line::of(Paint::Strong, format!("{}: ", verdict.component));
            text = text.and(
                if worse {
                    paint(verdict.verdict)
                } else {
                    Paint::Plain
                },
                &verdict.reason,
            );
            if let Some(cost) = explain::cost(verdict.expected_recovery, verdict.expected_loss) {
                text = text.and(Paint::Dim, format!(" ({cost})"));
            }
            page.paragraph(head, text, style);
            head = Line::plain(" ".repeat(names + 14));
        }
    }
}

fn findings(page: &mut Page, findings: &[Finding], style: Style) {
    page.line(Line::of(Paint::Strong, "Findings"));
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by_key(|f| f.severity);
    for finding in findings {
        let paint = match finding.severity {
            Severity::Critical => Paint::Bad,
            Severity::Warning => Paint::Warn,
            Severity::Info => Paint::Dim,
        };
        let head = Line::plain("  ")
            .and(paint, explain::severity(finding.severity))
            .pad(12);
        let about = match &finding.component {
            Some(component) => format!("{:?} ({component}): ", finding.code),
            None => format!("{:?}: ", finding.code),
        };
        let mut text = Line::of(Paint::Strong, about).and(Paint::Plain, &finding.message);
        if let Some(until) = finding.accepted_until {
            text = text.and(Paint::Dim, format!(" (accepted until {})", moment(until)));
        }
        page.paragraph(head, text, style);
    }
}

fn plan(page: &mut Page, decision: &Decision, now: Timestamp, style: Style) {
    let disruptive = decision
        .actions
        .iter()
        .filter(|a| a.kind.class() == ActionClass::Disruptive)
        .count();
    let summary = match (decision.actions.len(), disruptive) {
        (0, _) => "nothing to do".to_owned(),
        (1, 0) => "1 step, additive".to_owned(),
        (1, _) => "1 step, disruptive".to_owned(),
        (all, 0) => format!("{all} steps, all additive"),
        (all, some) => format!("{all} steps, {some} of them disruptive"),
    };
    let title = Line::of(Paint::Strong, format!("Plan {}: ", decision.id.0))
        .and(Paint::Strong, summary)
        .and(
            Paint::Dim,
            format!(
                " (mode {:?}, seen at {})",
                decision.mode,
                moment(decision.observed_at)
            ),
        );
    for line in title.wrap(style.width, 2) {
        page.line(line);
    }
    for (i, action) in decision.actions.iter().enumerate() {
        step(page, i + 1, action, &decision.holds, now, style);
    }
    let all: Vec<_> = decision.holds.iter().filter(|h| h.action.is_none()).collect();
    if !all.is_empty() {
        page.line(Line::plain("  ").and(Paint::Warn, "Everything waits:"));
        for hold in all {
            waits(page, hold, now, style);
        }
    }
}

fn step(page: &mut Page, number: usize, action: &Action, holds: &[Hold], now: Timestamp, style: Style) {
    let class = action.kind.class();
    let paint = match class {
        ActionClass::Additive => Paint::Good,
        ActionClass::Disruptive => Paint::Warn,
    };
    let head = Line::plain(format!("  {number}. "));
    let indent = head.len();
    let title = Line::of(Paint::Strong, explain::title(action))
        .and(Paint::Plain, " ")
        .and(paint, format!("({})", explain::class(class)));
    page.paragraph(head, title, style);
    page.paragraph(Line::plain(" ".repeat(indent)), Line::plain(&action.why), style);
    for hold in holds.iter().filter(|h| h.action.as_ref() == Some(&action.id)) {
        waits(page, hold, now, style);
    }
}

fn waits(page: &mut Page, hold: &Hold, now: Timestamp, style: Style) {
    let head = Line::plain("     ").and(Paint::Warn, "waits ");
    let mut text = Line::of(Paint::Strong, explain::guardrail(hold.guardrail));
    if let Some(at) = hold.retry_at {
        text = text.and(Paint::Warn, format!(" {}", explain::until(at, now)));
    }
    page.paragraph(head, text.and(Paint::Plain, format!(": {}", hold.reason)), style);
}
