//! What came of it, added up from the simulator's own record and from what Evenkeel published.

use crate::script::{Ending, is_spread, is_well};
use crate::stage::Stage;
use crate::story::{Held, Story};
use crate::text::Paint;
use evenkeel::api::v1alpha1::HAStackStatus;
use evenkeel_sim::State;
use std::collections::BTreeMap;

/// <https://aws.amazon.com/cloudwatch/pricing/>: GetMetricData, a thousand metrics requested, in USD.
const PRICE_PER_THOUSAND: f64 = 0.01;

/// One fact.
pub struct Row {
    pub label: &'static str,
    pub text: String,
    pub paint: Paint,
}

pub fn summary(stage: &Stage, story: &Story, ending: Ending) -> Vec<Row> {
    let state = stage.sim.state();
    let status = stage.status();
    let mut rows = Vec::new();
    let mut row = |label, text| {
        rows.push(Row {
            label,
            text,
            paint: Paint::Plain,
        });
    };
    let minutes = state.now.duration_since(stage.start).as_mins();
    let seconds = stage.watch.elapsed().as_secs();
    row("time", format!("{minutes} simulated minutes in {seconds} s"));
    for failover in &state.failovers {
        let (label, who) = match failover.cause {
            "testFailover" => ("failback", "Evenkeel's TestFailover"),
            _ => ("failover", "AWS"),
        };
        let text = format!(
            "shard {} was without a primary for {:.0} s ({who}: {} → {})",
            failover.shard, failover.failover_seconds, failover.from, failover.to
        );
        row(label, text);
    }
    let losses = state.data_loss_events.len();
    row(
        "data lost",
        if losses == 0 {
            "none".to_owned()
        } else {
            format!("by {losses} shards")
        },
    );
    row("changes made", changes(stage));
    for text in &story.not_redundant {
        row("not zone redundant", text.clone());
    }
    for text in held(story) {
        row("held", text);
    }
    row("AWS calls", calls(&state));
    #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
    let price = state.metrics_requested as f64 / 1000.0 * PRICE_PER_THOUSAND;
    row(
        "CloudWatch metrics",
        format!("{} bought (USD {price:.4})", state.metrics_requested),
    );
    rows.push(end(&state, status.as_ref(), ending));
    if ending != Ending::Balanced {
        let log = stage.last_words().lines().map(str::to_owned).collect::<Vec<_>>();
        rows.extend(log.into_iter().map(|text| Row {
            label: "log",
            text,
            paint: Paint::Dim,
        }));
    }
    rows
}

/// Mutating calls that AWS accepted.
fn changes(stage: &Stage) -> String {
    let calls = stage.sim.calls();
    let made: Vec<String> = calls
        .iter()
        .filter(|call| call.mutating)
        .map(|call| {
            let shard = call.params.get("NodeGroupId").map(|s| format!(" of shard {s}"));
            let refused = call.error.as_ref().map(|e| format!(", refused: {e}"));
            format!(
                "{}{} at {}{}",
                call.operation,
                shard.unwrap_or_default(),
                call.at.strftime("%H:%M:%S"),
                refused.unwrap_or_default()
            )
        })
        .collect();
    match made.len() {
        0 => "none".to_owned(),
        n => format!("{n}: {}", made.join("; ")),
    }
}

/// One line for each guardrail, in the order in which they began to hold.
fn held(story: &Story) -> Vec<String> {
    let mut held: Vec<(&String, &Held)> = story.held.iter().map(|((_, g), h)| (g, h)).collect();
    held.sort_by_key(|(_, h)| h.first);
    held.into_iter()
        .map(|(guardrail, held)| {
            format!(
                "{} by {guardrail}, {} to {}: {}",
                held.action,
                held.first.strftime("%H:%M"),
                held.last.strftime("%H:%M"),
                held.reason
            )
        })
        .collect()
}

fn calls(state: &State) -> String {
    let mut by_count: Vec<(&String, &u64)> = state.calls.by_operation.iter().collect();
    by_count.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let each: Vec<String> = by_count.iter().map(|(n, c)| format!("{n} {c}")).collect();
    format!("{}: {}", state.calls.calls, each.join(", "))
}

fn end(state: &State, status: Option<&HAStackStatus>, ending: Ending) -> Row {
    let (paint, text) = match ending {
        Ending::Balanced => (
            Paint::Good,
            "balanced, and any one of its zones can be lost".to_owned(),
        ),
        Ending::Interrupted => (Paint::Bad, format!("interrupted; {}", unlike(state, status))),
        Ending::NotBalanced => (
            Paint::Bad,
            format!("NOT balanced in time; {}", unlike(state, status)),
        ),
    };
    Row {
        label: "at the end",
        text,
        paint,
    }
}

fn unlike(state: &State, status: Option<&HAStackStatus>) -> String {
    let verdicts: BTreeMap<&str, &str> = status
        .iter()
        .flat_map(|s| &s.zones)
        .map(|z| (z.name.as_str(), z.verdict.as_str()))
        .collect();
    format!(
        "Evenkeel content: {}, truly spread: {}, loss of a zone: {verdicts:?}",
        status.is_some_and(is_well),
        is_spread(state)
    )
}
