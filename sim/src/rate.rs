//! How many API calls an account may make in a second, if a world says so.
//!
//! AWS publishes no rates for these calls, so by default there is none. Time is simulated: a stepped clock that stands
//! still refills nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::service::Service;
use crate::world::Place;

/// Seconds' worth of calls that a bucket holds.
const BURST_SECONDS: f64 = 10.0;

/// One token bucket for each account, region and service.
#[derive(Debug, Default)]
pub struct Rates {
    buckets: BTreeMap<(Place, &'static str), Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl Rates {
    /// May this call pass? `per_second` 0 lets everything pass.
    pub fn admit(&mut self, place: &Place, service: Service, per_second: u32, now: Timestamp) -> bool {
        if per_second == 0 {
            return true;
        }
        let rate = f64::from(per_second);
        let most = rate * BURST_SECONDS;
        let bucket = self
            .buckets
            .entry((place.clone(), service.word()))
            .or_insert(Bucket {
                tokens: most,
                filled_at: now,
            });
        let since = now.duration_since(bucket.filled_at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + since * rate).min(most);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn place(account: &str) -> Place {
        Place {
            account: account.to_owned(),
            region: "ap-northeast-2".to_owned(),
        }
    }

    #[test]
    fn a_bucket_holds_ten_seconds_of_calls_and_fills_with_time() {
        let mut rates = Rates::default();
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let mut admitted = |account, service, seconds| {
            let now = start + SignedDuration::from_secs(seconds);
            let calls = 0..100;
            calls
                .filter(|_| rates.admit(&place(account), service, 2, now))
                .count()
        };
        assert_eq!(admitted("1", Service::ElastiCache, 0), 20);
        assert_eq!(admitted("1", Service::ElastiCache, 0), 0);
        assert_eq!(admitted("1", Service::ElastiCache, 3), 6);
        assert_eq!(
            admitted("1", Service::CloudWatch, 3),
            20,
            "each service has its own"
        );
        assert_eq!(admitted("2", Service::ElastiCache, 3), 20, "so has each account");
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let mut rates = Rates::default();
        let now = Timestamp::UNIX_EPOCH;
        assert!((0..1000).all(|_| rates.admit(&place("1"), Service::Sts, 0, now)));
    }
}
