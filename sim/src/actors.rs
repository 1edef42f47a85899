//! Who else acts in a world: a person, Terraform, replica autoscaling, AWS maintenance, the weather.
//!
//! Actors go through the same operations as API callers, so they are validated and show in events; they don't show in
//! the log of API calls received but in the journal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::service::{Caller, Ctx, Quirks, elasticache};
use crate::units::{Moment, Span};
use crate::wire::query::Params;
use crate::world::model::Life;
use crate::world::{ActorNote, Due, Group, GroupKey, World};

/// An actor as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActorSpec {
    /// A name for the journal; its kind when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// First deed: an instant, or an offset from when the actor joins. At once when absent.
    #[serde(default)]
    pub at: Option<Moment>,
    /// Again and again.
    #[serde(default)]
    pub every: Option<Span>,
    /// No deeds from then on.
    #[serde(default)]
    pub until: Option<Moment>,
    /// What it does.
    pub does: Deed,
}

/// What an actor does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Deed {
    /// A person tests a failover.
    TestFailover {
        /// Group id.
        group: String,
        /// Shard id.
        shard: String,
    },
    /// Terraform: sets the replica count of each shard, removing the newest or letting AWS add.
    Terraform {
        /// Group id.
        group: String,
        /// Replicas of each shard.
        replicas: i64,
    },
    /// Replica autoscaling: walks through a list of counts, one at each deed, again and again.
    Autoscaling {
        /// Group id.
        group: String,
        /// Replicas of each shard.
        replicas: Vec<i64>,
    },
    /// AWS patches the group: in each shard the replicas, then, after a failover, the old primary.
    Maintenance {
        /// Group id.
        group: String,
    },
    /// AWS takes a snapshot: the group is `snapshotting`, and so is one node of each shard.
    Backup {
        /// Group id.
        group: String,
        /// How long it takes; ten minutes when absent.
        #[serde(default, rename = "for")]
        duration: Option<Span>,
    },
    /// A person changes settings, as the API lets them.
    Modify {
        /// Group id.
        group: String,
        /// AutomaticFailoverEnabled.
        #[serde(default, rename = "automaticFailover")]
        automatic_failover: Option<bool>,
        /// MultiAZEnabled.
        #[serde(default, rename = "multiAz")]
        multi_az: Option<bool>,
    },
    /// A person removes one replica by id, whatever the count.
    RemoveReplica {
        /// Its cache cluster id.
        node: String,
    },
    /// A zone dies, and returns.
    ZoneOutage {
        /// Its name.
        zone: String,
        /// For how long; for ever when absent.
        #[serde(default, rename = "for")]
        duration: Option<Span>,
    },
    /// A node dies.
    NodeFailure {
        /// Its cache cluster id.
        node: String,
        /// Until it serves again; the world's timing when absent.
        #[serde(default, rename = "recoverAfter")]
        recover_after: Option<Span>,
    },
    /// A person replaces a group by another one of its id.
    Recreate {
        /// As in the world file.
        group: Box<crate::world::spec::GroupSpec>,
    },
    /// A person writes tags.
    Tags {
        /// Group id.
        group: String,
        /// All tags from then on.
        tags: std::collections::BTreeMap<String, String>,
    },
}

/// An actor at work.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    spec: ActorSpec,
    name: String,
    until: Option<Timestamp>,
    deeds: usize,
}

/// Busy groups are tried again so soon.
const TRY_AGAIN: Span = Span::secs(30);

/// Lets an actor join.
pub fn enlist(world: &mut World, spec: ActorSpec) -> Result<(), String> {
    let base = world.now();
    if let Deed::Autoscaling { replicas, .. } = &spec.does
        && replicas.is_empty()
    {
        return Err("an autoscaling actor needs at least one replica count".to_owned());
    }
    let first = spec.at.map_or(base, |at| at.resolve(base));
    let name = spec.name.clone().unwrap_or_else(|| spec.does.word().to_owned());
    let until = spec.until.map(|until| until.resolve(base));
    world.actors.push(Actor {
        spec,
        name,
        until,
        deeds: 0,
    });
    let generation = world.actor_generation;
    world.schedule(
        first,
        Due::Act {
            actor: world.actors.len() - 1,
            generation,
        },
    );
    Ok(())
}

