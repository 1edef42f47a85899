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
use super::simplex::{Bounds, FREE, Optimum, Simplex};
use super::spread::{Aim, Spread};

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
    fn weights(&self) -> Weights {
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

    /// The best solution in which at least `least` shards take each choice.
    pub fn best(&self, least: &Counts) -> Option<(Counts, Worth)> {
        let mut found = None;
        for layout in self.layouts() {
            found = Search::new(self, &layout, least, found, None).run();
        }
        found
    }

    /// Any solution as good as `wanted` in which at least `least` shards take each choice.
    pub fn any(&self, least: &Counts, wanted: Worth) -> Option<Counts> {
        self.layouts()
            .iter()
            .find_map(|layout| Search::new(self, layout, least, None, Some(wanted)).run())
            .map(|(counts, _)| counts)
    }

    /// One relaxation, or one for each aim where some zones are preferred (aims are not convex together).
    fn layouts(&self) -> Vec<Layout<'_>> {
        if !self.primaries_even.has_preference() {
            return vec![Layout {
                program: self,
                aim: None,
            }];
        }
        let total = self.primaries.iter().sum::<i64>() + self.primaries_outside;
        self.primaries_even
            .aims(total)
            .into_iter()
            .map(|aim| Layout {
                program: self,
                aim: Some(aim),
            })
            .collect()
    }

    /// The primaries by zone after those from outside came in, where all solutions agree on it.
    fn arrived(&self, chosen: impl Fn(usize, usize) -> Option<i64>) -> Option<(Vec<i64>, i64)> {
        let (mut arrived, mut outside) = (self.primaries.clone(), self.primaries_outside);
        for (k, class) in self.classes.iter().enumerate() {
            let arrives = |e: &Effect| e.shift.filter(|s| s.from.is_none()).map(|s| s.to);
            let first = arrives(&class.effects[0]);
            let same = class.effects.iter().all(|e| arrives(e) == first);
            if same {
                if let Some(to) = first {
                    arrived[to] += class.count;
                    outside -= class.count;
                }
                continue;
            }
            for (o, effect) in class.effects.iter().enumerate() {
                if let Some(to) = arrives(effect) {
                    let count = chosen(k, o)?;
                    arrived[to] += count;
                    outside -= count;
                }
            }
        }
        Some((arrived, outside))
    }
}

impl Cost {
    pub fn plus(self, other: Self, times: i64) -> Self {
        Self {
            untidy: self.untidy + times * other.untidy,
            disruptive: self.disruptive + times * other.disruptive,
            nodes: self.nodes + times * other.nodes,
            foreign: self.foreign + times * other.foreign,
        }
    }
}

/// Levels of a worth, from the first to the last.
const LEVELS: usize = 9;
const NODES_SPREAD: usize = 3;
const PRIMARIES_SPREAD: usize = 4;

type Weights = [i128; LEVELS];

impl Effect {
    /// By level; what isn't the shard's own is 0.
    fn levels(&self) -> [i64; LEVELS] {
        let [first, second, third] = self.placed;
        let Cost {
            untidy,
            disruptive,
            nodes,
            foreign,
        } = self.cost;
        [first, second, third, 0, 0, untidy, disruptive, nodes, foreign]
    }

    /// Nodes that come or go, over all zones.
    fn size(&self) -> i64 {
        self.nodes.iter().map(|n| i64::from(n.abs())).sum()
    }

    fn price(&self, weights: &Weights) -> i128 {
        weights
            .iter()
            .zip(self.levels())
            .map(|(w, level)| w * i128::from(level))
            .sum()
    }
}

