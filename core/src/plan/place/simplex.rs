//! A small exact linear programme solver: bounded dual simplex in whole numbers.
//!
//! Minimise `cost · x` where each row's activity `Σ a·x` and each variable stay within bounds. The basis inverse is
//! kept as integers over a common denominator (fraction-free pivoting, as in Bareiss 1968), so there is no rounding:
//! an optimum is an optimum, on every machine the same. The matrices here hold small numbers and stay near
//! unimodular; should a number ever grow beyond [`LIMIT`], the solver says so instead of being wrong.
//!
//! Every variable has two finite bounds, so a basis of row activities is dual feasible from the start, and bounds
//! may be changed between solves without starting again.

/// Beyond this, products might not fit.
const LIMIT: i64 = 1 << 30;

/// Bounds of activities that are free to one side.
pub const FREE: i64 = 1 << 32;

/// The numbers grew too large to go on exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub low: i64,
    pub high: i64,
}

/// A programme and the basis it has come to. Variables come first, then the negated activities of the rows.
#[derive(Clone, Debug)]
pub struct Simplex {
    columns: Vec<Vec<(usize, i64)>>,
    costs: Vec<i128>,
    bounds: Vec<Bounds>,
    basis: Vec<usize>,
    /// Where each variable is: in the basis, or at which of its bounds.
    at: Vec<At>,
    /// `denominator` times the inverse of the basis, by rows.
    inverse: Vec<i64>,
    denominator: i64,
    rows: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Basis,
    Low,
    High,
}

/// An optimum: values over one denominator.
#[derive(Clone, Debug)]
pub struct Optimum {
    pub values: Vec<i64>,
    pub denominator: i64,
    /// The cost, times the denominator.
    pub cost: i128,
    /// The cost, rounded up: no whole-numbered solution costs less.
    pub bound: i128,
}

impl Optimum {
    /// The value, when it is whole.
    pub fn whole(&self, variable: usize) -> Option<i64> {
        (self.values[variable] % self.denominator == 0).then(|| self.floor(variable))
    }

    pub fn floor(&self, variable: usize) -> i64 {
        self.values[variable].div_euclid(self.denominator)
    }
}

impl Simplex {
    /// `rows` are the bounds of the activities; `columns` the coefficients of each variable by row.
    pub fn new(rows: &[Bounds], columns: Vec<(i128, Bounds, Vec<(usize, i64)>)>) -> Self {
        let (m, n) = (rows.len(), columns.len());
        let mut inverse = vec![0; m * m];
        for i in 0..m {
            inverse[i * m + i] = 1;
        }
        let mut simplex = Self {
            columns: Vec::with_capacity(n + m),
            costs: Vec::with_capacity(n + m),
            bounds: Vec::with_capacity(n + m),
            basis: (n..n + m).collect(),
            at: Vec::with_capacity(n + m),
            inverse,
            denominator: 1,
            rows: m,
        };
        for (cost, bounds, column) in columns {
            simplex.columns.push(column);
            simplex.costs.push(cost);
            simplex.bounds.push(bounds);
            simplex.at.push(if cost < 0 { At::High } else { At::Low });
        }
        for (i, row) in rows.iter().enumerate() {
            simplex.columns.push(vec![(i, 1)]);
            simplex.costs.push(0);
            simplex.bounds.push(negated(*row));
            simplex.at.push(At::Basis);
        }
        simplex
    }

    pub fn bounds(&self, variable: usize) -> Bounds {
        self.bounds[variable]
    }

    pub fn set_bounds(&mut self, variable: usize, bounds: Bounds) {
        self.bounds[variable] = bounds;
    }

    /// Allows this value only; false where it lies outside the bounds.
    pub fn fix(&mut self, variable: usize, value: i64) -> bool {
        let Bounds { low, high } = self.bounds[variable];
        self.bounds[variable] = Bounds {
            low: value,
            high: value,
        };
        (low..=high).contains(&value)
    }

    pub fn row(&self, row: usize) -> Bounds {
        negated(self.bounds[self.columns.len() - self.rows + row])
    }

    pub fn set_row(&mut self, row: usize, bounds: Bounds) {
        let variable = self.columns.len() - self.rows + row;
        self.bounds[variable] = negated(bounds);
    }

    /// The optimum, or `None` where nothing satisfies all bounds.
    pub fn solve(&mut self) -> Result<Option<Optimum>, TooLarge> {
        let patience = 20 + 4 * self.columns.len();
        for turn in 0.. {
            let values = self.basic_values();
            let Some(row) = self.leaving(&values, turn > patience) else {
                return self.optimum(&values).map(Some);
            };
            let variable = self.basis[row];
            let rising = values[row] < self.bounds[variable].low * self.denominator;
            let Some(entering) = self.entering(row, rising)? else {
                return Ok(None);
            };
            self.pivot(row, entering, rising)?;
        }
        Ok(None)
    }

