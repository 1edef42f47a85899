//! How far a spread over zones is from even.
//!
//! The *distance* of counts such as `[3, 0, 0]` is the fewest units that would have to stand elsewhere for the skew
//! (most minus fewest) to be within the limit: 2, for `[1, 1, 1]`. For a band `L ..= L + skew` it is the greater of
//! the units above the band and the units missing below it; the distance is the least over all bands.
//!
//! It falls or rises by at most 1 when one unit moves. That is why a primary's move that is expected to bring the
//! spread nearer can at worst leave it as far as it was, whichever replica wins: the states after two different
//! winners are one unit's move apart. And why *any* order of `r` moves that together bring it nearer by `r` brings it nearer
//! by 1 with each of them.
//!
//! Where some zones are preferred, the spreads aimed at are those within the limit that have as many units as
//! possible in preferred zones.

/// A band and, for preferred zones, how many units they hold in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aim {
    pub low: i64,
    pub in_preferred: i64,
}

/// What even means for one kind of unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    pub skew: i64,
    /// By zone. When none or all are preferred, none is.
    pub preferred: Vec<bool>,
}

impl Spread {
    pub fn new(skew: i64, preferred: Vec<bool>) -> Self {
        let some = preferred.contains(&true) && preferred.contains(&false);
        Self {
            skew,
            preferred: preferred.into_iter().map(|p| p && some).collect(),
        }
    }

    pub fn has_preference(&self) -> bool {
        self.preferred.contains(&true)
    }

    /// The spreads aimed at, for `total` units (those that stand outside the counted zones included).
    pub fn aims(&self, total: i64) -> Vec<Aim> {
        let zones = i64::try_from(self.preferred.len()).unwrap_or(i64::MAX);
        if zones == 0 {
            return Vec::new();
        }
        let lowest = ((total + zones - 1) / zones - self.skew).max(0);
        let liked = i64::try_from(self.preferred.iter().filter(|p| **p).count()).unwrap_or(i64::MAX);
        let aims: Vec<Aim> = (lowest..=total / zones)
            .map(|low| Aim {
                low,
                in_preferred: (liked * (low + self.skew)).min(total - (zones - liked) * low),
            })
            .collect();
        let most = aims.iter().map(|a| a.in_preferred).max().unwrap_or_default();
        aims.into_iter()
            .filter(|a| !self.has_preference() || a.in_preferred == most)
            .collect()
    }

    /// The fewest units that would have to stand elsewhere; each of the `outside` ones has to.
    pub fn distance(&self, counts: &[i64], outside: i64) -> i64 {
        let total = counts.iter().sum::<i64>() + outside;
        self.aims(total)
            .into_iter()
            .map(|aim| self.distance_to(counts, outside, aim))
            .min()
            .unwrap_or(outside)
    }

    /// The fewest units that would have to stand elsewhere to meet this aim.
    pub fn distance_to(&self, counts: &[i64], outside: i64, aim: Aim) -> i64 {
        let terms = |liked: &bool| self.terms(counts, outside, aim, *liked);
        let groups = self.groups().iter();
        groups
            .map(|liked| terms(liked).into_iter().max().unwrap_or_default())
            .sum()
    }

    /// Zones that are told apart, by whether they are preferred.
    pub fn groups(&self) -> &'static [bool] {
        if self.has_preference() {
            &[true, false]
        } else {
            &[false]
        }
    }

    /// Of a group of zones: the units that its zones lack below the band, and those that they have above it plus
    /// those that the group as a whole lacks. Its share of the distance is the greater of the two. When a unit comes
    /// from outside into one of its zones, the first falls by 1 as long as that zone is below the band, the second
    /// until the zone is at the band's upper end.
    pub fn terms(&self, counts: &[i64], outside: i64, aim: Aim, liked: bool) -> [i64; 2] {
        let total = counts.iter().sum::<i64>() + outside;
        let wanted = match (self.has_preference(), liked) {
            (false, _) => total,
            (true, true) => aim.in_preferred,
            (true, false) => total - aim.in_preferred,
        };
        let (mut below, mut lacking) = (0, wanted);
        for (n, _) in counts.iter().zip(&self.preferred).filter(|(_, p)| **p == liked) {
            below += (aim.low - n).max(0);
            lacking += (n - aim.low - self.skew).max(0) - n;
        }
        [below, lacking]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(skew: i64, counts: &[i64], outside: i64) -> i64 {
        Spread::new(skew, vec![false; counts.len()]).distance(counts, outside)
    }

    #[test]
    fn distance_is_the_number_of_units_that_must_stand_elsewhere() {
        assert_eq!(plain(1, &[0, 4], 0), 2);
        assert_eq!(plain(1, &[3, 0, 0], 0), 2);
        assert_eq!(plain(1, &[3, 2, 1], 0), 1);
        assert_eq!(plain(1, &[2, 1], 0), 0);
        assert_eq!(plain(3, &[5, 2], 0), 0);
        assert_eq!(plain(3, &[6, 2], 0), 1);
        assert_eq!(plain(1, &[2, 0], 2), 2);
        assert_eq!(plain(1, &[], 3), 3);
    }

    #[test]
    fn distance_equals_the_fewest_unit_moves_by_search() {
        for skew in 1..=3 {
            for preferred in [[false; 3], [true, false, false], [true, false, true]] {
                let spread = Spread::new(skew, preferred.to_vec());
                for code in 0..7_i64.pow(3) {
                    let counts = [code % 7, code / 7 % 7, code / 49];
                    let total: i64 = counts.iter().sum();
                    let mut best = (i64::MIN, i64::MAX);
                    for a in 0..=total {
                        for b in 0..=total - a {
                            let aim = [a, b, total - a - b];
                            if aim.iter().max().unwrap() - aim.iter().min().unwrap() > skew {
                                continue;
                            }
                            let liked: i64 = aim
                                .iter()
                                .zip(preferred)
                                .filter(|(_, p)| *p)
                                .map(|(n, _)| n)
                                .sum();
                            let moves: i64 = aim.iter().zip(counts).map(|(x, n)| (x - n).max(0)).sum();
                            if liked > best.0 || (liked == best.0 && moves < best.1) {
                                best = (liked, moves);
                            }
                        }
                    }
                    assert_eq!(
                        spread.distance(&counts, 0),
                        best.1,
                        "{counts:?} {preferred:?} skew {skew}"
                    );
                }
            }
        }
    }
}