impl Class {
    /// Every shard takes the choice that costs least.
    pub fn all_cheapest(&self) -> Vec<i64> {
        let cheapest = cheapest(self);
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
    fn price(&self, weights: &Weights) -> i128 {
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

/// The choice that costs least: the one that takes what the others leave.
fn cheapest(class: &Class) -> usize {
    (0..class.effects.len())
        .min_by_key(|o| (class.effects[*o].placed, class.effects[*o].cost, *o))
        .unwrap_or_default()
}

/// The component when every class takes its cheapest choice.
struct Start {
    nodes: Vec<i64>,
    primaries: Vec<i64>,
    outside: i64,
    moves: i64,
    price: i128,
    /// By how much nodes in a zone can change from here, at most.
    change: i64,
}

impl Start {
    fn new(program: &Program, bases: &[usize], weights: &Weights) -> Self {
        let mut start = Self {
            nodes: program.nodes.clone(),
            primaries: program.primaries.clone(),
            outside: program.primaries_outside,
            moves: 0,
            price: 0,
            change: 0,
        };
        for (class, base) in program.classes.iter().zip(bases) {
            let effect = &class.effects[*base];
            for (n, by) in start.nodes.iter_mut().zip(&effect.nodes) {
                *n += class.count * i64::from(*by);
            }
            if let Some(shift) = effect.shift {
                start.primaries[shift.to] += class.count;
                match shift.from {
                    Some(from) => {
                        start.primaries[from] -= class.count;
                        start.moves += class.count;
                    }
                    None => start.outside -= class.count,
                }
            }
            start.change +=
                2 * class.count * class.effects.iter().map(Effect::size).max().unwrap_or_default();
            start.price += i128::from(class.count) * effect.price(weights);
        }
        start
    }
}

/// How the relaxation is written down.
struct Layout<'a> {
    program: &'a Program,
    aim: Option<Aim>,
}

/// A relaxation under construction, and where its variables are.
struct Relaxation {
    simplex: Simplex,
    /// By class and choice; `None` for the choice that takes what the others leave.
    chosen: Vec<Vec<Option<usize>>>,
    /// In the order in which they are branched on: distances, bands, then choices.
    whole: Vec<usize>,
    /// The row that bounds moves by what they gain, and by how much its bound lies below the distance before.
    moves_row: Option<(usize, i64)>,
    weights: Weights,
    constant: i128,
}

#[derive(Default)]
struct Draft {
    rows: Vec<Bounds>,
    columns: Vec<(i128, Bounds, Vec<(usize, i64)>)>,
}

impl Draft {
    fn row(&mut self, low: i64, high: i64) -> usize {
        self.rows.push(Bounds { low, high });
        self.rows.len() - 1
    }

    fn column(&mut self, cost: i128, low: i64, high: i64, entries: Vec<(usize, i64)>) -> usize {
        self.columns.push((cost, Bounds { low, high }, entries));
        self.columns.len() - 1
    }
}

/// Rows that a choice enters: by zone, or by group of zones.
#[derive(Default)]
struct Rows {
    nodes: Vec<usize>,
    primaries: Vec<usize>,
    /// Row and the zones whose primaries it sums up.
    groups: Vec<(usize, Vec<bool>)>,
    moves: Option<usize>,
}

impl Layout<'_> {
    fn relaxation(&self, least: &Counts) -> Relaxation {
        let program = self.program;
        let bases: Vec<usize> = program.classes.iter().map(cheapest).collect();
        let weights = program.weights();
        let start = Start::new(program, &bases, &weights);
        let mut draft = Draft::default();
        let mut rows = Rows::default();
        let mut whole = Vec::new();
        if program
            .classes
            .iter()
            .any(|c| c.effects.iter().any(|e| e.nodes != c.effects[0].nodes))
        {
            rows.nodes = self.spread_nodes(&mut draft, &start, &weights, &mut whole);
        }
        let mut moves_row = None;
        if program
            .classes
            .iter()
            .any(|c| c.effects.iter().any(|e| e.shift != c.effects[0].shift))
        {
            moves_row = self.spread_primaries(&mut draft, &start, &weights, &mut whole, &mut rows);
        }
        let chosen = self.choices(&mut draft, &rows, &weights, &bases, least, &mut whole);
        let mut constant = start.price;
        if rows.nodes.is_empty() {
            let distance = program.nodes_even.distance(&start.nodes, 0);
            constant += weights[NODES_SPREAD] * i128::from(distance);
        }
        if moves_row.is_none() {
            let distance = program.primaries_even.distance(&start.primaries, start.outside);
            constant += weights[PRIMARIES_SPREAD] * i128::from(distance);
        }
        Relaxation {
            simplex: Simplex::new(&draft.rows, draft.columns),
            chosen,
            whole,
            moves_row,
            weights,
            constant,
        }
    }

    /// Distance of the nodes: units above the band and below it, the band itself being free.
    fn spread_nodes(
        &self,
        draft: &mut Draft,
        start: &Start,
        weights: &Weights,
        whole: &mut Vec<usize>,
    ) -> Vec<usize> {
        let skew = self.program.nodes_even.skew;
        let most: i64 = start.nodes.iter().sum::<i64>() + start.change;
        let over = draft.row(-FREE, 0);
        let under = draft.row(-FREE, 0);
        whole.push(draft.column(weights[NODES_SPREAD], 0, most, vec![(over, -1), (under, -1)]));
        let rows: Vec<usize> = start.nodes.iter().map(|n| draft.row(-n, skew - n)).collect();
        for row in &rows {
            draft.column(0, 0, most, vec![(*row, -1), (over, 1)]);
            draft.column(0, 0, most, vec![(*row, 1), (under, 1)]);
        }
        whole.push(draft.column(0, 0, most, rows.iter().map(|r| (*r, -1)).collect()));
        rows
    }

    /// Distance of the primaries, and the row that allows only moves that gain.
    fn spread_primaries(
        &self,
        draft: &mut Draft,
        start: &Start,
        weights: &Weights,
        whole: &mut Vec<usize>,
        rows: &mut Rows,
    ) -> Option<(usize, i64)> {
        let spread = &self.program.primaries_even;
        let most = start.primaries.iter().sum::<i64>() + start.outside;
        let moves = draft.row(-FREE, FREE);
        rows.moves = Some(moves);
        let low = self.aim.map_or(0, |a| a.low);
        rows.primaries = start
            .primaries
            .iter()
            .map(|p| draft.row(low - p, low + spread.skew - p))
            .collect();
        let groups: &[bool] = if self.aim.is_some() {
            &[true, false]
        } else {
            &[false]
        };
        for liked in groups {
            let zones: Vec<bool> = spread.preferred.iter().map(|p| p == liked).collect();
            let held: i64 = start
                .primaries
                .iter()
                .zip(&zones)
                .filter(|(_, z)| **z)
                .map(|(p, _)| p)
                .sum();
            let wanted = self.aim.map_or(most, |a| {
                if *liked {
                    a.in_preferred
                } else {
                    most - a.in_preferred
                }
            });
            let under = draft.row(-FREE, 0);
            let over = draft.row(-FREE, held - wanted);
            whole.push(draft.column(
                weights[PRIMARIES_SPREAD],
                0,
                most,
                vec![(under, -1), (over, -1), (moves, 1)],
            ));
            for (row, _) in rows.primaries.iter().zip(&zones).filter(|(_, z)| **z) {
                draft.column(0, 0, most, vec![(*row, -1), (over, 1)]);
                draft.column(0, 0, most, vec![(*row, 1), (under, 1)]);
            }
            rows.groups.push((over, zones));
        }
        if self.aim.is_none() {
            whole.push(draft.column(0, 0, most, rows.primaries.iter().map(|r| (*r, -1)).collect()));
        }
        Some((moves, start.moves))
    }

    /// One variable for each choice but one per class, which takes what the others leave.
    fn choices(
        &self,
        draft: &mut Draft,
        rows: &Rows,
        weights: &Weights,
        bases: &[usize],
        least: &Counts,
        whole: &mut Vec<usize>,
    ) -> Vec<Vec<Option<usize>>> {
        let mut chosen = Vec::new();
        for ((class, base), least) in self.program.classes.iter().zip(bases).zip(least) {
            let room = class.count - least[*base];
            let together = (class.effects.len() > 2).then(|| draft.row(-FREE, room));
            let mut variables = vec![None; class.effects.len()];
            for (o, effect) in class.effects.iter().enumerate().filter(|(o, _)| o != base) {
                let from = &class.effects[*base];
                let mut entries = difference(rows, from, effect);
                entries.extend(together.map(|row| (row, 1)));
                let cost = effect.price(weights) - from.price(weights);
                let variable = draft.column(cost, least[o], room, entries);
                variables[o] = Some(variable);
                whole.push(variable);
            }
            chosen.push(variables);
        }
        chosen
    }
}

/// What taking one choice for another adds to each row.
fn difference(rows: &Rows, from: &Effect, to: &Effect) -> Vec<(usize, i64)> {
    let mut entries: Vec<(usize, i64)> = Vec::new();
    let mut enter = |row: usize, by: i64| match entries.iter_mut().find(|(r, _)| *r == row) {
        Some((_, a)) => *a += by,
        None => entries.push((row, by)),
    };
    for (effect, sign) in [(to, 1), (from, -1)] {
        for (row, by) in rows.nodes.iter().zip(&effect.nodes) {
            enter(*row, sign * i64::from(*by));
        }
        let Some(shift) = effect.shift.filter(|_| rows.moves.is_some()) else {
            continue;
        };
        for (zone, by) in [(shift.from, -1), (Some(shift.to), 1)] {
            let Some(zone) = zone else { continue };
            enter(rows.primaries[zone], sign * by);
            for (row, _) in rows.groups.iter().filter(|(_, zones)| zones[zone]) {
                enter(*row, -sign * by);
            }
        }
        if let (Some(row), Some(_)) = (rows.moves, shift.from) {
            enter(row, sign);
        }
    }
    entries.retain(|(_, a)| *a != 0);
    entries
}

/// Branch and bound over one layout.
pub(super) struct Search<'a> {
    program: &'a Program,
    relaxation: Relaxation,
    least: &'a Counts,
    best: Option<(Counts, Worth)>,
    /// The first solution as good as this will do.
    wanted: Option<Worth>,
}

