//! What people see, case by case: `tests/golden/<case>.yaml` is a snapshot, `<case>.txt` its drawing.

use evenkeel::intake::{self, Source};
use evenkeel::plan::{Fleet, Input, Intent, Purpose, plan};
use evenkeel::report::snapshot;
use evenkeel::report::table::{Style, draw};
use evenkeel_test_support::files::check_file;
use jiff::SignedDuration;
use rstest::rstest;
use std::path::Path;

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn intent(manifest: &str) -> Intent {
    let read = intake::read(&[Source {
        name: manifest.to_owned(),
        text: text(manifest),
    }]);
    assert_eq!(read.problems, []);
    read.stacks.into_iter().next().unwrap().intent
}

fn drawn(case: &str, manifest: &str, minutes_later: i64, style: Style) -> String {
    let path = format!("tests/golden/{case}.yaml");
    let read = snapshot::read(&path, &text(&path)).unwrap();
    let intent = intent(manifest);
    let seen = snapshot::onto(&read[0], &intent, read[0].observed_at.unwrap()).unwrap();
    let now = seen.topology.observed_at + SignedDuration::from_mins(minutes_later);
    let decision = plan(&Input {
        intent: &intent,
        topology: &seen.topology,
        history: &seen.history,
        fleet: &Fleet::default(),
        purpose: &Purpose::Propose,
        now,
    });
    draw(&decision, &seen.topology, now, style)
}

const PLAIN: Style = Style {
    color: false,
    width: 100,
};
const TWO: &str = "examples/nextgen-commerce.yaml";
const THREE: &str = "examples/three-zones.yaml";

#[rstest]
#[case::balanced("balanced", TWO)]
#[case::primaries_in_one_zone("primary-skew", TWO)]
#[case::zone_down("zone-down", TWO)]
#[case::roles_unknown("roles-unknown", TWO)]
#[case::one_zone_only("single-zone", TWO)]
#[case::replacement_in_a_third_zone("three-zones", THREE)]
#[case::many_shards("many-shards", TWO)]
#[case::not_there("missing", TWO)]
fn a_decision_is_drawn(#[case] case: &str, #[case] manifest: &str) {
    check_file(
        &format!("tests/golden/{case}.txt"),
        &drawn(case, manifest, 0, PLAIN),
    );
}

#[test]
fn a_narrow_terminal_gets_short_headings_and_wrapped_text() {
    let narrow = Style {
        color: false,
        width: 56,
    };
    let text = drawn("three-zones", THREE, 0, narrow);
    check_file("tests/golden/three-zones.narrow.txt", &text);
    let longest = text.lines().map(|l| l.chars().count()).max().unwrap();
    assert!(longest <= 56, "a line has {longest} columns");
}

/// Only a single word may be longer than a line.
#[rstest]
fn no_terminal_has_to_break_a_line(
    #[values(
        "balanced",
        "primary-skew",
        "zone-down",
        "roles-unknown",
        "single-zone",
        "many-shards",
        "missing"
    )]
    case: &str,
) {
    for width in 24..100 {
        let text = drawn(case, TWO, 0, Style { color: false, width });
        let broken = |line: &&str| line.chars().count() > width && line.trim().contains(' ');
        let broken: Vec<&str> = text.lines().filter(broken).collect();
        assert!(broken.is_empty(), "{width} columns: {broken:#?}\n{text}");
        assert!(!text.contains("\n\n\n"), "{width} columns:\n{text}");
    }
}

#[test]
fn on_the_narrowest_terminal_nodes_stand_one_below_the_other() {
    let narrow = Style {
        color: false,
        width: 30,
    };
    check_file(
        "tests/golden/zone-down.narrow.txt",
        &drawn("zone-down", TWO, 0, narrow),
    );
}

#[test]
fn colours_are_added_and_nothing_else() {
    let colour = Style { color: true, ..PLAIN };
    let painted = drawn("zone-down", TWO, 0, colour);
    check_file("tests/golden/zone-down.colour.txt", &painted);
    let mut bare = String::new();
    for (i, part) in painted.split("\u{1b}[").enumerate() {
        bare.push_str(if i == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(bare, drawn("zone-down", TWO, 0, PLAIN));
}

#[test]
fn the_first_line_answers_whether_a_zone_can_be_lost() {
    let first = |case, manifest| drawn(case, manifest, 0, PLAIN).lines().next().unwrap().to_owned();
    assert_eq!(
        first("balanced", TWO),
        "Can shop/nextgen-commerce lose a zone right now? Yes, any one of them."
    );
    assert_eq!(
        first("zone-down", TWO),
        "Can shop/nextgen-commerce lose a zone right now? NO, not ap-northeast-2c."
    );
    assert_eq!(
        first("roles-unknown", TWO),
        "Can shop/nextgen-commerce lose a zone right now? That can't be told: ap-northeast-2a,"
    );
}
