//! Every finding code and every guardrail is emitted by a case here and described in the documentation, and nothing is
//! described that doesn't exist.

use super::support::*;
use evenkeel::plan::history::{Phase, TicketOutcome};
use evenkeel::plan::intent::Mode;
use evenkeel::plan::{Acceptance, Decision, FindingCode, Guardrail, next_step, plan};
use evenkeel::topology::{FailoverClass, Manager, Owner, ResourceStatus, Switch, WeeklyWindow};
use std::collections::BTreeSet;

/// A stack of which this is found. A new code doesn't compile until it has a case.
fn shows(code: FindingCode) -> Scene {
    let good = || scene("a c", &["a:P c:r", "c:P a:r"]);
    match code {
        FindingCode::SingleZone => scene("a c", &["a:P a:r"]),
        FindingCode::ZoneMissing => good().with(|s| {
            s.cache().settings.subnet_zones.remove(&"c".into());
        }),
        FindingCode::MultiAzDisabled => good().with(|s| s.cache().settings.multi_az = Switch::Disabled),
        FindingCode::AutomaticFailoverDisabled => {
            good().with(|s| s.cache().settings.automatic_failover = Switch::Disabled)
        }
        FindingCode::ShardColocated => scene("a c", &["a:P a:r", "c:P a:r"]),
        FindingCode::ReplicaShortfall => scene("a c", &["a:P"]),
        FindingCode::ReplicaStranded | FindingCode::ZoneImpaired | FindingCode::NoEligibleZone => {
            scene("a! c", &["a:r! c:P"])
        }
        FindingCode::FailoverMayBeSlow => good(),
        FindingCode::ManagedElsewhere => good().with(|s| {
            s.cache().managed_elsewhere = vec![Manager::CloudFormation {
                stack: "shop".to_owned(),
            }];
        }),
        FindingCode::OnOutposts => good().with(|s| {
            s.cache().managed_elsewhere = vec![Manager::Outpost {
                arn: "arn:aws:outposts:us-west-2:111122223333:outpost/op-1".to_owned(),
            }];
        }),
        FindingCode::NodeInLocalZone => scene("a c", &["a:P us-west-2-lax-1a:r"]),
        FindingCode::NodeOutsideZones => scene("a c d", &["a:P d:r"]).with(|s| {
            s.intent.zones.remove(&"d".into());
        }),
        FindingCode::NodeSkew => scene("a c d", &["a:P c:r", "a:r c:P"]),
        FindingCode::PrimarySkew => skewed(),
        FindingCode::PrimaryOutOfPreferredZone => good().with(|s| {
            s.wanted().preferred_primary_zones.insert("a".into());
        }),
        FindingCode::RoleUnknown => scene("a c", &["a:? c:?"]),
        FindingCode::ReplicationLagHigh => scene("a c", &["a:P c:r~2000"]),
        FindingCode::ObjectiveUnmet => good().with(|s| s.intent.objectives.recovery_time = Some(seconds(10))),
        FindingCode::NoReplicaWanted => {
            scene("a c", &["a:P"]).with(|s| s.wanted().min_replicas_per_shard = 0)
        }
        FindingCode::SurplusReplica => scene("a c d", &["a:P c:r d:r"]),
        FindingCode::ResourceNotFound => good().with(|s| s.cache().status = ResourceStatus::Missing),
        FindingCode::ResourceBusy => good().with(|s| s.cache().status = ResourceStatus::Modifying),
        FindingCode::AccessDenied => good().with(|s| s.cache().status = ResourceStatus::Denied),
        FindingCode::AcceptanceExpired => skewed().with(|s| {
            s.intent.accepted = vec![Acceptance {
                finding: FindingCode::PrimarySkew,
                component: None,
                until: minutes_ago(1),
                reason: "it was late".to_owned(),
            }];
        }),
        FindingCode::ClaimedByElder => good().with(|s| {
            s.fleet
                .claimed_by_elder
                .insert("cache".into(), "shop/elder".to_owned());
        }),
    }
}

#[test]
fn every_finding_is_emitted() {
    let mut seen = BTreeSet::new();
    for code in FindingCode::ALL {
        assert!(!shows(code).found(code).is_empty(), "{code:?}");
        seen.insert(code);
    }
    assert_eq!(seen.len(), FindingCode::ALL.len());
}

