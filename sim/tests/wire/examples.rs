//! The worlds that the project ships.

use crate::support::{control, minutes, stepped};

#[tokio::test]
async fn every_example_world_starts_balanced_and_healthy() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut worlds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("world-") {
            continue;
        }
        worlds += 1;
        let sim = stepped(&std::fs::read_to_string(&path).unwrap()).await;
        let state = sim.state();
        assert!(!state.groups.is_empty(), "{name}");
        let nodes = state
            .groups
            .iter()
            .flat_map(|group| &group.shards)
            .flat_map(|shard| &shard.nodes);
        assert!(nodes.clone().all(|node| node.health == "healthy"), "{name}");
        let zones: std::collections::BTreeSet<_> = nodes.map(|node| &node.zone).collect();
        assert!(zones.len() >= 2, "{name}");
        minutes(&sim, 10).await;
    }
    assert_eq!(worlds, 4);
}

#[tokio::test]
async fn the_readme_names_every_switch_timing_and_route() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let sim = stepped("{}").await;
    let (switches, timings, quotas) = sim.with_world(|world| {
        let value = |text: serde_json::Result<serde_json::Value>| text.unwrap();
        (
            value(serde_json::to_value(&world.switches)),
            value(serde_json::to_value(&world.timings)),
            value(serde_json::to_value(world.quotas)),
        )
    });
    for settings in [switches, timings, quotas] {
        for name in settings.as_object().unwrap().keys() {
            assert!(
                readme.contains(&format!("`{name}`")),
                "{name} is not in the README"
            );
        }
    }
    let (_, routes) = control(&sim, "GET", "/_sim", "").await;
    for route in routes["routes"].as_array().unwrap() {
        let path = route.as_str().unwrap().split([' ', '?', ',']).nth(1).unwrap();
        assert!(
            readme.contains(&path.replace("/_sim", "")),
            "{path} is not in the README"
        );
    }
}
