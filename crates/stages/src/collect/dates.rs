//! Which date format a file uses, from all its rows.

use std::path::Path;

use jiff::tz::TimeZone;
use shopwise_model::time::{DateFormat, parse};

use super::input::Input;
use crate::error::{Error, Result};

/// Returns the format in which most rows of `column` are dates.
///
/// A file whose first rows have the year first, or are numbers, is not read further: no other
/// format reads these. Day first and month first are told apart by a day above 12 anywhere in the
/// file.
pub(crate) fn detect(
    file: &Path,
    mut rows: Input,
    column: usize,
    zone: &TimeZone,
) -> Result<DateFormat> {
    let mut counts = [0_u64; DateFormat::ALL.len()];
    while let Some(batch) = rows.next_batch()? {
        for row in 0..batch.rows() {
            let Ok(text) = std::str::from_utf8(batch.field(row, column)) else { continue };
            for (count, (_, format)) in counts.iter_mut().zip(DateFormat::ALL) {
                *count += u64::from(parse(text, *format, zone).is_some());
            }
        }
        let [year_first, day_first, month_first, epoch] = counts;
        if year_first.max(epoch) > day_first.max(month_first) {
            break;
        }
    }
    choose(&counts).map_err(|reason| {
        Error::Wrong(format!(
            "{reason} (file `{}`)\nhint: say it with --date-format {}",
            file.display(),
            DateFormat::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("|")
        ))
    })
}

fn choose(counts: &[u64; DateFormat::ALL.len()]) -> std::result::Result<DateFormat, String> {
    let most = counts.iter().copied().max().unwrap_or(0);
    let mut best = DateFormat::ALL.iter().zip(counts).filter(|(_, count)| **count == most);
    match (most, best.next(), best.next()) {
        // An empty date column: every row will be refused with its own message.
        (0, _, _) => Ok(DateFormat::YearFirst),
        (_, Some(((_, format), _)), None) => Ok(*format),
        _ => Err("dates can be read day first or month first, and no row tells".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_with_a_day_above_twelve_decides() {
        assert_eq!(choose(&[0, 10, 9, 0]), Ok(DateFormat::DayFirst));
        assert_eq!(choose(&[0, 9, 10, 0]), Ok(DateFormat::MonthFirst));
        assert!(choose(&[0, 10, 10, 0]).is_err());
    }
}
