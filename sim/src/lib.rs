//! AWS on the wire, for tests, demos and people.
//!
//! [`Sim`] is a server on a loopback port that the official SDKs can't tell from AWS for what it covers: ElastiCache
//! (Query), CloudWatch GetMetricData (rpcv2Cbor, JSON 1.0, Query) and STS. Behind it stands a [`World`] with zones,
//! subnet groups and replication groups, a clock that a test can step, seeded faults, and other actors. What it does not
//! know it refuses loudly.
//!
//! Reading order: `world/model.rs` (what there is), `world/life.rs` and `world/change.rs` (what happens),
//! `service/elasticache/` (the operations), `server.rs` (the wire), `shared.rs` and `clock.rs` (time), `control.rs`
//! (`/_sim`). The README lists every switch and what is known about it.

mod actors;
mod auth;
mod calls;
mod clock;
mod control;
mod faults;
mod iam;
mod rate;
mod server;
mod service;
mod shared;
mod sim;
mod state;
mod units;
mod wire;
mod world;

pub use actors::{ActorSpec, Deed};
pub use calls::{Call, Totals};
pub use clock::{ClockMode, ClockView};
pub use faults::{CapacitySpec, ErrorSpec, FaultSpec, HoldPoint, Rule, RuleSpec};
pub use shared::{AdvanceError, STEPPED_START};
pub use sim::{Sim, SimBuilder, StartError};
pub use state::{GroupState, NodeState, ShardState, State, ZoneState};
pub use units::{Moment, Span, stamp};
pub use world::model;
pub use world::settings;
pub use world::spec::{
    ClusterMode, DurabilitySpec, FullShardSpec, GenerateSpec, GlobalSpec, GroupSpec, NodeSpec, RoleSpec,
    ShardSpec, SubnetGroupSpec,
};
pub use world::{
    ActorNote, DataLoss, Failover, Group, GroupKey, Place, Quotas, Switches, TestFailoverNote, Timings,
    World, WorldSpec,
};
