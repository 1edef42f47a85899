//! Asking CloudWatch what the buying policy wants, 500 metrics a call, a few calls at a time.

use super::calls::Effort;
use super::interest::Ask;
use super::pollers::Observer;
use super::view::Asked;
use crate::aws::limits::{Budget, Patience};
use crate::aws::ports::{Completeness, MetricAnswer, MetricQuestion};
use crate::aws::types::{AwsError, ErrorClass, Metric};
use crate::clock::Clock;
use crate::topology::NodeId;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// GetMetricData: at most 500 queries and 100,800 points a call.
const QUERIES_PER_CALL: usize = 500;
const POINTS_PER_CALL: usize = 100_800;
const MOST_PAGES: usize = 100;
/// Calls whose first pages are asked for together: while one answer is read, the next is on its way.
const AT_ONCE: usize = 4;

/// What a purchase brought.
#[derive(Debug, Default)]
pub(super) struct Bought {
    /// Groups about whose nodes CloudWatch answered.
    pub groups: BTreeSet<String>,
    /// The first failure. What it left unanswered is owed.
    pub error: Option<AwsError>,
}

/// Questions of one call, over one window.
#[derive(Clone, Copy, Debug)]
struct Batch<'a> {
    window: SignedDuration,
    questions: &'a [MetricQuestion],
}

impl Batch<'_> {
    fn asked(&self, at: Timestamp) -> Asked {
        Asked {
            at,
            from: whole_minute(at - self.window),
            to: whole_minute(at),
        }
    }
}

/// One question's answer so far.
#[derive(Clone, Debug, Default)]
struct Answer {
    points: Vec<(Timestamp, f64)>,
    complete: bool,
}

impl Observer {
    /// Buys what is asked for and what is still owed.
    pub(super) async fn purchase<C: Clock>(
        &mut self,
        asks: Vec<Ask>,
        patience: Patience,
        clock: &C,
    ) -> Bought {
        let mut by_window = gather(self.owed.drain(..).chain(asks));
        self.forget_gone_nodes(&mut by_window);
        let batches: Vec<Batch<'_>> = by_window.iter().flat_map(|(w, qs)| batches(*w, qs)).collect();
        let mut bought = Bought::default();
        let mut refused = false;
        for some in batches.chunks(AT_ONCE) {
            // After a refusal the rest would be refused as well.
            let unanswered = if refused {
                some.iter().map(|batch| batch.questions.to_vec()).collect()
            } else {
                self.together(some, patience, clock, &mut bought).await
            };
            for (batch, unanswered) in some.iter().zip(unanswered) {
                refused |= unanswered.len() == batch.questions.len();
                self.owed.extend(unanswered.into_iter().map(|q| Ask {
                    metric: q.metric,
                    nodes: [q.node].into(),
                    window: batch.window,
                }));
            }
        }
        if let Some(error) = &bought.error {
            self.view.metrics.error = Some(error.clone());
        } else if !batches.is_empty() {
            self.view.metrics.complete_at = Some(clock.now());
            self.view.metrics.error = None;
        }
        bought
    }

    /// Nodes that no group has any more are neither asked about nor remembered.
    fn forget_gone_nodes(&mut self, asks: &mut BTreeMap<SignedDuration, Vec<MetricQuestion>>) {
        let groups = self.view.groups.values();
        let standing: BTreeSet<&NodeId> = groups.flat_map(|seen| &seen.value.member_clusters).collect();
        for questions in asks.values_mut() {
            questions.retain(|q| standing.contains(&q.node));
        }
        self.view.points.retain(|node, _| standing.contains(node));
    }

