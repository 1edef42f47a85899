//! What one stack must know of all others: who is the elder, what is in flight, what was added. Pure.
//!
//! A component's identity is (account, region, kind, identifier). Of two stacks that name one, the elder wins:
//! creation time, then namespace and name. Two names of AWSAccounts may lead to one account, so accounts are compared by
//! their ids; as long as an id isn't known, it may be any.

use crate::plan::history::{Fleet, History};
use crate::plan::{ActionClass, Intent};
use crate::topology::{AccountId, Region, SmallMap, StackName};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Limits of the whole process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_concurrent_disruptions: u32,
    pub max_added_nodes: u32,
    /// AWS allows 15 node groups per rolling 24 h; we stop here.
    pub test_failovers: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let fleet = Fleet::default();
        Self {
            max_concurrent_disruptions: fleet.max_concurrent_disruptions,
            max_added_nodes: fleet.max_added_nodes,
            test_failovers: fleet.test_failover_limit,
        }
    }
}

/// One stack as the others see it.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub intent: &'a Intent,
    pub history: &'a History,
    /// Of its credentials, once known.
    pub account: Option<AccountId>,
}

/// Whoever named a resource first: stacks without a creation time come after those with one.
type Age = (bool, Option<Timestamp>, StackName);

/// All stacks together, added up once and asked for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// Everybody who names a group, by region and identifier.
    named: BTreeMap<(Region, String), Vec<(Option<AccountId>, Age)>>,
    disruptions: BTreeMap<StackName, u32>,
    added_nodes: u32,
}

impl Roll {
    pub fn call<'a>(members: impl Iterator<Item = Member<'a>>) -> Self {
        let mut roll = Self::default();
        for member in members {
            let age = age(member.intent);
            for cache in member.intent.caches.values() {
                let key = (member.intent.region.clone(), cache.replication_group.clone());
                let named = roll.named.entry(key).or_default();
                named.push((member.account.clone(), age.clone()));
            }
            let open = member.history.tickets.iter().filter(|t| t.phase.is_open());
            let disruptive = open
                .filter(|t| {
                    t.actions
                        .iter()
                        .any(|a| a.kind.class() == ActionClass::Disruptive)
                })
                .count();
            if disruptive > 0 {
                roll.disruptions.insert(age.2, number(disruptive));
            }
            roll.added_nodes += number(member.history.added_nodes.len());
        }
        roll
    }

    /// What this member must know of the others.
    pub fn fleet(&self, member: Member<'_>, common: &Common, limits: &Limits) -> Fleet {
        let own = &member.intent.stack;
        let others = self.disruptions.iter().filter(|(stack, _)| *stack != own);
        let age = age(member.intent);
        let claimed = member.intent.caches.iter().filter_map(|(name, cache)| {
            let key = (member.intent.region.clone(), cache.replication_group.clone());
            let may_be_same = |account: &Option<AccountId>| {
                account.is_none() || member.account.is_none() || *account == member.account
            };
            let same = self.named.get(&key)?.iter().filter(|(a, _)| may_be_same(a));
            let elder = same.map(|(_, age)| age).filter(|other| **other < age).min()?;
            Some((name.clone(), elder.2.to_string()))
        });
        Fleet {
            installation: common.installation.clone(),
            stop: common.stop.clone(),
            disruptions_in_flight: others.map(|(_, n)| n).sum(),
            max_concurrent_disruptions: limits.max_concurrent_disruptions,
            added_nodes: self.added_nodes,
            max_added_nodes: limits.max_added_nodes,
            test_failovers: common.test_failovers.clone(),
            test_failover_limit: limits.test_failovers,
            claimed_by_elder: claimed.collect(),
            not_leader: common.not_leader.clone(),
        }
    }
}

/// What holds for every stack alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    pub installation: Option<String>,
    pub stop: Option<String>,
    pub not_leader: Option<String>,
    /// TestFailover calls of the last 24 h by account and region, by anybody.
    pub test_failovers: SmallMap<(Option<AccountId>, Region), Vec<Timestamp>>,
}

