//! The topology of a stack.

use super::support::{World, failed, t};
use crate::aws::types::{AwsError, ErrorClass, Metric};
use crate::observe::assemble::{Look, topology};
use crate::observe::view::Seen;
use crate::observe::zones::ZoneWatch;
use crate::plan::history::{AddedNode, History};
use crate::plan::intent::{Annotations, CacheIntent, GuardrailSettings, Mode, Objectives};
use crate::plan::{Intent, Purpose};
use crate::topology::{
    Component, Gap, Health, Manager, Owner, ResourceStatus, Role, StackName, Topology, ZoneState,
};
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// Stack `shop/web` over zones a and c with one cache, `cache`, of group `g`.
fn intent() -> Intent {
    Intent {
        stack: StackName::new("shop", "web"),
        created: None,
        canonical_spec: String::new(),
        mode: Mode::Enforce,
        policy: [].into(),
        region: "test-region-1".into(),
        account_ref: None,
        mode_limit: None,
        zones: [("a".into(), None), ("c".into(), None)].into(),
        objectives: Objectives::default(),
        max_skew: 1,
        guardrails: GuardrailSettings::default(),
        caches: [(
            "cache".into(),
            CacheIntent {
                replication_group: "g".to_owned(),
                min_replicas_per_shard: 1,
                max_skew: None,
                preferred_primary_zones: BTreeSet::new(),
            },
        )]
        .into(),
        annotations: Annotations::default(),
        accepted: Vec::new(),
        team: None,
    }
}

fn seen_with(world: &World, history: &History, purpose: &Purpose, now: &str) -> Topology {
    let mut watch = ZoneWatch::default();
    watch.step(&world.view, &world.wanted, t(now));
    topology(&Look {
        intent: &intent(),
        view: &world.view,
        watch: &watch,
        history,
        installation: Some("prod"),
        purpose,
        now: t(now),
    })
}

fn seen(world: &World, now: &str) -> Topology {
    seen_with(world, &History::default(), &Purpose::Propose, now)
}

fn cache(topology: &Topology) -> &Component {
    &topology.components[&"cache".into()]
}

/// Two shards, all told and healthy at 12:10.
fn told() -> World {
    World::new("12:10")
        .group("g", &["a c", "c a"])
        .beats("g-0001-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:08", "12:10")
        .beats("g-0002-001", 1.0, "11:00", "12:08", "12:10")
        .beats("g-0002-002", 0.0, "11:00", "12:08", "12:10")
        .lag("g-0001-002", 0.25, "12:08", "12:10")
}

#[test]
fn a_healthy_group_stands_as_told() {
    let topology = seen(&told(), "12:10");
    let cache = cache(&topology);
    assert_eq!(topology.stack, StackName::new("shop", "web"));
    assert_eq!(topology.observed_at, t("12:10"));
    assert_eq!(cache.status, ResourceStatus::Available);
    assert_eq!(cache.gaps, []);
    assert!(cache.members_match);
    assert_eq!(cache.resource.identifier, "g");
    assert_eq!(cache.resource.account, Some("111122223333".into()));
    let replica = &cache.shards[&"0001".into()].nodes[&"g-0001-002".into()];
    assert_eq!(replica.role, Role::Replica);
    assert_eq!(replica.role_proof.unwrap().at, t("12:08"));
    assert_eq!(replica.health, Health::Healthy);
    assert_eq!(replica.lag, Some(SignedDuration::from_millis(250)));
    let primary = &cache.shards[&"0001".into()].nodes[&"g-0001-001".into()];
    assert_eq!((primary.role, primary.lag), (Role::Primary, None));
    assert_eq!(topology.zones.len(), 2);
    assert_eq!(topology.zones[&"a".into()].state, ZoneState::Healthy);
}

#[test]
fn zones_of_nodes_outside_the_spec_are_shown_too() {
    let world = World::new("12:10").group("g", &["a b"]);
    let topology = seen(&world, "12:10");
    let zones: Vec<&str> = topology
        .zones
        .keys()
        .map(crate::topology::ZoneName::as_str)
        .collect();
    assert_eq!(zones, ["a", "b", "c"]);
}

