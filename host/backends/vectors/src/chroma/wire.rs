//! What requests ask for, and answers checked before anything is believed of them.

use super::{
    client::Failure,
    names::{Key, PARTITION, original_key, stored_key},
};
use crate::{Entry, Item, Passage, Record};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What of a record an answer has beside its id. The metadata is always in it: it names the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parts {
    Metadata,
    Embedding,
    Passage,
    All,
}

/// A record as ChromaDB gives it.
#[derive(Debug)]
pub struct Row {
    /// Its id in the collection.
    pub raw: String,
    pub metadata: Map<String, Value>,
    pub text: String,
    pub embedding: Vec<f32>,
}

#[derive(Deserialize)]
pub struct Rows {
    ids: Vec<String>,
    metadatas: Option<Vec<Option<Map<String, Value>>>>,
    documents: Option<Vec<Option<String>>>,
    embeddings: Option<Vec<Option<Vec<f32>>>>,
}

#[derive(Deserialize)]
pub struct Nearest {
    ids: Vec<Vec<String>>,
    distances: Option<Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
pub struct Ids {
    pub ids: Vec<String>,
}

#[derive(Deserialize)]
pub struct Erased {
    /// Early servers do not say; they delete all at once.
    #[serde(default)]
    pub deleted: usize,
}

/// An answer that says nothing.
#[derive(Deserialize)]
pub struct Done {}

impl Parts {
    pub fn include(self) -> &'static [&'static str] {
        match self {
            Self::Metadata => &["metadatas"],
            Self::Embedding => &["metadatas", "embeddings"],
            Self::Passage => &["metadatas", "documents"],
            Self::All => &["metadatas", "documents", "embeddings"],
        }
    }
}

impl Rows {
    pub fn check(self, parts: Parts, dimensions: u32) -> Result<Vec<Row>, Failure> {
        let (count, include) = (self.ids.len(), parts.include());
        let metadatas = column("metadatas", self.metadatas, include, count)?;
        let documents = column("documents", self.documents, include, count)?;
        let embeddings = column("embeddings", self.embeddings, include, count)?;
        let rows = self.ids.into_iter().zip(metadatas).zip(documents).zip(embeddings);
        rows.map(|(((raw, metadata), text), embedding)| {
            if include.contains(&"embeddings") {
                check_embedding(embedding.as_deref(), dimensions)?;
            }
            Ok(Row {
                raw,
                metadata: metadata.unwrap_or_default(),
                text: text.unwrap_or_default(),
                embedding: embedding.unwrap_or_default(),
            })
        })
        .collect()
    }
}

impl Nearest {
    /// Ids with their distances, whatever these mean.
    pub fn check(self) -> Result<Vec<(String, f32)>, Failure> {
        let (Ok([ids]), Some(Ok([distances]))) =
            (<[_; 1]>::try_from(self.ids), self.distances.map(<[_; 1]>::try_from))
        else {
            return Err(broken("one question got another number of answers"));
        };
        if ids.len() != distances.len() || distances.iter().any(|distance| !distance.is_finite()) {
            return Err(broken(&format!("{} ids and {} distances", ids.len(), distances.len())));
        }
        Ok(ids.into_iter().zip(distances).collect())
    }
}

impl Row {
    /// The partition that it names; none for a record that is not for chat.
    pub fn partition(&self) -> Option<&str> {
        self.metadata.get(PARTITION).and_then(Value::as_str)
    }

    /// The same for moving, which takes a number for its JSON, as of other metadata.
    pub fn named(&self) -> Option<String> {
        self.metadata.get(PARTITION).filter(|value| value.is_string() || value.is_number()).cloned().map(text)
    }

    pub fn into_passage(self, partition: &str) -> Passage {
        let id = Key::of(partition, self.raw).id;
        Passage { id, text: self.text, metadata: entries(self.metadata) }
    }

    pub fn into_record(self, partition: String) -> Record {
        let id = Key::of(&partition, self.raw).id;
        let item = Item { id, text: self.text, embedding: self.embedding, metadata: entries(self.metadata) };
        Record { partition, item }
    }
}

/// What a partition's records have in common, and the filter's in addition.
///
/// Other programs write numbers and truth values too. Those are read as their JSON, so they are found
/// by it.
pub fn condition(partition: &str, filter: Option<&Entry>) -> Value {
    let here = json!({PARTITION: partition});
    let Some(Entry { key, value }) = filter else {
        return here;
    };
    let key = stored_key(key);
    let text = json!({key.as_ref(): value});
    match unquoted(value) {
        Some(unquoted) => json!({"$and": [here, {"$or": [text, {key: unquoted}]}]}),
        None => json!({"$and": [here, text]}),
    }
}

/// Whether the server's condition takes just what the filter does.
pub fn is_exact(filter: &Entry) -> bool {
    unquoted(&filter.value).is_none()
}

/// What the filter takes of what the server's condition does: 3 is not 3.0 here.
pub fn matches(metadata: &[Entry], filter: &Entry) -> bool {
    metadata.contains(filter)
}

/// The metadata to store, in place of `old`, whose further keys are taken away by `null`.
pub fn replacing(partition: &str, metadata: &[Entry], old: Option<&Row>) -> Map<String, Value> {
    let gone = old.iter().flat_map(|row| row.metadata.keys()).map(|key| (key.clone(), Value::Null));
    let mut new: Map<_, _> = gone.collect();
    new.extend(
        metadata.iter().map(|Entry { key, value }| (stored_key(key).into_owned(), value.clone().into())),
    );
    new.insert(PARTITION.to_owned(), partition.into());
    new
}

/// Ordered by key, without the partition.
pub fn entries(metadata: Map<String, Value>) -> Vec<Entry> {
    let mut entries: Vec<_> = metadata
        .into_iter()
        .filter(|(key, value)| key != PARTITION && !value.is_null())
        .map(|(key, value)| Entry { key: original_key(&key).to_owned(), value: text(value) })
        .collect();
    entries.sort_by(|one, other| one.key.cmp(&other.key));
    entries
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// The number or truth value that reads just so.
fn unquoted(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    ((value.is_number() || value.is_boolean()) && value.to_string().as_str() == text).then_some(value)
}

fn column<T>(
    name: &str,
    values: Option<Vec<Option<T>>>,
    include: &[&str],
    count: usize,
) -> Result<Vec<Option<T>>, Failure> {
    match values {
        Some(values) if values.len() == count => Ok(values),
        Some(values) => Err(broken(&format!("{count} ids and {} {name}", values.len()))),
        None if include.contains(&name) => Err(broken(&format!("{count} ids and no {name}"))),
        None => Ok((0..count).map(|_| None).collect()),
    }
}

fn check_embedding(embedding: Option<&[f32]>, dimensions: u32) -> Result<(), Failure> {
    let embedding = embedding.ok_or_else(|| broken("a record without an embedding"))?;
    if u32::try_from(embedding.len()) != Ok(dimensions) {
        return Err(broken(&format!("an embedding of {} values, not {dimensions}", embedding.len())));
    }
    if embedding.iter().any(|value| !value.is_finite()) {
        return Err(broken("an embedding with a value that is not finite"));
    }
    Ok(())
}

fn broken(what: &str) -> Failure {
    Failure::Broken(format!("ChromaDB's answer makes no sense: {what}"))
}
