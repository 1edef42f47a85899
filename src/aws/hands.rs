//! Who changes something for which stack.
//!
//! With the process's own credentials one hand serves all; where a role is assumed, each stack has a session of its own,
//! whose name and tags say for whom AWS is called. All hands of a region share one pace.

use super::ports::{Pace, WriteAws};
use crate::topology::StackName;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Makes the hand of one stack.
pub type MakeHand = Box<dyn Fn(&StackName, &Pace) -> WriteAws + Send + Sync>;

/// The hands of one region of one account.
pub struct Hands {
    pace: Pace,
    kind: Kind,
}

enum Kind {
    Shared(Box<WriteAws>),
    OfEach {
        make: MakeHand,
        made: BTreeMap<StackName, WriteAws>,
    },
}

impl Hands {
    /// One for all stacks.
    pub fn shared(hand: WriteAws) -> Self {
        Self {
            pace: hand.pace().clone(),
            kind: Kind::Shared(Box::new(hand)),
        }
    }

    /// One for each stack, made when it is first needed.
    pub fn of_each(make: MakeHand) -> Self {
        Self {
            pace: Pace::default(),
            kind: Kind::OfEach {
                make,
                made: BTreeMap::new(),
            },
        }
    }

    /// Takes a turn to change something, or says when there is one.
    pub fn turn(&self, now: Timestamp) -> Result<(), Timestamp> {
        self.pace.turn(now)
    }

    /// The one that acts for this stack.
    pub fn of(&mut self, stack: &StackName) -> &WriteAws {
        match &mut self.kind {
            Kind::Shared(hand) => hand,
            Kind::OfEach { make, made } => {
                let pace = &self.pace;
                made.entry(stack.clone()).or_insert_with(|| make(stack, pace))
            }
        }
    }
}
