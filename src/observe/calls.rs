//! Asking AWS with patience: a token before each request, and another try after a throttle or a passing failure.
//!
//! All waiting goes through the [`Clock`], one wait at a time. Nothing here decides what is asked.

use crate::aws::described::Page;
use crate::aws::limits::{Begun, Budget, Jitter, Limits, Patience};
use crate::aws::types::{AwsError, ErrorClass};
use crate::clock::Clock;
use jiff::Timestamp;

/// Paces and repeats the reads of one account and region.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    limits: Limits,
    jitter: Jitter,
}

/// How long we go on asking, and since when: shared by all requests of one listing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub patience: Patience,
    pub started: Timestamp,
}

/// All pages of a listing.
#[derive(Clone, Debug)]
pub(super) struct Listing<T> {
    pub items: Vec<T>,
    pub pages: usize,
    /// There were more pages than wanted.
    pub cut: bool,
}

impl Caller {
    pub fn new(seed: u64) -> Self {
        Self {
            limits: Limits::default(),
            jitter: Jitter::new(seed),
        }
    }

    /// A random number in 0..1.
    pub fn random(&mut self) -> f64 {
        self.jitter.draw()
    }

    /// One answer, after as many tries as the effort allows.
    pub async fn ask<C, T, F>(
        &mut self,
        clock: &C,
        budget: Budget,
        effort: Effort,
        mut once: impl FnMut() -> F,
    ) -> Result<T, AwsError>
    where
        C: Clock,
        F: Future<Output = Result<T, AwsError>>,
    {
        let mut failed = 0;
        let begun = Begun {
            request: clock.now(),
            whole: effort.started,
        };
        loop {
            while let Err(later) = self.limits.bucket(budget).take(clock.now()) {
                clock.sleep_until(later).await;
            }
            let error = match once().await {
                Ok(answer) => {
                    self.limits.bucket(budget).learn(false);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if error.class == ErrorClass::Throttled {
                self.limits.bucket(budget).learn(true);
            }
            failed += 1;
            let random = self.jitter.draw();
            let next = effort
                .patience
                .next_try(&error, failed, begun, clock.now(), random);
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => return Err(error),
            }
        }
    }

    /// All pages, or the failure of one: never a part. `most` cuts the listing short (and says so).
    pub async fn pages<C, T, F>(
        &mut self,
        clock: &C,
        budget: Budget,
        effort: Effort,
        most: usize,
        mut page: impl FnMut(Option<String>) -> F,
    ) -> Result<Listing<T>, AwsError>
    where
        C: Clock,
        F: Future<Output = Result<Page<T>, AwsError>>,
    {
        let mut all = Listing {
            items: Vec::new(),
            pages: 0,
            cut: false,
        };
        let mut marker: Option<String> = None;
        loop {
            let got = self.ask(clock, budget, effort, || page(marker.clone())).await?;
            all.items.extend(got.items);
            all.pages += 1;
            if got.marker.is_none() {
                return Ok(all);
            }
            // A marker that leads to itself would never end; half a listing is no listing.
            if got.marker == marker || all.pages >= most {
                all.cut = true;
                return Ok(all);
            }
            marker = got.marker;
        }
    }
}

/// The failure of a listing that has no end.
pub(super) fn endless(operation: &'static str, pages: usize) -> AwsError {
    AwsError {
        class: ErrorClass::Unknown,
        service: "elasticache",
        operation,
        code: "EndlessListing".into(),
        message: format!("no last page after {pages} pages"),
        maybe_sent: true,
    }
}
