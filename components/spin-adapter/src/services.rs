//! What the exports are made of, for one instance: made when it is first asked for, and kept.
//!
//! An instance serves one request, and does one thing at a time.

use crate::{
    imports::{http::Outgoing, llm::SpinLlm, redis::SpinRedis, variables::SpinVariables},
    log::log,
    settings::{Models as Chosen, Settings},
};
use corral_spin_inference::{
    Models,
    embedding::{self, Embedding},
    remote::{self, Remote},
    spin::Spin,
};
use corral_spin_sessions::Store;
use corral_spin_vectors::{Model, Vectors};
use std::{cell::OnceCell, rc::Rc, sync::Arc};

thread_local! {
    static REDIS: OnceCell<Rc<SpinRedis>> = const { OnceCell::new() };
    static VECTORS: OnceCell<Rc<Vectors>> = const { OnceCell::new() };
    static MODELS: OnceCell<Rc<dyn Models>> = const { OnceCell::new() };
    static EMBEDDING: OnceCell<Rc<dyn Embedding>> = const { OnceCell::new() };
}

/// A service cannot be used as it is set up. The log has the reason.
pub struct Unavailable;

/// Does something with the sessions.
pub fn with_sessions<T>(work: impl FnOnce(&Store<'_>) -> T) -> Result<T, Unavailable> {
    let settings = settings();
    let redis = kept(&REDIS, || Ok(Rc::new(SpinRedis::new(settings.redis_url()?))))?;
    let sessions = settings.sessions().map_err(unavailable)?;
    let store = Store::new(&*redis, &sessions).map_err(|error| unavailable(error.to_string()))?;
    Ok(work(&store))
}

pub fn vectors() -> Result<Rc<Vectors>, Unavailable> {
    kept(&VECTORS, || {
        let settings = settings();
        let embedding::Model { name, dimensions, .. } = settings.embedding()?;
        let vectors = Vectors::new(Arc::new(Outgoing), &settings.vectors()?, Model { name, dimensions });
        Ok(Rc::new(vectors.map_err(|error| error.to_string())?))
    })
}

pub fn models() -> Result<Rc<dyn Models>, Unavailable> {
    kept(&MODELS, || {
        Ok(match settings().models()? {
            Chosen::Spin { names, context } => Rc::new(Spin::new(Arc::new(SpinLlm), names, context)),
            Chosen::Remote(settings) => Rc::new(Remote::new(Arc::new(Outgoing), settings)),
        })
    })
}

pub fn embedding() -> Result<Rc<dyn Embedding>, Unavailable> {
    kept(&EMBEDDING, || {
        let settings = settings();
        let model = settings.embedding()?;
        Ok(match settings.models()? {
            Chosen::Spin { .. } => Rc::new(embedding::Spin::new(Arc::new(SpinLlm), model)),
            Chosen::Remote(remote::Settings { address, token, .. }) => {
                Rc::new(embedding::Remote::new(Arc::new(Outgoing), address, token.as_deref(), model))
            }
        })
    })
}

fn settings() -> Settings<'static> {
    Settings(&SpinVariables)
}

/// What was made before, or what is made now.
fn kept<T: Clone>(
    place: &'static std::thread::LocalKey<OnceCell<T>>,
    make: impl FnOnce() -> Result<T, String>,
) -> Result<T, Unavailable> {
    if let Some(made) = place.with(|place| place.get().cloned()) {
        return Ok(made);
    }
    let made = make().map_err(unavailable)?;
    Ok(place.with(|place| place.get_or_init(|| made).clone()))
}

fn unavailable(cause: String) -> Unavailable {
    log(cause);
    Unavailable
}
