//! What is found, of what, how bad, and what is left unsaid.

use crate::support::*;
use evenkeel::plan::history::{AddedNode, Phase};
use evenkeel::plan::intent::Objectives;
use evenkeel::plan::{FindingCode, Severity};
use evenkeel::topology::{
    ClusterMode, Durability, Health, Manager, Owner, ResourceStatus, Role, Switch, ZoneState,
};

/// (code, subject) of everything found, less the note on majorities that two zones can't avoid.
fn all(scene: &Scene) -> Vec<(FindingCode, String)> {
    let found = scene.findings().into_iter();
    found
        .filter(|f| f.code != FindingCode::FailoverMayBeSlow)
        .map(|f| (f.code, f.subject))
        .collect()
}

fn one(scene: &Scene, code: FindingCode) -> evenkeel::plan::Finding {
    let mut found: Vec<_> = scene.findings().into_iter().filter(|f| f.code == code).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_balanced_stack_over_two_zones_has_nothing_wrong() {
    assert_eq!(all(&scene("a c", &["a:P c:r", "c:P a:r"])), []);
    assert_eq!(
        all(&scene("a c", &["a:P c:r", "c:P a:r"]).with(|s| {
            s.intent.objectives = Objectives {
                recovery_time: Some(minutes(2)),
                recovery_point: Some(seconds(5)),
            };
        })),
        []
    );
}

#[test]
fn placement_that_a_zone_can_take_with_it_is_critical() {
    let single = scene("a c", &["a:P a:r", "a:P a:r"]);
    assert_eq!(one(&single, FindingCode::SingleZone).severity, Severity::Critical);
    assert_eq!(one(&single, FindingCode::SingleZone).subject, "cache");
    // The shards' own colocation goes without saying.
    assert_eq!(single.found(FindingCode::ShardColocated), Vec::<String>::new());
    let one_shard = scene("a c", &["a:P a:r", "c:P a:r"]);
    assert_eq!(
        one(&one_shard, FindingCode::ShardColocated).severity,
        Severity::Critical
    );
    assert_eq!(one(&one_shard, FindingCode::ShardColocated).subject, "0001");
    assert_eq!(one_shard.found(FindingCode::SingleZone), Vec::<String>::new());
}

#[test]
fn a_shortfall_with_one_copy_left_is_critical_and_one_that_our_action_explains_is_not() {
    let short = scene("a c d", &["a:P c:r!", "a:P c:r d:r!"]).with(|s| s.wanted().min_replicas_per_shard = 1);
    let found: Vec<_> = short
        .findings()
        .into_iter()
        .filter(|f| f.code == FindingCode::ReplicaShortfall)
        .map(|f| (f.subject, f.severity))
        .collect();
    assert_eq!(
        found,
        [
            ("0001".to_owned(), Severity::Critical),
            ("0002".to_owned(), Severity::Warning)
        ]
    );
    let ours = scene("a c", &["a:P c:r!"]).with(|s| {
        s.history.tickets = vec![ticket("t", move_primary("0001"), Phase::Settling, minutes_ago(3))];
    });
    assert_eq!(
        one(&ours, FindingCode::ReplicaShortfall).severity,
        Severity::Warning
    );
    assert_eq!(
        one(&ours, FindingCode::ReplicaShortfall).message,
        "Shard 0001 has 1 healthy copy of 2. An action in flight explains it."
    );
}

#[test]
fn a_copy_of_which_nothing_is_known_is_not_called_missing() {
    let unknown =
        |shard: &str| scene("a c d", &[shard]).with(|s| s.node("cache-0001-002").health = Health::Unknown);
    assert_eq!(
        unknown("a:P c:r").found(FindingCode::ReplicaShortfall),
        Vec::<String>::new()
    );
    let one_is_lost = unknown("a:P c:r d:r!").with(|s| s.wanted().min_replicas_per_shard = 2);
    let found = one(&one_is_lost, FindingCode::ReplicaShortfall);
    assert_eq!(
        (found.message.as_str(), found.severity),
        (
            "Shard 0001 has 1 healthy copy of 3, and 1 of unknown health. AWS rebuilds a failed node in its own zone.",
            Severity::Warning
        )
    );
}

#[test]
fn a_shortfall_says_what_will_mend_it() {
    let message =
        |zones: &str, shard: &str| one(&scene(zones, &[shard]), FindingCode::ReplicaShortfall).message;
    assert_eq!(
        message("a! c d", "a:r! c:P"),
        "Shard 0001 has 1 healthy copy of 2. A copy is lost with its zone; it is replaced elsewhere after 15m, where \
         a zone can take it."
    );
    assert_eq!(
        message("a c", "a:r! c:P"),
        "Shard 0001 has 1 healthy copy of 2. AWS rebuilds a failed node in its own zone."
    );
    assert_eq!(
        message("a c", "a:r+ c:P"),
        "Shard 0001 has 1 healthy copy of 2. A copy is being built."
    );
    assert_eq!(
        message("a c", "c:P"),
        "Shard 0001 has 1 healthy copy of 2. Add a replica (action AddReplica)."
    );
}

#[test]
fn an_outage_with_two_zones_says_which_zone_what_is_lost_and_what_it_waits_for() {
    let scene = scene("a! c", &["a:r! c:P", "a:r! c:P"]).with(|s| {
        let zone = s.topology.zones.get_mut(&"a".into()).unwrap();
        zone.reasons = vec!["2 of 2 monitored nodes are down.".to_owned()];
    });
    let zone = one(&scene, FindingCode::ZoneImpaired);
    assert_eq!((zone.component, zone.subject.as_str()), (None, "a"));
    assert_eq!(zone.severity, Severity::Critical);
    assert!(
        zone.message
            .starts_with("Zone a is impaired since 2026-03-02T11:00:00Z: 2 of 2 monitored nodes are down."),
        "{}",
        zone.message
    );
    assert_eq!(
        scene.found(FindingCode::ReplicaStranded),
        ["cache-0001-001", "cache-0002-001"]
    );
    assert_eq!(scene.found(FindingCode::NoEligibleZone), ["0001", "0002"]);
}

#[test]
fn a_third_zone_that_can_take_a_copy_is_no_dead_end() {
    let third = |change: fn(&mut Scene)| {
        scene("a! c d", &["a:r! c:P"])
            .with(change)
            .found(FindingCode::NoEligibleZone)
    };
    assert_eq!(third(|_| {}), Vec::<String>::new());
    assert_eq!(third(|s| s.zone("d", ZoneState::Unknown, None)), ["0001"]);
    assert_eq!(
        third(|s| {
            s.cache().settings.subnet_zones.remove(&"d".into());
        }),
        ["0001"]
    );
    // A copy that is being built elsewhere is on its way, and a replaced one is there.
    let building = scene("a! c d", &["a:r! c:P d:r+*"]);
    assert_eq!(building.found(FindingCode::NoEligibleZone), Vec::<String>::new());
    let mut replaced = scene("a! c d", &["a:r! c:P d:r*"]);
    let node = AddedNode {
        component: "cache".into(),
        shard: "0001".into(),
        at: minutes_ago(5),
        replaces: Some("cache-0001-001".into()),
        created: None,
    };
    replaced.history.added_nodes.insert("cache-0001-003".into(), node);
    assert_eq!(replaced.found(FindingCode::NoEligibleZone), Vec::<String>::new());
    assert_eq!(
        replaced.found(FindingCode::ReplicaShortfall),
        Vec::<String>::new()
    );
    // One that failed there is AWS's to rebuild.
    let failed = replaced.with(|s| s.node("cache-0001-003").health = Health::Down);
    assert_eq!(failed.found(FindingCode::ReplicaShortfall), ["0001"]);
    assert_eq!(failed.found(FindingCode::NoEligibleZone), Vec::<String>::new());
    // A lone dead node in a healthy zone is AWS's to rebuild.
    assert_eq!(
        scene("a c", &["a:r! c:P"]).found(FindingCode::NoEligibleZone),
        Vec::<String>::new()
    );
}

#[test]
fn settings_that_are_off_are_found_unless_single_copies_are_accepted() {
    let off = scene("a c", &["a:P c:r"]).with(|s| {
        s.cache().settings.automatic_failover = Switch::Disabled;
        s.cache().settings.multi_az = Switch::Disabled;
    });
    assert_eq!(
        one(&off, FindingCode::AutomaticFailoverDisabled).severity,
        Severity::Critical
    );
    assert_eq!(
        one(&off, FindingCode::MultiAzDisabled).severity,
        Severity::Warning
    );
    let coming = off.clone().with(|s| {
        s.cache().settings.automatic_failover = Switch::Enabling;
        s.cache().settings.multi_az = Switch::Enabling;
    });
    assert_eq!(all(&coming), []);
    let single = scene("a c", &["a:P", "c:P"]).with(|s| {
        s.cache().settings = off.topology.components[&"cache".into()].settings.clone();
        s.wanted().min_replicas_per_shard = 0;
    });
    assert_eq!(all(&single), [(FindingCode::NoReplicaWanted, "cache".to_owned())]);
    assert_eq!(
        one(&single, FindingCode::NoReplicaWanted).severity,
        Severity::Info
    );
    assert!(
        one(&single, FindingCode::NoReplicaWanted)
            .message
            .contains("Shards 0001 and 0002 have no replica")
    );
    // One shard with a replica is enough for the settings to matter, and so is a wanted replica.
    let mixed = single.clone().with(|s| {
        let shards = scene("a c", &["a:P c:r", "c:P"]).cache().shards.clone();
        s.cache().shards = shards;
    });
    assert_eq!(mixed.found(FindingCode::AutomaticFailoverDisabled), ["cache"]);
    let wanted = single.with(|s| s.wanted().min_replicas_per_shard = 1);
    assert_eq!(wanted.found(FindingCode::AutomaticFailoverDisabled), ["cache"]);
    // With replicas a minimum of 0 means nothing yet.
    let replicas = scene("a c", &["a:P c:r"]).with(|s| s.wanted().min_replicas_per_shard = 0);
    assert_eq!(replicas.found(FindingCode::NoReplicaWanted), Vec::<String>::new());
}

#[test]
fn a_zone_that_the_subnet_group_does_not_reach_is_found_and_one_reached_zone_is_critical() {
    let reach = |zones: &[&str]| {
        scene("a c d", &["a:P a:r"]).with(|s| {
            s.cache().settings.subnet_zones = zones.iter().map(|z| (*z).into()).collect();
        })
    };
    let missing = one(&reach(&["a", "c"]), FindingCode::ZoneMissing);
    assert_eq!(
        (missing.subject.as_str(), missing.severity),
        ("d", Severity::Warning)
    );
    let found = reach(&["a"]).findings();
    let missing: Vec<_> = found
        .iter()
        .filter(|f| f.code == FindingCode::ZoneMissing)
        .collect();
    assert_eq!(missing.len(), 2);
    assert_eq!(missing[0].severity, Severity::Critical);
}

#[test]
fn skew_is_measured_over_the_zones_that_are_not_impaired() {
    let skew = |scene: Scene| {
        (
            scene.found(FindingCode::NodeSkew),
            scene.found(FindingCode::PrimarySkew),
        )
    };
    let none = Vec::<String>::new;
    let cache = || vec!["cache".to_owned()];
    assert_eq!(skew(scene("a c", &["a:r c:P", "a:r c:P"])), (none(), cache()));
    assert_eq!(
        skew(scene("a c", &["a:r c:P", "a:r c:P", "a:P c:r"])),
        (none(), none())
    );
    assert_eq!(skew(scene("a! c", &["a:r! c:P", "a:r! c:P"])), (none(), none()));
    assert_eq!(
        skew(scene("a c d", &["a:P c:r", "c:P a:r", "a:P c:r"])),
        (cache(), cache())
    );
    assert_eq!(
        skew(scene("a c", &["a:r c:P", "a:r c:P"]).with(|s| s.intent.max_skew = 2)),
        (none(), none())
    );
    let own_limit = scene("a c", &["a:r c:P", "a:r c:P"]).with(|s| s.wanted().max_skew = Some(2));
    assert_eq!(skew(own_limit), (none(), none()));
    // Of unknown roles nothing is counted.
    assert_eq!(
        skew(scene("a c", &["a:? c:?", "a:r c:P", "a:r c:P"])),
        (none(), none())
    );
    assert_eq!(
        one(&scene("a c", &["a:r c:P", "a:r c:P"]), FindingCode::PrimarySkew).message,
        "Primaries of replication group cache are uneven: 0 in a, 2 in c; the skew of 2 is more than 1. It is mended \
         by moving primaries back (action MovePrimary)."
    );
}

#[test]
fn a_primary_outside_its_preferred_zones_is_worth_knowing() {
    let scene = scene("a c", &["a:P c:r", "c:P a:r"]).with(|s| {
        s.wanted().preferred_primary_zones.insert("a".into());
    });
    let found = one(&scene, FindingCode::PrimaryOutOfPreferredZone);
    assert_eq!((found.subject.as_str(), found.severity), ("0002", Severity::Info));
}

#[test]
fn nodes_outside_the_spec_lag_and_unknown_roles_are_found_by_node_and_shard() {
    let scene = scene("a c d", &["a:P c:r~1500", "a:? d:?", "a:?"]).with(|s| {
        s.intent.zones.remove(&"d".into());
    });
    assert_eq!(scene.found(FindingCode::NodeOutsideZones), ["cache-0002-002"]);
    assert_eq!(scene.found(FindingCode::ReplicationLagHigh), ["cache-0001-002"]);
    // A shard of one node has no other primary.
    assert_eq!(scene.found(FindingCode::RoleUnknown), ["0002"]);
    let contradictory = self::scene("a c", &["a:P c:P"]);
    assert_eq!(contradictory.found(FindingCode::RoleUnknown), ["0001"]);
}

#[test]
fn a_disputed_primary_is_told_with_the_nodes_that_claim_to_be_it() {
    let findings = scene("a b c", &["a:P b:P c:r", "c:? a:?"]).findings();
    let told: Vec<&str> = findings
        .iter()
        .filter(|f| f.code == FindingCode::RoleUnknown)
        .map(|f| f.message.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "Which node of shard 0001 is the primary is disputed between cache-0001-001 and cache-0001-002: one of \
             them is it, and what is heard of the others may be what they last said. It is asked for again; until \
             then nothing that depends on it is done.",
            "Which node of shard 0002 is the primary is not known. It is asked for again; until then nothing that \
             depends on it is done."
        ]
    );
}

