//! From what HAStacks want to what the loop may do: each stack that names an account gets its role and its limit, or is
//! kept from the loop. Without the loop nothing of it calls AWS.

use super::cache::Accounts;
use super::decide::{Grant, Refusal, decide};
use crate::aws::Access;
use crate::controller::watch::Cache;
use crate::engine::Wish;
use crate::topology::StackName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the loop may do, and what it may not.
#[derive(Debug, Default)]
pub struct Resolved {
    pub wishes: Arc<BTreeMap<StackName, Wish>>,
    pub refused: BTreeMap<StackName, Refusal>,
}

/// Resolves wishes, anew only when something changed.
#[derive(Default)]
pub struct Resolver {
    last: Option<(Arc<BTreeMap<StackName, Wish>>, u64)>,
    resolved: Arc<Resolved>,
    /// Stacks whose refusal is new, other or gone.
    changed: BTreeSet<StackName>,
}

impl Resolver {
    pub fn resolve(&mut self, wishes: &Arc<BTreeMap<StackName, Wish>>, accounts: &Accounts) -> Arc<Resolved> {
        let version = accounts.version();
        let known = |(before, at): &(Arc<_>, u64)| Arc::ptr_eq(before, wishes) && *at == version;
        if !self.last.as_ref().is_some_and(known) {
            let resolved = resolve(wishes, accounts);
            self.changed
                .extend(differing(&self.resolved.refused, &resolved.refused));
            self.resolved = Arc::new(resolved);
            self.last = Some((wishes.clone(), version));
        }
        self.resolved.clone()
    }

    /// Why this stack is kept from the loop.
    pub fn refusal(&self, stack: &StackName) -> Option<&Refusal> {
        self.resolved.refused.get(stack)
    }

    /// Stacks whose refusal is new, other or gone since the last call.
    pub fn take_changed(&mut self) -> BTreeSet<StackName> {
        std::mem::take(&mut self.changed)
    }
}

fn differing(
    before: &BTreeMap<StackName, Refusal>,
    after: &BTreeMap<StackName, Refusal>,
) -> BTreeSet<StackName> {
    let names = before.keys().chain(after.keys());
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

fn resolve(wishes: &Arc<BTreeMap<StackName, Wish>>, accounts: &Accounts) -> Resolved {
    if wishes.values().all(|wish| wish.intent.account_ref.is_none()) {
        return Resolved {
            wishes: wishes.clone(),
            refused: BTreeMap::new(),
        };
    }
    let mut resolved = Resolved::default();
    let mut allowed = BTreeMap::new();
    for (name, wish) in wishes.iter() {
        match one(wish, accounts) {
            Ok(wish) => {
                allowed.insert(name.clone(), wish);
            }
            Err(refusal) => {
                resolved.refused.insert(name.clone(), refusal);
            }
        }
    }
    resolved.wishes = Arc::new(allowed);
    resolved
}

/// The wish with what its account grants.
fn one(wish: &Wish, accounts: &Accounts) -> Result<Wish, Refusal> {
    let Some(account) = wish.intent.account_ref.as_deref() else {
        return Ok(wish.clone());
    };
    let namespace = &wish.intent.stack.namespace;
    let Grant { role, limit } = accounts.with(account, namespace, |known, labels| {
        decide(&wish.intent, account, known, labels)
    })?;
    let mut granted = wish.clone();
    granted.access = Access::Assumed(role);
    Arc::make_mut(&mut granted.intent).mode_limit = Some(limit);
    Ok(granted)
}

/// Why nothing may be done any more for what was judged by this wish: its account is gone, refuses, or grants something
/// else by now.
pub fn withdrawn(cache: &Cache, accounts: &Accounts, judged: &Wish) -> Option<String> {
    let account = judged.intent.account_ref.as_deref()?;
    // A HAStack that is gone is told by its record.
    let current = cache.wishes().get(&judged.intent.stack).cloned()?;
    match one(&current, accounts) {
        Err(refusal) => Some(refusal.message),
        Ok(now) if now.access != judged.access || now.intent.mode_limit != judged.intent.mode_limit => Some(
            format!("AWSAccount {account} was changed after the step had been decided: it is judged anew"),
        ),
        Ok(_) => None,
    }
}
