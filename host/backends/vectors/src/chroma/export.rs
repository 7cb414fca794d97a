//! Reading all records for moving them elsewhere.
//!
//! ChromaDB gives pages only by position, which shifts when something is deleted. So all ids are read
//! first, and pages are taken from that list, ordered by id: the cursor is the last id of a page.

use super::{
    Store,
    client::Failure,
    wire::{Ids, Parts},
};
use crate::{Page, limits};
use serde_json::json;
use std::sync::{Arc, PoisonError};

/// How many ids one request reads, and how many of those it has read before: pages that somebody's
/// deletions shifted by less have no gap.
const IDS: usize = 20_000;
const OVERLAP: usize = 1_000;
/// How many records a page has at most, so that it fits one answer.
const RECORDS: usize = 500;

pub type Listing = Arc<Vec<String>>;

impl Store {
    /// A page may be empty without being the last: records that name no partition are skipped.
    pub(super) async fn page_of_all(&self, cursor: Option<&str>, limit: usize) -> Result<Page, Failure> {
        let listing = self.listing(cursor).await?;
        let after = cursor.map_or(0, |last| listing.partition_point(|id| id.as_str() <= last));
        let ids = &listing[after..listing.len().min(after + limit.min(RECORDS))];
        let rows = self.rows(None, ids, Parts::All).await?;
        let found = rows.len();
        let records: Vec<_> = rows
            .into_iter()
            .filter_map(|row| {
                let partition = row.named().filter(|name| limits::check_partition(name).is_ok())?;
                Some(row.into_record(partition))
            })
            .collect();
        let skipped = (found - records.len()) as u64;
        let next = ids.last().filter(|_| after + ids.len() < listing.len()).cloned();
        if next.is_none() {
            *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(Page { records, next, skipped })
    }

    /// Kept from the first page to the last; read anew by a program that goes on with a cursor.
    async fn listing(&self, cursor: Option<&str>) -> Result<Listing, Failure> {
        let kept = self.listing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(kept), Some(_)) = (kept, cursor) {
            return Ok(kept);
        }
        let listing = Arc::new(self.all_ids().await?);
        *self.listing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&listing));
        Ok(listing)
    }

    async fn all_ids(&self) -> Result<Vec<String>, Failure> {
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let wanted = json!({"include": [], "limit": IDS, "offset": offset});
            let Ids { mut ids } = self.collection.post("get", &wanted).await?;
            let last = ids.len() < IDS;
            all.append(&mut ids);
            if last {
                break;
            }
            offset += IDS - OVERLAP;
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }
}
