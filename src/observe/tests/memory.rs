//! What looks leave behind.

use super::failovers::{move_primary, ticket};
use super::support::t;
use crate::observe::memory::absorb;
use crate::plan::ActionKind;
use crate::plan::history::{AddedNode, DegradedBy, History, Phase, ShardBefore, Ticket, TicketOutcome};
use crate::topology::{
    Failover, FailoverClass, Gap, Health, NodeId, ResourceStatus, Switch, Topology, ZoneState, shorthand,
};
use jiff::SignedDuration;

/// Stack of one cache over a and c: each string a shard, drawn as in `topology::shorthand`.
fn stack(now: &str, zones: &str, shards: &[&str]) -> Topology {
    shorthand::topology(t(now), zones, shards)
}

fn with_cache(mut topology: Topology, change: impl FnOnce(&mut crate::topology::Component)) -> Topology {
    change(topology.components.get_mut(&"cache".into()).unwrap());
    topology
}

fn see(history: &History, topology: &Topology, now: &str) -> History {
    absorb(history, topology, &[], t(now))
}

fn failover(at: &str, to: &str, class: FailoverClass) -> Failover {
    Failover {
        id: format!("fo-cache-0001-{at}"),
        at: t(at),
        component: "cache".into(),
        shard: "0001".into(),
        from: None,
        to: Some(to.into()),
        class,
        duration_seconds: None,
    }
}

fn classes(history: &History) -> Vec<FailoverClass> {
    history.failovers.iter().map(|f| f.class).collect()
}

const WHOLE: &[&str] = &["a:P c:r", "c:P a:r"];

#[test]
fn absorbing_the_same_look_twice_changes_nothing() {
    let topology = stack("12:00", "a! c", &["a:P! c:r", "c:P a:r!"]);
    let failovers = [failover("11:58", "cache-0001-001", FailoverClass::Provider)];
    let once = absorb(&History::default(), &topology, &failovers, t("12:00"));
    assert_ne!(once, History::default());
    assert_eq!(absorb(&once, &topology, &failovers, t("12:00")), once);
}

#[test]
fn a_record_begins_when_it_is_first_written_and_never_again() {
    let first = see(&History::default(), &stack("12:00", "a c", WHOLE), "12:00");
    assert_eq!(first.began, Some(t("12:00")));
    let later = see(&first, &stack("13:00", "a c", WHOLE), "13:00");
    assert_eq!(later.began, Some(t("12:00")));
}

#[test]
fn a_zone_leaves_trouble_when_it_turns_healthy_and_a_first_sight_leaves_nothing() {
    let healthy = |now: &str| stack(now, "a c", WHOLE);
    let first = see(&History::default(), &healthy("12:00"), "12:00");
    assert_eq!(first.zones[&"a".into()].left_trouble, None);
    for trouble in [ZoneState::Impaired, ZoneState::Unknown, ZoneState::Evacuating] {
        let mut troubled = healthy("12:10");
        troubled.zones.get_mut(&"a".into()).unwrap().state = trouble;
        let during = see(&first, &troubled, "12:10");
        assert_eq!(during.zones[&"a".into()].left_trouble, None);
        let after = see(&during, &healthy("12:50"), "12:50");
        assert_eq!(
            after.zones[&"a".into()].left_trouble,
            Some(t("12:50")),
            "{trouble:?}"
        );
        let later = see(&after, &healthy("13:50"), "13:50");
        assert_eq!(later.zones[&"a".into()].left_trouble, Some(t("12:50")));
    }
}

