//! Branch and bound over the relaxations of one [`Program`].
//!
//! Finding the best worth comes first ([`Search::best`]). From then on only solutions of that worth matter: each
//! relaxation is solved once more, what its reduced costs rule out is ruled out for good ([`Search::narrow`]), and
//! the questions that make the pick unique ([`Search::any`]) start from its basis.

use super::program::{Counts, Program, Worth};
use super::relaxation::{Arrival, Gain, Relaxation, relaxations};
use super::simplex::{Bounds, FREE, Optimum, Simplex};

/// What there is to search.
pub struct Search<'a> {
    program: &'a Program,
    relaxations: Vec<Relaxation>,
    wanted: Worth,
    /// Where solutions of the wanted worth can be: parts of relaxations, by index.
    places: Vec<(usize, Simplex)>,
}

impl<'a> Search<'a> {
    pub fn new(program: &'a Program) -> Self {
        Self {
            program,
            relaxations: relaxations(program),
            wanted: Worth::default(),
            places: Vec::new(),
        }
    }

    /// The best solution.
    pub fn best(&self) -> Option<(Counts, Worth)> {
        let mut found = None;
        for relaxation in &self.relaxations {
            let mut branch = Branch::new(self.program, relaxation, &[], found, None);
            branch.node(relaxation.simplex.clone());
            found = branch.best;
        }
        found
    }

    /// From now on only solutions as good as `wanted`, which must be the worth of the best, are looked for.
    pub fn narrow(&mut self, wanted: Worth) {
        self.wanted = wanted;
        for (i, relaxation) in self.relaxations.iter().enumerate() {
            let mut open = vec![relaxation.simplex.clone()];
            while let Some(mut simplex) = open.pop() {
                relaxation.bound_moves(self.program, &mut simplex);
                let reach = wanted.price(&relaxation.weights) - relaxation.constant;
                match simplex.solve() {
                    Ok(None) => {}
                    Ok(Some(optimum)) if optimum.bound > reach => {}
                    Ok(Some(optimum)) => {
                        let parts = relaxation.settled(&simplex, &optimum);
                        if parts.is_empty() {
                            simplex.rule_out_dearer(reach, relaxation.choices());
                            self.places.push((i, simplex));
                        }
                        open.extend(parts);
                    }
                    Err(_) => self.places.push((i, simplex)),
                }
            }
        }
    }

    /// Any solution of the wanted worth in which at least `least` shards take each choice. Each call must ask for at
    /// least what the one before found.
    pub fn any(&mut self, least: &Counts) -> Option<Counts> {
        for (i, place) in &mut self.places {
            let relaxation = &self.relaxations[*i];
            let Some(start) = relaxation.at_least(self.program, place, least) else {
                continue;
            };
            let mut branch = Branch::new(self.program, relaxation, least, None, Some(self.wanted));
            let root = branch.node(start);
            if let Some((counts, _)) = branch.best {
                // What was asked for is taken now: the next question may start from here.
                if let Some(root) = root {
                    *place = root;
                }
                return Some(counts);
            }
        }
        None
    }
}

/// A search below one relaxation.
struct Branch<'a> {
    program: &'a Program,
    relaxation: &'a Relaxation,
    least: &'a [Vec<i64>],
    best: Option<(Counts, Worth)>,
    /// The first solution as good as this will do.
    wanted: Option<Worth>,
}

impl<'a> Branch<'a> {
    fn new(
        program: &'a Program,
        relaxation: &'a Relaxation,
        least: &'a [Vec<i64>],
        best: Option<(Counts, Worth)>,
        wanted: Option<Worth>,
    ) -> Self {
        Self {
            program,
            relaxation,
            least,
            best,
            wanted,
        }
    }

    /// Looks for better solutions within the bounds of this relaxation, and gives it back solved.
    fn node(&mut self, mut simplex: Simplex) -> Option<Simplex> {
        if self.wanted.is_some() && self.best.is_some() {
            return None;
        }
        self.relaxation.bound_moves(self.program, &mut simplex);
        let optimum = match simplex.solve() {
            Ok(Some(optimum)) => optimum,
            Ok(None) => return None,
            Err(_) => {
                self.halve(&simplex);
                return None;
            }
        };
        if self.hopeless(optimum.bound) {
            return None;
        }
        let floor = self.counts(|v| optimum.floor(v));
        let valid = floor.as_ref().is_some_and(|c| self.program.worth(c).is_some());
        self.consider(floor);
        let fraction = self
            .relaxation
            .whole
            .iter()
            .find(|v| optimum.whole(**v).is_none());
        if let Some(variable) = fraction {
            self.split(&simplex, *variable, optimum.floor(*variable));
        } else if !valid {
            for part in self.relaxation.settled(&simplex, &optimum) {
                self.node(part);
            }
        }
        Some(simplex)
    }

    fn hopeless(&self, bound: i128) -> bool {
        let reach = bound + self.relaxation.constant;
        match (&self.wanted, &self.best) {
            (Some(wanted), _) => reach > wanted.price(&self.relaxation.weights),
            (None, Some((_, worth))) => reach >= worth.price(&self.relaxation.weights),
            (None, None) => false,
        }
    }

