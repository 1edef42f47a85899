//! Which choice each shard takes, so that the goals of the whole component are best met: an integer programme.
//!
//! Shards with the same choices are one *class*; how many shards of a class take each choice are the unknowns. They
//! are few (about a dozen classes in three zones, however many shards), and only the counts per zone couple them.
//! Solved exactly by branch and bound: the linear relaxation ([`super::simplex`]) proves how good any whole-numbered
//! solution can be at best, and the search ends when none can be better than the one it has. No limit, no tolerance.
//!
//! *The rule for moves.* Each move of a primary between zones has to bring goal 5 nearer by one at its turn. By the
//! property of distances in [`super::spread`] that is one equation, whatever the order of the moves:
//! `moves = distance before − distance after`, "before" being after primaries from outside the spec's zones came in.

use super::options::{Cost, Shift};
use super::spread::Spread;

/// What a choice changes for the component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// Goals 1 to 3.
    pub placed: [i64; 3],
    pub nodes: Vec<i8>,
    pub shift: Option<Shift>,
    pub cost: Cost,
}

/// Shards whose choices have the same effects, in the same order of preference.
#[derive(Clone, Debug)]
pub struct Class {
    pub count: i64,
    pub effects: Vec<Effect>,
}

/// How many shards of each class take each choice.
pub type Counts = Vec<Vec<i64>>;

/// What a solution is worth: the lesser, the better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Worth {
    pub placed: [i64; 3],
    pub nodes_spread: i64,
    pub primaries_spread: i64,
    pub cost: Cost,
}

/// A component before any choice, and what its classes may choose.
#[derive(Clone, Debug)]
pub struct Program {
    pub nodes: Vec<i64>,
    pub primaries: Vec<i64>,
    pub primaries_outside: i64,
    pub nodes_even: Spread,
    pub primaries_even: Spread,
    pub classes: Vec<Class>,
}

impl Program {
    /// The worth of a solution; `None` where a move would not bring goal 5 nearer.
    pub fn worth(&self, counts: &Counts) -> Option<Worth> {
        let mut nodes = self.nodes.clone();
        let (mut arrived, mut outside) = (self.primaries.clone(), self.primaries_outside);
        let mut change = vec![0; self.primaries.len()];
        let (mut moves, mut placed, mut cost) = (0, [0; 3], Cost::default());
        for (class, counts) in self.classes.iter().zip(counts) {
            for (effect, count) in class.effects.iter().zip(counts).filter(|(_, c)| **c > 0) {
                for (n, d) in nodes.iter_mut().zip(&effect.nodes) {
                    *n += count * i64::from(*d);
                }
                match effect.shift {
                    Some(Shift { from: Some(from), to }) => {
                        moves += count;
                        change[from] -= count;
                        change[to] += count;
                    }
                    Some(Shift { from: None, to }) => {
                        outside -= count;
                        arrived[to] += count;
                    }
                    None => {}
                }
                cost = cost.plus(effect.cost, *count);
                for (sum, part) in placed.iter_mut().zip(effect.placed) {
                    *sum += count * part;
                }
            }
        }
        let before = self.primaries_even.distance(&arrived, outside);
        let after: Vec<i64> = arrived.iter().zip(&change).map(|(p, c)| p + c).collect();
        let primaries_spread = self.primaries_even.distance(&after, outside);
        (moves == before - primaries_spread).then(|| Worth {
            placed,
            nodes_spread: self.nodes_even.distance(&nodes, 0),
            primaries_spread,
            cost,
        })
    }

    /// Weights that make one number of a worth: all that a lower level can differ by counts less than one of a higher.
    pub fn weights(&self) -> Weights {
        let units =
            self.primaries.iter().sum::<i64>() + self.primaries_outside + self.nodes.iter().sum::<i64>();
        let nodes_added = self
            .classes
            .iter()
            .map(|c| c.count * c.effects.iter().map(Effect::size).max().unwrap_or(0));
        let units = units + nodes_added.sum::<i64>();
        let mut weights = [1; LEVELS];
        for level in (1..LEVELS).rev() {
            let range: i64 = match level {
                NODES_SPREAD | PRIMARIES_SPREAD => units,
                _ => self
                    .classes
                    .iter()
                    .map(|class| class.count * class.range(level))
                    .sum(),
            };
            weights[level - 1] = weights[level] * i128::from(range + 1);
        }
        weights
    }
}

impl Cost {
    pub fn plus(self, other: Self, times: i64) -> Self {
        Self {
            untidy: self.untidy + times * other.untidy,
            disruptive: self.disruptive + times * other.disruptive,
            nodes: self.nodes + times * other.nodes,
            foreign: self.foreign + times * other.foreign,
            barred: self.barred + times * other.barred,
        }
    }
}

/// Levels of a worth, from the first to the last.
pub const LEVELS: usize = 10;
pub const NODES_SPREAD: usize = 3;
pub const PRIMARIES_SPREAD: usize = 4;

pub type Weights = [i128; LEVELS];

impl Effect {
    /// By level; what isn't the shard's own is 0.
    fn levels(&self) -> [i64; LEVELS] {
        let [first, second, third] = self.placed;
        let Cost {
            untidy,
            disruptive,
            nodes,
            foreign,
            barred,
        } = self.cost;
        [
            first, second, third, 0, 0, untidy, disruptive, nodes, foreign, barred,
        ]
    }

    /// Nodes that come or go, over all zones.
    pub fn size(&self) -> i64 {
        self.nodes.iter().map(|n| i64::from(n.abs())).sum()
    }

    pub fn price(&self, weights: &Weights) -> i128 {
        weights
            .iter()
            .zip(self.levels())
            .map(|(w, level)| w * i128::from(level))
            .sum()
    }
}

impl Class {
    /// The choice that costs least: the first of them.
    pub fn cheapest(&self) -> usize {
        (0..self.effects.len())
            .min_by_key(|o| (self.effects[*o].placed, self.effects[*o].cost, *o))
            .unwrap_or_default()
    }

    /// Every shard takes the choice that costs least.
    pub fn all_cheapest(&self) -> Vec<i64> {
        let cheapest = self.cheapest();
        (0..self.effects.len())
            .map(|o| if o == cheapest { self.count } else { 0 })
            .collect()
    }

    fn range(&self, level: usize) -> i64 {
        let values = || self.effects.iter().map(|e| e.levels()[level]);
        values().max().unwrap_or_default() - values().min().unwrap_or_default()
    }
}

impl Worth {
    pub fn price(&self, weights: &Weights) -> i128 {
        let own = Effect {
            placed: self.placed,
            nodes: Vec::new(),
            shift: None,
            cost: self.cost,
        }
        .price(weights);
        own + weights[NODES_SPREAD] * i128::from(self.nodes_spread)
            + weights[PRIMARIES_SPREAD] * i128::from(self.primaries_spread)
    }
}
