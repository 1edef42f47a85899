//! In which order the chosen steps are listed.
//!
//! Whatever adds redundancy comes before whatever disrupts: additions (those that goal 1 or 2 needs first), automatic
//! failover, Multi-AZ, removals of replicas, then primaries, those outside the spec's zones before the others. The
//! removal of an old primary directly follows its move. A shard that relocates two copies adds its second one after
//! its first removal, so that it never has two too many: such rounds repeat until nothing is left.
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
    /// Goal 1 or 2 needs its first additions; how many.
    pub urgency: Urgency,
    pub urgent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    Survival,
    Copies,
    Placement,
}

struct Queue {
    component: usize,
    shard: usize,
    steps: VecDeque<Step>,
    urgency: Urgency,
    urgent: usize,
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
    loop {
        let before = list.len();
        additions(&mut queues, &mut list);
        for queue in &mut queues {
            while queue.pop_if(is_removal, &mut list) {}
        }
        if list.len() == before {
            moves(&mut queues, true, &mut list);
        }
        if list.len() == before {
            moves(&mut queues, false, &mut list);
        }
        if list.len() == before {
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
                urgency: task.urgency,
                urgent: task.urgent,
                from_outside: task.choice.shift.is_some_and(|s| s.from.is_none()),
            });
        }
    }
    queues
}

/// All additions that are ready, the urgent ones first.
fn additions(queues: &mut [Queue], list: &mut Vec<Turn>) {
    for urgency in [Urgency::Survival, Urgency::Copies, Urgency::Placement] {
        for queue in queues.iter_mut() {
            let most = match urgency {
                Urgency::Placement => usize::MAX,
                _ if queue.urgency == urgency => queue.urgent,
                _ => 0,
            };
            for _ in 0..most {
                if !queue.pop_if(is_add, list) {
                    break;
                }
                queue.urgent = queue.urgent.saturating_sub(1);
            }
        }
    }
}

/// Moves of primaries, each with the removal that waits for it.
fn moves(queues: &mut [Queue], from_outside: bool, list: &mut Vec<Turn>) {
    for queue in queues.iter_mut().filter(|q| q.from_outside == from_outside) {
        if queue.pop_if(is_move, list) {
            queue.pop_if(is_removal, list);
        }
    }
}