    /// The counts that these values of the variables mean, where they leave enough for the cheapest choices.
    fn counts(&self, value: impl Fn(usize) -> i64) -> Option<Counts> {
        let classes = self.program.classes.iter().zip(&self.relaxation.chosen);
        classes
            .enumerate()
            .map(|(k, (class, variables))| {
                let taken: i64 = variables.iter().flatten().map(|v| value(*v)).sum();
                let rest = class.count - taken;
                let counts: Vec<i64> = variables.iter().map(|v| v.map_or(rest, &value)).collect();
                let least = |o: usize| self.least.get(k).map_or(0, |l| l[o]);
                let enough = counts.iter().enumerate().all(|(o, n)| *n >= least(o));
                enough.then_some(counts)
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
        self.parts(simplex, variable, &[(low, floor), (floor + 1, high)]);
    }

    /// No bound can be had: search on without one.
    fn halve(&mut self, simplex: &Simplex) {
        match unfixed(simplex, self.relaxation.choices()) {
            Some(variable) => {
                let Bounds { low, high } = simplex.bounds(variable);
                self.split(simplex, variable, low + (high - low) / 2);
            }
            None => self.consider(self.counts(|v| simplex.bounds(v).low)),
        }
    }

    /// Looks into each part of a variable's range.
    fn parts(&mut self, simplex: &Simplex, variable: usize, parts: &[(i64, i64)]) {
        for (low, high) in parts.iter().copied().filter(|(low, high)| low <= high) {
            let mut child = simplex.clone();
            child.set_bounds(variable, Bounds { low, high });
            self.node(child);
        }
    }
}

fn unfixed(simplex: &Simplex, mut variables: impl Iterator<Item = usize>) -> Option<usize> {
    variables.find(|v| {
        let Bounds { low, high } = simplex.bounds(*v);
        low < high
    })
}

impl Relaxation {
    /// The parts into which to divide this where the moves' bound is too generous for how primaries come in from
    /// outside: by which sum is the distance before the moves, then by the order in which a zone's segments fill up.
    fn settled(&self, simplex: &Simplex, optimum: &Optimum) -> Vec<Simplex> {
        let open = |gain: &&Gain| gain.rows.iter().all(|(row, _)| simplex.row(*row).high == FREE);
        if let Some(gain) = self.gains.iter().find(open) {
            let bound = |(row, high): &(usize, i64)| {
                let mut part = simplex.clone();
                part.set_row(*row, Bounds::at_most(*high));
                part
            };
            return gain.rows.iter().map(bound).collect();
        }
        let size = |s: &usize| self.simplex.bounds(*s).high;
        let full = |s: &usize| optimum.whole(*s) == Some(size(s));
        for arrival in &self.arrivals {
            let segments = &arrival.segments;
            let filled = segments.iter().take_while(|s| full(s)).count() + 1;
            let (filled, later) = segments.split_at(filled.min(segments.len()));
            if later.iter().all(|s| optimum.whole(*s) == Some(0)) {
                continue;
            }
            let fixed = |segments: &[usize], value: &dyn Fn(&usize) -> i64| {
                let mut part = simplex.clone();
                segments.iter().all(|s| part.fix(*s, value(s))).then_some(part)
            };
            return [fixed(later, &|_| 0), fixed(filled, &size)]
                .into_iter()
                .flatten()
                .collect();
        }
        Vec::new()
    }

    /// Bounds the moves by what they can gain at most: a primary that comes in from outside only lessens that.
    fn bound_moves(&self, program: &Program, simplex: &mut Simplex) {
        let Some((row, moves)) = self.moves_row else {
            return;
        };
        let (primaries, outside) = self.arrived(|a| a.segments.iter().map(|s| simplex.bounds(*s).low).sum());
        let before = program.primaries_even.distance(&primaries, outside);
        simplex.set_row(row, Bounds::at_most(before - moves));
    }

    /// Primaries by zone and outside, after these arrivals.
    fn arrived(&self, come: impl Fn(&Arrival) -> i64) -> (Vec<i64>, i64) {
        let (mut primaries, mut outside) = (self.arrived.clone(), self.outside);
        for arrival in &self.arrivals {
            primaries[arrival.zone] += come(arrival);
            outside -= come(arrival);
        }
        (primaries, outside)
    }

    /// The relaxation where at least so many shards take each choice; `None` where that is ruled out already.
    fn at_least(&self, program: &Program, place: &Simplex, least: &Counts) -> Option<Simplex> {
        let mut simplex = place.clone();
        for (k, (variables, least)) in self.chosen.iter().zip(least).enumerate() {
            let base = variables.iter().zip(least).find(|(v, _)| v.is_none());
            let room = program.classes[k].count - base.map_or(0, |(_, n)| *n);
            if let Some(row) = self.together[k] {
                simplex.set_row(row, Bounds::at_most(room));
            }
            for (variable, low) in variables.iter().zip(least) {
                let Some(variable) = *variable else { continue };
                let bounds = simplex.bounds(variable);
                let (low, high) = (bounds.low.max(*low), bounds.high.min(room));
                if low > high {
                    return None;
                }
                simplex.set_bounds(variable, Bounds { low, high });
            }
        }
        Some(simplex)
    }
}
