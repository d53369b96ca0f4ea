//! The weighted normal matrix `Σ wᵢ xᵢ xᵢᵀ` of rows that arrive one by one.
//!
//! Rows are gathered in a small panel; a full panel is multiplied in tiles of 4 × 4 whose sums stay
//! in registers. Only tiles on and below the diagonal are computed.

/// Rows gathered before they are multiplied: with 20 columns two panels fill a level-1 cache.
const PANEL_ROWS: usize = 96;

/// The side of a tile: 16 sums fit the vector registers of every 64-bit machine.
const TILE: usize = 4;

/// The sum so far, and the rows not yet in it.
#[derive(Debug, Clone)]
pub struct Gram {
    width: usize,
    padded: usize,
    waiting: usize,
    rows: Vec<f64>,
    weighted: Vec<f64>,
    sums: Vec<f64>,
}

impl Gram {
    /// Returns an empty sum for rows of `width` values.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let padded = width.next_multiple_of(TILE);
        Self {
            width,
            padded,
            waiting: 0,
            rows: vec![0.0; padded * PANEL_ROWS],
            weighted: vec![0.0; padded * PANEL_ROWS],
            sums: vec![0.0; padded * padded],
        }
    }

    /// Adds a row made of `row` and a last value 1 (the intercept), with its weight.
    ///
    /// # Panics
    /// When the row does not have one value less than the width.
    pub fn push_with_one(&mut self, row: &[f64], weight: f64) {
        assert_eq!(row.len() + 1, self.width, "the row and its intercept fill the width");
        let start = self.waiting * self.padded;
        let slot = &mut self.rows[start..start + self.width];
        slot[..row.len()].copy_from_slice(row);
        slot[row.len()] = 1.0;
        let weighted = &mut self.weighted[start..start + self.width];
        for (weighted, value) in weighted.iter_mut().zip(slot) {
            *weighted = weight * *value;
        }
        self.waiting += 1;
        if self.waiting == PANEL_ROWS {
            self.flush();
        }
    }

    /// Adds the sum into the leading block of the lower triangle of `into`, whose rows have
    /// `stride` values.
    pub fn add_to(mut self, into: &mut [f64], stride: usize) {
        self.flush();
        for row in 0..self.width {
            let from = &self.sums[row * self.padded..row * self.padded + row + 1];
            for (into, from) in into[row * stride..].iter_mut().zip(from) {
                *into += from;
            }
        }
    }

    fn flush(&mut self) {
        let used = self.waiting * self.padded;
        let (rows, weighted) = (&self.rows[..used], &self.weighted[..used]);
        for top in (0..self.padded).step_by(TILE) {
            for left in (0..=top).step_by(TILE) {
                let tile = multiply(weighted, rows, self.padded, top, left);
                for (row, sums) in tile.iter().enumerate() {
                    let start = (top + row) * self.padded + left;
                    for (into, sum) in self.sums[start..start + TILE].iter_mut().zip(sums) {
                        *into += sum;
                    }
                }
            }
        }
        self.waiting = 0;
    }
}

/// Returns the tile of `weightedᵀ rows` that begins at row `top` and column `left`.
#[inline]
fn multiply(
    weighted: &[f64],
    rows: &[f64],
    padded: usize,
    top: usize,
    left: usize,
) -> [[f64; TILE]; TILE] {
    let mut tile = [[0.0; TILE]; TILE];
    for (weighted, row) in weighted.chunks_exact(padded).zip(rows.chunks_exact(padded)) {
        let Some(weighted) = weighted[top..].first_chunk::<TILE>() else { continue };
        let Some(row) = row[left..].first_chunk::<TILE>() else { continue };
        for (sums, weighted) in tile.iter_mut().zip(weighted) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weighted * value;
            }
        }
    }
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_by_hand() {
        let mut gram = Gram::new(2);
        gram.push_with_one(&[2.0], 1.0);
        gram.push_with_one(&[3.0], 0.5);
        let mut into = vec![0.0; 9];
        gram.add_to(&mut into, 3);
        // Σ w x² = 4 + 4.5, Σ w x = 2 + 1.5, Σ w = 1.5.
        assert_eq!(into, vec![8.5, 0.0, 0.0, 3.5, 1.5, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn many_rows_equal_the_plain_sum() {
        let width = 11;
        let mut gram = Gram::new(width);
        let mut plain = vec![0.0; width * width];
        for row in 0..1000usize {
            let mut values: Vec<f64> =
                (0..width - 1).map(|at| ((row * 7 + at * 13) % 17) as f64 - 8.0).collect();
            let weight = (row % 5) as f64;
            gram.push_with_one(&values, weight);
            values.push(1.0);
            for first in 0..width {
                for second in 0..=first {
                    plain[first * width + second] += weight * values[first] * values[second];
                }
            }
        }
        let mut into = vec![0.0; width * width];
        gram.add_to(&mut into, width);
        assert_eq!(into, plain);
    }
}
