//! The models of a host by name: started together, chosen call by call, loaded and unloaded while others answer.
//!
//! Not here: how one of them answers (`engine`, `remote`).

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;

use crate::{
    Config, Error, Generation, Input, Load, Model, Options, Owner, Status, script::Script, served::Served,
};

/// How often a model that is unloaded is asked whether its last answer has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// All models of a host. Clones share them.
///
/// Calls are boxed, so that the work behind them is compiled here, and not by each crate that waits for one.
#[derive(Debug, Clone)]
pub struct Models(Arc<RwLock<Vec<Entry>>>);

/// A model in the settings. The first one is the default.
#[derive(Debug)]
struct Entry {
    name: String,
    config: Config,
    /// None while it is not loaded.
    served: Option<Served>,
}

/// A model in the settings, and how it is; none while it is not loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How it is; none while it is not loaded.
    pub status: Option<Status>,
    /// Its gauges and counters.
    pub load: Load,
}

impl Models {
    /// Checks the settings, and begins to load every model that they do not leave for later.
    ///
    /// # Errors
    ///
    /// Those of [`Engine::start`](crate::Engine::start)(crate::Engine::start) and [`Remote::start`](crate::Remote::start).
    pub fn start(config: Config) -> Result<Self, Error> {
        config.check()?;
        let mut settings = vec![(config.model_name(), config.clone())];
        settings.extend(config.models);
        let mut entries = Vec::new();
        for (index, (name, config)) in settings.into_iter().enumerate() {
            let config = Config { name: Some(name.clone()), ..config };
            let wanted = config.load || index == 0;
            let served = wanted.then(|| Served::start(&config)).transpose()?;
            entries.push(Entry { name, config, served });
        }
        Ok(Self(Arc::new(RwLock::new(entries))))
    }

