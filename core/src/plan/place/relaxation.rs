//! The linear relaxation of a [`Program`]: which whole numbers the choices and spreads are, as rows and columns.

use super::program::{Class, Effect, NODES_SPREAD, PRIMARIES_SPREAD, Program, Weights};
use super::simplex::{Bounds, FREE, Simplex};
use super::spread::Aim;
use std::collections::BTreeSet;

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

/// One relaxation, or one for each aim where some zones are preferred (aims are not convex together).
pub fn relaxations(program: &Program) -> Vec<Relaxation> {
    let layout = |aim| Layout { program, aim }.relaxation();
    if !program.primaries_even.has_preference() {
        return vec![layout(None)];
    }
    let total = program.primaries.iter().sum::<i64>() + program.primaries_outside;
    let aims = program.primaries_even.aims(total);
    aims.into_iter().map(|aim| layout(Some(aim))).collect()
}

/// How the relaxation is written down.
struct Layout<'a> {
    program: &'a Program,
    aim: Option<Aim>,
}

/// A relaxation, and where its rows and variables are.
pub struct Relaxation {
    pub simplex: Simplex,
    /// By class and choice; `None` for the choice that takes what the others leave.
    pub chosen: Vec<Vec<Option<usize>>>,
    /// By class: the row that keeps the other choices together within the class, where there are several.
    pub together: Vec<Option<usize>>,
    /// In the order in which they are branched on: distances, bands, then choices.
    pub whole: Vec<usize>,
    /// The row that bounds moves by what they gain, and by how much its bound lies below the distance before.
    pub moves_row: Option<(usize, i64)>,
    /// Primaries that come in from outside the spec's zones, where the choices differ in that.
    pub arrivals: Vec<Arrival>,
    /// What bounds the moves exactly where arrivals differ.
    pub gains: Vec<Gain>,
    /// Primaries by zone, and those outside, before any of [`Self::arrivals`].
    pub arrived: Vec<i64>,
    pub outside: i64,
    pub weights: Weights,
    pub constant: i128,
}

/// How many primaries come into a zone from outside: the sum of its segments, which fill up one after the other. They
/// end where what an arrival changes in the distance changes ([`super::spread::Spread::terms`]).
pub struct Arrival {
    pub zone: usize,
    pub segments: Vec<usize>,
}

/// For one aim ([`super::spread::Spread::aims`]): moves gain no more than the distance before them, and that is the greatest of several sums, each linear
/// in the segments. One row for each sum, and its upper bound: which of them binds is for the search to say.
pub struct Gain {
    pub rows: Vec<(usize, i64)>,
}

impl Relaxation {
    /// The variables of all choices but each class's cheapest.
    pub fn choices(&self) -> impl Iterator<Item = usize> {
        self.chosen.iter().flatten().flatten().copied()
    }
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