impl<'a> Search<'a> {
    fn new(
        program: &'a Program,
        layout: &Layout<'_>,
        least: &'a Counts,
        best: Option<(Counts, Worth)>,
        wanted: Option<Worth>,
    ) -> Self {
        Self {
            program,
            relaxation: layout.relaxation(least),
            least,
            best,
            wanted,
        }
    }

    fn run(mut self) -> Option<(Counts, Worth)> {
        self.node(self.relaxation.simplex.clone());
        self.best
    }

    /// Looks for better solutions within the bounds of this relaxation.
    fn node(&mut self, mut simplex: Simplex) {
        let settled = self.bound_moves(&mut simplex);
        let optimum = match simplex.solve() {
            Ok(Some(optimum)) => optimum,
            Ok(None) => return,
            Err(_) => return self.halve(&simplex),
        };
        if self.hopeless(optimum.bound) {
            return;
        }
        self.consider(self.counts(|v| optimum.floor(v)));
        let fraction = self
            .relaxation
            .whole
            .iter()
            .copied()
            .find(|v| optimum.whole(*v).is_none());
        if let Some(variable) = fraction {
            return self.split(&simplex, variable, optimum.floor(variable));
        }
        if !settled
            && self
                .counts(|v| optimum.floor(v))
                .is_none_or(|c| self.program.worth(&c).is_none())
        {
            self.settle(&simplex, &optimum);
        }
    }

