//! `corral:host/embedding`: texts become vectors.

use super::wit::corral::host::embedding::{Embeddings, Error, Host, Model, Purpose};
use crate::guest::State;
use corral_embedding as backend;
use corral_telemetry::calls::Interface;
use tokio::time::Instant;
use wasmtime::component::HasData;

pub(super) struct Embedding;

impl HasData for Embedding {
    type Data<'a> = View<'a>;
}

pub(super) struct View<'a> {
    calls: Interface<'a>,
    embedder: &'a backend::Embedder,
    deadline: Instant,
}

pub(super) fn view(state: &mut State) -> View<'_> {
    View {
        calls: state.services.calls.of("embedding"),
        embedder: &state.services.embedder,
        deadline: state.deadline,
    }
}

impl Host for View<'_> {
    async fn describe(&mut self) -> wasmtime::Result<Model> {
        let embedder = self.embedder;
        let (name, dimensions) = (embedder.name().to_owned(), embedder.dimensions());
        Ok(Model { name, dimensions, max_tokens: embedder.max_tokens() })
    }

    async fn embed(
        &mut self,
        texts: Vec<String>,
        purpose: Purpose,
    ) -> wasmtime::Result<Result<Embeddings, Error>> {
        let embedded = self
            .calls
            .time("embed", self.embedder.embed(texts, purpose.into(), self.deadline.into_std()))
            .await;
        Ok(embedded.map(Embeddings::from).map_err(Error::from))
    }

    async fn count_tokens(&mut self, texts: Vec<String>) -> wasmtime::Result<Result<Vec<u32>, Error>> {
        Ok(self.calls.time("count-tokens", self.embedder.count_tokens(texts)).await.map_err(Error::from))
    }
}

impl From<Purpose> for backend::Purpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Document => Self::Document,
            Purpose::Query => Self::Query,
        }
    }
}

impl From<backend::Embeddings> for Embeddings {
    fn from(embeddings: backend::Embeddings) -> Self {
        let backend::Embeddings { dimensions, values, truncated } = embeddings;
        Self { dimensions, values, truncated }
    }
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::Overloaded { retry_after } => Self::Overloaded(super::milliseconds(retry_after)),
            backend::Error::InvalidArgument(what) => Self::InvalidArgument(what),
            backend::Error::Deadline => Self::Deadline,
            backend::Error::Unavailable(cause) | backend::Error::Load(cause) => {
                tracing::warn!(cause, "embedding model unavailable");
                Self::Unavailable
            }
        }
    }
}