    /// The segments of an arrival that end at or before this many.
    fn segments_below(&self, arrival: &Arrival, most: i64) -> Vec<usize> {
        let mut end = 0;
        let below = arrival.segments.iter().copied().take_while(|s| {
            end += self.columns[*s].1.high;
            end <= most
        });
        below.collect()
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
    /// Rows that count moves between zones and the distance after them.
    moves: Vec<usize>,
    /// By zone: primaries that come in from outside.
    arrivals: Vec<Option<usize>>,
}

impl Layout<'_> {
    fn relaxation(&self) -> Relaxation {
        let program = self.program;
        let bases: Vec<usize> = program.classes.iter().map(Class::cheapest).collect();
        let weights = program.weights();
        let start = Start::new(program, &bases, &weights);
        let mut draft = Draft::default();
        let mut rows = Rows::default();
        let mut whole = Vec::new();
        if differ(program, |e| &e.nodes) {
            rows.nodes = self.spread_nodes(&mut draft, &start, &weights, &mut whole);
        }
        let mut moves_row = None;
        let (mut arrivals, mut gains) = (Vec::new(), Vec::new());
        let (arrived, outside) = before_arrivals(program);
        if differ(program, |e| e.shift) {
            let moves = draft.row(-FREE, FREE);
            moves_row = Some((moves, start.moves));
            rows.moves.push(moves);
            let aims = self
                .arrivals_matter()
                .then(|| program.primaries_even.aims(most(&start)));
            let aims = aims.unwrap_or_default();
            arrivals = self.arrivals(&mut draft, &bases, &arrived, &aims, &mut rows);
            for aim in aims {
                let gain = self.gain(&mut draft, aim, &arrivals, &arrived, outside, &start);
                rows.moves.extend(gain.rows.iter().map(|(row, _)| *row));
                gains.push(gain);
            }
            self.spread_primaries(&mut draft, &start, &weights, &mut whole, &mut rows);
        }
        let (chosen, together) = self.choices(&mut draft, &rows, &weights, &bases, &mut whole);
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
            together,
            whole,
            moves_row,
            arrivals,
            gains,
            arrived,
            outside,
            weights,
            constant,
        }
    }

    /// The choices of some class differ in how primaries come in from outside.
    fn arrivals_matter(&self) -> bool {
        differ(self.program, arrives)
    }

    /// How many primaries come into each zone from outside, where the choices of some class differ in that.
    fn arrivals(
        &self,
        draft: &mut Draft,
        bases: &[usize],
        arrived: &[i64],
        aims: &[Aim],
        rows: &mut Rows,
    ) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for (zone, held) in arrived.iter().enumerate() {
            let comes = |e: &Effect| arrives(e) == Some(zone);
            if !self.arrivals_matter() || !self.program.classes.iter().any(|c| c.effects.iter().any(comes)) {
                rows.arrivals.push(None);
                continue;
            }
            let classes = || self.program.classes.iter().zip(bases);
            let from_bases = classes()
                .filter(|(c, b)| comes(&c.effects[**b]))
                .map(|(c, _)| c.count);
            let all = classes()
                .filter(|(c, _)| c.effects.iter().any(comes))
                .map(|(c, _)| c.count);
            let from_bases: i64 = from_bases.sum();
            let row = draft.row(-from_bases, -from_bases);
            rows.arrivals.push(Some(row));
            let bends = aims.iter().flat_map(|a| self.bends(*a)).map(|at| at - held);
            let ends = segment_ends(bends, all.sum());
            let mut from = 0;
            let segments = ends.into_iter().map(|to| {
                let variable = draft.column(0, 0, to - from, vec![(row, -1)]);
                from = to;
                variable
            });
            let segments: Vec<usize> = segments.collect();
            arrivals.push(Arrival { zone, segments });
        }
        arrivals
    }

    /// Counts at which what one more unit changes in the distance changes.
    fn bends(&self, aim: Aim) -> [i64; 2] {
        [aim.low, aim.low + self.program.primaries_even.skew]
    }

    /// The rows that bound moves by the distance from this aim.
    fn gain(
        &self,
        draft: &mut Draft,
        aim: Aim,
        arrivals: &[Arrival],
        arrived: &[i64],
        outside: i64,
        start: &Start,
    ) -> Gain {
        let spread = &self.program.primaries_even;
        let mut sums = vec![(0, Vec::new())];
        for liked in spread.groups() {
            let terms = spread.terms(arrived, outside, aim, *liked);
            let falling = self.bends(aim).map(|bend| {
                let inside = arrivals.iter().filter(|a| spread.preferred[a.zone] == *liked);
                let of_zone = |a: &Arrival| draft.segments_below(a, bend - arrived[a.zone]);
                inside.flat_map(of_zone).collect::<Vec<usize>>()
            });
            let parts = || terms.iter().zip(&falling);
            let with = |(sum, segments): &(i64, Vec<usize>)| {
                let add = |(term, more): (&i64, &Vec<usize>)| {
                    (sum + term, [segments.clone(), more.clone()].concat())
                };
                parts().map(add).collect::<Vec<_>>()
            };
            sums = sums.iter().flat_map(with).collect();
        }
        let rows = sums.into_iter().map(|(sum, segments)| {
            let row = draft.row(-FREE, FREE);
            for segment in segments {
                draft.columns[segment].2.push((row, 1));
            }
            (row, sum - start.moves)
        });
        Gain { rows: rows.collect() }
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
    ) {
        let spread = &self.program.primaries_even;
        let most = most(start);
        let low = self.aim.map_or(0, |a| a.low);
        rows.primaries = start
            .primaries
            .iter()
            .map(|p| draft.row(low - p, low + spread.skew - p))
            .collect();
        for liked in spread.groups() {
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
            let mut entries = vec![(under, -1), (over, -1)];
            entries.extend(rows.moves.iter().map(|row| (*row, 1)));
            whole.push(draft.column(weights[PRIMARIES_SPREAD], 0, most, entries));
            for (row, _) in rows.primaries.iter().zip(&zones).filter(|(_, z)| **z) {
                draft.column(0, 0, most, vec![(*row, -1), (over, 1)]);
                draft.column(0, 0, most, vec![(*row, 1), (under, 1)]);
            }
            rows.groups.push((over, zones));
        }
        if self.aim.is_none() {
            whole.push(draft.column(0, 0, most, rows.primaries.iter().map(|r| (*r, -1)).collect()));
        }
    }

    /// One variable for each choice but one per class, which takes what the others leave.
    fn choices(
        &self,
        draft: &mut Draft,
        rows: &Rows,
        weights: &Weights,
        bases: &[usize],
        whole: &mut Vec<usize>,
    ) -> (Vec<Vec<Option<usize>>>, Vec<Option<usize>>) {
        let mut chosen = Vec::new();
        let mut rows_together = Vec::new();
        for (class, base) in self.program.classes.iter().zip(bases) {
            let together = (class.effects.len() > 2).then(|| draft.row(-FREE, class.count));
            let mut variables = vec![None; class.effects.len()];
            for (o, effect) in class.effects.iter().enumerate().filter(|(o, _)| o != base) {
                let from = &class.effects[*base];
                let mut entries = difference(rows, from, effect);
                entries.extend(together.map(|row| (row, 1)));
                let cost = effect.price(weights) - from.price(weights);
                let variable = draft.column(cost, 0, class.count, entries);
                variables[o] = Some(variable);
                whole.push(variable);
            }
            chosen.push(variables);
            rows_together.push(together);
        }
        (chosen, rows_together)
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
        let Some(shift) = effect.shift.filter(|_| !rows.moves.is_empty()) else {
            continue;
        };
        for (zone, by) in [(shift.from, -1), (Some(shift.to), 1)] {
            let Some(zone) = zone else { continue };
            enter(rows.primaries[zone], sign * by);
            for (row, _) in rows.groups.iter().filter(|(_, zones)| zones[zone]) {
                enter(*row, -sign * by);
            }
        }
        match shift.from {
            Some(_) => rows.moves.iter().for_each(|row| enter(*row, sign)),
            None => rows.arrivals[shift.to].iter().for_each(|row| enter(*row, sign)),
        }
    }
    entries.retain(|(_, a)| *a != 0);
    entries
}