#[test]
fn a_group_is_missing_only_after_a_complete_listing_without_it() {
    let mut world = World::new("12:10");
    assert_eq!(cache(&seen(&world, "12:10")).status, ResourceStatus::Missing);
    world.view.listed.complete_at = None;
    let unread = seen(&world, "12:10");
    assert_eq!(cache(&unread).status, ResourceStatus::Unknown);
    assert_eq!(
        cache(&unread).gaps[0],
        Gap::Description("the replication groups have not been listed yet".to_owned())
    );
    world.view.listed.error = Some(failed(ErrorClass::Transient));
    assert_eq!(cache(&seen(&world, "12:10")).status, ResourceStatus::Unknown);
    world.view.listed.error = Some(failed(ErrorClass::Denied));
    assert_eq!(cache(&seen(&world, "12:10")).status, ResourceStatus::Denied);
}

#[test]
fn wrong_credentials_are_told_as_such_and_not_as_a_missing_permission() {
    let told = |code: &str| {
        let mut world = World::new("12:10");
        world.view.listed.complete_at = None;
        world.view.listed.error = Some(AwsError {
            code: code.to_owned(),
            ..failed(ErrorClass::Denied)
        });
        let topology = seen(&world, "12:10");
        assert_eq!(cache(&topology).status, ResourceStatus::Denied);
        cache(&topology).gaps[0].sentence().to_owned()
    };
    let expired = told("ExpiredToken");
    assert!(
        expired.contains("The AWS session has expired: sign in again"),
        "{expired}"
    );
    let lacking = told("AccessDeniedException");
    assert!(lacking.contains("add the IAM action"), "{lacking}");
}

#[test]
fn a_description_that_could_not_be_read_again_for_five_minutes_is_a_gap_and_keeps_its_nodes() {
    let mut world = told();
    world.view.listed.error = Some(failed(ErrorClass::Throttled));
    assert_eq!(cache(&seen(&world, "12:14")).gaps, []);
    let old = seen(&world, "12:15");
    assert_eq!(
        cache(&old).gaps[0],
        Gap::Description(
            "the description was last read at 2026-03-02T12:10:00Z: \
             cloudwatch GetMetricData: ServiceUnavailable: try later"
                .to_owned()
        )
    );
    assert_eq!(cache(&old).shards.len(), 2);
    assert_eq!(cache(&old).status, ResourceStatus::Available);
}

#[test]
fn a_blind_cloudwatch_is_a_gap_of_every_component_and_nothing_is_down_or_impaired() {
    let mut world = World::new("12:10").group("g", &["a c", "c a"]);
    for node in ["g-0001-001", "g-0001-002", "g-0002-001", "g-0002-002"] {
        world = world.beats(node, 1.0, "11:00", "12:03", "12:10");
    }
    let topology = seen(&world, "12:10");
    assert_eq!(
        cache(&topology).gaps,
        [Gap::Metrics(
            "metrics are missing in a and c at once: CloudWatch is blind".to_owned()
        )]
    );
    assert!(topology.zones.values().all(|z| z.state == ZoneState::Unknown));
    let nodes = cache(&topology).shards.values().flat_map(|s| s.nodes.values());
    assert!(nodes.clone().all(|n| n.health == Health::Unknown));
    assert_eq!(nodes.count(), 4);
}

#[test]
fn a_cloudwatch_that_never_answered_is_a_gap() {
    let mut world = World::new("12:10").group("g", &["a c"]);
    world.view.metrics.complete_at = None;
    world.view.metrics.error = Some(failed(ErrorClass::Denied));
    assert!(matches!(
        &cache(&seen(&world, "12:10")).gaps[..],
        [Gap::Metrics(_)]
    ));
}

#[test]
fn events_that_are_not_polled_any_more_are_a_gap() {
    let mut world = told();
    world.view.groups.get_mut("g").unwrap().read_at = t("12:15");
    assert_eq!(
        cache(&seen(&world, "12:15")).gaps,
        [Gap::Events(
            "events were last read at 2026-03-02T12:10:00Z".to_owned()
        )]
    );
}