    fn value(&self, variable: usize) -> i64 {
        match self.at[variable] {
            At::High => self.bounds[variable].high,
            At::Low | At::Basis => self.bounds[variable].low,
        }
    }

    /// Values of the basic variables, times the denominator.
    fn basic_values(&self) -> Vec<i64> {
        let mut rest = vec![0_i64; self.rows];
        for (j, column) in self.columns.iter().enumerate() {
            if self.at[j] != At::Basis {
                let value = self.value(j);
                if value != 0 {
                    for (i, a) in column {
                        rest[*i] -= a * value;
                    }
                }
            }
        }
        self.inverse
            .chunks_exact(self.rows.max(1))
            .map(|row| row.iter().zip(&rest).map(|(a, b)| a * b).sum())
            .collect()
    }

    /// The row whose basic variable is furthest outside its bounds; after long patience the one with the lowest
    /// variable, which can't cycle (Bland's rule).
    fn leaving(&self, values: &[i64], patient: bool) -> Option<usize> {
        let excess = |row: usize| {
            let bounds = self.bounds[self.basis[row]];
            (bounds.low * self.denominator - values[row]).max(values[row] - bounds.high * self.denominator)
        };
        let outside = (0..self.rows).filter(|row| excess(*row) > 0);
        if patient {
            outside.min_by_key(|row| self.basis[*row])
        } else {
            outside.max_by_key(|row| (excess(*row), std::cmp::Reverse(self.basis[*row])))
        }
    }

    /// Narrows the bounds of these variables to what a solution of at most this cost can have. Call after
    /// [`Self::solve`] found the optimum: a variable at a bound adds at least its reduced cost with each step away.
    pub fn rule_out_dearer(&mut self, most: i128, variables: impl Iterator<Item = usize>) {
        let Some((duals, spare)) = self.spare(most) else {
            return;
        };
        for j in variables {
            let Some(reduced) = self.reduced(j, &duals) else {
                continue;
            };
            if self.at[j] == At::Basis || reduced == 0 {
                continue;
            }
            let steps = i64::try_from(spare / reduced.abs()).unwrap_or(FREE);
            let Bounds { low, high } = self.bounds[j];
            self.bounds[j] = match self.at[j] {
                At::High => Bounds {
                    low: low.max(high - steps),
                    high,
                },
                At::Low | At::Basis => Bounds {
                    low,
                    high: high.min(low + steps),
                },
            };
        }
    }

    /// The prices of the rows, and what the optimum leaves of this cost; both times the denominator.
    fn spare(&self, most: i128) -> Option<(Vec<i128>, i128)> {
        let optimum = self.optimum(&self.basic_values()).ok()?;
        let spare = most
            .checked_mul(i128::from(self.denominator))?
            .checked_sub(optimum.cost)?;
        Some((self.duals().ok()?, spare)).filter(|(_, spare)| *spare >= 0)
    }

    /// What a step of this variable adds to the cost, times the denominator.
    fn reduced(&self, variable: usize, duals: &[i128]) -> Option<i128> {
        let own = self.costs[variable].checked_mul(i128::from(self.denominator))?;
        self.columns[variable].iter().try_fold(own, |left, (i, a)| {
            left.checked_sub(duals[*i].checked_mul(i128::from(*a))?)
        })
    }

    /// The variable that can enter at the least rise in cost.
    fn entering(&self, row: usize, rising: bool) -> Result<Option<usize>, TooLarge> {
        let inverse = &self.inverse[row * self.rows..(row + 1) * self.rows];
        let duals = self.duals()?;
        let mut best: Option<(usize, i128, i128)> = None;
        for (j, column) in self.columns.iter().enumerate() {
            if self.at[j] == At::Basis || self.bounds[j].low == self.bounds[j].high {
                continue;
            }
            let slope: i64 = column.iter().map(|(i, a)| inverse[*i] * a).sum();
            let helps = if rising == (self.at[j] == At::Low) {
                slope < 0
            } else {
                slope > 0
            };
            if !helps {
                continue;
            }
            let reduced = self.reduced(j, &duals).ok_or(TooLarge)?.abs();
            let slope = i128::from(slope).abs();
            let less = match best {
                None => true,
                Some((_, cost, over)) => {
                    reduced.checked_mul(over).ok_or(TooLarge)? < cost.checked_mul(slope).ok_or(TooLarge)?
                }
            };
            if less {
                best = Some((j, reduced, slope));
            }
        }
        Ok(best.map(|(j, ..)| j))
    }

    /// Prices of the rows, times the denominator.
    fn duals(&self) -> Result<Vec<i128>, TooLarge> {
        let mut duals = vec![0_i128; self.rows];
        for (row, variable) in self.basis.iter().enumerate() {
            let cost = self.costs[*variable];
            if cost == 0 {
                continue;
            }
            for (dual, a) in duals.iter_mut().zip(&self.inverse[row * self.rows..]) {
                if *a != 0 {
                    let part = cost.checked_mul(i128::from(*a)).ok_or(TooLarge)?;
                    *dual = dual.checked_add(part).ok_or(TooLarge)?;
                }
            }
        }
        Ok(duals)
    }

