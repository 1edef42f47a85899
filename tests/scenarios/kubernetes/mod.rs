//! What only Kubernetes can do to the loop: two leaders, an API server that goes away, objects that change in mid-action,
//! rights. Each test that disturbs the API server has one of its own.

mod accounts;
mod chart;
mod kstatus;
mod leaders;
mod objects;
pub mod process;
mod rights;
mod server;

use super::controller::{Controller, install_crd, prepare, shared_with_crd};
use super::rig::{Rig, policy};
use super::worlds::{Mode, manifest, world};
use evenkeel_sim::{ClockMode, Sim};
use evenkeel_testkit::KubeRig;

const ZONES: &[&str] = &["a", "c"];
/// A fresh look before a call names the group; polls don't.
const FRESH_LOOK: &str = "{operation: DescribeReplicationGroups, target: sessions, hold: before}";

/// Both primaries in c: one test failover mends it.
fn skewed_world() -> String {
    world(Mode::Enabled, ZONES, &["c:P a:r", "c:P a:r"], "")
}

async fn skewed() -> Rig<Controller> {
    Rig::with(&skewed_world(), &manifest(ZONES, 1, "")).await
}

pub async fn simulator(world: &str) -> Sim {
    Sim::builder()
        .world_yaml(world)
        .clock(ClockMode::Stepped)
        .seed(7)
        .policy("default", &policy("controller"))
        .policy("default", &policy("assume-role"))
        .start()
        .await
        .unwrap()
}

/// An API server of its own with the CRD, and a controller that isn't running yet.
async fn alone(world: &str) -> (KubeRig, Rig<Controller>) {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let sim = simulator(world).await;
    let lut = Controller::at(&sim, prepare(&kube).await, "scenario", &[]);
    (kube, Rig::over(sim, lut))
}

/// Forgets whoever waits on the simulator's clock: a frozen process can't say that it waits no more.
fn forget_clients(sim: &Sim) {
    for client in sim.state().clock.clients.keys() {
        sim.forget_client(client);
    }
}
