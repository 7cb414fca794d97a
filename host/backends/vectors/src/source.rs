//! A store that is only read, for moving what it holds elsewhere.

use crate::{Backend, Config, Error, Model, Page, Record, chroma, limits, sqlite};
use futures_util::future::BoxFuture;
use std::path::Path;

/// A store whose records are moved elsewhere. Nothing of it is made or changed, not by opening either.
///
/// Calls are as those of [`Vectors`](crate::Vectors) with the same names.
pub struct Source {
    model: Model,
    store: Store,
}

enum Store {
    Embedded(sqlite::Source),
    Chroma(chroma::Store),
}

impl Source {
    /// Opens the store that `config` names, whichever model its embeddings are of: `likely`, where it does not say.
    ///
    /// `store` is the embedded store's file, which has to be there. A collection that is not there is
    /// [`Error::NoCollection`], and a server that is down is [`Error::Unavailable`].
    pub fn open<'a>(
        config: &'a Config,
        store: &'a Path,
        likely: Model,
    ) -> BoxFuture<'a, Result<Self, Error>> {
        Box::pin(async move {
            limits::check_collection(&config.collection)?;
            let (store, model) = match config.backend {
                Backend::Embedded => {
                    let (source, model) = sqlite::Source::open(store, &config.collection).await?;
                    (Store::Embedded(source), model)
                }
                Backend::Chroma => {
                    let (source, model) = chroma::Store::open_source(config, likely).await?;
                    (Store::Chroma(source), model)
                }
            };
            Ok(Self { model, store })
        })
    }

    /// What made the embeddings.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Up to `limit` records of all partitions, after `cursor`. A `limit` above 1,000 counts as 1,000.
    pub fn export<'a>(&'a self, cursor: Option<&'a str>, limit: u32) -> BoxFuture<'a, Result<Page, Error>> {
        let limit = limit.clamp(1, limits::LISTED);
        Box::pin(async move {
            match &self.store {
                Store::Embedded(source) => source.export(cursor, limit).await,
                Store::Chroma(source) => source.export(cursor, limit).await,
            }
        })
    }

    /// Those of a partition's records that there are, by id. At most 1,000 ids.
    pub fn records<'a>(
        &'a self,
        partition: &'a str,
        ids: Vec<String>,
    ) -> BoxFuture<'a, Result<Vec<Record>, Error>> {
        Box::pin(async move {
            limits::check_partition(partition)?;
            limits::check_ids(&ids)?;
            match &self.store {
                Store::Embedded(source) => source.records(partition, ids).await,
                Store::Chroma(source) => source.records(partition, ids).await,
            }
        })
    }

    /// How many passages there are, those that name no partition among them.
    pub fn total(&self) -> BoxFuture<'_, Result<u64, Error>> {
        Box::pin(async move {
            match &self.store {
                Store::Embedded(source) => source.total().await,
                Store::Chroma(source) => source.total().await,
            }
        })
    }
}
