//! Stacks drawn from a seed: most of them plausible, some odd.

use crate::stage::{NOW, Stage};
use evenkeel_core::topology::Switch;
use jiff::SignedDuration;

/// SplitMix64: small, good enough, the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// How large, how odd.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub shards: usize,
    pub zones: usize,
    pub nodes: usize,
    /// One shard in so many has something wrong with it; 0 is none.
    pub odd: usize,
}

/// A stack and the words it was made from.
pub struct Drawn {
    pub words: String,
    pub stage: Stage,
}

/// Half of the stacks are small and odd, half are larger and mostly sound.
pub fn drawn(seeds: std::ops::Range<u64>) -> impl Iterator<Item = Drawn> {
    seeds.map(|seed| {
        let small = Shape {
            shards: 4,
            zones: 4,
            nodes: 4,
            odd: 6,
        };
        let large = Shape {
            shards: 24,
            zones: 5,
            nodes: 4,
            odd: 25,
        };
        draw(seed, if seed % 2 == 0 { small } else { large })
    })
}

const ZONES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

pub fn draw(seed: u64, shape: Shape) -> Drawn {
    let mut dice = Dice::new(seed);
    let odd = |dice: &mut Dice| shape.odd > 0 && dice.one_in(shape.odd);
    let count = 2 + dice.below(shape.zones - 1);
    let mut zones: Vec<String> = ZONES[..count].iter().map(|z| (*z).to_owned()).collect();
    if odd(&mut dice) {
        let at = dice.below(count);
        let mark = *dice.pick(&["!", "!", "!", "?", "^"]);
        zones[at].push_str(mark);
    }
    let outside = odd(&mut dice);
    let shards: Vec<String> = (0..=dice.below(shape.shards))
        .map(|_| shard(&mut dice, shape, &zones, outside))
        .collect();
    let lines: Vec<&str> = shards.iter().map(String::as_str).collect();
    let mut stage = Stage::new(&zones.join(" "), &lines);
    let min = *dice.pick(&[0, 1, 1, 1, 2]);
    let skew = *dice.pick(&[1, 1, 1, 2]);
    let preferred = if odd(&mut dice) {
        Some(ZONES[dice.below(count)])
    } else {
        None
    };
    let missed = if odd(&mut dice) {
        Some(ZONES[dice.below(count)])
    } else {
        None
    };
    let unreached = if odd(&mut dice) && dice.one_in(2) {
        Some(ZONES[dice.below(count)])
    } else {
        None
    };
    stage = stage.cache(|c| {
        c.min_replicas_per_shard = min;
        c.max_skew = Some(skew);
        c.preferred_primary_zones = preferred.iter().map(|z| (*z).into()).collect();
    });
    if let Some(zone) = missed {
        stage
            .history
            .capacity_misses
            .entry("cache".into())
            .or_default()
            .insert(zone.into(), NOW);
    }
    if let Some(zone) = unreached {
        stage = stage.component(|c| {
            c.settings.subnet_zones.remove(&zone.into());
        });
    }
    if odd(&mut dice) && dice.one_in(3) {
        stage = stage.component(|c| c.settings.multi_az = Switch::Disabled);
    }
    // Dice of its own: stacks of a seed are the same with and without.
    let mut lately = Dice::new(!seed);
    let mut moved = Vec::new();
    for shard in 1..=shards.len() {
        if shape.odd > 0 && lately.one_in(shape.odd) {
            moved.push(format!("{shard:04}"));
        }
    }
    for shard in &moved {
        let hours = i64::from(lately.below(3) != 0) + 23;
        stage = stage.moved(shard, SignedDuration::from_hours(hours));
    }
    let words = format!(
        "seed {seed}: zones {zones:?} min {min} skew {skew} preferred {preferred:?} missed {missed:?} \
         unreached {unreached:?} moved {moved:?} shards {shards:?}"
    );
    Drawn { words, stage }
}

/// Mostly one copy per zone; now and then colocated, outside, unwell, of unknown role, or with additions of ours.
fn shard(dice: &mut Dice, shape: Shape, zones: &[String], outside: bool) -> String {
    let odd = |dice: &mut Dice| shape.odd > 0 && dice.one_in(shape.odd);
    let name = |z: &str| z.trim_end_matches(['!', '?', '^']).to_owned();
    let count = 1 + dice.below(shape.nodes);
    let mut free: Vec<String> = zones.iter().map(|z| name(z)).collect();
    let mut words: Vec<String> = Vec::new();
    let primary = dice.below(count);
    let unknown = odd(dice) && dice.one_in(2);
    for i in 0..count {
        let zone = if outside && dice.one_in(4) {
            (*dice.pick(&["x", "y"])).to_owned()
        } else if free.is_empty() || odd(dice) {
            name(&zones[dice.below(zones.len())])
        } else {
            free.swap_remove(dice.below(free.len()))
        };
        free.retain(|z| *z != zone);
        let role = match (unknown, i == primary) {
            (true, _) => "?",
            (false, true) => "P",
            (false, false) => "r",
        };
        let lost = zones.iter().any(|z| *z == format!("{zone}!"));
        let health = if lost && !dice.one_in(4) {
            *dice.pick(&["!", "!", "!", "!'", ""])
        } else if odd(dice) {
            *dice.pick(&["!", "+", "#", "!'"])
        } else {
            ""
        };
        let ours = if i > 0 && odd(dice) {
            if dice.one_in(4) {
                "*".to_owned()
            } else {
                format!("*{}", 1 + dice.below(i))
            }
        } else {
            String::new()
        };
        let lag = if role == "r" {
            *dice.pick(&["", "", "~5", "~-", "~200"])
        } else {
            ""
        };
        words.push(format!("{zone}:{role}{health}{ours}{lag}"));
    }
    words.join(" ")
}