#[test]
fn for_acting_lag_counts_only_when_just_measured() {
    let act = Purpose::Act {
        ticket: "t".to_owned(),
    };
    let lag = |world: &World, purpose: &Purpose, now: &str| {
        let topology = seen_with(world, &History::default(), purpose, now);
        cache(&topology).shards[&"0001".into()].nodes[&"g-0001-002".into()].lag
    };
    let quarter = Some(SignedDuration::from_millis(250));
    assert_eq!(lag(&told(), &act, "12:14"), quarter);
    assert_eq!(lag(&told(), &act, "12:15"), None);
    assert_eq!(lag(&told(), &Purpose::Propose, "12:15"), quarter);
    assert_eq!(lag(&told(), &Purpose::Propose, "+1 02:00"), None);
    // Asked again, and nothing came: what was measured before stands no longer.
    let mut silent = told();
    silent.answer(Metric::ReplicationLag, "g-0001-002", &[], "12:20");
    assert_eq!(lag(&silent, &Purpose::Propose, "12:20"), None);
    // Lag behind the primary of before a failover says nothing.
    let moved = told().promoted("12:08:03", "g", "g-0001-001");
    assert_eq!(lag(&moved, &Purpose::Propose, "12:10"), None);
}

#[test]
fn a_member_list_that_disagrees_with_the_shards_is_a_change_half_done() {
    let more = told().edit("g", |g| {
        g.member_clusters.insert("g-0001-003".into());
    });
    assert!(!cache(&seen(&more, "12:10")).members_match);
    let fewer = told().edit("g", |g| {
        g.member_clusters.remove(&"g-0001-002".into());
    });
    assert!(!cache(&seen(&fewer, "12:10")).members_match);
    let unlisted = told().edit("g", |g| g.members_listed = false);
    let topology = seen(&unlisted, "12:10");
    assert!(!cache(&topology).members_match);
    assert_eq!(
        cache(&topology).gaps,
        [Gap::Description(
            "the members of g could not be listed".to_owned()
        )]
    );
}

#[test]
fn a_group_is_as_busy_as_its_busiest_shard() {
    let world = told().edit("g", |g| {
        g.shards.get_mut(&"0002".into()).unwrap().status = ResourceStatus::Modifying;
    });
    assert_eq!(cache(&seen(&world, "12:10")).status, ResourceStatus::Modifying);
}

#[test]
fn a_group_is_ours_only_by_a_tag_with_this_installation_and_at_most_this_stack() {
    let owner = |tags: Option<Result<&[(&str, &str)], AwsError>>| {
        let mut world = told();
        if let Some(tags) = tags {
            let value = tags.map(|tags| {
                tags.iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect()
            });
            let read_at = t("12:10");
            world.view.tags.insert("g".to_owned(), Seen { value, read_at });
        }
        cache(&seen(&world, "12:10")).owner.clone()
    };
    let tag = |value| owner(Some(Ok(&[("evenkeel.dev/owner", value)])));
    assert_eq!(tag("prod"), Owner::Ours);
    assert_eq!(tag("prod/shop/web"), Owner::Ours);
    for other in ["stage", "prod/shop/other", "prod/", "production", ""] {
        assert_eq!(tag(other), Owner::Other(other.to_owned()));
    }
    assert_eq!(owner(Some(Ok(&[("team", "prod")]))), Owner::Nobody);
    assert_eq!(owner(None), Owner::NotRead);
    assert_eq!(
        owner(Some(Err(failed(ErrorClass::Denied)))),
        Owner::Unreadable("cloudwatch GetMetricData: ServiceUnavailable: try later".to_owned())
    );
}

#[test]
fn an_empty_installation_owns_nothing() {
    let mut world = told();
    let value = Ok([("evenkeel.dev/owner".to_owned(), String::new())].into());
    let read_at = t("12:10");
    world.view.tags.insert("g".to_owned(), Seen { value, read_at });
    let topology = topology(&Look {
        intent: &intent(),
        view: &world.view,
        watch: &ZoneWatch::default(),
        history: &History::default(),
        installation: Some(""),
        purpose: &Purpose::Propose,
        now: t("12:10"),
    });
    assert_eq!(cache(&topology).owner, Owner::Other(String::new()));
}

#[test]
fn managers_come_from_the_group_and_from_cloudformations_tag() {
    let global = Manager::GlobalDatastore {
        id: "global".to_owned(),
        role: "PRIMARY".to_owned(),
    };
    let mut world = told().edit("g", |g| g.managed_elsewhere = vec![global.clone()]);
    let value = Ok([(
        "aws:cloudformation:stack-name".to_owned(),
        "shop-infra".to_owned(),
    )]
    .into());
    let read_at = t("12:10");
    world.view.tags.insert("g".to_owned(), Seen { value, read_at });
    let formation = Manager::CloudFormation {
        stack: "shop-infra".to_owned(),
    };
    assert_eq!(
        cache(&seen(&world, "12:10")).managed_elsewhere,
        [global, formation]
    );
}

