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

impl Effort {
    fn begin(self, clock: &impl Clock) -> Begun {
        Begun {
            request: clock.now(),
            whole: self.started,
        }
    }
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
        let begun = effort.begin(clock);
        self.await_token(clock, budget).await;
        let first = once().await;
        self.insist(clock, budget, (effort.patience, begun), first, once)
            .await
    }

    /// The answers to several requests whose first tries go out together. What has to be tried again is tried one by
    /// one; once a request has failed for good, what failed with it isn't tried again.
    pub async fn ask_together<'q, C, Q, T, F>(
        &mut self,
        clock: &C,
        budget: Budget,
        effort: Effort,
        questions: &'q [Q],
        once: impl Fn(&'q Q) -> F,
    ) -> Vec<Result<T, AwsError>>
    where
        C: Clock,
        F: Future<Output = Result<T, AwsError>>,
    {
        let begun = effort.begin(clock);
        for _ in questions {
            self.await_token(clock, budget).await;
        }
        let firsts = futures::future::join_all(questions.iter().map(&once)).await;
        let mut refused = false;
        let mut answers = Vec::with_capacity(firsts.len());
        for (question, first) in questions.iter().zip(firsts) {
            let patience = Patience {
                attempts: if refused { 1 } else { effort.patience.attempts },
                ..effort.patience
            };
            let answer = self
                .insist(clock, budget, (patience, begun), first, || once(question))
                .await;
            refused |= answer.is_err();
            answers.push(answer);
        }
        answers
    }

    async fn await_token(&mut self, clock: &impl Clock, budget: Budget) {
        while let Err(later) = self.limits.bucket(budget).take(clock.now()) {
            clock.sleep_until(later).await;
        }
    }

    /// Tries again until there is an answer or the patience ends.
    async fn insist<C, T, F>(
        &mut self,
        clock: &C,
        budget: Budget,
        (patience, begun): (Patience, Begun),
        first: Result<T, AwsError>,
        mut once: impl FnMut() -> F,
    ) -> Result<T, AwsError>
    where
        C: Clock,
        F: Future<Output = Result<T, AwsError>>,
    {
        let mut tried = first;
        let mut failed = 0;
        loop {
            let error = match tried {
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
            match patience.next_try(&error, failed, begun, clock.now(), random) {
                Some(at) => clock.sleep_until(at).await,
                None => return Err(error),
            }
            self.await_token(clock, budget).await;
            tried = once().await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use std::cell::RefCell;
    use std::sync::Mutex;

    /// A clock that jumps to where its sleeper waits.
    struct Jumping(Mutex<Timestamp>);

    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, until: Timestamp) {
            let mut now = self.0.lock().unwrap();
            *now = until.max(*now);
        }
    }

    fn clock() -> Jumping {
        Jumping(Mutex::new("2026-03-02T00:00:00Z".parse().unwrap()))
    }

    const PATIENCE: Patience = Patience {
        attempts: 4,
        one: SignedDuration::from_secs(30),
        whole: SignedDuration::from_secs(60),
    };

    fn effort(clock: &Jumping) -> Effort {
        Effort {
            patience: PATIENCE,
            started: clock.now(),
        }
    }

    fn page(items: &[u32], marker: Option<&str>) -> Page<u32> {
        Page {
            items: items.to_vec(),
            marker: marker.map(str::to_owned),
        }
    }

    fn throttled() -> AwsError {
        AwsError {
            class: ErrorClass::Throttled,
            ..endless("DescribeEvents", 1)
        }
    }

    #[tokio::test]
    async fn pages_are_followed_by_their_markers() {
        let clock = clock();
        let asked = RefCell::new(Vec::new());
        let listing = Caller::new(1)
            .pages(&clock, Budget::ElastiCacheReads, effort(&clock), 10, |marker| {
                asked.borrow_mut().push(marker.clone());
                async move {
                    Ok(match marker.as_deref() {
                        None => page(&[1, 2], Some("a")),
                        Some("a") => page(&[], Some("b")),
                        _ => page(&[3], None),
                    })
                }
            })
            .await
            .unwrap();
        assert_eq!(
            (listing.items, listing.pages, listing.cut),
            (vec![1, 2, 3], 3, false)
        );
        assert_eq!(
            *asked.borrow(),
            [None, Some("a".to_owned()), Some("b".to_owned())]
        );
    }

    #[tokio::test]
    async fn a_marker_that_leads_to_itself_cuts_the_listing() {
        let clock = clock();
        let forever = |_| async { Ok(page(&[1], Some("again"))) };
        let listing = Caller::new(1)
            .pages(&clock, Budget::ElastiCacheReads, effort(&clock), 10, forever)
            .await
            .unwrap();
        assert_eq!((listing.pages, listing.cut), (2, true));
    }

    #[tokio::test]
    async fn a_throttled_page_is_asked_for_again_with_its_own_marker() {
        let clock = clock();
        let asked = RefCell::new(Vec::new());
        let started = clock.now();
        let listing = Caller::new(1)
            .pages(&clock, Budget::ElastiCacheReads, effort(&clock), 10, |marker| {
                let before = asked.borrow().iter().filter(|m| **m == marker).count();
                asked.borrow_mut().push(marker.clone());
                async move {
                    match marker.as_deref() {
                        None => Ok(page(&[1], Some("a"))),
                        _ if before < 2 => Err(throttled()),
                        _ => Ok(page(&[2], None)),
                    }
                }
            })
            .await
            .unwrap();
        assert_eq!(listing.items, [1, 2]);
        assert_eq!(asked.borrow().len(), 4);
        assert!(clock.now().duration_since(started) >= SignedDuration::from_millis(750));
    }

    #[tokio::test]
    async fn a_page_that_never_comes_fails_the_whole_listing() {
        let clock = clock();
        let tries = RefCell::new(0);
        let error = Caller::new(1)
            .pages(&clock, Budget::ElastiCacheReads, effort(&clock), 10, |marker| {
                *tries.borrow_mut() += usize::from(marker.is_some());
                async move {
                    match marker {
                        None => Ok(page(&[1], Some("a"))),
                        Some(_) => Err(throttled()),
                    }
                }
            })
            .await
            .unwrap_err();
        assert_eq!((error.class, *tries.borrow()), (ErrorClass::Throttled, 4));
    }

    /// Answers to 0, 1, 2, 3 of which some are throttled this often; how often each was asked and how many at a time.
    async fn together(throttles: [u32; 4]) -> (Vec<Result<u32, AwsError>>, [u32; 4], u32) {
        let clock = clock();
        let asked = RefCell::new([0; 4]);
        let (under_way, most) = (RefCell::new(0), RefCell::new(0));
        let answers = Caller::new(1)
            .ask_together(
                &clock,
                Budget::CloudWatch,
                effort(&clock),
                &[0, 1, 2, 3],
                async |question: &usize| {
                    *under_way.borrow_mut() += 1;
                    most.replace_with(|m| (*m).max(*under_way.borrow()));
                    tokio::task::yield_now().await;
                    *under_way.borrow_mut() -= 1;
                    let times = &mut asked.borrow_mut()[*question];
                    *times += 1;
                    if *times <= throttles[*question] {
                        return Err(throttled());
                    }
                    Ok(u32::try_from(*question).unwrap() * 10)
                },
            )
            .await;
        (answers, asked.into_inner(), most.into_inner())
    }

    fn told(answers: &[Result<u32, AwsError>]) -> Vec<Result<u32, ErrorClass>> {
        let each = answers
            .iter()
            .map(|a| a.as_ref().map(|n| *n).map_err(|e| e.class));
        each.collect()
    }

    #[tokio::test]
    async fn questions_go_out_together_and_answers_keep_their_order() {
        let (answers, asked, most) = together([0; 4]).await;
        assert_eq!(told(&answers), [Ok(0), Ok(10), Ok(20), Ok(30)]);
        assert_eq!((asked, most), ([1; 4], 4));
    }

    #[tokio::test]
    async fn of_questions_that_went_out_together_only_the_throttled_are_asked_again() {
        let (answers, asked, _) = together([0, 2, 0, 1]).await;
        assert_eq!(told(&answers), [Ok(0), Ok(10), Ok(20), Ok(30)]);
        assert_eq!(asked, [1, 3, 1, 2]);
    }

    #[tokio::test]
    async fn a_question_refused_for_good_spares_aws_the_other_repetitions() {
        let (answers, asked, _) = together([0, 99, 0, 99]).await;
        let throttled = Err(ErrorClass::Throttled);
        assert_eq!(told(&answers), [Ok(0), throttled, Ok(20), throttled]);
        assert_eq!(asked, [1, 4, 1, 1]);
    }
}