    /// None, for a host whose applications use none.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::new(RwLock::new(Vec::new())))
    }

    /// The same names, and models that say `text` whatever is asked: a rehearsal disturbs nobody.
    #[must_use]
    pub fn scripted(&self, text: &str) -> Self {
        let script = |entry: &Entry| Entry {
            name: entry.name.clone(),
            config: entry.config.clone(),
            served: Some(Served::Scripted(Script::new(text, &entry.name, &entry.config))),
        };
        Self(Arc::new(RwLock::new(self.read(|entries| entries.iter().map(script).collect()))))
    }

    /// Waits until every model that is being loaded is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] says which one will not be, and why.
    pub fn ready(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            for (name, served) in self.all() {
                let named = |error| Error::Unavailable(format!("the model {name}: {error}"));
                served.ready().await.map_err(named)?;
            }
            Ok(())
        })
    }

    /// Every model in the settings, the default first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let listed = |entry: &Entry| Listed {
            name: entry.name.clone(),
            status: entry.served.as_ref().map(Served::status),
            load: entry.served.as_ref().map(Served::load).unwrap_or_default(),
        };
        self.read(|entries| entries.iter().map(listed).collect())
    }

    /// The models that can be used now, the default first.
    pub fn ready_ones(&self) -> BoxFuture<'_, Vec<Model>> {
        Box::pin(async move {
            let mut models = Vec::new();
            for (_, served) in self.all() {
                models.extend(served.describe().await.ok());
            }
            models
        })
    }

    /// What is known of a model; none is the default one.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchModel`], also for one that is not loaded, and [`Error::Unavailable`] while it loads or when it
    /// failed.
    pub fn describe<'a>(&'a self, model: Option<&'a str>) -> BoxFuture<'a, Result<Model, Error>> {
        Box::pin(async move { self.named(model)?.describe().await })
    }

    /// Tokens of an answer that asks for no number of them; 0 for a model that is not in the settings.
    pub fn max_tokens(&self, model: Option<&str>) -> u32 {
        self.read(|entries| {
            let named = |entry: &&Entry| model.is_none_or(|name| entry.name == name);
            entries.iter().find(named).map_or(0, |entry| entry.config.defaults.max_tokens)
        })
    }

    /// As [`Engine::count_tokens`](crate::Engine::count_tokens).
    ///
    /// # Errors
    ///
    /// Also those of [`Self::describe`].
    pub fn count_tokens<'a>(
        &'a self,
        model: Option<&'a str>,
        input: Input,
    ) -> BoxFuture<'a, Result<u32, Error>> {
        Box::pin(async move { self.named(model)?.count_tokens(input).await })
    }

    /// As [`Engine::generate`](crate::Engine::generate).
    ///
    /// # Errors
    ///
    /// Also those of [`Self::describe`].
    pub fn generate<'a>(
        &'a self,
        model: Option<&'a str>,
        input: Input,
        options: Options,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Generation, Error>> {
        Box::pin(async move { self.named(model)?.generate(input, options, deadline).await })
    }

    /// As [`Engine::prepare`](crate::Engine::prepare).
    ///
    /// # Errors
    ///
    /// Also those of [`Self::describe`].
    pub fn prepare<'a>(
        &'a self,
        model: Option<&'a str>,
        input: Input,
        owner: Owner,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.named(model)?.prepare(input, owner).await })
    }

    /// As [`Engine::forget`](crate::Engine::forget), in every model.
    pub fn forget<'a>(&'a self, owner: &'a Owner) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            for (_, served) in self.all() {
                served.forget(owner).await;
            }
        })
    }

    /// As [`Engine::resting`](crate::Engine::resting), of all models.
    pub fn resting(&self) -> BoxFuture<'_, BTreeSet<Owner>> {
        Box::pin(async move {
            let mut resting = BTreeSet::new();
            for (_, served) in self.all() {
                resting.extend(served.resting().await);
            }
            resting
        })
    }

    /// Loads a model of the settings, and waits until it is ready. One that is loaded already stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchModel`], and those of [`Self::start`] and [`Self::ready`].
    pub fn load<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let served = self.write(|entries| {
                let entry = entries.iter_mut().find(|entry| entry.name == name).ok_or(Error::NoSuchModel)?;
                match entry.served.clone().filter(|served| !matches!(served.status(), Status::Failed(_))) {
                    Some(served) => Ok(served),
                    None => Ok::<_, Error>(entry.served.insert(Served::start(&entry.config)?).clone()),
                }
            })?;
            served.ready().await
        })
    }

    /// Takes a model out of service and frees what it holds: calls find it no more, answers under way have until
    /// `deadline`.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchModel`], and [`Error::InvalidArgument`] for the default model.
    pub fn unload<'a>(&'a self, name: &'a str, deadline: Instant) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let served = self.write(|entries| {
                let at = entries.iter().position(|entry| entry.name == name).ok_or(Error::NoSuchModel)?;
                if at == 0 {
                    return Err(Error::InvalidArgument("the default model cannot be unloaded".into()));
                }
                Ok(entries[at].served.take())
            })?;
            let Some(served) = served else { return Ok(()) };
            while !served.is_idle() && Instant::now() < deadline {
                tokio::time::sleep(PAUSE).await;
            }
            served.stop().await;
            tracing::info!(model = name, "model unloaded");
            Ok(())
        })
    }

    /// As [`Engine::stop`](crate::Engine::stop), for every model.
    pub fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for (_, served) in self.all() {
                served.stop().await;
            }
        })
    }

    fn named(&self, model: Option<&str>) -> Result<Served, Error> {
        self.read(|entries| {
            let named = |entry: &&Entry| model.is_none_or(|name| entry.name == name);
            entries.iter().find(named).and_then(|entry| entry.served.clone()).ok_or(Error::NoSuchModel)
        })
    }

    fn all(&self) -> Vec<(String, Served)> {
        let loaded = |entry: &Entry| Some((entry.name.clone(), entry.served.clone()?));
        self.read(|entries| entries.iter().filter_map(loaded).collect())
    }

    fn read<T>(&self, look: impl FnOnce(&[Entry]) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut [Entry]) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}
