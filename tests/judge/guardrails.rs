//! Who may act at all, on what, and on which knowledge: stop, paused, mode, ownership, freshness, in flight, the
//! resource's state, maintenance and zones.

use crate::support::*;
use evenkeel::execute::ticket::time_to_settle;
use evenkeel::plan::guardrails::NEW_RECORD_WAIT;
use evenkeel::plan::history::Phase;
use evenkeel::plan::intent::{Mode, Policy};
use evenkeel::plan::{ActionType, Guardrail};
use evenkeel::topology::{
    FailoverClass, Gap, Manager, Owner, ResourceStatus, RoleProof, RoleSource, Switch, WeeklyWindow,
    ZoneState,
};
use jiff::Timestamp;

#[test]
fn a_healthy_quiet_stack_holds_nothing() {
    let scene = skewed();
    for action in [move_primary("0001"), add("0001", "a")] {
        let holds = scene.clone().acting().holds(std::slice::from_ref(&action));
        assert_eq!(holds, [], "{}", action.id);
        assert_eq!(scene.holds(std::slice::from_ref(&action)), [], "{}", action.id);
    }
}

#[test]
fn the_stop_switch_holds_everything_even_while_nothing_is_planned() {
    let scene = skewed().with(|s| s.fleet.stop = Some("a file STOP lies in the state folder".to_owned()));
    for actions in [vec![], vec![add("0001", "a")], vec![move_primary("0001")]] {
        let holds = scene.holds(&actions);
        assert_eq!(holds.len(), 1);
        assert_eq!(holds[0].guardrail, Guardrail::Stop);
        assert_eq!(holds[0].action, None);
        assert_eq!(holds[0].id, "stop");
        assert_eq!(holds[0].retry_at, None);
        assert_eq!(
            holds[0].reason,
            "All acting is stopped: a file STOP lies in the state folder."
        );
    }
}

#[test]
fn who_does_not_lead_never_acts() {
    let scene = skewed().with(|s| s.fleet.not_leader = Some("pod-b holds the lease".to_owned()));
    assert_eq!(scene.held_by(&add("0001", "a")), [Guardrail::Stop]);
    assert_eq!(scene.holds(&[]), []);
}

#[test]
fn a_paused_stack_does_nothing() {
    let scene = skewed().with(|s| s.intent.annotations.paused = true);
    let hold = scene.hold(Guardrail::Paused, &add("0001", "a"));
    assert_eq!((hold.action, hold.retry_at), (None, None));
    assert_eq!(scene.holds(&[]).len(), 1);
}

#[test]
fn observe_only_reports_approve_lets_only_additive_actions_happen_and_enforce_all() {
    let (additive, disruptive) = (add("0001", "a"), move_primary("0001"));
    let mode = |mode: Mode| skewed().with(|s| s.intent.mode = mode);
    assert_eq!(mode(Mode::Observe).held_by(&additive), [Guardrail::Mode]);
    assert_eq!(mode(Mode::Observe).held_by(&disruptive), [Guardrail::Mode]);
    assert_eq!(mode(Mode::Approve).held_by(&additive), []);
    assert_eq!(mode(Mode::Approve).held_by(&disruptive), [Guardrail::Mode]);
    assert_eq!(mode(Mode::Enforce).held_by(&additive), []);
    assert_eq!(mode(Mode::Enforce).held_by(&disruptive), []);
    let hold = mode(Mode::Observe).hold(Guardrail::Mode, &additive);
    assert_eq!(hold.action, Some(additive.id));
    assert_eq!(hold.id, "mode:add-0001-a");
}

#[test]
fn a_policy_overrides_what_the_mode_implies_for_its_type_alone() {
    let scene = |mode: Mode, action_type: ActionType, policy: Policy| {
        skewed().with(|s| {
            s.intent.mode = mode;
            s.intent.policy.insert(action_type, policy);
        })
    };
    let enforce = scene(Mode::Enforce, ActionType::MovePrimary, Policy::Approve);
    assert_eq!(enforce.held_by(&move_primary("0001")), [Guardrail::Mode]);
    assert_eq!(enforce.held_by(&add("0001", "a")), []);
    let report = scene(Mode::Enforce, ActionType::AddReplica, Policy::Report);
    assert_eq!(report.held_by(&add("0001", "a")), [Guardrail::Mode]);
    assert_eq!(
        report.hold(Guardrail::Mode, &add("0001", "a")).reason,
        "spec.policy.AddReplica is Report: it is only reported."
    );
    let auto = scene(Mode::Approve, ActionType::MovePrimary, Policy::Auto);
    assert_eq!(auto.held_by(&move_primary("0001")), []);
    let observe = scene(Mode::Observe, ActionType::AddReplica, Policy::Auto);
    assert_eq!(observe.held_by(&add("0001", "a")), []);
    assert_eq!(observe.held_by(&move_primary("0001")), [Guardrail::Mode]);
}