    /// Bounds the moves by what they can gain at most. True when that is exact.
    fn bound_moves(&self, simplex: &mut Simplex) -> bool {
        let Some((row, moves)) = self.relaxation.moves_row else {
            return true;
        };
        let fixed = |k: usize, o: usize| self.fixed(simplex, k, o);
        let arrived = self.program.arrived(fixed);
        let settled = arrived.is_some();
        let (primaries, outside) =
            arrived.unwrap_or_else(|| (self.program.primaries.clone(), self.program.primaries_outside));
        let before = self.program.primaries_even.distance(&primaries, outside);
        simplex.set_row(
            row,
            Bounds {
                low: -FREE,
                high: before - moves,
            },
        );
        settled
    }

    /// How many shards of a class take a choice, where the bounds leave no doubt.
    fn fixed(&self, simplex: &Simplex, class: usize, choice: usize) -> Option<i64> {
        let variables = &self.relaxation.chosen[class];
        let value = |v: usize| {
            let bounds = simplex.bounds(v);
            (bounds.low == bounds.high).then_some(bounds.low)
        };
        match variables[choice] {
            Some(variable) => value(variable),
            None => variables
                .iter()
                .flatten()
                .try_fold(self.program.classes[class].count, |left, v| {
                    value(*v).map(|taken| left - taken)
                }),
        }
    }