#[test]
fn copies_that_somebody_else_added_stay_and_are_said_to() {
    let scene = scene("a c d", &["a:P c:r d:r", "a:P c:r d:r*", "a:P c:r"]);
    let found = one(&scene, FindingCode::SurplusReplica);
    assert_eq!(found.severity, Severity::Info);
    assert!(found.message.starts_with("Shard 0001 of"), "{}", found.message);
}

#[test]
fn half_of_the_primaries_in_a_zone_is_noted_where_cluster_mode_is_enabled() {
    let scene = scene("a c d", &["a:P c:r", "a:P d:r", "c:P d:r"]);
    let found = one(&scene, FindingCode::FailoverMayBeSlow);
    assert_eq!((found.subject.as_str(), found.severity), ("a", Severity::Info));
    let disabled = scene.with(|s| s.cache().settings.cluster_mode = ClusterMode::Disabled);
    assert_eq!(
        disabled.found(FindingCode::FailoverMayBeSlow),
        Vec::<String>::new()
    );
}

#[test]
fn a_resource_that_is_not_there_or_not_readable_is_critical_and_nothing_else_is_said_of_it() {
    for (status, code) in [
        (ResourceStatus::Missing, FindingCode::ResourceNotFound),
        (ResourceStatus::Denied, FindingCode::AccessDenied),
    ] {
        let scene = scene("a c", &["a:P a:r!"]).with(|s| {
            s.intent.objectives.recovery_point = Some(seconds(0));
            s.cache().status = status;
            s.cache().settings.automatic_failover = Switch::Disabled;
        });
        assert_eq!(all(&scene), [(code, "cache".to_owned())]);
        assert_eq!(one(&scene, code).severity, Severity::Critical);
    }
}

