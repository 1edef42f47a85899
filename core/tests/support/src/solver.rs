//! The oracle for stacks that are too large to try everything: what each shard may do comes from [`crate::oracle`], and
//! a solver of integer programmes that the planner doesn't use finds the best sum of it, goal after goal.
//!
//! Unknown is how many shards of a kind take each way, and to how many nodes and primaries per zone they might be
//! evened out. A stack's moves are allowed together only if each brings goal 5 nearer by one, so their number is the
//! distance before less the distance after. (This need not suffice. What is found is then better than anything that the
//! rules allow, and a plan that is as good is still the best.)

use crate::oracle::{Oracle, Vector, Way};
use evenkeel_core::topology::ZoneName;
use microlp::{ComparisonOp, OptimizationDirection, Problem, Variable};
use std::collections::BTreeMap;

/// A sum of variables, each with its factor.
type Sum = Vec<(Variable, f64)>;

/// An upper bound of what counts of nodes can be.
const MANY: i32 = 100_000;

/// The best vector; `None` where a primary stands outside the spec's zones, which has rules of its own.
pub fn best(oracle: &Oracle<'_>) -> Option<Vector> {
    let menus: Vec<Vec<Way>> = oracle
        .stage
        .shards()
        .iter()
        .map(|(id, shard)| oracle.ways(id, shard))
        .collect();
    let outside =
        |w: &Way| w.primary == Some(Err(())) || w.moved.as_ref().is_some_and(|m| leaves(oracle, &m.from));
    if menus.iter().flatten().any(outside) {
        return None;
    }
    let mut kinds: BTreeMap<Vec<Effect>, i64> = BTreeMap::new();
    for ways in &menus {
        // A move within a zone brings nothing nearer, one that might leave the spec's zones makes it worse.
        let allowed = ways.iter().filter(|w| {
            w.moved
                .as_ref()
                .is_none_or(|m| m.from != m.to && !m.winners.iter().any(|z| leaves(oracle, z)))
        });
        *kinds.entry(allowed.map(Effect::of).collect()).or_default() += 1;
    }
    let kinds: Vec<(Vec<Effect>, i64)> = kinds.into_iter().collect();

    let mut fixed: Vec<i64> = Vec::new();
    for goal in 0..10 {
        fixed.push(least(oracle, &kinds, &fixed, goal));
    }
    fixed.try_into().ok()
}

fn leaves(oracle: &Oracle<'_>, zone: &ZoneName) -> bool {
    !oracle.spec.contains(zone)
}

/// All of a way that the component's sum depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Effect {
    own: Vector,
    nodes: Vec<i64>,
    moves: bool,
    ends: Option<usize>,
}

impl Effect {
    fn of(way: &Way) -> Self {
        Self {
            own: way.own,
            nodes: way.nodes.clone(),
            moves: way.moved.is_some(),
            ends: way.primary.and_then(Result::ok),
        }
    }
}