#[test]
fn nothing_is_changed_without_the_owners_tag_and_the_hold_prints_the_command() {
    let scene = skewed().with(|s| {
        s.cache().owner = Owner::Nobody;
        s.cache().resource.account = Some("123456789012".into());
    });
    for action in [add("0001", "a"), move_primary("0001")] {
        assert_eq!(scene.held_by(&action), [Guardrail::Ownership]);
    }
    assert_eq!(
        scene.hold(Guardrail::Ownership, &add("0001", "a")).reason,
        "Replication group cache has no tag evenkeel.dev/owner. Claim it with `evenkeel claim -f <manifest>`, or with \
         `aws elasticache add-tags-to-resource --region test-region-1 --resource-name \
         arn:aws:elasticache:test-region-1:123456789012:replicationgroup:cache --tags \
         Key=evenkeel.dev/owner,Value=test`."
    );
}

#[test]
fn the_command_for_the_tag_names_the_partition_of_the_region() {
    let command = |region: &str| {
        let scene = skewed().with(|s| {
            s.cache().owner = Owner::Nobody;
            s.cache().resource.region = region.into();
        });
        scene.hold(Guardrail::Ownership, &add("0001", "a")).reason
    };
    assert!(
        command("cn-north-1").contains("arn:aws-cn:elasticache:cn-north-1:<account>:replicationgroup:cache")
    );
    assert!(command("us-gov-west-1").contains("arn:aws-us-gov:elasticache:us-gov-west-1:"));
}

#[test]
fn anothers_tag_an_unread_tag_and_an_unreadable_one_forbid_every_change() {
    for (owner, says) in [
        (
            Owner::Other("blue/shop/web".to_owned()),
            "evenkeel.dev/owner = blue/shop/web",
        ),
        (Owner::NotRead, "have not been read yet"),
        (
            Owner::Unreadable("AccessDenied".to_owned()),
            "can't be read: AccessDenied",
        ),
    ] {
        let scene = skewed().with(|s| s.cache().owner = owner.clone());
        let hold = scene.hold(Guardrail::Ownership, &add("0001", "a"));
        assert!(hold.reason.contains(says), "{}", hold.reason);
        assert_eq!(hold.retry_at, None);
    }
}

#[test]
fn an_installation_without_a_name_owns_nothing() {
    let scene = skewed().with(|s| s.fleet.installation = None);
    // A given owner is taken at its word for showing, never for acting.
    assert_eq!(scene.held_by(&add("0001", "a")), []);
    assert_eq!(
        scene.clone().acting().held_by(&add("0001", "a")),
        [Guardrail::Ownership]
    );
    let nobody = scene.with(|s| s.cache().owner = Owner::Nobody);
    let hold = nobody.hold(Guardrail::Ownership, &add("0001", "a"));
    assert!(
        hold.reason.contains("--installation (EVENKEEL_INSTALLATION)"),
        "{}",
        hold.reason
    );
}

#[test]
fn of_two_stacks_that_name_one_resource_only_the_elder_acts() {
    let scene = skewed().with(|s| {
        s.fleet
            .claimed_by_elder
            .insert("cache".into(), "shop/elder".to_owned());
    });
    assert_eq!(
        scene.hold(Guardrail::Ownership, &add("0001", "a")).reason,
        "The older stack shop/elder names replication group cache too and decides about it."
    );
}

#[test]
fn members_of_a_global_datastore_are_report_only() {
    let scene = skewed().with(|s| {
        s.cache().managed_elsewhere = vec![Manager::GlobalDatastore {
            id: "ldgnf-shop".to_owned(),
            role: "primary".to_owned(),
        }];
    });
    for action in [add("0001", "a"), move_primary("0001"), enable_multi_az()] {
        assert_eq!(scene.held_by(&action), [Guardrail::Ownership], "{}", action.id);
    }
}

