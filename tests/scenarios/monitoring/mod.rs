//! A real Prometheus over the running controller, with the rules that ship; a real Alertmanager that notifies as
//! `deploy/alertmanager-example.yaml` says; the dashboard's queries.
//!
//! Prometheus and Alertmanager know the wall's time only, and an outage's alerts take hours of it:
//!
//! - [`live`]: Prometheus scrapes the running controller, with the file as it ships, as far as that goes in seconds.
//! - [`timeline`]: the file as it ships, at the times that it ships with, in promtool's simulated time.
//! - here: what the controller said at each half minute of a stepped outage is scraped again ([`player`]), sixty times as
//!   fast; each duration of rules and routes is divided by sixty ([`scaled`]).

mod alertmanager;
mod dashboard;
mod live;
mod player;
mod prometheus;
mod scaled;
mod timeline;

use super::controller::{Controller, install_crd, prepare};
use super::kubernetes::process::get;
use super::kubernetes::simulator;
use super::rig::{LoopUnderTest as _, Rig, minutes};
use super::worlds::{self, Mode, manifest, manifest_with};
use alertmanager::{Alertmanager, Notification};
use evenkeel::clock::Stopwatch;
use evenkeel_testkit::KubeRig;
use jiff::SignedDuration;
use player::Player;
use prometheus::Prometheus;
use serde_json::json;
use std::fmt::Write as _;

/// Simulated seconds in a real one.
const FACTOR: u64 = 60;
const STACKS: usize = 200;
/// Of these, so many stay unsafe when the zone is back.
const STAY: usize = 60;
const A: &str = "ap-northeast-2a";

fn group(number: usize) -> String {
    format!("group-{number:03}")
}

/// Of groups with primaries in a and c by turns, and one whose two primaries stand in c, so that there is something to do.
fn world() -> String {
    let mut text = String::from(
        "region: ap-northeast-2\naccount: \"111122223333\"\n\
         zones: {ap-northeast-2a: apne2-az1, ap-northeast-2c: apne2-az3}\n\
         subnetGroups: [{name: shop-cache, zones: [ap-northeast-2a, ap-northeast-2c]}]\n\
         replicationGroups:\n  - {id: skewed, clusterMode: enabled, subnetGroup: shop-cache, \
         tags: {evenkeel.dev/owner: demo}, shards: [\"c:P a:r\", \"c:P a:r\"]}\n",
    );
    for number in 0..STACKS {
        let shard = if number % 2 == 0 { "c:P a:r" } else { "a:P c:r" };
        let _ = writeln!(
            text,
            "  - {{id: {}, clusterMode: disabled, subnetGroup: shop-cache, tags: {{evenkeel.dev/owner: demo}}, shards: \
             [\"{shard}\"]}}",
            group(number)
        );
    }
    text
}

/// The team's; those that stay unsafe only observe, or Evenkeel would mend them.
fn stack(name: &str, observes: bool) -> String {
    let mode = if observes {
        "  mode: Observe\n"
    } else {
        "  guardrails: {quietPeriod: 5m}\n"
    };
    manifest_with("", &["a", "c"], 1, mode)
        .replace("replicationGroup: sessions", &format!("replicationGroup: {name}"))
        .replace(
            "  name: shop\n",
            &format!("  name: {name}\n  labels: {{evenkeel.dev/team: shop}}\n"),
        )
}

/// Those whose primary stands in c, which is not lost.
fn staying() -> impl Iterator<Item = usize> {
    (0..STACKS).step_by(2).take(STAY)
}

async fn fleet(kube: &KubeRig) -> Rig<Controller> {
    let sim = simulator(&world()).await;
    let place = prepare(kube).await;
    let mut lut = Controller::at(&sim, place, "scenario", &["--listen", "127.0.0.1:0"]);
    lut.apply("skewed", &stack("skewed", false)).await;
    let staying: Vec<usize> = staying().collect();
    for number in 0..STACKS {
        let name = group(number);
        lut.apply(&name, &stack(&name, staying.contains(&number))).await;
    }
    lut.start().await;
    Rig::over(sim, lut)
}

