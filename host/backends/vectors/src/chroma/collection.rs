//! The collection on the server: found or made at the first contact, and again when it is gone.
//!
//! The model is recorded in its metadata. One without that record (made by another program) is taken
//! if its dimension fits, and gets the record. Where it is only read, it is neither made nor recorded in.
//!
//! Not here: what is in it (`records.rs`).

use super::client::{Client, Failure};
use crate::Model;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::sync::{Arc, PoisonError, RwLock};
use tracing::warn;

const MODEL: &str = "corral:model";
const DIMENSIONS: &str = "corral:dimensions";

pub struct Collection {
    client: Client,
    tenant: String,
    database: String,
    name: String,
    model: Model,
    batch: usize,
    only_read: bool,
    known: RwLock<Option<Arc<Known>>>,
}

/// What the server said of the collection.
pub struct Known {
    id: String,
    /// Whether the server's distances are cosine ones.
    pub cosine: bool,
    /// How many records may be in one request.
    pub batch: usize,
}

/// Where a collection is.
pub struct Place {
    pub tenant: String,
    pub database: String,
    pub name: String,
}

impl Collection {
    pub fn new(client: Client, place: Place, model: Model, batch: usize) -> Self {
        let Place { tenant, database, name } = place;
        Self { client, tenant, database, name, model, batch, only_read: false, known: RwLock::default() }
    }

    /// The same collection as it is: nothing of it is made or changed.
    pub fn only_read(self) -> Self {
        Self { only_read: true, ..self }
    }

    pub fn dimensions(&self) -> u32 {
        self.model.dimensions
    }

    /// Asks the server only if nobody has yet. Two at once both ask, which is harmless.
    pub async fn known(&self) -> Result<Arc<Known>, Failure> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(known) => Ok(known),
            None => {
                let known = Arc::new(self.resolve().await?);
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
                Ok(known)
            }
        }
    }

    /// Does `operation` with the records. A collection that somebody deleted is made again, once.
    pub async fn post<T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let known = self.known().await?;
        match self.client.post(&self.path(&[&known.id, operation]), body).await {
            Err(Failure::Missing) => {
                let known = self.known_again().await?;
                self.client.post(&self.path(&[&known.id, operation]), body).await
            }
            other => other,
        }
    }

    /// How many records there are.
    pub async fn count(&self) -> Result<u64, Failure> {
        let known = self.known().await?;
        match self.client.get(&self.path(&[&known.id, "count"])).await {
            Err(Failure::Missing) => {
                let known = self.known_again().await?;
                self.client.get(&self.path(&[&known.id, "count"])).await
            }
            other => other,
        }
    }

    /// Whether the server answers, and has the right collection.
    pub async fn ping(&self) -> Result<(), Failure> {
        self.known().await?;
        self.client.get::<Map<String, Value>>(&["heartbeat"]).await.map(drop)
    }

    async fn known_again(&self) -> Result<Arc<Known>, Failure> {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.known().await
    }

    async fn resolve(&self) -> Result<Known, Failure> {
        let limits: Limits = self.client.get(&["pre-flight-checks"]).await?;
        let found = match self.client.get(&self.path(&[&self.name])).await {
            Err(Failure::Missing) if self.only_read => Err(Failure::NoCollection(self.name.clone())),
            Err(Failure::Missing) => self.make().await,
            other => other,
        };
        let Description { id, dimension, metadata, configuration_json } = found.map_err(in_full)?;
        // It becomes a part of addresses.
        if id.is_empty()
            || id.len() > 64
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(Failure::Broken("ChromaDB gave a collection an id that is none".to_owned()));
        }
        self.check_model(&id, dimension, metadata.unwrap_or_default()).await?;
        let batch = self.batch.min(limits.max_batch_size).max(1);
        Ok(Known { id, cosine: configuration_json.is_cosine(), batch })
    }

    async fn make(&self) -> Result<Description, Failure> {
        // What is there meanwhile is given as it is.
        let wanted = json!({
            "name": self.name,
            "get_or_create": true,
            "metadata": self.record(Map::new()),
            "configuration": {"hnsw": {"space": "cosine"}},
        });
        self.client.post(&self.path(&[]), &wanted).await
    }

    async fn check_model(
        &self,
        id: &str,
        dimension: Option<u32>,
        metadata: Map<String, Value>,
    ) -> Result<(), Failure> {
        let given = &self.model;
        let recorded = metadata.get(MODEL).and_then(Value::as_str);
        let dimensions =
            metadata.get(DIMENSIONS).and_then(Value::as_u64).and_then(|value| value.try_into().ok());
        let stored = Model {
            name: recorded.unwrap_or("an unknown model").to_owned(),
            dimensions: dimension.or(dimensions).unwrap_or(given.dimensions),
        };
        if stored.dimensions != given.dimensions || recorded.is_some_and(|name| name != given.name) {
            return Err(Failure::OtherModel { stored, given: given.clone() });
        }
        if recorded.is_none() && !self.only_read {
            // The server replaces all of the metadata, so what is there goes along.
            let record = json!({"new_metadata": self.record(metadata)});
            if let Err(failure) = self.client.put(&self.path(&[id]), &record).await {
                warn!(%failure, "the collection's model could not be recorded with it");
            }
        }
        Ok(())
    }

    fn record(&self, mut metadata: Map<String, Value>) -> Map<String, Value> {
        metadata.insert(MODEL.to_owned(), self.model.name.clone().into());
        metadata.insert(DIMENSIONS.to_owned(), self.model.dimensions.into());
        metadata
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["tenants", &self.tenant, "databases", &self.database, "collections"], rest].concat()
    }
}

#[derive(Deserialize)]
struct Limits {
    max_batch_size: usize,
}

#[derive(Deserialize)]
struct Description {
    id: String,
    dimension: Option<u32>,
    metadata: Option<Map<String, Value>>,
    configuration_json: Configuration,
}

/// Which index it has: one of the two.
#[derive(Deserialize)]
struct Configuration {
    hnsw: Option<Index>,
    spann: Option<Index>,
}

#[derive(Deserialize)]
struct Index {
    space: Option<String>,
}

impl Configuration {
    fn is_cosine(&self) -> bool {
        let index = self.hnsw.as_ref().or(self.spann.as_ref());
        index.and_then(|index| index.space.as_deref()) == Some("cosine")
    }
}

/// With the server's words: they are about names in the settings, not about what a person typed.
fn in_full(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { status, code, message } => {
            Failure::Broken(format!("opening the collection, ChromaDB answered {status} {code}: {message}"))
        }
        other => other,
    }
}
