//! Figures that documents state are the code's, and so are the words in outputs that they explain.

use crate::ROOT;
use evenkeel::aws::ports::{READ_ACTIONS, WRITE_ACTIONS};
use evenkeel::engine::Settings;
use evenkeel::engine::fleet::Limits;
use evenkeel::observe::interest::{AUDIT_EVERY, LAG_AUDIT_EVERY};
use evenkeel::plan::{ActionType, Guardrail};
use evenkeel::report::events::EventReason;
use evenkeel::topology::survival::Survival;
use std::fs;
use std::path::Path;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs").join(name)).unwrap()
}

/// The cells of the rows of the table whose heading begins so.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn number(cell: &str) -> f64 {
    cell.replace([',', '¹'], "").parse().unwrap()
}

#[test]
fn the_limits_of_the_threat_model_are_the_defaults() {
    let text = document("threat-model.md");
    let limits = Limits::default();
    let wanted = [
        format!(
            "| disruptions at a time, whole controller | {} (",
            limits.max_concurrent_disruptions
        ),
        format!(
            "| nodes added and standing, whole controller | {} (",
            limits.max_added_nodes
        ),
        format!(
            "| test failovers in 24 hours, anybody's counted | {} (",
            limits.test_failovers
        ),
        format!("until a person looks | {} |", Settings::default().breaker),
    ];
    for row in wanted {
        assert!(text.contains(&row), "{row}");
    }
}

#[test]
fn the_questions_count_the_permissions_that_are_used() {
    assert_eq!((READ_ACTIONS.len(), WRITE_ACTIONS.len()), (7, 4));
    assert!(document("faq.md").contains("Seven to read, four to act"));
}

fn per_day(every: jiff::SignedDuration) -> f64 {
    86_400.0 / every.as_secs_f64()
}

#[test]
fn costs_follow_from_the_metrics_that_were_measured() {
    let text = document("cost.md");
    let rows = rows(&text, "| replication groups | nodes | calls, first hour |");
    assert_eq!(
        rows.iter().map(|r| r[0].as_str()).collect::<Vec<_>>(),
        ["1", "10", "100", "1,000"]
    );
    for row in rows {
        let (groups, nodes) = (number(&row[0]), number(&row[1]));
        assert!((nodes - groups * 6.0).abs() < 0.5, "{row:?}");
        // Two sentinels in each of three zones every minute, and the audits; two of a shard's three nodes are replicas.
        let bought = number(&row[5]);
        let by_rule =
            6.0 * 1440.0 + per_day(AUDIT_EVERY) * nodes + per_day(LAG_AUDIT_EVERY) * nodes * 2.0 / 3.0;
        assert!((bought - by_rule).abs() < 0.5, "{row:?}: {by_rule}");
        assert!(
            (bought / 1000.0 * 0.01 - number(&row[6])).abs() < 0.001,
            "{row:?}"
        );
        assert!(
            (bought * 30.0 / 1000.0 * 0.01 - number(&row[7])).abs() < 0.01,
            "{row:?}"
        );
        // One page of groups per 100, one of members per 100, and one call for events each minute; CloudWatch in
        // batches of 500 metrics.
        let pages = (groups / 100.0).ceil() + (nodes / 100.0).ceil() + 1.0;
        let minute = number(&row[4]);
        assert!(minute > pages && minute < pages + 1.2, "{row:?}");
    }
}

/// Whether this word may follow the label in `kubectl describe`: all of them are closed sets.
fn is_known(label: &str, word: &str) -> bool {
    let schema = evenkeel::api::crd::schema();
    let condition = &schema["properties"]["status"]["properties"]["conditions"]["items"]["properties"];
    let one_of = |schema: &serde_json::Value| schema["enum"].as_array().unwrap().iter().any(|v| v == word);
    let quoted = serde_json::Value::from(word);
    match label {
        "Type" => one_of(&condition["type"]) || serde_json::from_value::<ActionType>(quoted).is_ok(),
        "Reason" => one_of(&condition["reason"]),
        "Guardrail" => Guardrail::ALL.iter().any(|g| g.as_str() == word),
        "Verdict" => serde_json::from_value::<Survival>(quoted).is_ok(),
        "Event" => EventReason::ALL.iter().any(|r| format!("{r:?}") == word),
        other => panic!("{other}"),
    }
}

#[test]
fn the_output_that_troubleshooting_explains_is_in_the_words_of_the_code() {
    let text = document("troubleshooting.md");
    let (_, section) = text
        .split_once("## `kubectl describe has`, line by line")
        .unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut seen = 0;
    for line in section.lines() {
        let line = line.trim();
        if let Some((label, word)) = line.split_once(": ") {
            // The reason of a hold is a sentence.
            let word = word.trim();
            if ["Type", "Reason", "Guardrail", "Verdict"].contains(&label) && !word.contains(' ') {
                assert!(is_known(label, word), "{line}");
                seen += 1;
            }
        }
        if let Some(rest) = line.strip_prefix("Warning ").or(line.strip_prefix("Normal ")) {
            let word = rest.split_whitespace().next().unwrap();
            assert!(is_known("Event", word), "{line}");
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
}

#[test]
fn troubleshooting_names_guardrails_that_exist() {
    let rows = rows(
        &document("troubleshooting.md"),
        "| guardrail | what it waits for |",
    );
    let named = rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2));
    let mut count = 0;
    for name in named {
        assert!(is_known("Guardrail", name), "{name}");
        count += 1;
    }
    assert!(count >= 10, "{count}");
}