/// The least that one goal can be, with those before it as good as they can be.
fn least(oracle: &Oracle<'_>, kinds: &[(Vec<Effect>, i64)], fixed: &[i64], goal: usize) -> i64 {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let zones = oracle.measured.len();
    let mut sums: Vec<Sum> = vec![Vec::new(); 10];
    let (mut nodes, mut primaries, mut moves) =
        (vec![Sum::new(); zones], vec![Sum::new(); zones], Sum::new());
    let mut before = vec![0; zones];
    for (effects, count) in kinds {
        let most = i32::try_from(*count).unwrap();
        let mut all = Sum::new();
        for effect in effects {
            let own = if goal == 3 || goal == 4 {
                0
            } else {
                effect.own[goal]
            };
            let taken = problem.add_integer_var(own as f64, (0, most));
            all.push((taken, 1.0));
            for (sum, part) in sums.iter_mut().zip(effect.own) {
                sum.push((taken, part as f64));
            }
            for (sum, n) in nodes.iter_mut().zip(&effect.nodes) {
                sum.push((taken, *n as f64));
            }
            if let Some(zone) = effect.ends {
                primaries[zone].push((taken, 1.0));
            }
            if effect.moves {
                moves.push((taken, 1.0));
            }
        }
        problem.add_constraint(&all, ComparisonOp::Eq, *count as f64);
        // Every kind has ways without a move, whose primary stays where it is.
        let stays = effects.iter().find(|e| !e.moves);
        if let Some(zone) = stays.and_then(|e| e.ends) {
            before[zone] += count;
        }
    }
    let price = |g: usize| if goal == g { 1.0 } else { 0.0 };
    sums[3] = distance(&mut problem, oracle, &nodes, None, price(3));
    let liked = liked(oracle, before.iter().sum());
    sums[4] = distance(&mut problem, oracle, &primaries, Some(liked), price(4));
    // moves + distance after = distance before
    moves.extend(&sums[4]);
    let distance_before = oracle.distance(&before, 0, true);
    problem.add_constraint(&moves, ComparisonOp::Eq, distance_before as f64);
    for (sum, value) in sums.iter().zip(fixed) {
        problem.add_constraint(sum, ComparisonOp::Eq, *value as f64);
    }
    let solution = problem.solve().unwrap().into_solution().unwrap();
    let value = solution.objective();
    assert!((value - value.round()).abs() < 1e-4, "goal {goal}: {value}");
    value.round() as i64
}

/// Most primaries that can stand in preferred zones while all are within the skew.
fn liked(oracle: &Oracle<'_>, total: i64) -> i64 {
    let zones = oracle.measured.len() as i64;
    let preferred = oracle
        .measured
        .iter()
        .filter(|z| oracle.preferred.contains(*z))
        .count() as i64;
    (0..=total)
        .filter_map(|low| {
            let rest = total - zones * low;
            (0..=zones * oracle.skew)
                .contains(&rest)
                .then(|| preferred * low + rest.min(preferred * oracle.skew))
        })
        .max()
        .unwrap_or_default()
}

/// How many units have to stand elsewhere: a target for each zone, all of them within the skew, their sum that of the
/// counts, as many as `liked` in preferred zones; what a zone lacks of its target has to come.
fn distance(
    problem: &mut Problem,
    oracle: &Oracle<'_>,
    counts: &[Sum],
    liked: Option<i64>,
    price: f64,
) -> Sum {
    let low = problem.add_integer_var(0.0, (0, MANY));
    let (mut balance, mut preferred, mut come) = (Sum::new(), Sum::new(), Sum::new());
    for (zone, count) in oracle.measured.iter().zip(counts) {
        let target = problem.add_integer_var(0.0, (0, MANY));
        problem.add_constraint([(target, 1.0), (low, -1.0)], ComparisonOp::Ge, 0.0);
        problem.add_constraint([(target, 1.0), (low, -1.0)], ComparisonOp::Le, oracle.skew as f64);
        let lacks = problem.add_integer_var(price, (0, MANY));
        let have = problem.add_integer_var(0.0, (0, MANY));
        let mut counted: Sum = count.clone();
        counted.push((have, -1.0));
        problem.add_constraint(&counted, ComparisonOp::Eq, 0.0);
        problem.add_constraint([(have, 1.0), (lacks, 1.0), (target, -1.0)], ComparisonOp::Ge, 0.0);
        balance.extend([(target, 1.0), (have, -1.0)]);
        if oracle.preferred.contains(zone) {
            preferred.push((target, 1.0));
        }
        come.push((lacks, 1.0));
    }
    problem.add_constraint(&balance, ComparisonOp::Eq, 0.0);
    if let Some(liked) = liked.filter(|_| !preferred.is_empty()) {
        problem.add_constraint(&preferred, ComparisonOp::Eq, liked as f64);
    }
    come
}
