//! A vector of sums that is mostly zero, reused from one query to the next.
//!
//! Sums stand densely, so adding is one array access; a list of the touched places makes reading
//! and clearing cost as much as was added, not as much as the vector is long.

/// Dense sums with the list of places touched since the last clearing.
#[derive(Debug, Default)]
pub(crate) struct Accumulator<T> {
    cells: Vec<T>,
    is_touched: Vec<bool>,
    touched: Vec<u32>,
}

impl<T: Copy + Default> Accumulator<T> {
    /// Makes room for places below `length`; never shrinks.
    pub(crate) fn reserve(&mut self, length: usize) {
        if self.cells.len() < length {
            self.cells.resize(length, T::default());
            self.is_touched.resize(length, false);
        }
    }

    /// Returns the cell at `place`, noted as touched.
    #[inline]
    pub(crate) fn touch(&mut self, place: u32) -> &mut T {
        let at = place as usize;
        if !self.is_touched[at] {
            self.is_touched[at] = true;
            self.touched.push(place);
        }
        &mut self.cells[at]
    }

    /// Returns the cell at `place`.
    #[inline]
    pub(crate) fn get(&self, place: u32) -> T {
        self.cells[place as usize]
    }

    /// Returns the touched places in the order in which they were first touched.
    pub(crate) fn touched(&self) -> &[u32] {
        &self.touched
    }

    /// Replaces every touched cell by `new(place, cell)`.
    pub(crate) fn change(&mut self, new: impl Fn(u32, T) -> T) {
        for place in &self.touched {
            let cell = &mut self.cells[*place as usize];
            *cell = new(*place, *cell);
        }
    }

    /// Returns all cells for adding without noting; the caller clears them itself.
    pub(crate) fn cells_mut(&mut self) -> &mut [T] {
        &mut self.cells
    }

    /// Sets every touched cell back to zero.
    pub(crate) fn clear(&mut self) {
        for place in self.touched.drain(..) {
            self.cells[place as usize] = T::default();
            self.is_touched[place as usize] = false;
        }
    }
}