#[test]
fn a_group_on_an_outpost_is_report_only() {
    let scene = skewed().with(|s| {
        s.cache().managed_elsewhere = vec![Manager::Outpost {
            arn: "arn:aws:outposts:us-west-2:111122223333:outpost/op-1".to_owned(),
        }];
    });
    for action in [add("0001", "a"), move_primary("0001"), enable_multi_az()] {
        assert_eq!(scene.held_by(&action), [Guardrail::Ownership], "{}", action.id);
    }
}

#[test]
fn settings_of_what_cloudformation_owns_are_report_only_and_its_nodes_are_not() {
    let scene = skewed().with(|s| {
        s.cache().managed_elsewhere = vec![Manager::CloudFormation {
            stack: "shop".to_owned(),
        }];
    });
    assert_eq!(scene.held_by(&enable_failover()), [Guardrail::Ownership]);
    assert_eq!(scene.held_by(&enable_multi_az()), [Guardrail::Ownership]);
    assert_eq!(scene.held_by(&add("0001", "a")), []);
    assert_eq!(scene.held_by(&move_primary("0001")), []);
}

#[test]
fn a_gap_in_the_observation_holds_everything_even_while_nothing_is_planned() {
    for gap in [
        Gap::Description("the last listing failed".to_owned()),
        Gap::Metrics("metrics are missing in two zones at once.".to_owned()),
        Gap::Events("events were not polled".to_owned()),
    ] {
        let scene = skewed().with(|s| s.cache().gaps = vec![gap.clone()]);
        for actions in [vec![], vec![add("0001", "a")], vec![move_primary("0001")]] {
            let holds = scene.holds(&actions);
            let whole: Vec<_> = holds.iter().filter(|h| h.action.is_none()).collect();
            assert_eq!(whole.len(), 1);
            assert_eq!(whole[0].guardrail, Guardrail::Freshness);
            assert_eq!(
                whole[0].reason,
                format!("The observation of cache is incomplete: {}.", gap.sentence())
            );
        }
    }
}

#[test]
fn an_observation_older_than_five_minutes_is_no_ground_for_acting() {
    let old = |at: Timestamp| skewed().with(|s| s.topology.observed_at = at);
    assert_eq!(old(minutes_ago(5)).held_by(&add("0001", "a")), []);
    assert_eq!(
        old(seconds_ago(301)).held_by(&add("0001", "a")),
        [Guardrail::Freshness]
    );
}

#[test]
fn a_new_record_waits_the_longest_ticket_deadline_because_it_may_follow_a_lost_one() {
    for action in [
        ActionType::EnableAutomaticFailover,
        ActionType::EnableMultiAz,
        ActionType::AddReplica,
        ActionType::RemoveReplica,
        ActionType::MovePrimary,
    ] {
        assert!(time_to_settle(action) <= NEW_RECORD_WAIT, "{action}");
    }
    let began = |at: Option<Timestamp>| skewed().with(|s| s.history.began = at);
    let hold = began(Some(minutes_ago(29))).hold(Guardrail::Freshness, &add("0001", "a"));
    assert_eq!(hold.action, None);
    assert_eq!(hold.retry_at, Some(at("2026-03-02T12:01:00Z")));
    assert_eq!(began(Some(minutes_ago(30))).held_by(&add("0001", "a")), []);
    // With nothing to hold there is nothing to tell.
    assert_eq!(began(Some(minutes_ago(1))).holds(&[]), []);
    // Without any record one may look, and never act.
    assert_eq!(began(None).held_by(&add("0001", "a")), []);
    assert_eq!(
        began(None).acting().held_by(&add("0001", "a")),
        [Guardrail::Freshness]
    );
}

#[test]
fn an_unknown_role_forbids_disruption_and_not_the_adding_of_replicas() {
    let scene = scene("a c", &["a:? c:?", "a:P c:r"]);
    assert!(
        scene
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::Freshness)
    );
    assert!(
        scene
            .held_by(&remove("0001", "001"))
            .contains(&Guardrail::Freshness)
    );
    assert_eq!(scene.held_by(&add("0001", "a")), []);
    assert_eq!(scene.held_by(&move_primary("0002")), []);
}

fn proven(source: RoleSource, at: Timestamp, read_at: Timestamp) -> Scene {
    skewed().with(|s| {
        s.nodes()
            .for_each(|n| n.role_proof = Some(RoleProof { source, at, read_at }));
    })
}

