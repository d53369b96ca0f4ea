//! Events in the order of their moments, one slice of time after the other.
//!
//! To sort a long log whole takes more memory than there is: what is sorted goes to the disk and
//! comes back, and to join it in the end takes memory that is not there. Events lie in the lake
//! nearly in the order in which they happened, so that a slice reads few files.

use shopwise_model::Frame;

use super::{At, Lake};
use crate::error::{Error, Result};

/// Bytes that a row takes while it is sorted: its columns as they lie in memory, a copy of those
/// that are joined, and room for what other operators hold.
const ROW_BYTES: usize = 4_096;

/// How many events there are of each hour.
const HOURS: &str = "SELECT date_trunc('hour', occurred_at) AS hour, count(*) AS n \
                     FROM events GROUP BY 1 ORDER BY 1";

impl Lake {
    /// As [`Lake::stream_at`], for a query that reads events in the order of their moments and has
    /// `{slice}` where a condition stands: it is asked slice by slice, each of which is sorted in
    /// memory.
    ///
    /// # Errors
    /// As [`Lake::stream`].
    pub fn stream_in_time<E: From<Error>>(
        &self,
        sql: &str,
        versions: &[At],
        each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.stream_in_slices(sql, versions, self.memory_bytes / ROW_BYTES, each)
    }

    pub(super) fn stream_in_slices<E: From<Error>>(
        &self,
        sql: &str,
        versions: &[At],
        rows: usize,
        mut each: impl FnMut(Frame) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let context = self.runtime.block_on(self.context(sql, versions))?;
        let (mut hours, mut counts) = (Vec::new(), Vec::new());
        self.stream_from(&context, HOURS, |part| -> Result<()> {
            hours.extend_from_slice(part.time("hour")?);
            counts.extend_from_slice(part.int("n")?);
            Ok(())
        })?;
        for slice in slices(&hours, &counts, rows) {
            self.stream_from(&context, &sql.replace("{slice}", &slice), &mut each)?;
        }
        Ok(())
    }
}

/// Returns the conditions of slices of whole hours, each of about so many rows or of one hour.
fn slices(hours: &[i64], counts: &[i64], rows: usize) -> Vec<String> {
    let (mut cuts, mut sum) = (Vec::new(), 0_usize);
    for (hour, count) in hours.iter().zip(counts) {
        let count = usize::try_from(*count).unwrap_or(0);
        if sum > 0 && sum + count > rows {
            cuts.push(moment(*hour));
            sum = 0;
        }
        sum += count;
    }
    let Some((first, last)) = cuts.first().zip(cuts.last()) else {
        return vec!["true".to_owned()];
    };
    let mut slices = vec![format!("occurred_at < {first}")];
    let between =
        |two: &[String]| format!("occurred_at >= {} AND occurred_at < {}", two[0], two[1]);
    slices.extend(cuts.windows(2).map(between));
    // What has no moment comes last, as it does where all is sorted at once.
    slices.push(format!("(occurred_at >= {last} OR occurred_at IS NULL)"));
    slices
}

/// Returns a moment in microseconds as the column has it: files are then passed over by what is
/// written of their smallest and greatest one.
fn moment(micros: i64) -> String {
    format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_of_whole_hours_and_hold_everything_once() {
        assert_eq!(slices(&[], &[], 10), ["true"]);
        assert_eq!(slices(&[0, 1, 2], &[3, 4, 3], 10), ["true"]);
        let cut = slices(&[10, 20, 30, 40], &[6, 5, 50, 1], 10);
        let [b, c, d] = [20, 30, 40].map(moment);
        assert_eq!(
            cut,
            [
                format!("occurred_at < {b}"),
                format!("occurred_at >= {b} AND occurred_at < {c}"),
                format!("occurred_at >= {c} AND occurred_at < {d}"),
                format!("(occurred_at >= {d} OR occurred_at IS NULL)"),
            ]
        );
    }
}
