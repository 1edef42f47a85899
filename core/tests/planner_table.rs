//! Small stacks and what is planned for them, each row named by its topology.
//!
//! Shards are written as in `topology::shorthand`: `"c:P a:r"` is a primary in zone c and a replica in zone a, `!`
//! is down, `+` being created, `*2` added by us to replace the second node. At least one replica per shard is wanted
//! and a skew of at most 1 allowed, unless the row says otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use evenkeel_core::plan::intent::CacheIntent;
use evenkeel_core::topology::{Component, Gap, Manager, ResourceStatus, Switch};
use evenkeel_core_test_support::stage::{NOW, Stage, spoken};
use jiff::SignedDuration;

struct Row {
    name: &'static str,
    stage: Stage,
    plan: &'static [&'static str],
}

fn row(name: &'static str, zones: &str, shards: &[&str], plan: &'static [&'static str]) -> Row {
    Row {
        name,
        stage: Stage::new(zones, shards),
        plan,
    }
}

impl Row {
    fn cache(mut self, change: impl FnOnce(&mut CacheIntent)) -> Self {
        self.stage = self.stage.cache(change);
        self
    }

    fn component(mut self, change: impl FnOnce(&mut Component)) -> Self {
        self.stage = self.stage.component(change);
        self
    }

    fn moved(mut self, shard: &str, hours: i64) -> Self {
        self.stage = self.stage.moved(shard, SignedDuration::from_hours(hours));
        self
    }

    fn no_capacity(mut self, zone: &str) -> Self {
        self.stage
            .history
            .capacity_misses
            .entry("cache".into())
            .or_default()
            .insert(zone.into(), NOW);
        self
    }
}

#[track_caller]
fn check(rows: Vec<Row>) {
    for Row { name, stage, plan } in rows {
        assert_eq!(spoken(&stage.propose()), plan, "{name}");
    }
}

#[test]
fn a_shard_that_can_be_moved_today_is_moved_rather_than_one_that_can_not() {
    let all_in_c = || row("", "a c", &["c:P a:r", "c:P a:r", "c:P a:r"], &["move 0001"]);
    let named = |name, row: Row, plan| Row { name, plan, ..row };
    check(vec![
        named("nobody was moved → the first", all_in_c(), &["move 0001"]),
        named(
            "0001 was moved today → 0002, which can go at once",
            all_in_c().moved("0001", 1),
            &["move 0002"],
        ),
        named(
            "0001 and 0002 were moved today → 0003",
            all_in_c().moved("0001", 23).moved("0002", 1),
            &["move 0003"],
        ),
        named(
            "moved a day ago → the first again",
            all_in_c().moved("0001", 24),
            &["move 0001"],
        ),
        named(
            "all were moved today → the first, for it is still what has to be done",
            all_in_c().moved("0001", 1).moved("0002", 1).moved("0003", 1),
            &["move 0001"],
        ),
    ]);
}

#[test]
fn primaries_fail_back_as_few_as_can_be() {
    check(vec![
        row(
            "2 zones, 2 shards, one primary each → nothing",
            "a c",
            &["a:P c:r", "c:P a:r"],
            &[],
        ),
        row(
            "2 zones, 2 shards, both primaries in c → fail over 1 (0001)",
            "a c",
            &["c:P a:r", "c:P a:r"],
            &["move 0001"],
        ),
        row(
            "2 zones, 4 shards, all primaries in c → fail over 2 (0001, 0002)",
            "a c",
            &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"],
            &["move 0001", "move 0002"],
        ),
        row(
            "2 zones, 3 shards, primaries 2 and 1 → nothing",
            "a c",
            &["c:P a:r", "c:P a:r", "a:P c:r"],
            &[],
        ),
        row(
            "2 zones, 1 shard → nothing, wherever its primary is",
            "a c",
            &["c:P a:r"],
            &[],
        ),
        row(
            "2 zones, 5 shards, all primaries in c → fail over 2: 3 and 2 are within a skew of 1",
            "a c",
            &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"],
            &["move 0001", "move 0002"],
        ),
        row(
            "2 zones, 5 shards, all primaries in c, skew 3 allowed → fail over 1",
            "a c",
            &["c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r", "c:P a:r"],
            &["move 0001"],
        )
        .cache(|c| c.max_skew = Some(3)),
        row(
            "3 zones, 3 shards, all primaries in a, b always least behind → only one move helps",
            "a b c",
            &["a:P b:r~1 c:r~9", "a:P b:r~1 c:r~9", "a:P b:r~1 c:r~9"],
            &["move 0001"],
        ),
        row(
            "3 zones, 3 shards, all primaries in a, 0002 would go to b, 0003 to c → both",
            "a b c",
            &["a:P b:r~1 c:r~9", "a:P b:r~1 c:r~9", "a:P b:r~9 c:r~1"],
            &["move 0001", "move 0003"],
        ),
        row(
            "3 zones, the winner with the least known lag counts, not one of unknown lag",
            "a b c",
            &["a:P b:r~- c:r~500", "a:P b:r~- c:r~500", "b:P a:r c:r"],
            &["move 0001"],
        ),
        row(
            "3 zones, the expected winner stands where enough primaries are → no move",
            "a b c",
            &["a:P b:r~1 c:r~9", "a:P b:r~1 c:r~9", "b:P a:r c:r"],
            &[],
        ),
        row(
            "a replica is down: its primary stays",
            "a c",
            &["c:P a:r!", "c:P a:r"],
            &["move 0002"],
        ),
        row(
            "a role is unknown: that shard's primary stays",
            "a c",
            &["c:? a:?", "c:P a:r", "c:P a:r"],
            &["move 0002"],
        ),
        row(
            "two primaries claim one shard: neither moves",
            "a c",
            &["c:P a:P", "c:P a:r", "c:P a:r"],
            &["move 0002"],
        ),
        row(
            "a replica is being created: its primary stays",
            "a c",
            &["c:P a:r+", "c:P a:r+"],
            &[],
        ),
        row(
            "a zone of a possible winner is unknown → no move",
            "a? c",
            &["c:P a:r", "c:P a:r"],
            &[],
        ),
    ]);
}

#[test]
fn preferred_zones_break_the_tie_that_skew_leaves() {
    let prefer_a = |c: &mut CacheIntent| c.preferred_primary_zones = ["a".into()].into();
    check(vec![
        row(
            "1 shard, primary in c, a preferred → fail over",
            "a c",
            &["c:P a:r"],
            &["move 0001"],
        )
        .cache(prefer_a),
        row(
            "1 shard, primary in a, a preferred → nothing",
            "a c",
            &["a:P c:r"],
            &[],
        )
        .cache(prefer_a),
        row(
            "2 shards, one each, a preferred → nothing: skew goes first",
            "a c",
            &["a:P c:r", "c:P a:r"],
            &[],
        )
        .cache(prefer_a),
        row(
            "3 shards, 1 in a and 2 in c, a preferred → fail over 1: 2 and 1",
            "a c",
            &["a:P c:r", "c:P a:r", "c:P a:r"],
            &["move 0002"],
        )
        .cache(prefer_a),
        row(
            "3 zones, 1 shard, a preferred, the expected winner stands in c → no move",
            "a b c",
            &["b:P a:r~9 c:r~1"],
            &[],
        )
        .cache(prefer_a),
    ]);
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn lost_copies_are_replaced_where_a_zone_is_free() {
    check(vec![
        row(
            "3 zones, a lost, 2 shards → its replicas are placed again in the third zone",
            "a! b c",
            &["c:P a:r!", "b:P a:r!"],
            &["add 0001 b for 0001-002", "add 0002 c for 0002-002"],
        ),
        row(
            "2 zones, a lost → nothing: no zone is free",
            "a! c",
            &["c:P a:r!", "c:P a:r!"],
            &[],
        ),
        row(
            "a lost only just now → nothing yet",
            "a! b c",
            &["c:P a:r!'"],
            &[],
        ),
        row(
            "one dead node in a healthy zone → AWS rebuilds it",
            "a b c",
            &["c:P a:r!"],
            &[],
        ),
        row(
            "already replaced → nothing more",
            "a! b c",
            &["c:P a:r! b:r*2"],
            &[],
        ),
        row(
            "the replacement is being created → nothing more",
            "a! b c",
            &["c:P a:r! b:r+*2"],
            &[],
        ),
        row(
            "roles unknown: a lost copy is replaced all the same",
            "a! b c",
            &["c:? a:?! "],
            &["add 0001 b for 0001-002"],
        ),
        row(
            "no healthy copy to sync from → nothing",
            "a! b c",
            &["c:P! a:r!"],
            &[],
        ),
        row(
            "the free zone is being evacuated → nothing",
            "a! b^ c",
            &["c:P a:r!"],
            &[],
        ),
        row(
            "4 zones, b had no capacity a moment ago → d is taken",
            "a! b c d",
            &["c:P a:r!"],
            &["add 0001 d for 0001-002"],
        )
        .no_capacity("b"),
        row(
            "3 zones, b had no capacity and is the only one → it stays planned",
            "a! b c",
            &["c:P a:r!"],
            &["add 0001 b for 0001-002"],
        )
        .no_capacity("b"),
        row(
            "the subnet group does not reach the free zone → nothing",
            "a! b c",
            &["c:P a:r!"],
            &[],
        )
        .component(|c| {
            c.settings.subnet_zones.remove(&"b".into());
        }),
        row(
            "3 zones, two copies wanted beside the primary, one stands → one more for good",
            "a b c",
            &["c:P a:r"],
            &["add 0001 b"],
        )
        .cache(|c| c.min_replicas_per_shard = 2),
        row(
            "4 zones, two copies short → both at once",
            "a b c d",
            &["c:P"],
            &["add 0001 a", "add 0001 b"],
        )
        .cache(|c| c.min_replicas_per_shard = 2),
        row("no replica wanted, none there → nothing", "a c", &["c:P"], &[])
            .cache(|c| c.min_replicas_per_shard = 0),
        row(
            "counts are minimums: more replicas than asked for stay",
            "a b c",
            &["c:P a:r b:r"],
            &[],
        ),
        row(
            "six members are as many as AWS allows → the lost one waits for its zone",
            "a! b c d e f g",
            &["b:P a:r! c:r d:r e:r f:r"],
            &[],
        ),
    ]);
}

#[test]
fn what_we_added_is_tidied_up_when_the_zone_is_back() {
    check(vec![
        row(
            "3 zones, a back, one addition → it goes",
            "a b c",
            &["c:P a:r b:r*2"],
            &["remove 0001-003"],
        ),
        row(
            "the returned copy is still being rebuilt → nothing",
            "a b c",
            &["c:P a:r+ b:r*2"],
            &[],
        ),
        row(
            "the returned copy is down → nothing: surplus is counted in healthy copies",
            "a b c",
            &["c:P a:r! b:r*2"],
            &[],
        ),
        row(
            "the zone is still impaired → nothing",
            "a! b c",
            &["c:P a:r b:r*2"],
            &[],
        ),
        row(
            "our addition has become the primary → the copy that it replaced goes",
            "a b c",
            &["c:r a:r b:P*2"],
            &["remove 0001-002"],
        ),
        row("not ours: an extra replica stays", "a b c", &["c:P a:r b:r"], &[]),
        row(
            "ours, but what it replaced has gone: it is a member like any other",
            "a b c",
            &["c:P b:r*"],
            &[],
        ),
        row(
            "3 zones, 2 shards, nodes would be 2, 2, 0 without additions → one stays, the copy it replaced goes",
            "a b c",
            &["a:P b:r c:r*2", "b:P a:r c:r*2"],
            &["remove 0001-002", "remove 0002-003"],
        ),
        row(
            "an addition that replaced an addition: the later one goes first",
            "a b c d",
            &["c:P a:r b:r*2 d:r*3"],
            &["remove 0001-004", "remove 0001-003"],
        ),
        row(
            "roles unknown → nothing is removed",
            "a b c",
            &["c:? a:? b:?*2"],
            &[],
        ),
    ]);
}

#[test]
fn copies_come_apart_and_inside() {
    let off = |c: &mut Component| {
        c.settings.multi_az = Switch::Disabled;
        c.settings.automatic_failover = Switch::Disabled;
    };
    check(vec![
        row(
            "all nodes in one zone, everything off → copies elsewhere, failover, Multi-AZ, then removals, then moves",
            "a c",
            &["a:P a:r", "a:P a:r"],
            &[
                "add 0001 c for 0001-002",
                "add 0002 c for 0002-002",
                "enable failover",
                "enable multi-az",
                "remove 0001-002",
                "remove 0002-002",
                "move 0001",
            ],
        )
        .component(off),
        row(
            "one zone, roles unknown → a copy elsewhere, nothing else yet",
            "a c",
            &["a:? a:?"],
            &["add 0001 c for 0001-002"],
        ),
        row(
            "three copies in one zone of three → one after the other, never two too many",
            "a b c",
            &["a:P a:r a:r"],
            &[
                "add 0001 b for 0001-002",
                "remove 0001-002",
                "add 0001 c for 0001-003",
                "remove 0001-003",
            ],
        ),
        row(
            "a replica outside the stack's zones → it comes in",
            "a b",
            &["a:P x:r"],
            &["add 0001 b for 0001-002", "remove 0001-002"],
        ),
        row(
            "the primary outside → a copy inside, the role, away with it",
            "a b",
            &["x:P a:r"],
            &["add 0001 b for 0001-001", "move 0001", "remove 0001-001"],
        ),
        row(
            "the primary outside, no zone free → the role comes in, the copy stays",
            "a b",
            &["x:P a:r b:r"],
            &["move 0001"],
        ),
        row(
            "two copies and the primary outside → one at a time",
            "a b c",
            &["x:P y:r"],
            &[
                "add 0001 a for 0001-002",
                "remove 0001-002",
                "add 0001 b for 0001-001",
                "move 0001",
                "remove 0001-001",
            ],
        ),
        row("more copies than zones → as far as zones reach", "a b", &["a:P b:r a:r"], &[]),
    ]);
}

#[test]
fn nodes_are_spread_when_goals_before_it_are_met() {
    check(vec![
        row(
            "3 zones, 3 shards in a and b → 2 nodes go to c, and 1 primary",
            "a b c",
            &["a:P b:r", "a:P b:r", "b:P a:r"],
            &[
                "add 0001 c for 0001-002",
                "add 0003 c for 0003-002",
                "remove 0001-002",
                "remove 0003-002",
                "move 0001",
            ],
        ),
        row(
            "3 zones, 2 shards, nodes 1, 1, 2 → nothing",
            "a b c",
            &["a:P c:r", "b:P c:r"],
            &[],
        ),
        row(
            "a zone that the subnet group does not reach lacks nothing",
            "a b c",
            &["a:P b:r", "b:P a:r"],
            &[],
        )
        .component(|c| {
            c.settings.subnet_zones.remove(&"c".into());
        }),
        row(
            "an impaired zone lacks nothing",
            "a b c!",
            &["a:P b:r", "b:P a:r"],
            &[],
        ),
    ]);
}

#[test]
fn a_copy_in_a_local_zone_is_one_too_few_and_none_is_placed_there() {
    check(vec![
        row(
            "a copy in an Availability Zone replaces it",
            "a c",
            &["a:P us-west-2-lax-1a:r"],
            &["add 0001 c for 0001-002", "remove 0001-002"],
        ),
        row(
            "with no other zone it stays alone",
            "a",
            &["a:P us-west-2-lax-1a:r"],
            &[],
        ),
        row(
            "not even where the spec and the subnet group have it",
            "a us-west-2-lax-1a",
            &["a:P"],
            &[],
        ),
    ]);
}

#[test]
fn settings_are_turned_on_where_they_can_be_and_are_ours() {
    let multi_az_off = |c: &mut Component| c.settings.multi_az = Switch::Disabled;
    let cloud_formation = |c: &mut Component| {
        c.settings.multi_az = Switch::Disabled;
        c.managed_elsewhere = vec![Manager::CloudFormation {
            stack: "shop".to_owned(),
        }];
    };
    check(vec![
        row("Multi-AZ off → on", "a c", &["a:P c:r"], &["enable multi-az"]).component(multi_az_off),
        row("Multi-AZ being turned on → nothing", "a c", &["a:P c:r"], &[])
            .component(|c| c.settings.multi_az = Switch::Enabling),
        row(
            "Multi-AZ off, owned by CloudFormation → report only",
            "a c",
            &["a:P c:r"],
            &[],
        )
        .component(cloud_formation),
        row(
            "Multi-AZ off, all copies in one zone and no other free → it can't be had",
            "a b!",
            &["a:P a:r"],
            &[],
        )
        .component(multi_az_off),
        row(
            "no replica wanted, none there: nothing to turn on",
            "a c",
            &["a:P"],
            &[],
        )
        .cache(|c| c.min_replicas_per_shard = 0)
        .component(multi_az_off),
        row(
            "automatic failover off and CloudFormation's: no primary moves",
            "a c",
            &["c:P a:r", "c:P a:r"],
            &[],
        )
        .component(|c| {
            cloud_formation(c);
            c.settings.automatic_failover = Switch::Disabled;
        }),
    ]);
}

#[test]
fn nothing_is_planned_where_the_observation_cannot_carry_it() {
    let skewed: &[&str] = &["c:P a:r", "c:P a:r"];
    let skewed = |name, change: fn(&mut Component)| row(name, "a c", skewed, &[]).component(change);
    check(vec![
        skewed("not found", |c| c.status = ResourceStatus::Missing),
        skewed("being created", |c| c.status = ResourceStatus::Creating),
        skewed("being deleted", |c| c.status = ResourceStatus::Deleting),
        skewed("access denied", |c| c.status = ResourceStatus::Denied),
        skewed("a word that we don't know", |c| {
            c.status = ResourceStatus::Unknown;
        }),
        skewed("members don't add up", |c| c.members_match = false),
        skewed("no description", |c| {
            c.gaps = vec![Gap::Description("never read".to_owned())];
        }),
        skewed("a Global Datastore's member", |c| {
            let (id, role) = ("global".to_owned(), "primary".to_owned());
            c.managed_elsewhere = vec![Manager::GlobalDatastore { id, role }];
        }),
        skewed("nodes on an Outpost", |c| {
            c.settings.multi_az = Switch::Disabled;
            c.managed_elsewhere = vec![Manager::Outpost {
                arn: "arn:aws:outposts:us-west-2:111122223333:outpost/op-1".to_owned(),
            }];
        }),
        row(
            "being modified: the plan stands, guardrails hold it",
            "a c",
            &["c:P a:r", "c:P a:r"],
            &["move 0001"],
        )
        .component(|c| c.status = ResourceStatus::Modifying),
    ]);
}

#[test]
fn balance_is_told_only_where_it_is_known() {
    let balanced = |zones: &str, shards: &[&str]| Stage::new(zones, shards).propose().balanced;
    assert_eq!(balanced("a c", &["a:P c:r", "c:P a:r"]), Some(true));
    assert_eq!(balanced("a c", &["c:P a:r", "c:P a:r"]), Some(false));
    assert_eq!(balanced("a c", &["a:? c:r", "c:P a:r"]), None);
    assert_eq!(balanced("a b c", &["a:? b:r", "a:P b:r"]), Some(false));
    let missing = Stage::new("a c", &["a:P c:r"]).component(|c| c.status = ResourceStatus::Missing);
    assert_eq!(missing.propose().balanced, None);
}

#[test]
fn actions_say_where_from_where_to_and_why() {
    let proposal = Stage::new("a b c", &["x:P a:r~-", "b:P c:r a:r"]).propose();
    let said: Vec<_> = proposal
        .actions
        .iter()
        .map(|a| {
            let zone = |z: &Option<evenkeel_core::topology::ZoneName>| {
                z.as_ref().map_or("-".to_owned(), ToString::to_string)
            };
            format!("{} {}>{} {}", a.id, zone(&a.from_zone), zone(&a.to_zone), a.why)
        })
        .collect();
    assert_eq!(
        said,
        [
            "add-cache-0001-b x>b Shard 0001 has copies outside the stack's zones or two in one zone: a copy in b replaces \
             cache-0001-001 in x. Costs one node more until that one is removed.",
            "move-primary-cache-0001 x>- The primary of shard 0001 stands outside the stack's zones, in x. Writes to \
             the shard fail for seconds to about a minute, and AWS rebuilds the old primary as a replica: one copy \
             less for about ten minutes.",
            "remove-cache-cache-0001-001 x>- cache-0001-001 of shard 0001 has been replaced in another zone. Frees one \
             node; readers connected to it reconnect.",
        ]
    );
}