#[test]
fn nodes_of_our_own_recorded_actions_are_ours_and_a_lost_record_makes_them_foreign() {
    let added = AddedNode {
        component: "cache".into(),
        shard: "0001".into(),
        at: t("11:00"),
        replaces: None,
        created: None,
    };
    let history = History {
        added_nodes: [("g-0001-002".into(), added)].into(),
        ..History::default()
    };
    let ours = |history: &History| {
        let topology = seen_with(&told(), history, &Purpose::Propose, "12:10");
        cache(&topology).shards[&"0001".into()].nodes[&"g-0001-002".into()].added_by_us
    };
    assert!(ours(&history));
    assert!(!ours(&History::default()));
}

#[test]
fn one_look_without_memory_shows_an_outage_that_has_lasted() {
    let world = World::new("12:10")
        .group("g", &["a c", "a c"])
        .beats("g-0001-001", 1.0, "10:00", "11:40", "12:10")
        .beats("g-0002-001", 1.0, "10:00", "11:40", "12:10")
        .beats("g-0001-002", 0.0, "10:00", "11:42", "12:10")
        .beats("g-0001-002", 1.0, "11:43", "12:08", "12:10")
        .beats("g-0002-002", 0.0, "10:00", "11:42", "12:10")
        .beats("g-0002-002", 1.0, "11:43", "12:08", "12:10")
        .promoted("11:42", "g", "g-0001-002")
        .promoted("11:42", "g", "g-0002-002");
    let topology = seen(&world, "12:10");
    let zone = &topology.zones[&"a".into()];
    assert_eq!((zone.state, zone.since), (ZoneState::Impaired, Some(t("11:41"))));
    let node = &cache(&topology).shards[&"0001".into()].nodes[&"g-0001-001".into()];
    assert_eq!((node.health, node.health_since), (Health::Down, Some(t("11:41"))));
    assert_eq!(node.role, Role::Replica);
}

#[test]
fn nodes_whose_claims_to_be_primary_contradict_each_other_are_no_healthy_copies() {
    // The metric of a dead primary goes on, and its successor says 1 too.
    let topology = seen(
        &told().beats("g-0001-002", 1.0, "12:06", "12:08", "12:10"),
        "12:10",
    );
    let shard = &cache(&topology).shards[&"0001".into()];
    assert_eq!(shard.disputed, ["g-0001-001".into(), "g-0001-002".into()].into());
    for node in shard.nodes.values() {
        assert_eq!(
            (node.role, node.role_proof, node.health, node.lag),
            (Role::Unknown, None, Health::Unknown, None)
        );
    }
    let other = &cache(&topology).shards[&"0002".into()];
    assert_eq!((other.disputed.len(), other.healthy().count()), (0, 2));
}

#[test]
fn in_an_impaired_zone_a_node_of_which_nothing_was_heard_is_not_healthy_on_awss_word_alone() {
    // Zone a went silent at 12:02; of group h, which AWS shows as available, nobody ever asked.
    let world = World::new("12:10")
        .group("g", &["a c", "c a"])
        .group("h", &["a c"])
        .beats("g-0001-001", 1.0, "11:00", "12:01", "12:10")
        .beats("g-0001-002", 0.0, "11:00", "12:09", "12:10")
        .beats("g-0002-001", 1.0, "11:00", "12:09", "12:10")
        .beats("g-0002-002", 0.0, "11:00", "12:01", "12:10");
    let mut watch = ZoneWatch::default();
    watch.step(&world.view, &world.wanted, t("12:10"));
    let mut intent = intent();
    intent.caches.get_mut(&"cache".into()).unwrap().replication_group = "h".to_owned();
    let topology = topology(&Look {
        intent: &intent,
        view: &world.view,
        watch: &watch,
        history: &History::default(),
        installation: Some("prod"),
        purpose: &Purpose::Propose,
        now: t("12:10"),
    });
    assert_eq!(topology.zones[&"a".into()].state, ZoneState::Impaired);
    let nodes = &cache(&topology).shards[&"0001".into()].nodes;
    assert_eq!(nodes[&"h-0001-001".into()].health, Health::Unknown);
    assert_eq!(nodes[&"h-0001-002".into()].health, Health::Healthy);
}