/// Somebody turns automatic failover of the groups that stay unsafe off, or on again.
fn set_failover(rig: &Rig<Controller>, on: bool) {
    for number in staying() {
        rig.actor(&format!(
            "{{does: {{modify: {{group: {}, automaticFailover: {on}, multiAz: {on}}}}}}}",
            group(number)
        ));
    }
}

/// One balanced stack over two zones, and the controller with its page of metrics.
async fn balanced() -> Rig<Controller> {
    let two_zones = worlds::world(Mode::Enabled, &["a", "c"], &["a:P c:r", "c:P a:r"], "");
    let sim = simulator(&two_zones).await;
    let place = Controller::new(&sim).place().await.clone();
    let lut = Controller::at(&sim, place, "scenario", &["--listen", "127.0.0.1:0"]);
    let mut rig = Rig::over(sim, lut);
    rig.lut.apply("shop", &manifest(&["a", "c"], 1, "")).await;
    rig.lut.start().await;
    rig
}

const REDUNDANT: &str =
    "count(min by (namespace, name) (evenkeel_stack_survives_zone_loss) == 1) or vector(0)";
const UNSAFE: &str = "count(ALERTS{alertname=\"EvenkeelStackNotZoneRedundant\", severity=\"critical\", alertstate=\"firing\"}) or vector(0)";
const IMPAIRED: &str =
    "count(ALERTS{alertname=\"EvenkeelZoneImpaired\", alertstate=\"firing\"}) or vector(0)";
const MOVED: &str =
    "count(ALERTS{alertname=\"EvenkeelFailoverDetected\", alertstate=\"firing\"}) or vector(0)";

fn told(receiver: &str, status: &str, alert: &str, zone: &str, alerts: usize) -> Notification {
    Notification {
        receiver: receiver.to_owned(),
        status: status.to_owned(),
        alert: alert.to_owned(),
        severity: "critical".to_owned(),
        zone: zone.to_owned(),
        alerts,
    }
}

/// What the running controller said at each half minute of an outage.
struct Outage {
    namespace: String,
    scrapes: Vec<String>,
    /// Scrapes up to the end of the outage, and up to the moment at which somebody mends the sixty.
    lasts_until: usize,
    mended: usize,
}