#[test]
fn a_busy_resource_is_found_busy() {
    let severity = |change: &dyn Fn(&mut Scene)| {
        one(
            &scene("a c", &["a:P c:r"]).with(|s| change(s)),
            FindingCode::ResourceBusy,
        )
        .severity
    };
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::Modifying),
        Severity::Info
    );
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::Snapshotting),
        Severity::Info
    );
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::Creating),
        Severity::Info
    );
    assert_eq!(severity(&|s| s.cache().members_match = false), Severity::Info);
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::Deleting),
        Severity::Warning
    );
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::Unknown),
        Severity::Warning
    );
    assert_eq!(
        severity(&|s| s.cache().status = ResourceStatus::CreateFailed),
        Severity::Critical
    );
}

#[test]
fn who_else_decides_about_a_resource_is_said() {
    let scene = scene("a c", &["a:P c:r", "c:P a:r"]).with(|s| {
        s.cache().managed_elsewhere = vec![
            Manager::CloudFormation {
                stack: "shop".to_owned(),
            },
            Manager::GlobalDatastore {
                id: "ldgnf".to_owned(),
                role: "secondary".to_owned(),
            },
        ];
        s.fleet
            .claimed_by_elder
            .insert("cache".into(), "shop/elder".to_owned());
        s.cache().owner = Owner::Unreadable("AccessDenied".to_owned());
    });
    let cache = "cache".to_owned();
    assert_eq!(
        all(&scene),
        [
            (FindingCode::ManagedElsewhere, cache.clone()),
            (FindingCode::ManagedElsewhere, cache.clone()),
            (FindingCode::AccessDenied, cache.clone()),
            (FindingCode::ClaimedByElder, cache),
        ]
    );
}