/// Sends every actor home.
pub fn dismiss(world: &mut World) {
    world.actors.clear();
    world.actor_generation += 1;
}

/// An actor's moment has come.
pub(crate) fn act(world: &mut World, index: usize, generation: u64) {
    if generation != world.actor_generation {
        return;
    }
    let Some(actor) = world.actors.get(index).cloned() else {
        return;
    };
    let now = world.now();
    if actor.until.is_some_and(|until| now >= until) {
        return;
    }
    let result = perform(world, &actor);
    let busy = matches!(&result, Err(refusal) if refusal.starts_with("InvalidReplicationGroupState"));
    let retry = busy && actor.spec.every.is_none_or(|every| every.0 > TRY_AGAIN.0 * 2);
    if !retry && let Some(actor) = world.actors.get_mut(index) {
        actor.deeds += 1;
    }
    let deed = actor.spec.does.word();
    if result.as_ref().is_ok_and(|done| !done) {
        tracing::debug!(actor = %actor.name, deed, "Nothing to do");
    } else {
        let result = result.map_or_else(|refusal| refusal, |_| "ok".to_owned());
        tracing::info!(actor = %actor.name, deed, %result, "Another actor acted");
        let note = ActorNote {
            at: now,
            actor: actor.name.clone(),
            deed: deed.to_owned(),
            result,
        };
        world.journal.actors.push(note);
    }
    let next = if retry { Some(TRY_AGAIN) } else { actor.spec.every };
    if let Some(span) = next {
        let at = now + span.0.max(Span::secs(1).0);
        world.schedule(
            at,
            Due::Act {
                actor: index,
                generation,
            },
        );
    }
}

impl Deed {
    fn word(&self) -> &'static str {
        match self {
            Self::TestFailover { .. } => "testFailover",
            Self::Terraform { .. } => "terraform",
            Self::Autoscaling { .. } => "autoscaling",
            Self::Maintenance { .. } => "maintenance",
            Self::Backup { .. } => "backup",
            Self::Modify { .. } => "modify",
            Self::RemoveReplica { .. } => "removeReplica",
            Self::ZoneOutage { .. } => "zoneOutage",
            Self::NodeFailure { .. } => "nodeFailure",
            Self::Recreate { .. } => "recreate",
            Self::Tags { .. } => "tags",
        }
    }
}

/// Does the deed; `Ok(false)`: there was nothing to do.
fn perform(world: &mut World, actor: &Actor) -> Result<bool, String> {
    match &actor.spec.does {
        Deed::TestFailover { group, shard } => {
            let params = [
                ("ReplicationGroupId", group.clone()),
                ("NodeGroupId", shard.clone()),
            ];
            call(world, actor, group, "TestFailover", Params::from_pairs(params))
        }
        Deed::Terraform { group, replicas } => set_count(world, actor, group, *replicas),
        Deed::Autoscaling { group, replicas } => {
            set_count(world, actor, group, replicas[actor.deeds % replicas.len()])
        }
        Deed::Maintenance { group } => {
            let key = key_of(world, group)?;
            world
                .begin_maintenance(&key)
                .map(|()| true)
                .map_err(|e| format!("InvalidReplicationGroupState: {e}"))
        }
        Deed::Backup { group, duration } => {
            let key = key_of(world, group)?;
            world
                .begin_backup(&key, duration.unwrap_or(Span::mins(10)))
                .map(|()| true)
                .map_err(|e| format!("InvalidReplicationGroupState: {e}"))
        }
        Deed::Modify {
            group,
            automatic_failover,
            multi_az,
        } => {
            let mut params = Params::from_pairs([
                ("ReplicationGroupId", group.to_owned()),
                ("ApplyImmediately", "true".to_owned()),
            ]);
            for (name, value) in [
                ("AutomaticFailoverEnabled", automatic_failover),
                ("MultiAZEnabled", multi_az),
            ] {
                if let Some(on) = value {
                    params.set(name, on.to_string());
                }
            }
            call(world, actor, group, "ModifyReplicationGroup", params)
        }
        Deed::RemoveReplica { node } => {
            let group = world
                .key_of_node(node)
                .ok_or_else(|| format!("there is no node {node}"))?
                .id;
            remove(world, actor, &group, std::slice::from_ref(node))
        }
        Deed::ZoneOutage { zone, duration } => match duration {
            Some(duration) => world.fail_zone_for(zone, *duration).map(|()| true),
            None => world.fail_zone(zone).map(|()| true),
        },
        Deed::NodeFailure { node, recover_after } => world.fail_node(node, *recover_after).map(|()| true),
        Deed::Recreate { group } => world.recreate_group(group).map(|()| true),
        Deed::Tags { group, tags } => world.set_tags(group, tags.clone()).map(|()| true),
    }
}

