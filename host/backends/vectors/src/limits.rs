//! What may be stored and asked, the same for every store.
//!
//! Not here: how large a request may be (the server decides).

use crate::{Entry, Error, Item, Record};
use std::collections::HashSet;

/// How many passages a query gives at most.
pub const HITS: u32 = 100;
/// How many passages a listing gives at most.
pub const LISTED: u32 = 1000;

const ITEMS: usize = 1000;
const PARTITION_BYTES: usize = 256;
const ID_BYTES: usize = 256;
const TEXT_BYTES: usize = 1 << 20;
const ENTRIES: usize = 128;
const KEY_BYTES: usize = 128;
const VALUE_BYTES: usize = 4 << 10;
const WORDS_BYTES: usize = 64 << 10;
/// The key under which a store keeps the partition's name.
const RESERVED: &str = "chat_id";

/// Chroma's rule for names, so that a collection can move there.
pub fn check_collection(name: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let allowed = name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte));
    let ends = name.bytes().next().is_some_and(plain) && name.bytes().next_back().is_some_and(plain);
    if allowed && ends && (3..=512).contains(&name.len()) {
        return Ok(());
    }
    invalid(format!(
        "vectors.collection = {name:?}: expected 3 to 512 letters, digits, `.`, `_` and `-`, \
         with a letter or digit at both ends"
    ))
}

pub fn check_partition(partition: &str) -> Result<(), Error> {
    check_length("partition", partition, PARTITION_BYTES)
}

pub fn check_items(items: &[Item], dimensions: u32) -> Result<(), Error> {
    if items.len() > ITEMS {
        return invalid(format!("{} items, at most {ITEMS} a call", items.len()));
    }
    let mut ids = HashSet::new();
    for item in items {
        check_item(item, dimensions)?;
        if !ids.insert(&item.id) {
            return invalid(format!("id {:?} is given twice", item.id));
        }
    }
    Ok(())
}

/// Any number of them.
pub fn check_records(records: &[Record], dimensions: u32) -> Result<(), Error> {
    let mut ids = HashSet::new();
    for Record { partition, item } in records {
        check_partition(partition)?;
        check_item(item, dimensions)?;
        if !ids.insert((partition, &item.id)) {
            return invalid(format!("id {:?} is given twice", item.id));
        }
    }
    Ok(())
}

/// For naming passages that there may be. The same id twice is harmless.
pub fn check_ids(ids: &[String]) -> Result<(), Error> {
    if ids.len() > ITEMS {
        return invalid(format!("{} ids, at most {ITEMS} a call", ids.len()));
    }
    ids.iter().try_for_each(|id| check_length("id", id, ID_BYTES))
}

pub fn check_words(words: &str) -> Result<(), Error> {
    if words.len() > WORDS_BYTES {
        return invalid(format!("words of {} bytes, at most {WORDS_BYTES}", words.len()));
    }
    Ok(())
}

pub fn check_embedding(embedding: &[f32], dimensions: u32) -> Result<(), Error> {
    let given = u32::try_from(embedding.len()).unwrap_or(u32::MAX);
    if given != dimensions {
        return Err(Error::DimensionMismatch { given, stored: dimensions });
    }
    if let Some(value) = embedding.iter().find(|value| !value.is_finite()) {
        return invalid(format!("an embedding holds {value}, expected finite values"));
    }
    Ok(())
}

/// For filters too: one that no passage may have is a mistake of the caller's.
pub fn check_entry(entry: &Entry) -> Result<(), Error> {
    check_length("metadata key", &entry.key, KEY_BYTES)?;
    if entry.key == RESERVED {
        return invalid(format!("metadata key `{RESERVED}` is reserved: it names the partition"));
    }
    if entry.value.len() > VALUE_BYTES {
        return invalid(format!("metadata value of {} bytes, at most {VALUE_BYTES}", entry.value.len()));
    }
    Ok(())
}

fn check_item(item: &Item, dimensions: u32) -> Result<(), Error> {
    check_length("id", &item.id, ID_BYTES)?;
    if item.text.len() > TEXT_BYTES {
        return invalid(format!("text of {} bytes, at most {TEXT_BYTES}", item.text.len()));
    }
    check_embedding(&item.embedding, dimensions)?;
    check_metadata(&item.metadata)
}

fn check_metadata(metadata: &[Entry]) -> Result<(), Error> {
    if metadata.len() > ENTRIES {
        return invalid(format!("{} metadata entries, at most {ENTRIES}", metadata.len()));
    }
    let mut keys = HashSet::new();
    for entry in metadata {
        check_entry(entry)?;
        if !keys.insert(&entry.key) {
            return invalid(format!("metadata key {:?} is given twice", entry.key));
        }
    }
    Ok(())
}

fn check_length(what: &str, value: &str, most: usize) -> Result<(), Error> {
    if value.is_empty() || value.len() > most {
        return invalid(format!("{what} of {} bytes, expected 1 to {most}", value.len()));
    }
    Ok(())
}

fn invalid(cause: String) -> Result<(), Error> {
    Err(Error::InvalidArgument(cause))
}
