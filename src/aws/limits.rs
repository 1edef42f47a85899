//! How fast we ask: token buckets per service, slower after a throttle, faster again with every success.
//!
//! Pure: time and randomness are arguments. AWS publishes no rates for ElastiCache's calls, and a quota of 50 a second
//! for GetMetricData (CloudWatch User Guide, *CloudWatch service quotas*); the ceilings leave most of an account's usual
//! budget to others. A burst lets a large fleet be read once at a go, page after page: a thousand groups of six nodes
//! take 70 pages. Example: ceiling 5/s; three throttles in a row make it 2.5, 1.25, 1 (the floor); forty successes later
//! it is 5 again.

use super::types::{AwsError, ErrorClass};
use jiff::{SignedDuration, Timestamp};

/// Whose budget a call spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    ElastiCacheReads,
    ElastiCacheWrites,
    CloudWatch,
    Sts,
}

/// The buckets of one account and region.
#[derive(Clone, Debug)]
pub struct Limits {
    elasticache_reads: Bucket,
    elasticache_writes: Bucket,
    cloudwatch: Bucket,
    sts: Bucket,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            elasticache_reads: Bucket::new(10.0, 80.0),
            elasticache_writes: Bucket::new(1.0, 3.0),
            cloudwatch: Bucket::new(10.0, 30.0),
            sts: Bucket::new(1.0, 2.0),
        }
    }
}

impl Limits {
    pub fn bucket(&mut self, budget: Budget) -> &mut Bucket {
        match budget {
            Budget::ElastiCacheReads => &mut self.elasticache_reads,
            Budget::ElastiCacheWrites => &mut self.elasticache_writes,
            Budget::CloudWatch => &mut self.cloudwatch,
            Budget::Sts => &mut self.sts,
        }
    }
}

/// A token bucket whose rate adapts: halved by a throttle, raised by a tenth of a call per second by a success.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Calls per second, at most and now.
    ceiling: f64,
    rate: f64,
    burst: f64,
    tokens: f64,
    filled_at: Option<Timestamp>,
}

impl Bucket {
    /// However much AWS throttles, we ask this often (calls per second).
    const FLOOR: f64 = 1.0;
    const RAISE: f64 = 0.1;

    pub fn new(rate: f64, burst: f64) -> Self {
        Self {
            ceiling: rate,
            rate,
            burst,
            tokens: burst,
            filled_at: None,
        }
    }

    /// Takes a token, or says when there will be one.
    pub fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.fill(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        // A millisecond more, so that rounding never finds the bucket almost full.
        let wait = SignedDuration::from_secs_f64((1.0 - self.tokens) / self.rate);
        Err(now + wait + SignedDuration::from_millis(1))
    }

    /// Takes note of how a call ended.
    pub fn learn(&mut self, throttled: bool) {
        if throttled {
            self.rate = (self.rate / 2.0).max(Self::FLOOR.min(self.ceiling));
            self.tokens = self.tokens.min(0.0);
        } else {
            self.rate = (self.rate + Self::RAISE).min(self.ceiling);
        }
    }

    /// Calls per second now.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    fn fill(&mut self, now: Timestamp) {
        let since = self
            .filled_at
            .map_or(SignedDuration::ZERO, |at| now.duration_since(at));
        if !since.is_negative() {
            self.tokens = (self.tokens + since.as_secs_f64() * self.rate).min(self.burst);
        }
        self.filled_at = Some(now);
    }
}

/// How long a caller goes on asking after failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Of one request that is throttled; half of it where it fails otherwise.
    pub attempts: u32,
    /// No attempt of a request begins later than this after its first.
    pub one: SignedDuration,
    /// Nor later than this after the first request of the whole listing.
    pub whole: SignedDuration,
}

/// When a request and the listing that it belongs to were begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    pub request: Timestamp,
    pub whole: Timestamp,
}

impl Patience {
    /// When to try again after the `failed`-th failure in a row (1 = the first), if at all. `random` is in 0..1.
    ///
    /// Only throttles and transient failures are worth it. Waits grow from half a second to 20 s, each between half
    /// and all of that ("equal jitter").
    pub fn next_try(
        self,
        error: &AwsError,
        failed: u32,
        begun: Begun,
        now: Timestamp,
        random: f64,
    ) -> Option<Timestamp> {
        let attempts = match error.class {
            ErrorClass::Throttled => self.attempts,
            // Waiting helps less often: an endpoint that is broken mostly stays so for a while.
            ErrorClass::Transient => self.attempts.div_ceil(2),
            _ => return None,
        };
        if failed >= attempts {
            return None;
        }
        let whole = 0.5 * f64::from(1_u32 << failed.saturating_sub(1).min(6));
        let wait = SignedDuration::from_secs_f64(whole.min(20.0) * (0.5 + random.clamp(0.0, 1.0) / 2.0));
        let at = now + wait;
        let in_time =
            at.duration_since(begun.request) <= self.one && at.duration_since(begun.whole) <= self.whole;
        in_time.then_some(at)
    }
}