/// Two hundred stacks, a stepped clock: it takes as long as it takes.
async fn outage(note: impl Fn(&str)) -> Outage {
    let kube = KubeRig::start().await.unwrap();
    install_crd(kube.admin()).await;
    let rig = fleet(&kube).await;
    note("the controller runs");
    let limit = rig.sim.now() + minutes(120);
    while !get(&rig.lut, "/metrics")
        .await
        .1
        .contains("evenkeel_actions_total{outcome=\"succeeded\"")
    {
        rig.run_for(minutes(1)).await;
        assert!(rig.sim.now() < limit, "{}", rig.lut.log());
    }
    note("one action is done, and all is well");
    let mut scrapes = Vec::new();
    let record = async |scrapes: &mut Vec<String>, minutes: usize| {
        for _ in 0..minutes * 2 {
            rig.run_for(SignedDuration::from_secs(30)).await;
            let (code, text) = get(&rig.lut, "/metrics").await;
            assert_eq!(code, 200);
            scrapes.push(text);
        }
    };
    record(&mut scrapes, 3).await;
    rig.fail_zone(A);
    record(&mut scrapes, 6).await;
    set_failover(&rig, false);
    // Nothing more happens until it ends.
    record(&mut scrapes, 10).await;
    let lasts_until = scrapes.len();
    note("the outage is recorded");
    rig.recover_zone(A);
    record(&mut scrapes, 21).await;
    let mended = scrapes.len();
    set_failover(&rig, true);
    record(&mut scrapes, 5).await;
    note("its end is recorded");
    Outage {
        namespace: rig.lut.namespace().await,
        scrapes,
        lasts_until,
        mended,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_zones_outage_over_two_hundred_stacks_is_one_notification_and_the_dashboard_shows_it() {
    let began = Stopwatch::start();
    let note = |what: &str| println!("{:5.1} s: {what}", began.elapsed().as_secs_f64());
    let outage = outage(note).await;
    let example = scaled::alertmanager();
    let mut bare = example.clone();
    bare["inhibit_rules"] = json!([]);
    let (pager, noisy) = (
        Alertmanager::start(&example, FACTOR).await,
        Alertmanager::start(&bare, FACTOR).await,
    );
    let player = Player::start(outage.scrapes, FACTOR).await;
    // A scrape that a busy machine delays by five seconds is five minutes of silence here. `timeline` has that alert, too.
    let rules = scaled::faster_rules(
        &scaled::without(scaled::rules(), "EvenkeelControllerDown"),
        FACTOR,
    );
    let alertmanagers = [pager.authority(), noisy.authority()];
    let prometheus = Prometheus::start(&player.authority, &rules, FACTOR, &alertmanagers).await;

    player.play_to(1);
    prometheus.until("all is well", REDUNDANT, 201.0).await;
    prometheus.assert_rules_are_well(17).await;
    assert_eq!(prometheus.targets_in_trouble().await, Vec::<String>::new());

    // The zone is lost, and stays so for longer than a repair takes.
    player.play_to(outage.lasts_until);
    prometheus.until("the outage is told", IMPAIRED, 1.0).await;
    note("EvenkeelZoneImpaired");
    prometheus.until("failovers are told", MOVED, 1.0).await;
    note("EvenkeelFailoverDetected");
    prometheus.until("every stack is unsafe", UNSAFE, 201.0).await;
    note("201 EvenkeelStackNotZoneRedundant, critical");
    dashboard::assert_every_query_shows_something(&prometheus, &outage.namespace, "skewed").await;
    note("dashboard");
    prometheus.until("failovers are past", MOVED, 0.0).await;
    assert_eq!(
        pager.notifications(),
        [told("platform", "firing", "EvenkeelZoneImpaired", A, 1)]
    );

    // It returns. Sixty stacks could still not lose the other one.
    player.play_to(outage.mended);
    prometheus.until("the others are safe", UNSAFE, 60.0).await;
    prometheus.until("the outage is over", IMPAIRED, 0.0).await;
    note("EvenkeelZoneImpaired is over");
    let team = told(
        "shop",
        "firing",
        "EvenkeelStackNotZoneRedundant",
        "ap-northeast-2c",
        STAY,
    );
    let over = told("platform", "resolved", "EvenkeelZoneImpaired", A, 1);
    let mut seen = pager.until("the team is told", 3).await.split_off(1);
    seen.sort();
    assert_eq!(seen, [over, team]);
    note("the team is told");

    player.play_to(usize::MAX);
    prometheus.until("all is well in the end", UNSAFE, 0.0).await;
    pager.until("the team is told so", 4).await;
    assert_eq!(
        pager.notifications()[3..],
        [told(
            "shop",
            "resolved",
            "EvenkeelStackNotZoneRedundant",
            "ap-northeast-2c",
            STAY
        )]
    );
    note("all is well");
    let never_more = [
        "EvenkeelFailoverDetected warning Provider",
        "EvenkeelStackNotZoneRedundant critical ap-northeast-2c",
        "EvenkeelStackNotZoneRedundant warning ap-northeast-2c",
        "EvenkeelZoneImpaired critical ap-northeast-2a",
    ];
    assert_eq!(
        prometheus.ever_fired().await.into_iter().collect::<Vec<_>>(),
        never_more
    );
    assert!(
        prometheus.firing().await.is_empty(),
        "{:?}",
        prometheus.firing().await
    );

    // The same alerts without the rules of inhibition.
    let mut unmuted: Vec<(String, String, String)> = noisy
        .notifications()
        .into_iter()
        .map(|n| (n.receiver, n.alert, n.severity))
        .collect();
    unmuted.sort();
    unmuted.dedup();
    let expected = [
        ("platform", "EvenkeelFailoverDetected", "warning"),
        ("platform", "EvenkeelZoneImpaired", "critical"),
        ("shop", "EvenkeelStackNotZoneRedundant", "critical"),
        ("shop", "EvenkeelStackNotZoneRedundant", "warning"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(unmuted, expected);
}