#[test]
fn for_a_disruption_roles_are_read_within_the_last_minute_from_points_at_most_six_minutes_old() {
    let held = |at: Timestamp, read_at: Timestamp| {
        let scene = proven(RoleSource::Metric, at, read_at);
        // To show a plan, a role that is known is enough.
        assert_eq!(scene.held_by(&move_primary("0001")), []);
        // Adding a replica doesn't depend on roles.
        assert_eq!(scene.clone().acting().held_by(&add("0001", "a")), []);
        !scene.acting().held_by(&move_primary("0001")).is_empty()
    };
    assert!(!held(minutes_ago(6), now()));
    assert!(held(seconds_ago(361), now()));
    assert!(!held(minutes_ago(2), seconds_ago(60)));
    assert!(held(minutes_ago(2), seconds_ago(61)));
    assert!(held(minutes_ago(300), minutes_ago(290)));
}

#[test]
fn a_role_that_is_not_proven_for_every_node_of_the_shard_forbids_disruption() {
    let scene = skewed()
        .acting()
        .with(|s| s.node("cache-0001-001").role_proof = None);
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::Freshness]);
    assert_eq!(scene.held_by(&move_primary("0002")), []);
}

#[test]
fn a_point_from_before_or_within_a_failovers_minute_is_void() {
    let point = at("2026-03-02T11:58:00Z");
    let held = |source: RoleSource, failed_over: &str| {
        let scene = proven(source, point, now()).acting().with(|s| {
            s.history.failovers = vec![failover("f", "0001", at(failed_over), FailoverClass::Own)];
        });
        // Another shard's failover says nothing of this one.
        assert_eq!(scene.held_by(&move_primary("0002")), []);
        scene
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::Freshness)
    };
    for source in [RoleSource::Metric, RoleSource::Description, RoleSource::Snapshot] {
        assert!(!held(source, "2026-03-02T11:57:59Z"), "{source:?}");
        assert!(held(source, "2026-03-02T11:58:00Z"), "{source:?}");
        assert!(held(source, "2026-03-02T11:58:59Z"), "{source:?}");
        assert!(held(source, "2026-03-02T11:59:30Z"), "{source:?}");
    }
    // The failover event itself is the proof; its two texts are a second apart.
    assert!(!held(RoleSource::Event, "2026-03-02T11:58:00Z"));
    assert!(!held(RoleSource::Event, "2026-03-02T11:58:01Z"));
    assert!(held(RoleSource::Event, "2026-03-02T11:58:40Z"));
}

#[test]
fn one_ticket_of_a_stack_at_a_time_and_ones_own_prepared_ticket_does_not_count() {
    let with = |phase: Phase, id: &str| {
        skewed().with(|s| s.history.tickets = vec![ticket(id, move_primary("0002"), phase, minutes_ago(3))])
    };
    for phase in [Phase::Prepared, Phase::MaybeCalled, Phase::Settling] {
        let scene = with(phase, "other");
        let hold = scene.hold(Guardrail::InFlight, &add("0001", "a"));
        assert_eq!(hold.action, None);
        assert_eq!(hold.retry_at, Some(minutes_ago(3) + minutes(25)));
        assert_eq!(scene.holds(&[]), []);
        assert!(
            scene
                .acting()
                .held_by(&add("0001", "a"))
                .contains(&Guardrail::InFlight)
        );
    }
    assert_eq!(
        with(Phase::Prepared, "own").acting().held_by(&add("0001", "a")),
        []
    );
    assert_eq!(
        with(Phase::Prepared, "own")
            .acting()
            .held_by(&move_primary("0001")),
        []
    );
    // Once it may have been sent it counts, whoever asks.
    assert!(
        with(Phase::MaybeCalled, "own")
            .acting()
            .held_by(&add("0001", "a"))
            .contains(&Guardrail::InFlight)
    );
    for phase in [Phase::Done, Phase::GaveUp] {
        assert_eq!(with(phase, "other").held_by(&add("0001", "a")), []);
    }
}

#[test]
fn only_an_available_group_with_matching_members_is_changed() {
    for status in [
        ResourceStatus::Creating,
        ResourceStatus::Modifying,
        ResourceStatus::Deleting,
        ResourceStatus::Snapshotting,
        ResourceStatus::CreateFailed,
        ResourceStatus::Missing,
        ResourceStatus::Denied,
        ResourceStatus::Unknown,
    ] {
        let scene = skewed().with(|s| s.cache().status = status);
        for action in [add("0001", "a"), move_primary("0001"), enable_multi_az()] {
            assert!(
                scene.held_by(&action).contains(&Guardrail::ResourceState),
                "{status:?} {}",
                action.id
            );
        }
    }
    let scene = skewed().with(|s| s.cache().members_match = false);
    assert_eq!(scene.held_by(&add("0001", "a")), [Guardrail::ResourceState]);
    let scene = skewed().with(|s| s.topology.components.clear());
    assert_eq!(scene.held_by(&add("0001", "a")), [Guardrail::ResourceState]);
    assert_eq!(skewed().held_by(&add("0009", "a")), [Guardrail::ResourceState]);
}