#[test]
fn a_group_on_an_outpost_is_said_and_multi_az_is_not_asked_for() {
    let scene = scene("a c", &["a:P a:r"]).with(|s| {
        s.cache().settings.multi_az = Switch::Disabled;
        s.cache().managed_elsewhere = vec![Manager::Outpost {
            arn: "arn:aws:outposts:us-west-2:111122223333:outpost/op-1".to_owned(),
        }];
    });
    let found = one(&scene, FindingCode::OnOutposts);
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(
        found.message,
        "Replication group cache stands on the Outpost arn:aws:outposts:us-west-2:111122223333:outpost/op-1, where \
         ElastiCache has no Multi-AZ and no zones to choose from. It is only reported on; for copies in other zones move \
         it into the region."
    );
    assert_eq!(scene.found(FindingCode::MultiAzDisabled), Vec::<String>::new());
}

#[test]
fn a_copy_in_a_local_zone_is_named_and_not_told_to_be_listed() {
    let scene = scene("a c", &["a:P us-west-2-lax-1a:r"]);
    let found = one(&scene, FindingCode::NodeInLocalZone);
    assert_eq!(found.subject, "cache-0001-002");
    assert!(
        found.message.contains("counted for none of them"),
        "{}",
        found.message
    );
    assert_eq!(scene.found(FindingCode::NodeOutsideZones), Vec::<String>::new());
}

