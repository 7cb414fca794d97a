//! Passages and their vectors as what is moved.

use super::{
    place::Place,
    store::{self, Page, Record, Store, Trouble, at_first},
};
use anyhow::Context;
use corral_vectors::{Config, Error, Model, Source, Vectors};
use std::{collections::BTreeMap, fs, path::Path};

/// Stores round embeddings; the cosine of two that mean the same is at least this.
const LEAST_COSINE: f64 = 0.9999;
/// Of the model that Corral comes with.
const USUAL_DIMENSIONS: u32 = 384;

/// Opens the store at a place, and waits until it answers.
pub(super) async fn open(place: &Place<Config>, model: &Model) -> anyhow::Result<Vectors> {
    // A server that is down when its collection is opened is looked at again from the start.
    let vectors = at_first(async || {
        let vectors = Vectors::open(&place.config, &place.file, model.clone()).await?;
        vectors.ping().await?;
        Ok(vectors)
    });
    vectors
        .await
        .map_err(anyhow::Error::from)
        .with_context(|| format!("opening the passages at {}", place.name))
}

/// Opens what there is at a place, whichever model its embeddings are of.
pub(super) async fn open_source(place: &Place<Config>, likely: &Model) -> anyhow::Result<Source> {
    at_first(async || Ok(Source::open(&place.config, &place.file, likely.clone()).await?))
        .await
        .map_err(anyhow::Error::from)
        .with_context(|| format!("opening the passages at {}", place.name))
}

/// The model that the settings name, without loading it.
pub(super) fn model(config: &corral_embedding::Config) -> Model {
    let name = config.model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Model { name, dimensions: dimensions(&config.model).unwrap_or(USUAL_DIMENSIONS) }
}

fn dimensions(folder: &Path) -> Option<u32> {
    let text = fs::read_to_string(folder.join("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&text).ok()?;
    config["hidden_size"].as_u64()?.try_into().ok()
}

impl store::Source for Source {
    type Record = corral_vectors::Record;

    async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Self::Record>, Trouble> {
        Ok(self.export(cursor, limit).await?.into())
    }

    async fn read(&self, records: &[Self::Record]) -> Result<Vec<Option<Self::Record>>, Trouble> {
        by_partition(records, |partition, ids| self.records(partition, ids)).await
    }

    async fn total(&self) -> Result<Option<u64>, Trouble> {
        Ok(Some(self.total().await?))
    }
}

impl store::Source for Vectors {
    type Record = corral_vectors::Record;

    async fn page(&self, cursor: Option<&str>, limit: u32) -> Result<Page<Self::Record>, Trouble> {
        Ok(self.export(cursor, limit).await?.into())
    }

    async fn read(&self, records: &[Self::Record]) -> Result<Vec<Option<Self::Record>>, Trouble> {
        by_partition(records, |partition, ids| self.records(partition, ids)).await
    }

    async fn total(&self) -> Result<Option<u64>, Trouble> {
        Ok(Some(self.total().await?))
    }
}

impl Store for Vectors {
    async fn write(&self, records: Vec<Self::Record>) -> Result<(), Trouble> {
        Ok(self.import(records).await?)
    }

    async fn remove(&self, record: &Self::Record) -> Result<(), Trouble> {
        self.remove(&record.partition, vec![record.item.id.clone()]).await?;
        Ok(())
    }
}

/// Asks for what is there of each, partition by partition, and gives it in their order.
async fn by_partition<'r, F>(
    records: &'r [corral_vectors::Record],
    ask: impl Fn(&'r str, Vec<String>) -> F,
) -> Result<Vec<Option<corral_vectors::Record>>, Trouble>
where
    F: Future<Output = Result<Vec<corral_vectors::Record>, Error>>,
{
    let mut partitions = BTreeMap::<_, Vec<String>>::new();
    for record in records {
        partitions.entry(&record.partition).or_default().push(record.item.id.clone());
    }
    let mut found = BTreeMap::new();
    for (partition, ids) in partitions {
        for record in ask(partition, ids).await? {
            found.insert(record.key(), record);
        }
    }
    Ok(records.iter().map(|record| found.get(&record.key()).cloned()).collect())
}

impl From<corral_vectors::Page> for Page<corral_vectors::Record> {
    fn from(corral_vectors::Page { records, next, skipped }: corral_vectors::Page) -> Self {
        Self { records, unread: Vec::new(), next, skipped }
    }
}

impl Record for corral_vectors::Record {
    fn key(&self) -> String {
        // The length keeps apart what would read the same.
        format!("{}:{}/{}", self.partition.len(), self.partition, self.item.id)
    }

    fn digest(&self) -> [u8; 32] {
        self.digest()
    }

    fn same(&self, copy: &Self) -> bool {
        self.digest() == copy.digest() && alike(&self.item.embedding, &copy.item.embedding)
    }
}

/// Whether two embeddings point the same way.
fn alike(one: &[f32], other: &[f32]) -> bool {
    let product = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let lengths = (product(one, one) * product(other, other)).sqrt();
    // Zeros have no direction, and are alike.
    let zeros = product(one, one) == 0.0 && product(other, other) == 0.0;
    one.len() == other.len() && (zeros || product(one, other) >= LEAST_COSINE * lengths && lengths > 0.0)
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Unavailable(_) => Self::Passing(detail),
            Error::DimensionMismatch { .. }
            | Error::InvalidArgument(_)
            | Error::OtherModel { .. }
            | Error::NoCollection(_) => Self::Lasting(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_are_compared_by_direction() {
        assert!(alike(&[1.0, 2.0], &[2.0, 4.0001]));
        assert!(!alike(&[1.0, 2.0], &[1.0, 2.1]));
        assert!(!alike(&[1.0, 2.0], &[-1.0, -2.0]));
        assert!(!alike(&[1.0], &[1.0, 0.0]));
        assert!(alike(&[0.0, 0.0], &[0.0, 0.0]));
        assert!(!alike(&[0.0, 0.0], &[1.0, 0.0]));
    }

    #[test]
    fn a_models_dimensions_are_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = corral_embedding::Config {
            model: folder.path().join("minilm"),
            ..corral_embedding::Config::default()
        };
        assert_eq!(model(&config), Model { name: "minilm".into(), dimensions: 384 });
        fs::create_dir(&config.model).unwrap();
        fs::write(config.model.join("config.json"), r#"{"hidden_size": 768}"#).unwrap();
        assert_eq!(model(&config).dimensions, 768);
    }
}