/// A small seeded source of jitter (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number in 0..1.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let top = u32::try_from(z >> 40).unwrap_or_default();
        f64::from(top) / f64::from(1_u32 << 24)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, millis: i32) -> Timestamp {
        Timestamp::new(1_772_409_600 + seconds, millis * 1_000_000).unwrap()
    }

    fn error(class: ErrorClass) -> AwsError {
        AwsError {
            class,
            service: "elasticache",
            operation: "DescribeEvents",
            code: "Throttling".into(),
            message: "Rate exceeded".into(),
            maybe_sent: true,
        }
    }

    #[test]
    fn a_burst_is_free_then_the_rate_holds() {
        let mut bucket = Bucket::new(5.0, 3.0);
        for _ in 0..3 {
            assert_eq!(bucket.take(at(0, 0)), Ok(()));
        }
        let next = bucket.take(at(0, 0)).unwrap_err();
        assert_eq!(next, at(0, 201));
        assert_eq!(bucket.take(next), Ok(()));
        assert!(bucket.take(next).is_err());
    }

    #[test]
    fn over_a_minute_no_more_calls_are_made_than_burst_and_rate_allow() {
        let mut bucket = Bucket::new(5.0, 20.0);
        let (mut now, mut calls) = (at(0, 0), 0);
        while now < at(60, 0) {
            match bucket.take(now) {
                Ok(()) => calls += 1,
                Err(next) => now = next,
            }
        }
        assert!((310..=320).contains(&calls), "{calls} calls");
    }

    #[test]
    fn a_throttle_halves_the_rate_down_to_the_floor_and_successes_raise_it_to_the_ceiling() {
        let mut bucket = Bucket::new(5.0, 20.0);
        let mut rates = Vec::new();
        for _ in 0..4 {
            bucket.learn(true);
            rates.push(bucket.rate());
        }
        assert_eq!(rates, [2.5, 1.25, 1.0, 1.0]);
        for _ in 0..39 {
            bucket.learn(false);
        }
        assert!(bucket.rate() < 5.0);
        for _ in 0..10 {
            bucket.learn(false);
        }
        assert!((bucket.rate() - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_throttle_ends_the_burst() {
        let mut bucket = Bucket::new(5.0, 20.0);
        assert_eq!(bucket.take(at(0, 0)), Ok(()));
        bucket.learn(true);
        assert_eq!(bucket.take(at(0, 0)), Err(at(0, 401)));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_tokens_and_takes_none() {
        let mut bucket = Bucket::new(1.0, 1.0);
        assert_eq!(bucket.take(at(100, 0)), Ok(()));
        assert_eq!(bucket.take(at(50, 0)), Err(at(51, 1)));
        assert_eq!(bucket.take(at(52, 0)), Ok(()));
    }

    const PATIENCE: Patience = Patience {
        attempts: 4,
        one: SignedDuration::from_secs(30),
        whole: SignedDuration::from_secs(300),
    };

    fn begun(request: i64) -> Begun {
        Begun {
            request: at(request, 0),
            whole: at(0, 0),
        }
    }

    #[test]
    fn only_throttles_and_transient_failures_are_tried_again() {
        let next = |class| PATIENCE.next_try(&error(class), 1, begun(0), at(0, 0), 1.0);
        assert_eq!(next(ErrorClass::Throttled), Some(at(0, 500)));
        assert_eq!(next(ErrorClass::Transient), Some(at(0, 500)));
        for class in [
            ErrorClass::NotFound,
            ErrorClass::Denied,
            ErrorClass::Conflict,
            ErrorClass::Capacity,
            ErrorClass::Quota,
            ErrorClass::Invalid,
            ErrorClass::Unknown,
        ] {
            assert_eq!(next(class), None, "{class:?}");
        }
    }

    #[test]
    fn waits_double_with_jitter_and_end_with_attempts_or_time() {
        let throttled = error(ErrorClass::Throttled);
        let next = |failed, now, random| PATIENCE.next_try(&throttled, failed, begun(0), now, random);
        assert_eq!(next(1, at(0, 0), 0.0), Some(at(0, 250)));
        assert_eq!(next(2, at(0, 0), 1.0), Some(at(1, 0)));
        assert_eq!(next(3, at(0, 0), 1.0), Some(at(2, 0)));
        assert_eq!(next(4, at(0, 0), 1.0), None);
        let transient = error(ErrorClass::Transient);
        let twice = PATIENCE.next_try(&transient, 2, begun(0), at(0, 0), 1.0);
        assert_eq!(twice, None);
        assert_eq!(next(3, at(29, 0), 1.0), None);
        let long = Patience {
            attempts: 99,
            ..PATIENCE
        };
        let wait = long.next_try(&throttled, 50, begun(0), at(0, 0), 1.0);
        assert_eq!(wait, Some(at(20, 0)));
    }

    #[test]
    fn a_later_page_has_its_own_time_but_the_listing_an_end() {
        let throttled = error(ErrorClass::Throttled);
        let next = |request, now| PATIENCE.next_try(&throttled, 1, begun(request), at(now, 0), 1.0);
        assert_eq!(next(200, 210), Some(at(210, 500)));
        assert_eq!(next(290, 300), None);
    }

    #[test]
    fn jitter_is_spread_over_the_unit_interval_and_repeatable() {
        let mut jitter = Jitter::new(7);
        let numbers: Vec<f64> = (0..1000).map(|_| jitter.draw()).collect();
        assert!(numbers.iter().all(|n| (0.0..1.0).contains(n)));
        let mean = numbers.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "mean {mean}");
        let mut again = Jitter::new(7);
        assert!(numbers.iter().all(|n| (*n - again.draw()).abs() < f64::EPSILON));
    }
}