#[test]
fn a_node_being_built_blocks_another_addition_to_its_shard() {
    let scene = scene("a c d", &["a:P c:r+", "a:P c:r"]);
    assert_eq!(scene.held_by(&add("0001", "d")), [Guardrail::ResourceState]);
    assert_eq!(scene.held_by(&add("0002", "d")), []);
}

#[test]
fn settings_wait_for_what_aws_demands_of_them() {
    let off = |shards: &[&str]| {
        scene("a c", shards).with(|s| {
            s.cache().settings.automatic_failover = Switch::Disabled;
            s.cache().settings.multi_az = Switch::Disabled;
        })
    };
    let failover_on = |s: &mut Scene| s.cache().settings.automatic_failover = Switch::Enabled;
    // Automatic failover wants a healthy replica in every shard.
    assert_eq!(off(&["a:P a:r"]).held_by(&enable_failover()), []);
    assert_eq!(
        off(&["a:P c:r", "a:P"]).held_by(&enable_failover()),
        [Guardrail::ResourceState]
    );
    assert_eq!(
        off(&["a:P c:r!"]).held_by(&enable_failover()),
        [Guardrail::ResourceState]
    );
    // Multi-AZ wants automatic failover, really on, and two zones.
    assert_eq!(
        off(&["a:P c:r"]).held_by(&enable_multi_az()),
        [Guardrail::ResourceState]
    );
    assert_eq!(
        off(&["a:P c:r"]).with(failover_on).held_by(&enable_multi_az()),
        []
    );
    assert_eq!(
        off(&["a:P a:r"]).with(failover_on).held_by(&enable_multi_az()),
        [Guardrail::ResourceState]
    );
    let enabling = off(&["a:P c:r"]).with(|s| s.cache().settings.automatic_failover = Switch::Enabling);
    assert_eq!(enabling.held_by(&enable_multi_az()), [Guardrail::ResourceState]);
    // TestFailover wants both.
    assert_eq!(
        off(&["a:P c:r"]).held_by(&move_primary("0001")),
        [Guardrail::ResourceState]
    );
    assert_eq!(
        off(&["a:P c:r"]).with(failover_on).held_by(&move_primary("0001")),
        [Guardrail::ResourceState]
    );
}

#[test]
fn a_shard_never_grows_beyond_five_replicas() {
    let scene = scene("a c", &["a:P c:r a:r c:r a:r c:r"]).with(|s| s.wanted().min_replicas_per_shard = 5);
    assert_eq!(scene.held_by(&add("0001", "a")), [Guardrail::ResourceState]);
}

#[test]
fn nothing_disruptive_happens_during_or_an_hour_before_the_resources_own_maintenance_window() {
    // mon:12:30-mon:13:30; it is Monday, 12:00.
    let window = |start: u16, end: u16| {
        skewed().with(|s| {
            s.cache().maintenance_windows = vec![WeeklyWindow {
                start_minute: start,
                end_minute: end,
            }];
        })
    };
    let before = window(750, 810);
    assert_eq!(
        before.held_by(&move_primary("0001")),
        [Guardrail::ProviderMaintenance]
    );
    let hold = before.hold(Guardrail::ProviderMaintenance, &move_primary("0001"));
    assert_eq!(hold.retry_at, Some(at("2026-03-02T13:30:00Z")));
    assert_eq!(
        window(700, 760).held_by(&move_primary("0001")),
        [Guardrail::ProviderMaintenance]
    );
    assert_eq!(window(781, 840).held_by(&move_primary("0001")), []);
    assert_eq!(window(600, 720).held_by(&move_primary("0001")), []);
    // Restoring redundancy is never blocked by it.
    assert_eq!(before.held_by(&add("0001", "a")), []);
    assert_eq!(before.held_by(&enable_multi_az()), []);
}

