//! Judged stacks, as `plan` shows them: table or JSON, and the exit code that they come to.

use super::exit::Exit;
use super::settings::Settings;
use crate::plan::Decision;
use crate::report::plan_json;
use crate::report::table::{self, Style};
use crate::topology::Topology;
use crate::topology::survival::Survival;
use clap::ValueEnum;
use jiff::Timestamp;

/// How to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// evenkeel.plan/v1: a document, or an array of them for several stacks.
    Json,
}

/// One stack, looked at and judged at `now`.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub topology: Topology,
    pub decision: Decision,
    pub now: Timestamp,
}

/// The whole output.
pub fn render(judged: &[Judged], output: Output, settings: &Settings) -> anyhow::Result<String> {
    if output == Output::Json {
        let documents: Vec<_> = judged
            .iter()
            .map(|j| plan_json::document(&j.decision, &j.topology))
            .collect();
        return Ok(plan_json::render(&documents)?);
    }
    let style = Style {
        color: settings.color,
        width: settings.width.unwrap_or(table::DEFAULT_WIDTH),
    };
    let tables: Vec<_> = judged
        .iter()
        .map(|j| table::draw(&j.decision, &j.topology, j.now, style))
        .collect();
    Ok(tables.join("\n"))
}

/// The highest that applies to any of the stacks.
pub fn detailed_exit(judged: &[Judged]) -> Exit {
    judged.iter().map(exit_of).max().unwrap_or(Exit::Ok)
}

fn exit_of(judged: &Judged) -> Exit {
    let has = |verdict: Survival| judged.decision.verdicts.iter().any(|v| v.verdict == verdict);
    if has(Survival::Unknown) || judged.decision.verdicts.is_empty() {
        Exit::CouldNotJudge
    } else if has(Survival::Lost) {
        Exit::NotSurvivable
    } else if !judged.decision.actions.is_empty() {
        Exit::ActionsPlanned
    } else {
        Exit::Ok
    }
}

/// A comment of a manifest, wrapped.
pub fn comment(text: &str, prefix: &str) -> String {
    wrapped(text)
        .iter()
        .map(|line| format!("{prefix}{line}\n"))
        .collect()
}

/// Lines of about 100 characters.
pub fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].len() + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}