    fn hopeless(&self, bound: i128) -> bool {
        let reach = bound + self.relaxation.constant;
        match (&self.wanted, &self.best) {
            (Some(_), Some(_)) => true,
            (Some(wanted), None) => reach > wanted.price(&self.relaxation.weights),
            (None, Some((_, worth))) => reach >= worth.price(&self.relaxation.weights),
            (None, None) => false,
        }
    }

    /// The counts that these values of the variables mean, where they leave enough for the cheapest choices.
    fn counts(&self, value: impl Fn(usize) -> i64) -> Option<Counts> {
        let classes = self
            .program
            .classes
            .iter()
            .zip(&self.relaxation.chosen)
            .zip(self.least);
        classes
            .map(|((class, variables), least)| {
                let taken: i64 = variables.iter().flatten().map(|v| value(*v)).sum();
                let rest = class.count - taken;
                let counts = variables
                    .iter()
                    .map(|v| v.map_or(rest, &value))
                    .collect::<Vec<_>>();
                counts
                    .iter()
                    .zip(least)
                    .all(|(n, least)| n >= least)
                    .then_some(counts)
            })
            .collect()
    }

    fn consider(&mut self, counts: Option<Counts>) {
        let Some(counts) = counts else { return };
        let Some(worth) = self.program.worth(&counts) else {
            return;
        };
        let good = self.wanted.is_none_or(|wanted| worth <= wanted);
        if good && self.best.as_ref().is_none_or(|(_, best)| worth < *best) {
            self.best = Some((counts, worth));
        }
    }

    /// Below and above a fraction.
    fn split(&mut self, simplex: &Simplex, variable: usize, floor: i64) {
        let Bounds { low, high } = simplex.bounds(variable);
        for bounds in [Bounds { low, high: floor }, Bounds { low: floor + 1, high }] {
            if bounds.low <= bounds.high {
                let mut child = simplex.clone();
                child.set_bounds(variable, bounds);
                self.node(child);
            }
        }
    }

    /// The moves' bound was too generous: fix how primaries come in from outside, one choice after the other.
    fn settle(&mut self, simplex: &Simplex, optimum: &Optimum) {
        let unfixed = |v: &usize| simplex.bounds(*v).low < simplex.bounds(*v).high;
        let Some(variable) = self
            .relaxation
            .chosen
            .iter()
            .flatten()
            .flatten()
            .copied()
            .find(unfixed)
        else {
            return;
        };
        let (value, Bounds { low, high }) = (optimum.floor(variable), simplex.bounds(variable));
        let parts = [(value, value), (low, value - 1), (value + 1, high)];
        for (low, high) in parts.into_iter().filter(|(low, high)| low <= high) {
            let mut child = simplex.clone();
            child.set_bounds(variable, Bounds { low, high });
            self.node(child);
        }
    }

    /// No bound can be had: search on without one.
    fn halve(&mut self, simplex: &Simplex) {
        let unfixed = |v: &usize| simplex.bounds(*v).low < simplex.bounds(*v).high;
        let variables = self.relaxation.chosen.iter().flatten().flatten().copied();
        match variables.clone().find(unfixed) {
            Some(variable) => {
                let Bounds { low, high } = simplex.bounds(variable);
                self.split(simplex, variable, low + (high - low) / 2);
            }
            None => self.consider(self.counts(|v| simplex.bounds(v).low)),
        }
    }
}
