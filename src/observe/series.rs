//! The points of one metric, kept as runs: a node that says the same each minute takes a few words, however long it is
//! remembered. A fleet has thousands of nodes with three hours of points each.

use jiff::{SignedDuration, Timestamp};

/// CloudWatch's period that is asked for.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Points of one metric, oldest first, one for each moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    runs: Vec<Run>,
}

/// The same value minute after minute.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    first: Timestamp,
    /// Minutes that follow the first with the same value.
    more: u32,
    value: f64,
}

impl Run {
    fn at(&self, minute: u32) -> Timestamp {
        self.first + MINUTE * i32::try_from(minute).unwrap_or(i32::MAX)
    }

    fn goes_on_with(&self, (at, value): (Timestamp, f64)) -> bool {
        self.value.to_bits() == value.to_bits() && at == self.at(self.more) + MINUTE
    }
}

impl Series {
    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Timestamp, f64)> + '_ {
        self.runs
            .iter()
            .flat_map(|run| (0..=run.more).map(|minute| (run.at(minute), run.value)))
    }

    /// The newest.
    pub fn last(&self) -> Option<(Timestamp, f64)> {
        self.runs.last().map(|run| (run.at(run.more), run.value))
    }

    /// The newest at this moment or before it.
    pub fn last_until(&self, moment: Timestamp) -> Option<(Timestamp, f64)> {
        self.iter().rev().find(|(at, _)| *at <= moment)
    }

    /// The oldest at this moment or after it.
    pub fn first_since(&self, moment: Timestamp) -> Option<(Timestamp, f64)> {
        self.iter().find(|(at, _)| *at >= moment)
    }

    /// The oldest after this moment.
    pub fn first_after(&self, moment: Timestamp) -> Option<(Timestamp, f64)> {
        self.iter().find(|(at, _)| *at > moment)
    }

    /// Takes in an answer, in any order; where it speaks of a moment that is known, the answer counts.
    /// Keeps what is not older than `oldest`, and the newest point in any case.
    pub fn absorb(&mut self, answer: &[(Timestamp, f64)], oldest: Timestamp) {
        let mut points: Vec<(Timestamp, f64)> = self.iter().chain(answer.iter().copied()).collect();
        // Stable: of two values for one moment the answer's stands last and is kept.
        points.sort_by_key(|(at, _)| *at);
        points.reverse();
        points.dedup_by_key(|(at, _)| *at);
        points.reverse();
        let newest = points.last().copied();
        points.retain(|point| point.0 >= oldest || Some(*point) == newest);
        *self = points.into_iter().collect();
    }
}

/// From points in order of time.
impl FromIterator<(Timestamp, f64)> for Series {
    fn from_iter<I: IntoIterator<Item = (Timestamp, f64)>>(points: I) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for point in points {
            match runs.last_mut() {
                Some(run) if run.goes_on_with(point) => run.more += 1,
                _ => runs.push(Run {
                    first: point.0,
                    more: 0,
                    value: point.1,
                }),
            }
        }
        runs.shrink_to_fit();
        Self { runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn minute(m: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + MINUTE * i32::try_from(m).unwrap()
    }

    #[test]
    fn a_value_that_stays_is_kept_once_and_a_hole_begins_anew() {
        let points = [(0, 1.0), (1, 1.0), (2, 1.0), (4, 1.0), (5, 0.0)].map(|(m, v)| (minute(m), v));
        let series: Series = points.into_iter().collect();
        assert_eq!(series.runs.len(), 3);
        assert_eq!(series.iter().collect::<Vec<_>>(), points);
        assert_eq!(series.last(), Some((minute(5), 0.0)));
        assert_eq!(series.last_until(minute(3)), Some((minute(2), 1.0)));
        assert_eq!(series.first_since(minute(3)), Some((minute(4), 1.0)));
        assert_eq!(series.first_since(minute(4)), Some((minute(4), 1.0)));
        assert_eq!(series.first_after(minute(4)), Some((minute(5), 0.0)));
        assert_eq!(series.first_since(minute(6)), None);
    }

    proptest! {
        /// The oracle keeps each point by itself.
        #[test]
        fn runs_tell_what_points_tell(
            answers in prop::collection::vec(
                (prop::collection::vec((0_i64..40, 0_u8..3, 0_i64..8), 0..25), 0_i64..45), 0..6,
            ),
        ) {
            let mut known: BTreeMap<Timestamp, f64> = BTreeMap::new();
            let mut series = Series::default();
            for (answer, oldest) in answers {
                // Now and then a point lies beside the whole minute.
                let points: Vec<(Timestamp, f64)> = answer
                    .iter()
                    .map(|(m, v, off)| (minute(*m) + SignedDuration::from_secs(off / 7), f64::from(*v)))
                    .collect();
                series.absorb(&points, minute(oldest));
                known.extend(points);
                let newest = known.keys().next_back().copied();
                known.retain(|at, _| *at >= minute(oldest) || Some(*at) == newest);
                let expected: Vec<(Timestamp, f64)> = known.iter().map(|(at, v)| (*at, *v)).collect();
                prop_assert_eq!(series.iter().collect::<Vec<_>>(), expected.clone());
                let mut backwards: Vec<(Timestamp, f64)> = series.iter().rev().collect();
                backwards.reverse();
                prop_assert_eq!(backwards, expected.clone());
                prop_assert_eq!(series.last(), expected.last().copied());
            }
        }
    }
}