    /// Some batches side by side; of each the questions that weren't answered in full.
    async fn together<C: Clock>(
        &mut self,
        batches: &[Batch<'_>],
        patience: Patience,
        clock: &C,
        bought: &mut Bought,
    ) -> Vec<Vec<MetricQuestion>> {
        let at = clock.now();
        let effort = Self::effort(clock, patience);
        let read = &self.read;
        let firsts = self
            .caller
            .ask_together(clock, Budget::CloudWatch, effort, batches, |batch| {
                let Asked { from, to, .. } = batch.asked(at);
                read.get_metric_data(batch.questions, from, to, None)
            })
            .await;
        let mut unanswered = Vec::with_capacity(batches.len());
        for (batch, first) in batches.iter().zip(firsts) {
            let whole = match first {
                Ok(page) => self.further_pages(*batch, at, page, effort, clock).await,
                Err(error) => Err(error),
            };
            unanswered.push(match whole {
                Ok(answers) => self.take_over(*batch, at, answers, bought),
                Err(error) => {
                    bought.error.get_or_insert(error);
                    batch.questions.to_vec()
                }
            });
        }
        unanswered
    }

    async fn further_pages<C: Clock>(
        &mut self,
        batch: Batch<'_>,
        at: Timestamp,
        first: MetricAnswer,
        effort: Effort,
        clock: &C,
    ) -> Result<Vec<Answer>, AwsError> {
        let Asked { from, to, .. } = batch.asked(at);
        let mut answers = vec![Answer::default(); batch.questions.len()];
        let mut page = first;
        for _ in 1..MOST_PAGES {
            let Some(token) = absorb(&mut answers, page) else {
                return Ok(answers);
            };
            let read = &self.read;
            page = self
                .caller
                .ask(clock, Budget::CloudWatch, effort, || {
                    read.get_metric_data(batch.questions, from, to, Some(&token))
                })
                .await?;
        }
        absorb(&mut answers, page);
        Ok(answers)
    }

    /// Into the view with what was answered; the rest comes back.
    fn take_over(
        &mut self,
        batch: Batch<'_>,
        at: Timestamp,
        answers: Vec<Answer>,
        bought: &mut Bought,
    ) -> Vec<MetricQuestion> {
        let mut unanswered = Vec::new();
        for (question, answer) in batch.questions.iter().zip(answers) {
            if !answer.complete {
                bought.error.get_or_insert_with(incomplete);
                unanswered.push(question.clone());
                continue;
            }
            let log = self.view.points.entry(question.node.clone()).or_default();
            log.absorb(question.metric, batch.asked(at), &answer.points);
        }
        let asked: BTreeSet<&NodeId> = batch.questions.iter().map(|q| &q.node).collect();
        let of_asked = self.view.groups.iter().filter(|(_, seen)| {
            let members = &seen.value.member_clusters;
            members.iter().any(|node| asked.contains(node))
        });
        bought.groups.extend(of_asked.map(|(id, _)| id.clone()));
        unanswered
    }
}

/// The token of the next page, if there is one.
fn absorb(answers: &mut [Answer], page: MetricAnswer) -> Option<String> {
    for result in page.results {
        if let Some(answer) = answers.get_mut(result.question) {
            answer.points.extend(result.points);
            answer.complete = result.completeness == Completeness::Complete;
        }
    }
    page.next_token
}

fn batches(window: SignedDuration, questions: &[MetricQuestion]) -> impl Iterator<Item = Batch<'_>> {
    let some = questions.chunks(batch_size(window));
    some.map(move |questions| Batch { window, questions })
}

/// Questions by window, each once.
fn gather(asks: impl Iterator<Item = Ask>) -> BTreeMap<SignedDuration, Vec<MetricQuestion>> {
    // The longest window in which each is asked for includes the others.
    let mut longest: BTreeMap<(NodeId, Metric), SignedDuration> = BTreeMap::new();
    for ask in asks {
        for node in ask.nodes {
            let window = longest.entry((node, ask.metric)).or_default();
            *window = (*window).max(ask.window);
        }
    }
    let mut by_window: BTreeMap<SignedDuration, Vec<MetricQuestion>> = BTreeMap::new();
    for ((node, metric), window) in longest {
        by_window
            .entry(window)
            .or_default()
            .push(MetricQuestion { node, metric });
    }
    by_window
}

fn batch_size(window: SignedDuration) -> usize {
    let minutes = usize::try_from(window.as_mins()).unwrap_or(0) + 1;
    (POINTS_PER_CALL / minutes).clamp(1, QUERIES_PER_CALL)
}

fn whole_minute(at: Timestamp) -> Timestamp {
    let into = at.as_second().rem_euclid(60);
    Timestamp::from_second(at.as_second() - into).unwrap_or(at)
}

fn incomplete() -> AwsError {
    AwsError {
        class: ErrorClass::Transient,
        service: "cloudwatch",
        operation: "GetMetricData",
        code: "PartialData".into(),
        message: "some metrics were not answered in full".into(),
        maybe_sent: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(metric: Metric, nodes: &[&str], minutes: i64) -> Ask {
        Ask {
            metric,
            nodes: nodes.iter().map(|n| NodeId::from(*n)).collect(),
            window: SignedDuration::from_mins(minutes),
        }
    }

    #[test]
    fn a_metric_asked_for_twice_is_bought_once_over_the_longer_window() {
        let asks = [
            ask(Metric::IsMaster, &["a", "b"], 15),
            ask(Metric::ReplicationLag, &["b"], 15),
            ask(Metric::IsMaster, &["b"], 180),
        ];
        let by_window = gather(asks.into_iter());
        let shape: Vec<String> = by_window
            .iter()
            .flat_map(|(window, questions)| questions.iter().map(move |q| (window, q)))
            .map(|(window, q)| format!("{} {} {:?}", window.as_mins(), q.node, q.metric))
            .collect();
        assert_eq!(shape, ["15 a IsMaster", "15 b ReplicationLag", "180 b IsMaster"]);
    }

    #[test]
    fn a_call_asks_for_no_more_than_500_metrics_and_100_800_points() {
        let size = |minutes| batch_size(SignedDuration::from_mins(minutes));
        assert_eq!(size(15), 500);
        assert_eq!(size(180), 500);
        assert_eq!(size(201), 499);
        assert_eq!(size(14 * 24 * 60), 4);
    }

    #[test]
    fn windows_end_at_whole_minutes() {
        let at: Timestamp = "2026-03-02T10:15:59.750Z".parse().unwrap();
        assert_eq!(whole_minute(at), "2026-03-02T10:15:00Z".parse().unwrap());
    }
}
