//! Prometheus scrapes the running controller, with the rules as they ship.

use super::super::rig::{LoopUnderTest as _, healthy_and_balanced, hours, minutes};
use super::prometheus::Prometheus;
use super::scaled;

/// Time stands still between the steps, and Prometheus' goes on: an alert without `for` fires, others are pending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_running_controller_is_scraped_and_its_outage_is_told_by_the_rules_as_they_ship() {
    let rig = super::balanced().await;
    rig.run_until("balanced", hours(1), healthy_and_balanced).await;

    let prometheus = Prometheus::as_it_ships(&rig.lut.listens_at().await, &scaled::rules()).await;
    assert_eq!(prometheus.targets_in_trouble().await, Vec::<String>::new());
    // A namespace of its own: honor_labels. What has none gets that of the target.
    let namespace = rig.lut.namespace().await;
    let survives =
        format!("sum(evenkeel_stack_survives_zone_loss{{namespace=\"{namespace}\", name=\"shop\"}})");
    prometheus.until("it survives", &survives, 2.0).await;
    let leads = "evenkeel_leader{namespace=\"evenkeel-system\", job=\"evenkeel\"}";
    prometheus.until("it leads", leads, 1.0).await;
    let scraped =
        "scrape_samples_scraped{job=\"evenkeel\"} == scrape_samples_post_metric_relabeling > bool 60";
    prometheus.until("everything is taken", scraped, 1.0).await;
    prometheus
        .until("every rule was evaluated", "count(evenkeel:stack_team)", 1.0)
        .await;
    prometheus.assert_rules_are_well(18).await;
    let alerts = "count(ALERTS) or vector(0)";
    assert_eq!(prometheus.number(alerts).await, Some(0.0));

    rig.fail_zone("ap-northeast-2a");
    rig.run_for(minutes(10)).await;
    let impaired = "ALERTS{alertname=\"EvenkeelZoneImpaired\", severity=\"critical\", alertstate=\"firing\", account=\"111122223333\", \
                    region=\"ap-northeast-2\", zone=\"ap-northeast-2a\"}";
    prometheus.until("the outage is told", impaired, 1.0).await;
    let moved = "ALERTS{alertname=\"EvenkeelFailoverDetected\", class=\"Provider\", alertstate=\"pending\"}";
    prometheus.until("the failover is pending", moved, 1.0).await;
    assert_eq!(
        prometheus.number("count(ALERTS{alertstate=\"firing\"})").await,
        Some(1.0)
    );
    prometheus.assert_rules_are_well(18).await;
}