/// Brings every shard to a replica count: the newest go, AWS places new ones.
fn set_count(world: &mut World, actor: &Actor, group: &str, replicas: i64) -> Result<bool, String> {
    let key = key_of(world, group)?;
    let Some(found) = world.group(&key) else {
        return Err(format!("there is no group {group}"));
    };
    let surplus = newest_surplus(found, replicas);
    if !surplus.is_empty() {
        return remove(world, actor, group, &surplus);
    }
    let mut params = Params::from_pairs([
        ("ReplicationGroupId", group.to_owned()),
        ("ApplyImmediately", "true".to_owned()),
    ]);
    let mut short = 0;
    for (id, shard) in &found.shards {
        if i64::try_from(shard.replicas().count()).is_ok_and(|now| now < replicas) {
            short += 1;
            let prefix = format!("ReplicaConfiguration.ConfigureShard.{short}");
            params.set(&format!("{prefix}.NodeGroupId"), id);
            params.set(&format!("{prefix}.NewReplicaCount"), replicas.to_string());
        }
    }
    if short == 0 {
        Ok(false)
    } else {
        call(world, actor, group, "IncreaseReplicaCount", params)
    }
}

fn newest_surplus(group: &Group, replicas: i64) -> Vec<String> {
    let keep = usize::try_from(replicas).unwrap_or_default();
    let mut surplus = Vec::new();
    for shard in group.shards.values() {
        let mut nodes: Vec<_> = shard
            .replicas()
            .filter(|node| node.life != Life::Starting)
            .collect();
        nodes.sort_by(|a, b| (b.created, &b.id).cmp(&(a.created, &a.id)));
        let excess = nodes.len().saturating_sub(keep);
        surplus.extend(nodes.into_iter().take(excess).map(|node| node.id.clone()));
    }
    surplus
}

fn remove(world: &mut World, actor: &Actor, group: &str, nodes: &[String]) -> Result<bool, String> {
    let mut params = Params::from_pairs([
        ("ReplicationGroupId", group.to_owned()),
        ("ApplyImmediately", "true".to_owned()),
    ]);
    for (position, node) in nodes.iter().enumerate() {
        params.set(&format!("ReplicasToRemove.member.{}", position + 1), node);
    }
    call(world, actor, group, "DecreaseReplicaCount", params)
}

fn key_of(world: &World, group: &str) -> Result<GroupKey, String> {
    world
        .find_group(group)
        .map(|group| group.key.clone())
        .ok_or_else(|| format!("there is no group {group}"))
}

fn call(world: &mut World, actor: &Actor, group: &str, action: &str, params: Params) -> Result<bool, String> {
    let place = key_of(world, group)?.place;
    let by = format!("actor {}", actor.name);
    let arn = format!("arn:aws:iam::{}:user/{}", place.account, actor.name);
    let caller = Caller {
        access_key: actor.name.clone(),
        place,
        arn,
        tags: BTreeMap::new(),
        by,
    };
    let quirks = Quirks::default();
    let mut ctx = Ctx {
        world,
        caller: &caller,
        quirks: &quirks,
        applied: false,
    };
    match elasticache::dispatch(&mut ctx, action, params) {
        Ok(_) => Ok(true),
        Err(error) => Err(format!("{}: {}", error.code, error.message)),
    }
}
