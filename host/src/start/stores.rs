//! Opens the stores of every label, and what makes vectors for them.
//!
//! Servers that are down hold the host up by its readiness, not here: they may come back.

use crate::{
    config::{Config, Place},
    server::{Door, hosted},
};
use anyhow::Context;
use corral_embedding::Embedder;
use corral_sessions::Sessions;
use corral_vectors::{Model, Vectors};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// The stores of one label.
pub(super) struct Opened {
    /// Empty for the host's own.
    pub label: String,
    pub sessions: Sessions,
    pub vectors: Vectors,
}

/// All stores, the host's own first, and the embedding model unless nothing is embedded.
pub(super) async fn open(
    config: Config,
    embeds: bool,
    door: Arc<Door>,
) -> anyhow::Result<(Vec<Opened>, Embedder)> {
    let places = config.places();
    let mut conversations = Vec::with_capacity(places.len());
    for place in &places {
        let table = place.table("sessions");
        let opened = Sessions::open(place.sessions, &place.file).await;
        let sessions = opened.with_context(|| format!("opening the session store, [{table}]"))?;
        hosted::watch_sessions(&door, table, &sessions, is_own(place));
        conversations.push(sessions);
    }
    let embedding = config.embedding.clone();
    let embedder = match embeds {
        true => spawn_blocking(|| Embedder::start(embedding)).await?,
        false => Ok(Embedder::none()),
    };
    let embedder = embedder.context("loading the embedding model")?;
    let mut stores = Vec::with_capacity(places.len());
    for (place, sessions) in places.iter().zip(conversations) {
        let vectors = passages(place, &embedder, &door).await?;
        stores.push(Opened { label: place.label.unwrap_or_default().to_owned(), sessions, vectors });
    }
    Ok((stores, embedder))
}

async fn passages(place: &Place<'_>, embedder: &Embedder, door: &Door) -> anyhow::Result<Vectors> {
    let table = place.table("vectors");
    let model = Model { name: embedder.name().to_owned(), dimensions: embedder.dimensions() };
    let opened = Vectors::open(place.vectors, &place.file, model).await;
    let vectors = opened.with_context(|| format!("opening the vector store, [{table}]"))?;
    hosted::watch_vectors(door, table, &vectors, place.vectors.required && is_own(place));
    Ok(vectors)
}

/// Stores with a label hold up the applications that use them, and not the host, which serves the others.
fn is_own(place: &Place<'_>) -> bool {
    place.label.is_none()
}
