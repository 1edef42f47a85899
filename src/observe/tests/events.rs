//! Which events concern a group.

use super::support::World;
use crate::observe::events::{EventsByGroup, promotions};

fn concerning(world: &World, group: &str) -> usize {
    EventsByGroup::new(&world.view, &world.wanted).of(group).len()
}

#[test]
fn events_of_a_group_are_its_own_and_its_nodes_standing_or_gone() {
    let world = World::new("13:00")
        .group("shop", &["a c"])
        .called("12:00", "shop", "0001")
        .recovering("12:01", "shop-0001-001")
        .recovering("12:02", "shop-0001-009")
        .recovering("12:03", "other-0001-001");
    assert_eq!(concerning(&world, "shop"), 3);
}

#[test]
fn a_group_has_no_part_in_groups_whose_names_begin_like_its_own() {
    let mut world = World::new("13:00")
        .group("shop", &["a c"])
        .classic("shop-cart", "a:P c:r")
        .classic("shop-0002", "a:P c:r")
        .promoted_from("12:01", "shop-cart-001", "shop-cart-002")
        .promoted_from("12:02", "shop-0002-001", "shop-0002-002");
    for wanted in [vec!["shop"], vec!["shop", "shop-cart", "shop-0002"]] {
        world.wanted = wanted.into_iter().map(str::to_owned).collect();
        assert_eq!(concerning(&world, "shop"), 0);
    }
    assert_eq!(concerning(&world, "shop-cart"), 1);
    let events = EventsByGroup::new(&world.view, &world.wanted);
    let group = &world.view.groups["shop-0002"].value;
    let found = promotions(group, events.of("shop-0002"));
    assert_eq!(found[0].shard, Some("0001".into()));
    assert_eq!(found[0].from, Some("shop-0002-001".into()));
}