/// Some class's choices differ in this.
fn differ<'p, T: PartialEq>(program: &'p Program, of: impl Fn(&'p Effect) -> T) -> bool {
    program
        .classes
        .iter()
        .any(|c| c.effects.iter().any(|e| of(e) != of(&c.effects[0])))
}

/// The zone into which a primary comes from outside the spec's zones.
fn arrives(effect: &Effect) -> Option<usize> {
    effect.shift.filter(|s| s.from.is_none()).map(|s| s.to)
}

/// Primaries by zone and outside. Where the choices of no class differ in how primaries come in, they have.
fn before_arrivals(program: &Program) -> (Vec<i64>, i64) {
    let (mut arrived, mut outside) = (program.primaries.clone(), program.primaries_outside);
    if !differ(program, arrives) {
        for class in &program.classes {
            if let Some(to) = arrives(&class.effects[0]) {
                arrived[to] += class.count;
                outside -= class.count;
            }
        }
    }
    (arrived, outside)
}

/// All primaries.
fn most(start: &Start) -> i64 {
    start.primaries.iter().sum::<i64>() + start.outside
}

/// Where segments end that reach from 0 to `most` and bend at these places.
fn segment_ends(bends: impl Iterator<Item = i64>, most: i64) -> BTreeSet<i64> {
    bends.filter(|at| (1..most).contains(at)).chain([most]).collect()
}