#[test]
fn unmet_objectives_name_the_zones_and_a_loss_meets_none() {
    let scene = scene("a c", &["a:P c:r~3000", "c:P"]).with(|s| {
        s.intent.objectives = Objectives {
            recovery_time: Some(seconds(60)),
            recovery_point: Some(seconds(2)),
        };
    });
    let found: Vec<String> = scene
        .findings()
        .into_iter()
        .filter(|f| f.code == FindingCode::ObjectiveUnmet)
        .map(|f| f.message)
        .collect();
    assert_eq!(
        found,
        [
            "When a is lost, an objective is missed: objectives.recoveryPoint is 2s, expected is 3s. Relax it, or \
             lessen the replication lag.",
            "When a is lost, an objective is missed: objectives.recoveryTime is 1m, expected is 2m. Relax it, or \
             find out what made failovers slow.",
            "When c is lost, an objective is missed: objectives.recoveryPoint is 2s, and the loss would not end by \
             itself. Give every shard a copy in another zone and turn automatic failover on.",
            "When c is lost, an objective is missed: objectives.recoveryTime is 1m, and the loss would not end by \
             itself. Give every shard a copy in another zone and turn automatic failover on.",
        ]
    );
}

#[test]
fn a_recovery_point_that_replication_can_not_promise_is_unmet_whatever_the_lag() {
    let unmet = |durability: Durability, point: i64, lag: &str| {
        let scene = scene("a c", &[&format!("a:P c:r{lag}")]).with(|s| {
            s.cache().settings.durability = durability;
            s.intent.objectives.recovery_point = Some(seconds(point));
        });
        scene.found(FindingCode::ObjectiveUnmet).len()
    };
    assert_eq!(unmet(Durability::Disabled, 0, "~0"), 1);
    assert_eq!(unmet(Durability::Disabled, 0, "~-"), 1);
    assert_eq!(unmet(Durability::Disabled, 0, "~700"), 1);
    assert_eq!(unmet(Durability::Disabled, 5, "~-"), 0);
    assert_eq!(unmet(Durability::Async, 9, "~0"), 1);
    assert_eq!(unmet(Durability::Async, 10, "~0"), 0);
    assert_eq!(unmet(Durability::Sync, 0, "~-"), 0);
}

#[test]
fn findings_name_their_subject_and_end_as_sentences_in_one_order() {
    let scene = scene("a! c d", &["a:r! c:P", "a:? c:?", "d:P d:r", "a:P! c:r"]).with(|s| {
        s.cache().settings.subnet_zones.remove(&"d".into());
        s.cache().settings.multi_az = Switch::Disabled;
        s.node("cache-0002-002").health = Health::Unknown;
        s.node("cache-0003-002").role = Role::Unknown;
    });
    let found = scene.findings();
    assert!(found.len() > 8, "{found:?}");
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found, sorted);
    for finding in found {
        assert!(finding.message.contains(&finding.subject), "{finding:?}");
        assert!(finding.message.ends_with('.'), "{finding:?}");
        assert!(!finding.message.contains(".."), "{finding:?}");
    }
}