    /// The entering variable takes the row; the leaving one stays at the bound that it had crossed.
    fn pivot(&mut self, row: usize, entering: usize, rising: bool) -> Result<(), TooLarge> {
        let m = self.rows;
        let column: Vec<i64> = (0..m)
            .map(|i| {
                self.columns[entering]
                    .iter()
                    .map(|(k, a)| self.inverse[i * m + k] * a)
                    .sum()
            })
            .collect();
        let (pivot, old) = (column[row], self.denominator);
        if column.iter().any(|a| a.abs() > LIMIT) {
            return Err(TooLarge);
        }
        let sign = pivot.signum();
        let pivot_row: Vec<i64> = self.inverse[row * m..(row + 1) * m].to_vec();
        for (i, factor) in column.iter().enumerate() {
            let line = &mut self.inverse[i * m..(i + 1) * m];
            if i == row {
                for a in line {
                    *a *= sign;
                }
            } else if *factor != 0 || pivot.abs() != old {
                // Both products stay below 2^60.
                for (a, p) in line.iter_mut().zip(&pivot_row) {
                    let product = pivot * *a - factor * p;
                    *a = sign * if old == 1 { product } else { product / old };
                }
                if line.iter().any(|a| a.abs() > LIMIT) {
                    return Err(TooLarge);
                }
            }
        }
        self.denominator = pivot * sign;
        let leaving = std::mem::replace(&mut self.basis[row], entering);
        self.at[leaving] = if rising { At::Low } else { At::High };
        self.at[entering] = At::Basis;
        Ok(())
    }

    fn optimum(&self, basic: &[i64]) -> Result<Optimum, TooLarge> {
        let count = self.columns.len() - self.rows;
        let mut values: Vec<i64> = (0..count).map(|j| self.value(j) * self.denominator).collect();
        for (row, variable) in self.basis.iter().enumerate() {
            if let Some(value) = values.get_mut(*variable) {
                *value = basic[row];
            }
        }
        let mut cost = 0_i128;
        for (value, price) in values.iter().zip(&self.costs) {
            cost += price.checked_mul(i128::from(*value)).ok_or(TooLarge)?;
        }
        let denominator = i128::from(self.denominator);
        Ok(Optimum {
            values,
            denominator: self.denominator,
            cost,
            bound: -(-cost).div_euclid(denominator),
        })
    }
}

impl Bounds {
    pub fn at_most(high: i64) -> Self {
        Self { low: -FREE, high }
    }
}

fn negated(bounds: Bounds) -> Bounds {
    Bounds {
        low: -bounds.high,
        high: -bounds.low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(low: i64, high: i64) -> Bounds {
        Bounds { low, high }
    }

    #[test]
    fn finds_the_optimum_of_a_textbook_programme() {
        // max 3x + 5y where x ≤ 4, 2y ≤ 12, 3x + 2y ≤ 18 (Hillier and Lieberman): x 2, y 6, 36.
        let mut simplex = Simplex::new(
            &[within(-FREE, 18)],
            vec![(-3, within(0, 4), vec![(0, 3)]), (-5, within(0, 6), vec![(0, 2)])],
        );
        let best = simplex.solve().unwrap().unwrap();
        assert_eq!(
            (best.whole(0), best.whole(1), best.bound),
            (Some(2), Some(6), -36)
        );
    }

    #[test]
    fn says_that_nothing_satisfies_contradicting_rows() {
        let mut simplex = Simplex::new(
            &[within(3, FREE), within(-FREE, 2)],
            vec![(1, within(0, 9), vec![(0, 1), (1, 1)])],
        );
        assert!(simplex.solve().unwrap().is_none());
    }

    #[test]
    fn goes_on_from_its_basis_when_bounds_change_and_keeps_fractions_exact() {
        // min x + y where 2x + y ≥ 5, x + 3y ≥ 5: x 2, y 1.
        let mut simplex = Simplex::new(
            &[within(5, FREE), within(5, FREE)],
            vec![
                (1, within(0, 9), vec![(0, 2), (1, 1)]),
                (1, within(0, 9), vec![(0, 1), (1, 3)]),
            ],
        );
        assert_eq!(simplex.solve().unwrap().unwrap().bound, 3);
        simplex.set_row(0, within(6, FREE));
        let best = simplex.solve().unwrap().unwrap();
        assert_eq!((best.values[0], best.values[1], best.denominator), (13, 4, 5));
        assert_eq!((best.bound, best.floor(0), best.whole(1)), (4, 2, None));
        simplex.set_bounds(0, within(0, 2));
        assert_eq!(simplex.solve().unwrap().unwrap().whole(1), Some(2));
    }
}