fn age(intent: &Intent) -> Age {
    (intent.created.is_none(), intent.created, intent.stack.clone())
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::support::{at, intent, ticket};
    use crate::plan::history::{AddedNode, Phase};
    use crate::plan::{ActionKind, ActionType};

    fn named(name: &str, group: &str) -> Intent {
        Intent {
            stack: StackName::new("shop", name),
            ..intent(group)
        }
    }

    fn member<'a>(intent: &'a Intent, history: &'a History) -> Member<'a> {
        Member {
            intent,
            history,
            account: None,
        }
    }

    fn with_ticket(kind: ActionKind, phase: Phase) -> History {
        History {
            tickets: vec![ticket(kind, phase)],
            ..History::default()
        }
    }

    fn elder_of(loser: &Intent, other: &Intent) -> Option<String> {
        let none = History::default();
        let roll = Roll::call([member(loser, &none), member(other, &none)].into_iter());
        let fleet = roll.fleet(member(loser, &none), &Common::default(), &Limits::default());
        fleet.claimed_by_elder.get(&"cache".into()).cloned()
    }

    #[test]
    fn of_two_stacks_that_name_one_group_the_elder_wins() {
        let (a, b) = (named("a", "sessions"), named("b", "sessions"));
        assert_eq!(elder_of(&b, &a).as_deref(), Some("shop/a"));
        assert_eq!(elder_of(&a, &b), None);
        let (old, young) = (
            Intent {
                created: Some(at(0)),
                ..b.clone()
            },
            Intent {
                created: Some(at(9)),
                ..a.clone()
            },
        );
        assert_eq!(elder_of(&young, &old).as_deref(), Some("shop/b"));
        // A creation time is older than none.
        assert_eq!(elder_of(&a, &old).as_deref(), Some("shop/b"));
    }

    #[test]
    fn accounts_are_compared_by_their_ids_and_an_unknown_one_may_be_any() {
        let (a, b) = (named("a", "sessions"), named("b", "sessions"));
        let none = History::default();
        let elder = |of_a: Option<&str>, of_b: Option<&str>| {
            let of = |account: Option<&str>, intent| Member {
                account: account.map(AccountId::new),
                ..member(intent, &none)
            };
            let roll = Roll::call([of(of_a, &a), of(of_b, &b)].into_iter());
            let fleet = roll.fleet(of(of_b, &b), &Common::default(), &Limits::default());
            fleet.claimed_by_elder.contains_key(&"cache".into())
        };
        assert!(elder(Some("111122223333"), Some("111122223333")));
        assert!(!elder(Some("111122223333"), Some("444455556666")));
        assert!(elder(Some("111122223333"), None));
        assert!(elder(None, Some("444455556666")));
    }

    #[test]
    fn the_same_identifier_in_another_region_is_another_group() {
        let elsewhere = Intent {
            region: "eu-west-1".into(),
            ..named("a", "sessions")
        };
        assert_eq!(elder_of(&named("b", "sessions"), &elsewhere), None);
        assert_eq!(elder_of(&named("b", "sessions"), &named("a", "other")), None);
    }

    #[test]
    fn only_open_disruptive_tickets_of_other_stacks_are_in_flight() {
        let (a, b) = (named("a", "x"), named("b", "y"));
        let moving = || ActionKind::MovePrimary { shard: "0001".into() };
        let adding = ActionKind::AddReplica {
            shard: "0001".into(),
            zone: "a".into(),
            replaces: None,
        };
        let in_flight = |history: History| {
            let none = History::default();
            let roll = Roll::call([member(&a, &none), member(&b, &history)].into_iter());
            let of = |intent, history| {
                let fleet = roll.fleet(member(intent, history), &Common::default(), &Limits::default());
                fleet.disruptions_in_flight
            };
            (of(&a, &none), of(&b, &history))
        };
        assert_eq!(in_flight(with_ticket(moving(), Phase::Settling)), (1, 0));
        assert_eq!(in_flight(with_ticket(moving(), Phase::Prepared)), (1, 0));
        assert_eq!(in_flight(with_ticket(moving(), Phase::Done)), (0, 0));
        assert_eq!(in_flight(with_ticket(adding, Phase::Settling)), (0, 0));
        assert_eq!(moving().action_type(), ActionType::MovePrimary);
    }

    #[test]
    fn nodes_that_we_added_are_counted_over_all_stacks() {
        let added = |n: usize| History {
            added_nodes: (0..n)
                .map(|i| {
                    let node = AddedNode {
                        component: "cache".into(),
                        shard: "0001".into(),
                        at: at(0),
                        replaces: None,
                        created: None,
                    };
                    (format!("n{i}").as_str().into(), node)
                })
                .collect(),
            ..History::default()
        };
        let (a, b, three, two) = (named("a", "x"), named("b", "y"), added(3), added(2));
        let roll = Roll::call([member(&a, &three), member(&b, &two)].into_iter());
        let fleet = roll.fleet(member(&a, &three), &Common::default(), &Limits::default());
        assert_eq!(fleet.added_nodes, 5);
    }
}
