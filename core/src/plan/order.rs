//! In which order the chosen steps are listed.
//!
//! Whatever adds redundancy comes before whatever disrupts: additions (those that goal 1 or 2 needs first), automatic
//! failover, Multi-AZ, removals of replicas, then primaries, those outside the spec's zones before the others. The
//! removal of an old primary directly follows its move. A shard that relocates two copies adds its second one right
//! after its first removal, so that it never has two too many.
//! Within each kind: by component, then by shard.

use super::place::options::{Choice, Step};
use std::collections::VecDeque;

/// One step of one shard, or a setting of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Shard {
        component: usize,
        shard: usize,
        step: Step,
    },
    AutomaticFailover {
        component: usize,
    },
    MultiAz {
        component: usize,
    },
}

/// What one component is to do.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    pub shards: Vec<Task>,
    pub automatic_failover: bool,
    pub multi_az: bool,
}

/// What one shard is to do.
#[derive(Clone, Debug)]
pub struct Task {
    pub choice: Choice,
    /// Goal 1 needs its first addition.
    pub survival: bool,
    /// How many of the others goal 2 needs.
    pub copies: usize,
}

struct Queue {
    component: usize,
    shard: usize,
    steps: VecDeque<Step>,
    survival: usize,
    copies: usize,
    from_outside: bool,
}

impl Queue {
    fn pop_if(&mut self, wanted: impl Fn(&Step) -> bool, list: &mut Vec<Turn>) -> bool {
        let found = self.steps.front().is_some_and(wanted);
        if found && let Some(step) = self.steps.pop_front() {
            list.push(Turn::Shard {
                component: self.component,
                shard: self.shard,
                step,
            });
        }
        found
    }
}

fn is_add(step: &Step) -> bool {
    matches!(step, Step::Add { .. })
}

fn is_removal(step: &Step) -> bool {
    matches!(step, Step::Remove { .. })
}

fn is_move(step: &Step) -> bool {
    matches!(step, Step::Move)
}

/// The whole list, over all components.
pub fn order(components: &[Tasks]) -> Vec<Turn> {
    let mut queues = queues(components);
    let mut list = Vec::new();
    additions(&mut queues, &mut list);
    for (component, tasks) in components.iter().enumerate() {
        list.extend(
            tasks
                .automatic_failover
                .then_some(Turn::AutomaticFailover { component }),
        );
        list.extend(tasks.multi_az.then_some(Turn::MultiAz { component }));
    }
    // One at a time, so that what follows a step is what a plan made after it begins with.
    loop {
        additions(&mut queues, &mut list);
        let one = first(&mut queues, is_removal, |_| true, &mut list)
            || first(&mut queues, is_move, |q| q.from_outside, &mut list)
            || first(&mut queues, is_move, |_| true, &mut list);
        if !one {
            return list;
        }
    }
}

fn queues(components: &[Tasks]) -> Vec<Queue> {
    let mut queues = Vec::new();
    for (component, tasks) in components.iter().enumerate() {
        for (shard, task) in tasks
            .shards
            .iter()
            .enumerate()
            .filter(|(_, t)| !t.choice.steps.is_empty())
        {
            queues.push(Queue {
                component,
                shard,
                steps: task.choice.steps.iter().copied().collect(),
                survival: usize::from(task.survival),
                copies: task.copies,
                from_outside: task.choice.shift.is_some_and(|s| s.from.is_none()),
            });
        }
    }
    queues
}

/// All additions that are ready: first those that goal 1 needs, then those for goal 2, then the others.
fn additions(queues: &mut [Queue], list: &mut Vec<Turn>) {
    for queue in queues.iter_mut() {
        for _ in 0..std::mem::take(&mut queue.survival) {
            queue.pop_if(is_add, list);
        }
    }
    for queue in queues.iter_mut() {
        for _ in 0..std::mem::take(&mut queue.copies) {
            queue.pop_if(is_add, list);
        }
    }
    for queue in queues.iter_mut() {
        while queue.pop_if(is_add, list) {}
    }
}

/// The first step of this kind that is ready.
fn first(
    queues: &mut [Queue],
    kind: impl Fn(&Step) -> bool,
    of: impl Fn(&Queue) -> bool,
    list: &mut Vec<Turn>,
) -> bool {
    let mut queues = queues.iter_mut().filter(|q| of(q));
    queues.any(|queue| queue.pop_if(&kind, list))
}