#[test]
fn the_recovery_of_a_shard_that_something_else_degraded_is_remembered() {
    let down = see(
        &History::default(),
        &stack("12:00", "a c", &["a:P c:r!", "c:P a:r"]),
        "12:00",
    );
    assert_eq!(
        down.degraded[&"cache".into()][&"0001".into()],
        DegradedBy::SomethingElse
    );
    assert_eq!(down.last_foreign_recovery, None);
    let unknown = with_cache(stack("12:05", "a c", WHOLE), |c| {
        let shard = c.shards.get_mut(&"0001".into()).unwrap();
        shard.nodes.get_mut(&"cache-0001-002".into()).unwrap().health = Health::Unknown;
    });
    let unclear = see(&down, &unknown, "12:05");
    assert_eq!(
        unclear.last_foreign_recovery, None,
        "nothing known is no recovery"
    );
    let back = see(&unclear, &stack("12:12", "a c", WHOLE), "12:12");
    assert_eq!(back.last_foreign_recovery, Some(t("12:12")));
    assert!(back.degraded.is_empty());
    let later = see(&back, &stack("12:13", "a c", WHOLE), "12:13");
    assert_eq!(later.last_foreign_recovery, Some(t("12:12")));
}

#[test]
fn what_our_own_action_takes_down_restarts_no_quiet_period() {
    let moving = Ticket {
        before: [(
            "0001".into(),
            ShardBefore {
                members: ["cache-0001-001".into(), "cache-0001-002".into()].into(),
                primary: Some("cache-0001-001".into()),
            },
        )]
        .into(),
        ..move_primary("0001", Phase::Settling, "12:00")
    };
    let open = History {
        tickets: vec![moving.clone()],
        ..History::default()
    };
    let during = see(&open, &stack("12:03", "a c", &["a:r! c:P", "c:P a:r"]), "12:03");
    assert_eq!(
        during.degraded[&"cache".into()][&"0001".into()],
        DegradedBy::OurAction
    );
    // The rebuild outlasts the ticket.
    let mut gave_up = during.clone();
    gave_up.tickets[0].phase = Phase::GaveUp;
    gave_up.tickets[0].finished_at = Some(t("12:25"));
    let late = see(
        &gave_up,
        &stack("12:26", "a c", &["a:r! c:P", "c:P a:r"]),
        "12:26",
    );
    assert_eq!(
        late.degraded[&"cache".into()][&"0001".into()],
        DegradedBy::OurAction
    );
    let back = see(&late, &stack("12:30", "a c", &["a:r c:P", "c:P a:r"]), "12:30");
    assert_eq!(back.last_foreign_recovery, None);
    // Another node of the shard falls meanwhile: that is not ours.
    let both = see(
        &during,
        &stack("12:04", "a c", &["a:r! c:P!", "c:P a:r"]),
        "12:04",
    );
    assert_eq!(
        both.degraded[&"cache".into()][&"0001".into()],
        DegradedBy::SomethingElse
    );
    let back = see(&both, &stack("12:30", "a c", &["a:r c:P", "c:P a:r"]), "12:30");
    assert_eq!(back.last_foreign_recovery, Some(t("12:30")));
}

#[test]
fn a_finished_action_of_ours_does_not_excuse_a_later_death_of_the_same_node() {
    let done = Ticket {
        before: [(
            "0001".into(),
            ShardBefore {
                members: ["cache-0001-001".into()].into(),
                primary: Some("cache-0001-001".into()),
            },
        )]
        .into(),
        ..move_primary("0001", Phase::Done, "12:00")
    };
    let history = History {
        tickets: vec![done],
        ..History::default()
    };
    let whole = see(&history, &stack("12:20", "a c", &["a:r c:P", "c:P a:r"]), "12:20");
    let died = see(&whole, &stack("12:40", "a c", &["a:r! c:P", "c:P a:r"]), "12:40");
    assert_eq!(
        died.degraded[&"cache".into()][&"0001".into()],
        DegradedBy::SomethingElse
    );
}

#[test]
fn a_copy_that_is_being_added_is_no_degradation() {
    let adding = see(
        &History::default(),
        &stack("12:00", "a c", &["a:P c:r b:r+", "c:P a:r"]),
        "12:00",
    );
    assert!(adding.degraded.is_empty());
}

