//! Going on behind what the lake holds, when the inbox has lost what told how far it was.
//!
//! A damaged log may cost the inbox its newest transactions, the numbers they took among them.
//! Given once more, those numbers would stand for what the lake has already: nobody would look for
//! the events that came under them.

use super::{Inbox, damage};
use crate::Result;

impl Inbox {
    /// Lets the next entry come behind number `held`, the last one that the lake holds. Returns
    /// whether the numbers had fallen back, which is noted as damage.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn resume_behind(&self, held: i64) -> Result<bool> {
        self.write(0, async |open| {
            let last = open.sequence.first - 1;
            if last >= held {
                return Ok(false);
            }
            let problem = format!("said `{last}`, though the lake holds up to `{held}`");
            damage::note(open.connection, "sequence", last, &problem, &[]).await?;
            let update = "UPDATE inbox_sequence SET value = $1 WHERE id = 1";
            sqlx::query(update).bind(held).execute(&mut *open.connection).await?;
            Ok(true)
        })
    }
}
