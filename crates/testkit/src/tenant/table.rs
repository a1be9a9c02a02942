//! Drawing one of many ranks by falling weights, in constant time.

/// Ranks `0..n` with weights 1/(rank + offset), drawn by the alias method: each of `n` equally likely columns holds at
/// most two ranks.
#[derive(Debug)]
pub(super) struct Table {
    shares: Vec<f64>,
    /// How much of a column, in 2^-32, belongs to its own rank, and the rank that has the rest.
    columns: Vec<(u32, u32)>,
}

impl Table {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "ranks are small and portions lie between 0 and 1"
    )]
    pub(super) fn new(ranks: usize, offset: u32) -> Self {
        let weights: Vec<_> = (0..ranks).map(|rank| 1.0 / (rank as f64 + f64::from(offset))).collect();
        let total: f64 = weights.iter().sum();
        let shares: Vec<_> = weights.iter().map(|weight| weight / total).collect();
        let mut left: Vec<_> = shares.iter().map(|share| share * ranks as f64).collect();
        let mut columns: Vec<_> = (0..ranks).map(|rank| (u32::MAX, rank as u32)).collect();
        let (mut under, mut over): (Vec<_>, Vec<_>) = (0..ranks).partition(|rank| left[*rank] < 1.0);
        while let (Some(small), Some(large)) = (under.pop(), over.pop()) {
            columns[small] = ((left[small] * f64::from(u32::MAX)) as u32, large as u32);
            left[large] -= 1.0 - left[small];
            if left[large] < 1.0 { under.push(large) } else { over.push(large) }
        }
        Self { shares, columns }
    }

    /// The rank that 64 random bits stand for.
    pub(super) fn at(&self, bits: u64) -> usize {
        // The upper half chooses the column, the lower half the place in it.
        let (upper, lower) = (bits >> 32, bits & u64::from(u32::MAX));
        let column = (upper * self.columns.len() as u64) >> 32;
        let column = usize::try_from(column).expect("a column's number is below the number of columns");
        let (own, other) = self.columns[column];
        if lower <= u64::from(own) { column } else { other as usize }
    }

    /// How likely a rank is.
    pub(super) fn share(&self, rank: usize) -> f64 {
        self.shares[rank]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_drawn_as_often_as_their_shares_say() {
        let table = Table::new(50, 2);
        let mut rng = fastrand::Rng::with_seed(3);
        let mut drawn = [0_u32; 50];
        for _ in 0..200_000 {
            drawn[table.at(rng.u64(..))] += 1;
        }
        for (rank, drawn) in drawn.into_iter().enumerate() {
            let expected = table.share(rank) * 200_000.0;
            assert!((f64::from(drawn) - expected).abs() < 5.0 * expected.sqrt(), "{rank}: {drawn}, not {expected}");
        }
        assert!((table.share(0) / table.share(2) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_single_rank_is_always_drawn() {
        let table = Table::new(1, 50);
        assert_eq!((table.at(0), table.at(u64::MAX)), (0, 0));
    }
}