#[test]
fn an_error_is_never_absence_and_never_recovery() {
    let added = AddedNode {
        component: "cache".into(),
        shard: "0001".into(),
        at: t("10:00"),
        replaces: None,
        created: None,
    };
    let history = History {
        added_nodes: [("cache-0001-009".into(), added)].into(),
        degraded: [(
            "cache".into(),
            [("0001".into(), DegradedBy::SomethingElse)].into(),
        )]
        .into(),
        ..History::default()
    };
    let empty = |status| {
        with_cache(stack("12:00", "a c", WHOLE), move |c| {
            c.status = status;
            c.shards.clear();
        })
    };
    let unreadable = with_cache(stack("12:00", "a c", WHOLE), |c| {
        c.gaps = vec![Gap::Description("old".to_owned())];
    });
    for topology in [
        empty(ResourceStatus::Unknown),
        empty(ResourceStatus::Denied),
        empty(ResourceStatus::Missing),
        empty(ResourceStatus::Creating),
        unreadable,
    ] {
        let after = see(&history, &topology, "12:00");
        assert_eq!(after.added_nodes, history.added_nodes);
        assert_eq!(after.degraded, history.degraded);
        assert_eq!(after.last_foreign_recovery, None);
    }
    // In the middle of a change a node may be unlisted for a while.
    let modifying = with_cache(stack("12:00", "a c", WHOLE), |c| {
        c.status = ResourceStatus::Modifying;
    });
    assert_eq!(
        see(&history, &modifying, "12:00").added_nodes,
        history.added_nodes
    );
    let mismatch = with_cache(stack("12:00", "a c", WHOLE), |c| c.members_match = false);
    assert_eq!(see(&history, &mismatch, "12:00").added_nodes, history.added_nodes);
}

fn added(node: &str, called_at: &str) -> (NodeId, AddedNode) {
    let added = AddedNode {
        component: "cache".into(),
        shard: "0001".into(),
        at: t(called_at),
        replaces: None,
        created: None,
    };
    (node.into(), added)
}

fn add_replica(called_at: &str) -> Ticket {
    let kind = ActionKind::AddReplica {
        shard: "0001".into(),
        zone: "b".into(),
        replaces: None,
    };
    ticket(kind, Phase::Done, called_at)
}

#[test]
fn a_node_of_ours_that_somebody_removed_undoes_its_ticket_and_is_forgotten() {
    let history = History {
        added_nodes: [added("cache-0001-003", "10:00")].into(),
        tickets: vec![add_replica("09:00"), add_replica("10:00")],
        ..History::default()
    };
    let standing = see(
        &history,
        &stack("12:00", "a b c", &["a:P c:r b:r*", "c:P a:r"]),
        "12:00",
    );
    assert_eq!(standing.added_nodes, history.added_nodes);
    assert_eq!(standing.tickets, history.tickets);
    let gone = see(&history, &stack("12:00", "a b c", WHOLE), "12:00");
    assert!(gone.added_nodes.is_empty());
    assert_eq!(gone.tickets[0].outcome, Some(TicketOutcome::Succeeded));
    assert_eq!(
        gone.tickets[1].outcome,
        Some(TicketOutcome::Undone {
            by: "somebody else: cache-0001-003 was removed, and not by us".to_owned()
        })
    );
}

#[test]
fn a_node_of_ours_that_we_removed_ourselves_was_not_undone() {
    let remove = ActionKind::RemoveReplica {
        shard: "0001".into(),
        node: "cache-0001-003".into(),
    };
    let history = |removal: Ticket| History {
        added_nodes: [added("cache-0001-003", "10:00")].into(),
        tickets: vec![add_replica("10:00"), removal],
        ..History::default()
    };
    let sent = ticket(remove.clone(), Phase::Settling, "11:50");
    let after = see(&history(sent), &stack("12:00", "a b c", WHOLE), "12:00");
    assert!(after.added_nodes.is_empty());
    assert_eq!(after.tickets[0].outcome, Some(TicketOutcome::Succeeded));
    // A removal of ours that AWS refused removed nothing.
    let refused = Ticket {
        outcome: Some(TicketOutcome::Refused {
            code: "InvalidReplicationGroupState".to_owned(),
            message: String::new(),
            counts: false,
        }),
        ..ticket(remove, Phase::GaveUp, "11:50")
    };
    let after = see(&history(refused), &stack("12:00", "a b c", WHOLE), "12:00");
    assert!(matches!(
        after.tickets[0].outcome,
        Some(TicketOutcome::Undone { .. })
    ));
}

