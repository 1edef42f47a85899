//! A thousand HAStacks: how soon all have a status, what the controller keeps in memory, what a quiet minute costs, and
//! how soon evidence becomes a call. The release binary under its own account, a real API server with etcd, a simulated
//! AWS, all on this machine. Prints the table of docs/performance.md.
//!
//! `cargo bench -p evenkeel --bench scale -- [TRIALS]`; 100 trials unless said otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod controller;
mod fleet;
mod trials;

use controller::Controller;
use evenkeel::clock::{Clock as _, SystemClock};
use evenkeel_sim::{ClockMode, Sim};
use evenkeel_testkit::KubeRig;
use fleet::{Fleet, STACKS};
use std::time::Duration;
use trials::quantile;

/// How many simulated seconds pass in a real one while the trials run.
const SPEED: f64 = 20.0;
/// Metrics of the first hours have been bought and everything has been written by then.
const SETTLES: Duration = Duration::from_secs(150);
const QUIET: Duration = Duration::from_mins(3);
/// Without HAStacks there is little to begin with; the first scrape is over by then.
const STARTS: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    let trials = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(100);
    let kube = KubeRig::start().await.unwrap();
    let fleet = Fleet::create(&kube).await;
    eprintln!("{STACKS} HAStacks created");

    let sim = simulator(ClockMode::Real, "2026-03-02T00:00:00Z").await;
    let started = SystemClock.now();
    let controller = Controller::start(&fleet, &sim);
    let first = fleet.first_status(&kube, started).await;
    let ratio = first.as_secs_f64() / fleet.created_in.as_secs_f64();
    eprintln!("every one has a status: {first:.1?}, {ratio:.1} times what creating them took");
    tokio::time::sleep(SETTLES).await;
    let (rss, peak) = controller.memory();
    let (calls_before, writes_before, cpu_before) = (sim.mark(), fleet.writes(&kube), controller.cpu());
    tokio::time::sleep(QUIET).await;
    let per_minute = |count: usize| {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        f64::from(count) / (QUIET.as_secs_f64() / 60.0)
    };
    let cores = (controller.cpu() - cpu_before) / QUIET.as_secs_f64();
    let calls = sim.calls_since(calls_before).len();
    let writes = fleet.writes(&kube) - writes_before;
    controller.stop().await;

    // Later: a stack's record waits for half an hour before anything rests on it.
    let accelerated = ClockMode::Accelerated { speed: SPEED };
    let sim = simulator(accelerated, "2026-03-02T02:00:00Z").await;
    let controller = Controller::start(&fleet, &sim);
    let delays = trials::run(&sim, trials).await;
    let (rss_busy, _) = controller.memory();
    controller.stop().await;

    fleet.delete().await;
    let controller = Controller::start(&fleet, &sim);
    tokio::time::sleep(STARTS).await;
    let (rss_empty, _) = controller.memory();
    controller.stop().await;

    let row = |what: &str, goal: &str, value: String| println!("| {what} | {goal} | {value} |");
    println!("\n{}\n", machine());
    println!("| {STACKS} HAStacks, 2 shards of 3 nodes each | goal | measured |");
    println!("|---|---|---|");
    row(
        "start of the process until every HAStack has its first full status",
        "≤ 10 s",
        format!("{:.1} s", first.as_secs_f64()),
    );
    row(
        "the same, in times of what the API server took to create them",
        "",
        format!("{ratio:.1} ×"),
    );
    row(
        "resident memory, quiet",
        "≤ 64 MiB",
        format!("{rss:.1} MiB (peak {peak:.1} MiB)"),
    );
    row(
        "resident memory after the trials",
        "",
        format!("{rss_busy:.1} MiB"),
    );
    row(
        "resident memory without a HAStack",
        "",
        format!("{rss_empty:.1} MiB"),
    );
    row("processor cores in use, quiet", "", format!("{cores:.3}"));
    row(
        "AWS calls in a quiet minute",
        "",
        format!("{:.0}", per_minute(calls)),
    );
    row(
        "Kubernetes writes in a quiet minute, besides the lease",
        "0",
        format!("{:.1}", per_minute(writes)),
    );
    row(
        &format!(
            "evidence in the store until the first mutating call, {} trials: p50",
            delays.len()
        ),
        "",
        format!("{:.0} ms", quantile(&delays, 50)),
    );
    row(
        "the same: p99",
        "≤ 1 s",
        format!("{:.0} ms", quantile(&delays, 99)),
    );
}

/// The fleet of the examples, with quick changes and without the quota on nodes.
async fn simulator(clock: ClockMode, start: &str) -> Sim {
    let root = env!("CARGO_MANIFEST_DIR");
    let world = std::fs::read_to_string(format!("{root}/examples/world-fleet.yaml")).unwrap();
    let more = "quotas: {nodesPerRegion: 100000}\ntimings: {nodeDeletion: 5s, nodeCreation: 60s}\n";
    Sim::builder()
        .world_yaml(&format!("{world}{more}"))
        .clock(clock)
        .start_time(start.parse().unwrap())
        .seed(7)
        .start()
        .await
        .unwrap()
}

/// Processor, cores, memory, kernel.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|l| l.starts_with(name));
        line.and_then(|l| l.split_once(':'))
            .map(|(_, v)| v.trim().to_owned())
            .unwrap_or_default()
    };
    let kib: u64 = field(&read("/proc/meminfo"), "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or_default();
    format!(
        "{} × {}, {} GiB, Linux {}",
        std::thread::available_parallelism().map_or(0, usize::from),
        field(&read("/proc/cpuinfo"), "model name"),
        kib / 1024 / 1024,
        read("/proc/sys/kernel/osrelease").trim()
    )
}
