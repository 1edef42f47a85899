//! Where copies and primaries of one component should stand, and by which steps of which shards.
//!
//! [`ground`] puts the component into small numbers, [`options`] says what each shard may do, [`program`] picks one
//! choice per shard so that the goals are met best and at the least cost, and this module makes the pick unique: of
//! all best picks it takes the one whose action list, shard by shard in the order of their ids, is the smallest; a
//! shard that acts comes before one that doesn't. That is decided shard by shard: the first choice with which some best
//! solution is still in reach.

pub mod ground;
pub mod options;
pub mod program;
mod relaxation;
mod search;
mod simplex;
pub mod spread;

use super::goals::{self, Violations};
use ground::{Cell, Ground};
use options::{Choice, Cost, choices};
use program::{Class, Counts, Effect, Program, Worth};
use search::Search;
use spread::Spread;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What each shard does, by the shard's index, and what that achieves.
#[derive(Clone, Debug)]
pub struct Placement {
    pub chosen: Vec<Choice>,
    pub before: Violations,
    pub after: Violations,
}

/// The best placement of one component.
pub fn place(ground: &Ground<'_>) -> Placement {
    let mut known: BTreeMap<&Cell, Rc<Vec<Choice>>> = BTreeMap::new();
    let menus: Vec<Rc<Vec<Choice>>> = ground
        .cells
        .iter()
        .map(|cell| {
            known
                .entry(cell)
                .or_insert_with(|| Rc::new(choices(ground, cell)))
                .clone()
        })
        .collect();
    let (program, class_of) = programme(ground, &menus);
    let picks = pick(&program, &class_of);
    let chosen: Vec<Choice> = menus
        .iter()
        .zip(picks)
        .map(|(menu, pick)| menu[pick].clone())
        .collect();
    let before = violations(ground, &program, |shard| {
        (goals::of_shard(ground, &ground.cells[shard].members), None)
    });
    let after = violations(ground, &program, |shard| {
        (chosen[shard].ends, Some(&chosen[shard]))
    });
    Placement {
        chosen,
        before,
        after,
    }
}

/// The component as it stands, and its shards in classes of equal choices.
fn programme(ground: &Ground<'_>, menus: &[Rc<Vec<Choice>>]) -> (Program, Vec<usize>) {
    let mut nodes = vec![0; ground.measured];
    let mut primaries = vec![0; ground.measured];
    let mut primaries_outside = 0;
    for cell in &ground.cells {
        for zone in cell.members.iter().filter_map(|m| ground.place(m.zone).measured) {
            nodes[zone] += 1;
        }
        if let Some(primary) = goals::primary(&cell.members) {
            let place = ground.place(primary.zone);
            match place.measured {
                Some(zone) => primaries[zone] += 1,
                None if !place.in_spec => primaries_outside += 1,
                None => {}
            }
        }
    }
    let mut classes: Vec<Class> = Vec::new();
    let mut by_effects: BTreeMap<Vec<Effect>, usize> = BTreeMap::new();
    let class_of = menus
        .iter()
        .map(|menu| {
            let effects: Vec<Effect> = menu
                .iter()
                .map(|c| Effect {
                    placed: c.ends.placed(),
                    nodes: c.nodes.clone(),
                    shift: c.shift,
                    cost: c.cost,
                })
                .collect();
            let class = *by_effects.entry(effects).or_insert_with_key(|effects| {
                classes.push(Class {
                    count: 0,
                    effects: effects.clone(),
                });
                classes.len() - 1
            });
            classes[class].count += 1;
            class
        })
        .collect();
    let preferred = |p: &ground::Place| p.measured.map(|_| p.preferred);
    let program = Program {
        nodes,
        primaries,
        primaries_outside,
        nodes_even: Spread::new(ground.max_skew, vec![false; ground.measured]),
        primaries_even: Spread::new(
            ground.max_skew,
            ground.places.iter().filter_map(preferred).collect(),
        ),
        classes,
    };
    (program, class_of)
}

/// Which choice each shard takes.
fn pick(program: &Program, class_of: &[usize]) -> Vec<usize> {
    let Some(Best {
        mut witness,
        mut open,
        mut search,
    }) = best(program)
    else {
        return vec![0; class_of.len()];
    };
    let mut taken: Counts = program.classes.iter().map(|c| vec![0; c.effects.len()]).collect();
    let mut picks = Vec::with_capacity(class_of.len());
    for class in class_of {
        let pick = loop {
            let first = open[*class][0];
            if witness[*class][first] > taken[*class][first] {
                break first;
            }
            taken[*class][first] += 1;
            let other = search.as_mut().and_then(|s| s.any(&taken));
            taken[*class][first] -= 1;
            if let Some(other) = other {
                witness = other;
                break first;
            }
            // Fewer solutions are in reach with each pick: what isn't now, never will be.
            open[*class].remove(0);
        };
        taken[*class][pick] += 1;
        picks.push(pick);
    }
    picks
}

/// The best worth that can be had.
struct Best<'a> {
    /// A solution of this worth.
    witness: Counts,
    /// By class: the choices that solutions of this worth may take, in order of preference.
    open: Vec<Vec<usize>>,
    /// For others, where there may be any.
    search: Option<Search<'a>>,
}

/// The cheapest choices, where these already spread everything evenly: no other choice is then in reach, and of
/// equal ones the first comes first. Otherwise a search.
fn best(program: &Program) -> Option<Best<'_>> {
    let witness: Counts = program.classes.iter().map(Class::all_cheapest).collect();
    if let Some(Worth {
        nodes_spread: 0,
        primaries_spread: 0,
        ..
    }) = program.worth(&witness)
    {
        let open = program.classes.iter().map(|c| vec![c.cheapest()]).collect();
        return Some(Best {
            witness,
            open,
            search: None,
        });
    }
    let mut search = Search::new(program);
    let (witness, worth) = search.best()?;
    search.narrow(worth);
    let all = |c: &Class| (0..c.effects.len()).collect();
    Some(Best {
        witness,
        open: program.classes.iter().map(all).collect(),
        search: Some(search),
    })
}

fn violations<'c>(
    ground: &Ground<'_>,
    program: &Program,
    of: impl Fn(usize) -> (goals::ShardViolations, Option<&'c Choice>),
) -> Violations {
    let mut sum = Violations::default();
    let (mut nodes, mut primaries) = (program.nodes.clone(), program.primaries.clone());
    let mut outside = program.primaries_outside;
    for shard in 0..ground.cells.len() {
        let (ends, choice) = of(shard);
        sum.survivable += ends.survivable;
        sum.complete += ends.complete;
        sum.apart += ends.apart;
        sum.tidy += ends.tidy;
        let Some(choice) = choice else { continue };
        for (n, by) in nodes.iter_mut().zip(&choice.nodes) {
            *n += i64::from(*by);
        }
        if let Some(shift) = choice.shift {
            primaries[shift.to] += 1;
            match shift.from {
                Some(from) => primaries[from] -= 1,
                None => outside -= 1,
            }
        }
    }
    sum.nodes_spread = program.nodes_even.distance(&nodes, 0);
    sum.primaries_spread = program.primaries_even.distance(&primaries, outside);
    sum
}

/// The sum of what the choices cost.
pub fn cost(chosen: &[Choice]) -> Cost {
    chosen
        .iter()
        .fold(Cost::default(), |sum, choice| sum.plus(choice.cost, 1))
}