#[test]
fn a_setting_of_ours_that_somebody_turned_off_undoes_its_ticket() {
    let history = History {
        tickets: vec![
            ticket(
                ActionKind::EnableMultiAz {
                    identifier: "cache".to_owned(),
                },
                Phase::Done,
                "10:00",
            ),
            ticket(
                ActionKind::EnableAutomaticFailover {
                    identifier: "cache".to_owned(),
                },
                Phase::Done,
                "09:00",
            ),
        ],
        ..History::default()
    };
    let kept = see(&history, &stack("12:00", "a c", WHOLE), "12:00");
    assert_eq!(kept.tickets, history.tickets);
    let off = with_cache(stack("12:00", "a c", WHOLE), |c| {
        c.settings.multi_az = Switch::Disabled;
    });
    let after = see(&history, &off, "12:00");
    assert_eq!(
        after.tickets[0].outcome,
        Some(TicketOutcome::Undone {
            by: "somebody else: Multi-AZ was turned off again".to_owned()
        })
    );
    assert_eq!(after.tickets[1].outcome, Some(TicketOutcome::Succeeded));
}

#[test]
fn a_failover_keeps_its_id_when_its_other_text_comes_late_and_learns_its_class() {
    let first = [failover("12:01:03", "cache-0001-002", FailoverClass::Unknown)];
    let topology = stack("12:02", "a c", &["a:r c:P", "c:P a:r"]);
    let early = absorb(&History::default(), &topology, &first, t("12:02"));
    let other_text = [Failover {
        id: "another".to_owned(),
        from: Some("cache-0001-001".into()),
        duration_seconds: Some(63),
        ..failover("12:01:02", "cache-0001-002", FailoverClass::Provider)
    }];
    let later = absorb(&early, &topology, &other_text, t("12:05"));
    assert_eq!(
        later.failovers,
        [Failover {
            from: Some("cache-0001-001".into()),
            duration_seconds: Some(63),
            class: FailoverClass::Provider,
            ..first[0].clone()
        }]
    );
}

#[test]
fn our_own_failover_stays_ours_when_its_ticket_is_forgotten() {
    let topology = stack("12:02", "a c", &["a:r c:P", "c:P a:r"]);
    let own = [failover("12:01:03", "cache-0001-002", FailoverClass::Own)];
    let known = absorb(&History::default(), &topology, &own, t("12:02"));
    let derived_without_ticket = [failover("12:01:03", "cache-0001-002", FailoverClass::Person)];
    let days_later = absorb(&known, &topology, &derived_without_ticket, t("+3 12:02"));
    assert_eq!(classes(&days_later), [FailoverClass::Own]);
}

#[test]
fn a_providers_failover_becomes_a_persons_only_while_it_is_young() {
    let topology = stack("12:02", "a c", &["a:r c:P", "c:P a:r"]);
    let provider = [failover("12:01:03", "cache-0001-002", FailoverClass::Provider)];
    let person = [failover("12:01:03", "cache-0001-002", FailoverClass::Person)];
    let known = absorb(&History::default(), &topology, &provider, t("12:02"));
    assert_eq!(
        classes(&absorb(&known, &topology, &person, t("12:03"))),
        [FailoverClass::Person]
    );
    assert_eq!(
        classes(&absorb(&known, &topology, &person, t("13:30"))),
        [FailoverClass::Provider]
    );
}