#[test]
fn nothing_disruptive_happens_while_somebody_else_is_at_work_on_the_group() {
    let working = scene("a c", &["a:r c:P", "a:r! c:P"]);
    assert!(
        working
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::ProviderMaintenance)
    );
    assert_eq!(working.held_by(&add("0001", "a")), []);
    // A call of ours explains it; one that was only prepared doesn't.
    let ours = |phase: Phase| {
        working
            .clone()
            .with(|s| s.history.tickets = vec![ticket("t", move_primary("0002"), phase, minutes_ago(3))])
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::ProviderMaintenance)
    };
    assert!(!ours(Phase::Settling));
    assert!(!ours(Phase::MaybeCalled));
    assert!(ours(Phase::Prepared));
    assert!(ours(Phase::Done));
    let modifying = skewed().with(|s| s.cache().status = ResourceStatus::Modifying);
    assert!(
        modifying
            .held_by(&move_primary("0001"))
            .contains(&Guardrail::ProviderMaintenance)
    );
}

#[test]
fn nothing_disruptive_happens_while_any_zone_of_the_stack_is_not_healthy() {
    for state in [ZoneState::Impaired, ZoneState::Evacuating, ZoneState::Unknown] {
        let scene = scene("a c d", &["a:r c:P"]).with(|s| s.zone("d", state, None));
        assert_eq!(
            scene.held_by(&move_primary("0001")),
            [Guardrail::ZoneHealth],
            "{state:?}"
        );
        assert_eq!(scene.held_by(&add("0001", "a")), [], "{state:?}");
        assert_eq!(scene.held_by(&enable_multi_az()), [], "{state:?}");
    }
}

#[test]
fn a_zone_outside_the_spec_counts_while_a_node_stands_there() {
    let scene = scene("a c d", &["a:r c:P"]).with(|s| {
        s.intent.zones.remove(&"d".into());
        s.zone("d", ZoneState::Impaired, None);
    });
    assert_eq!(scene.held_by(&move_primary("0001")), [Guardrail::ZoneHealth]);
    assert_eq!(scene.held_by(&add("0001", "d")), [Guardrail::ZoneHealth]);
}

#[test]
fn nothing_is_moved_into_a_zone_that_is_not_healthy() {
    for state in [ZoneState::Impaired, ZoneState::Evacuating, ZoneState::Unknown] {
        let scene = scene("a c d", &["a:P c:r"]).with(|s| s.zone("d", state, None));
        assert_eq!(
            scene.held_by(&add("0001", "d")),
            [Guardrail::ZoneHealth],
            "{state:?}"
        );
        assert_eq!(scene.held_by(&add("0001", "a")), []);
    }
}

#[test]
fn a_refusal_does_not_hide_another_and_holds_come_in_the_order_of_guardrails_and_actions() {
    let scene = scene("a! c", &["a:r! c:P", "a:r! c:P"]).with(|s| {
        s.intent.mode = Mode::Observe;
        s.cache().owner = Owner::Nobody;
        s.intent.annotations.paused = true;
    });
    let holds = scene.holds(&[add("0001", "a"), move_primary("0002")]);
    let order: Vec<(&str, Option<&str>)> = holds
        .iter()
        .map(|h| (h.guardrail.as_str(), h.action.as_ref().map(|a| a.0.as_str())))
        .collect();
    let (added, moved) = (Some("add-0001-a"), Some("move-0002"));
    assert_eq!(
        order,
        [
            ("paused", None),
            ("mode", added),
            ("mode", moved),
            ("ownership", added),
            ("ownership", moved),
            ("provider_maintenance", moved),
            ("zone_health", added),
            ("zone_health", moved),
            ("redundancy", moved),
        ]
    );
}

#[test]
fn a_hold_that_lasts_says_the_same_a_minute_later() {
    let scene = scene("a! c", &["a:r! c:P", "a:r! c:?"]).with(|s| {
        s.cache().owner = Owner::NotRead;
        s.history.began = Some(minutes_ago(5));
        s.cache().gaps = vec![Gap::Events("x".to_owned())];
        s.topology.observed_at = minutes_ago(30);
        s.history.tickets = vec![ticket("t", add("0001", "a"), Phase::Settling, minutes_ago(3))];
        s.history.last_foreign_recovery = Some(minutes_ago(2));
    });
    let actions = [add("0001", "a"), move_primary("0002"), remove("0001", "001")];
    let later = scene.clone().with(|s| s.now = now() + minutes(1));
    assert_eq!(scene.holds(&actions), later.holds(&actions));
    assert!(scene.holds(&actions).len() > 10);
}