/// A stack in which this guardrail holds something. A new guardrail doesn't compile until it has a case.
fn holds(guardrail: Guardrail) -> Scene {
    match guardrail {
        Guardrail::Stop => skewed().with(|s| s.fleet.stop = Some("stopped".to_owned())),
        Guardrail::Paused => skewed().with(|s| s.intent.annotations.paused = true),
        Guardrail::Mode => skewed().with(|s| s.intent.mode = Mode::Observe),
        Guardrail::Ownership => skewed().with(|s| s.cache().owner = Owner::Nobody),
        Guardrail::Freshness => skewed().with(|s| s.history.began = Some(now())),
        Guardrail::InFlight => {
            skewed().with(|s| s.history.tickets = vec![ticket("t", add("0001", "a"), Phase::Settling, now())])
        }
        Guardrail::ResourceState => skewed().with(|s| s.cache().members_match = false),
        Guardrail::ProviderMaintenance => skewed().with(|s| {
            s.cache().maintenance_windows = vec![WeeklyWindow {
                start_minute: 700,
                end_minute: 800,
            }];
        }),
        Guardrail::ZoneHealth => scene("a! c", &["a:r c:P"]),
        Guardrail::Redundancy => scene("a c", &["a:r! c:P"]),
        Guardrail::ReplicationLag => scene("a c", &["a:r~2000 c:P"]),
        Guardrail::QuietPeriod => skewed().with(|s| s.history.last_foreign_recovery = Some(now())),
        Guardrail::Acknowledgement => skewed().with(|s| {
            s.history
                .failovers
                .push(failover("f", "0001", minutes_ago(900), FailoverClass::Person));
        }),
        Guardrail::Window => skewed().with(|s| {
            s.intent.guardrails.windows = vec![window(&EVERY_DAY, "01:00", "02:00", "UTC")];
        }),
        Guardrail::DenyWindow => skewed().with(|s| {
            s.intent.guardrails.deny_windows = vec![window(&EVERY_DAY, "11:00", "13:00", "UTC")];
        }),
        Guardrail::Budget => skewed().with(|s| s.fleet.disruptions_in_flight = 5),
        Guardrail::Quota => skewed().with(|s| {
            let tried = finished(move_primary("0001"), minutes_ago(60), TicketOutcome::Succeeded);
            s.history.tickets = vec![tried];
        }),
        Guardrail::Capacity => skewed().with(|s| {
            let zones = [("a".into(), now())].into();
            s.history.capacity_misses.insert("cache".into(), zones);
        }),
        Guardrail::Flapping => skewed().with(|s| {
            s.history.blocks = vec![evenkeel::plan::history::Block {
                id: "block".to_owned(),
                component: "cache".into(),
                action_type: evenkeel::plan::ActionType::MovePrimary,
                since: now(),
                reason: "It failed.".to_owned(),
            }];
        }),
        // Of a sound plan it holds nothing: `every_guardrail_holds_something` gives it another.
        Guardrail::Verifier => scene("a c", &["a:r c:P"]),
        Guardrail::BackOff => skewed().with(|s| {
            s.history.tickets = vec![finished(
                move_primary("0001"),
                minutes_ago(5),
                TicketOutcome::NoEffect,
            )];
        }),
    }
}

#[test]
fn every_guardrail_holds_something() {
    for guardrail in Guardrail::ALL {
        let scene = holds(guardrail);
        if guardrail == Guardrail::Verifier {
            let unsound = Decision {
                actions: vec![add("0001", "a")],
                holds: Vec::new(),
                ..plan(&scene.input())
            };
            let held = evenkeel::plan::verify::held(&scene.input(), unsound);
            assert_eq!(
                held.holds.iter().map(|h| h.guardrail).collect::<Vec<_>>(),
                [guardrail]
            );
            assert_eq!(next_step(&held), None);
            continue;
        }
        let held: BTreeSet<Guardrail> = [move_primary("0001"), add("0001", "a")]
            .iter()
            .flat_map(|action| scene.held_by(action))
            .collect();
        assert!(held.contains(&guardrail), "{guardrail:?} {held:?}");
    }
}

/// The first cells of the rows of a page's tables that are code.
fn rows(page: &str) -> BTreeSet<String> {
    let path = format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let cells = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    cells.map(|(code, _)| code.to_owned()).collect()
}

#[test]
fn every_finding_is_documented_and_nothing_else() {
    let codes: BTreeSet<String> = FindingCode::ALL.iter().map(|c| format!("{c:?}")).collect();
    let verdicts = ["Survives", "Degraded", "Unknown", "Lost"].map(str::to_owned);
    assert_eq!(rows("findings.md"), codes.into_iter().chain(verdicts).collect());
}

#[test]
fn every_guardrail_is_documented_and_nothing_else() {
    let names: BTreeSet<String> = Guardrail::ALL.iter().map(|g| g.as_str().to_owned()).collect();
    assert_eq!(rows("guardrails.md"), names);
}

#[test]
fn a_guardrail_is_spelled_in_json_as_it_is_in_text() {
    for guardrail in Guardrail::ALL {
        let json = serde_json::to_string(&guardrail).unwrap();
        assert_eq!(json, format!("\"{}\"", guardrail.as_str()));
    }
}
