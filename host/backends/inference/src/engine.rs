//! The engine's handle: checks and tokenises on the caller's side, and hands plain jobs over.
//!
//! Not here: what the engine thread does with them (`worker`).

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Instant,
};

use llama_cpp_2::token::LlamaToken;
use tokio::sync::mpsc;

use crate::{
    Config, Error, Generation, Input, Load, Model, Options, Status, Template,
    input::Settings,
    loading::Loaded,
    queue::{Job, Preparation},
    sampling::Sampler,
    shared::{Shared, live},
};

/// Text up to this length is tokenised at once; longer text on a thread that may block.
const SHORT: usize = 2 << 10;

/// A model on its own thread. Clones share it; the last one to go ends the thread.
#[derive(Clone)]
pub struct Engine {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.queue.stop();
    }
}

impl Engine {
    /// Checks the settings, and begins to load the model on the engine's own thread.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting that cannot be used, [`Error::Unavailable`] if the
    /// model's file is missing.
    pub fn start(config: Config) -> Result<Self, Error> {
        config.check()?;
        if !config.model.is_file() {
            return Err(Error::Unavailable(format!(
                "inference.model: there is no file {}; fetch it with `corral models fetch`, or the \
                 default models with `make setup`",
                config.model.display()
            )));
        }
        let shared = Arc::new(Shared::new(config));
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("inference".into())
            .spawn(move || live(&worker))
            .map_err(|error| Error::Unavailable(format!("starting the inference thread: {error}")))?;
        Ok(Self { handle: Arc::new(Handle { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Waits until the model is loaded.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] says why it will not be.
    pub async fn ready(&self) -> Result<(), Error> {
        self.shared().settled().await
    }

    /// How the engine is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared().status()
    }

    /// Gauges and counters.
    #[must_use]
    pub fn load(&self) -> Load {
        let shared = self.shared();
        shared.gauges.read(shared.queue.len(), shared.config.parallel)
    }

    /// What is known of a model; `None` is the only one.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchModel`], and [`Error::Unavailable`] while it loads or when it failed.
    pub fn describe(&self, model: Option<&str>) -> Result<Model, Error> {
        self.shared().loaded(model).map(|loaded| loaded.description.clone())
    }

    /// The tokens of an input as the model would read it, with the opening of the assistant's
    /// message if the user spoke last. Does not check that they fit.
    ///
    /// # Errors
    ///
    /// As [`Self::describe`], and [`Error::InvalidArgument`] for a chat that is out of order.
    pub async fn count_tokens(&self, model: Option<&str>, input: Input) -> Result<u32, Error> {
        self.shared().loaded(model)?;
        input.check()?;
        let tokens = self.tokenise(input).await?;
        Ok(u32::try_from(tokens.len()).unwrap_or(u32::MAX))
    }

    /// Queues an answer.
    ///
    /// # Errors
    ///
    /// All that can be known now: [`Error::ContextOverflow`], [`Error::Overloaded`],
    /// [`Error::InvalidArgument`], [`Error::Deadline`] and those of [`Self::describe`].
    pub async fn generate(
        &self,
        model: Option<&str>,
        input: Input,
        options: Options,
        deadline: Instant,
    ) -> Result<Generation, Error> {
        let submitted = Instant::now();
        let loaded = self.shared().loaded(model)?;
        input.check_question()?;
        let settings = options.settle(&self.shared().config)?;
        if deadline <= submitted {
            return Err(Error::Deadline);
        }
        let is_chat = matches!(input, Input::Chat(_));
        let leading_space = is_chat && loaded.description.template == Template::Llama2;
        let prompt = self.tokenise(input).await?;
        let limit = room(&prompt, &settings, loaded.description.context_length)?;
        let (sampler, prompt) = self.sampler(settings, &options, prompt).await?;
        // An event for every token, what was held back, and the end: sending never waits.
        let (sender, receiver) = mpsc::channel(limit as usize + 2);
        let job = Job {
            prompt,
            limit,
            sampler,
            stop: options.stop,
            leading_space,
            session: options.session,
            submitted,
            deadline,
            events: sender,
        };
        self.shared().push(job)?;
        Ok(Generation::new(receiver, deadline))
    }

    /// Asks to read `input` into the session's cache when there is nothing else to do. A hint:
    /// returns at once, and what does not fit is left alone.
    ///
    /// # Errors
    ///
    /// As [`Self::count_tokens`].
    pub async fn prepare(&self, model: Option<&str>, input: Input, session: &str) -> Result<(), Error> {
        let context_length = self.shared().loaded(model)?.description.context_length;
        input.check()?;
        let prompt = self.tokenise(input).await?;
        if prompt.len() >= context_length as usize {
            return Ok(());
        }
        let preparation = Preparation { prompt, session: session.into() };
        self.shared().queue.prepare(preparation).map_err(Error::Unavailable)
    }

    /// Forgets what is cached for the session, and cancels what waits or runs for it. Returns when
    /// that has happened.
    pub async fn forget(&self, session: &str) {
        // An error means that the engine is gone, and the cache with it.
        let _ = self.shared().queue.forget(session).await;
    }

    /// The sessions for which something is cached while nothing is generated for them. Waits until the
    /// model is loaded; none if the engine is gone.
    pub async fn sessions(&self) -> Vec<String> {
        self.shared().queue.inquire().await.unwrap_or_default()
    }

    /// Ends the engine thread; answers under way end with [`Error::Unavailable`]. Returns when it
    /// has ended.
    pub async fn stop(&self) {
        self.shared().queue.stop();
        let thread = self.handle.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && let Err(error) = tokio::task::spawn_blocking(move || thread.join()).await
        {
            tracing::error!(%error, "waiting for the inference thread");
        }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    async fn tokenise(&self, input: Input) -> Result<Vec<LlamaToken>, Error> {
        let quick = input.bytes() <= SHORT;
        self.with_model(quick, move |loaded| loaded.vocabulary.encode(&loaded.format, &input)).await
    }

    async fn sampler(
        &self,
        settings: Settings,
        options: &Options,
        prompt: Vec<LlamaToken>,
    ) -> Result<(Sampler, Vec<LlamaToken>), Error> {
        let constraint = options.constraint.clone();
        self.with_model(constraint.is_none(), move |loaded| {
            let sampler = Sampler::new(&loaded.model, &settings, constraint.as_ref(), &prompt)?;
            Ok((sampler, prompt))
        })
        .await
    }

    /// Calls the model here if that is `quick`, else on a thread that may block.
    async fn with_model<T: Send + 'static>(
        &self,
        quick: bool,
        call: impl FnOnce(&Loaded) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        if quick {
            return call(self.shared().loaded(None)?);
        }
        let shared = Arc::clone(&self.handle.shared);
        tokio::task::spawn_blocking(move || call(shared.loaded(None)?))
            .await
            .map_err(|error| Error::Unavailable(format!("calling the tokeniser: {error}")))?
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = self.status();
        formatter.debug_struct("Engine").field("status", &status).finish_non_exhaustive()
    }
}

/// Tokens that the answer may have, by the options and by the room that the prompt leaves.
fn room(prompt: &[LlamaToken], settings: &Settings, context_length: u32) -> Result<u32, Error> {
    let need = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    let have = context_length.saturating_sub(1);
    if need > have {
        return Err(Error::ContextOverflow { need, have });
    }
    Ok(settings.max_tokens.min(context_length - need))
}