#[test]
fn only_the_newest_twenty_failovers_are_kept_and_older_ones_do_not_come_back() {
    let many: Vec<Failover> = (0..25)
        .map(|hour| Failover {
            id: format!("fo-{hour}"),
            at: t("00:00") + SignedDuration::from_hours(hour),
            ..failover("00:00", "cache-0001-002", FailoverClass::Provider)
        })
        .collect();
    let topology = stack("12:00", "a c", WHOLE);
    let kept = absorb(&History::default(), &topology, &many, t("+2 12:00"));
    assert_eq!(kept.failovers.len(), 20);
    assert_eq!(kept.failovers[0].id, "fo-5");
    assert_eq!(kept.failovers[19].id, "fo-24");
    assert_eq!(
        absorb(&kept, &topology, &many, t("+2 12:00")).failovers,
        kept.failovers
    );
}

#[test]
fn a_primary_that_changed_without_any_event_is_an_unknown_failover_once_its_event_is_overdue() {
    let before = see(&History::default(), &stack("12:00", "a c", WHOLE), "12:00");
    let moved = |now: &str| stack(now, "a c", &["a:r c:P", "c:P a:r"]);
    let early = see(&before, &moved("12:10"), "12:10");
    assert_eq!(early.failovers, []);
    let waiting = see(&early, &moved("12:12"), "12:12");
    assert_eq!(waiting.failovers, []);
    let due = see(&waiting, &moved("12:13"), "12:13");
    assert_eq!(
        due.failovers,
        [Failover {
            id: "fo-cache-0001-20260302T121000Z".to_owned(),
            at: t("12:10"),
            component: "cache".into(),
            shard: "0001".into(),
            from: Some("cache-0001-001".into()),
            to: Some("cache-0001-002".into()),
            class: FailoverClass::Unknown,
            duration_seconds: None,
        }]
    );
    assert_eq!(see(&due, &moved("12:20"), "12:20").failovers, due.failovers);
    // Its event comes after all: the same failover, better known.
    let event = [failover("12:08:30", "cache-0001-002", FailoverClass::Provider)];
    let explained = absorb(&due, &moved("12:20"), &event, t("12:20"));
    assert_eq!(classes(&explained), [FailoverClass::Provider]);
    assert_eq!(explained.failovers[0].id, "fo-cache-0001-20260302T121000Z");
}

#[test]
fn a_primary_whose_change_an_event_explains_is_one_failover() {
    let before = see(&History::default(), &stack("12:00", "a c", WHOLE), "12:00");
    let moved = |now: &str| stack(now, "a c", &["a:r c:P", "c:P a:r"]);
    let event = [failover("12:08:30", "cache-0001-002", FailoverClass::Provider)];
    // The metric told it a poll before its event did.
    let early = absorb(&before, &moved("12:10"), &[], t("12:10"));
    let told = absorb(&early, &moved("12:11"), &event, t("12:11"));
    let later = absorb(&told, &moved("12:30"), &event, t("12:30"));
    assert_eq!(later.failovers, event);
}

#[test]
fn finished_tickets_are_kept_for_a_day_and_open_ones_for_ever() {
    let history = History {
        tickets: vec![
            move_primary("0001", Phase::Done, "10:00"),
            move_primary("0002", Phase::MaybeCalled, "10:00"),
        ],
        ..History::default()
    };
    let count = |now: &str| see(&history, &stack(now, "a c", WHOLE), now).tickets.len();
    // Finished at 10:15.
    assert_eq!(count("+1 10:14"), 2);
    assert_eq!(count("+1 10:15"), 1);
    assert_eq!(
        see(&history, &stack("12:00", "a c", WHOLE), "+9 10:00").tickets,
        [move_primary("0002", Phase::MaybeCalled, "10:00")]
    );
}

#[test]
fn a_lack_of_capacity_is_remembered_for_ten_minutes() {
    let history = History {
        capacity_misses: [("cache".into(), [("c".into(), t("12:00"))].into())].into(),
        ..History::default()
    };
    let after = |now: &str| see(&history, &stack("12:00", "a c", WHOLE), now);
    assert_eq!(after("12:09").capacity_misses.len(), 1);
    assert_eq!(after("12:10").capacity_misses.len(), 0);
}
