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
    Config, Error, Generation, Input, Load, Model, Options, Owner, Status, Template,
    calling::{Calls, binding::Binding},
    input::Settings,
    loading::Loaded,
    queue::{Job, Preparation},
    sampling::{Bound, Sampler},
    shared::{Shared, live},
    tokens::Ending,
};

/// Text up to this length is tokenised at once; longer text on a thread that may block.
const SHORT: usize = 2 << 10;

/// An input as the model reads it.
struct Prompt {
    tokens: Vec<LlamaToken>,
    /// Those at the beginning that are the system prompt's.
    shared: usize,
}

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

    /// Whether every answer that was asked for is over.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared().is_idle()
    }

    /// What is known of the model.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] while it loads or when it failed.
    pub fn describe(&self) -> Result<Model, Error> {
        self.shared().loaded().map(|loaded| loaded.description.clone())
    }

    /// The tokens of an input as the model would read it, with the opening of the assistant's
    /// message if the user spoke last. Does not check that they fit.
    ///
    /// # Errors
    ///
    /// As [`Self::describe`], and [`Error::InvalidArgument`] for a chat that is out of order.
    pub async fn count_tokens(&self, input: Input) -> Result<u32, Error> {
        self.shared().loaded()?;
        input.check()?;
        let ending = Ending::of(&input);
        let prompt = self.read(input, ending).await?;
        Ok(u32::try_from(prompt.tokens.len()).unwrap_or(u32::MAX))
    }

    /// Queues an answer.
    ///
    /// # Errors
    ///
    /// All that can be known now: [`Error::ContextOverflow`], [`Error::Overloaded`],
    /// [`Error::InvalidArgument`], [`Error::Deadline`] and those of [`Self::describe`].
    pub async fn generate(
        &self,
        input: Input,
        options: Options,
        deadline: Instant,
    ) -> Result<Generation, Error> {
        let submitted = Instant::now();
        let under_way = self.shared().begin();
        let loaded = self.shared().loaded()?;
        input.check()?;
        let settings = options.settle(&self.shared().config)?;
        let adapter = adapter(&loaded.description, options.adapter.as_deref())?;
        if deadline <= submitted {
            return Err(Error::Deadline);
        }
        let Calls { binding, reader } = Calls::of(&loaded.format, &input, &options)?;
        let is_chat = matches!(input, Input::Chat(_));
        let leading_space = is_chat && loaded.description.template == Template::Llama2;
        let prompt = self.read(input, Ending::Open).await?;
        let limit = room(&prompt.tokens, &settings, loaded.description.context_length)?;
        // The penalties' memory is as large as the answer may become, not as large as was asked for.
        let settings = Settings { max_tokens: limit, ..settings };
        let (sampler, prompt) = self.sampler(settings, &options, binding, prompt).await?;
        // Two events for every token, what was held back, and the end: sending never waits.
        let (sender, receiver) = mpsc::channel(2 * (limit as usize + 1) + 1);
        let job = Job {
            prompt: prompt.tokens,
            limit,
            sampler,
            stop: options.stop,
            calls: reader,
            leading_space,
            shared: prompt.shared,
            scores: options.log_probabilities.map(|most| most as usize),
            adapter,
            owner: options.owner,
            principal: options.principal,
            submitted,
            deadline,
            events: sender,
            under_way,
        };
        self.shared().push(job)?;
        Ok(Generation::new(receiver, deadline))
    }

    /// Asks to read `input` into the owner's cache when there is nothing else to do. A hint:
    /// returns at once, and what does not fit is left alone.
    ///
    /// # Errors
    ///
    /// As [`Self::count_tokens`].
    pub async fn prepare(&self, input: Input, owner: Owner) -> Result<(), Error> {
        let context_length = self.shared().loaded()?.description.context_length;
        input.check()?;
        let ending = Ending::of(&input);
        let prompt = self.read(input, ending).await?.tokens;
        if prompt.len() >= context_length as usize {
            return Ok(());
        }
        let preparation = Preparation { prompt, owner };
        self.shared().queue.prepare(preparation).map_err(Error::Unavailable)
    }

    /// Forgets what is cached for the owner, and cancels what waits or runs for it. Returns when
    /// that has happened.
    pub async fn forget(&self, owner: &Owner) {
        // Nothing was taken in for anybody: a model may take minutes to load.
        if self.shared().loaded().is_err() {
            return;
        }
        // An error means that the engine is gone, and the cache with it.
        let _ = self.shared().queue.forget(owner).await;
    }

    /// Those for whom something is kept while nothing is generated for them: nobody while the model loads. What was
    /// left alone for too long is gone then.
    pub async fn resting(&self) -> Vec<Owner> {
        if self.shared().loaded().is_err() {
            return Vec::new();
        }
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

    async fn read(&self, input: Input, ending: Ending) -> Result<Prompt, Error> {
        let quick = input.bytes() <= SHORT;
        let shares = self.shared().config.cache_bytes.as_u64() > 0;
        self.with_model(quick, move |loaded| {
            let tokens = loaded.vocabulary.encode(&loaded.format, &input, ending)?;
            let prefixes = || loaded.prefixes.shared(&loaded.vocabulary, &loaded.format, &input, &tokens);
            let shared = if shares { prefixes() } else { 0 };
            Ok(Prompt { tokens, shared })
        })
        .await
    }

    async fn sampler(
        &self,
        settings: Settings,
        options: &Options,
        binding: Option<Binding>,
        prompt: Prompt,
    ) -> Result<(Sampler, Prompt), Error> {
        // Where calls are bound, so is the answer in their place.
        let answer = || options.constraint.clone().map(Bound::Answer);
        let bound = binding.map(Bound::Calls).or_else(answer);
        let biases = options.biases.clone();
        self.with_model(bound.is_none(), move |loaded| {
            let (model, tokens) = (&loaded.model, &prompt.tokens);
            let sampler = Sampler::new(model, &settings, &biases, bound.as_ref(), tokens)?;
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
            return call(self.shared().loaded()?);
        }
        let shared = Arc::clone(&self.handle.shared);
        tokio::task::spawn_blocking(move || call(shared.loaded()?))
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

/// The place of an adapter among the model's.
fn adapter(model: &Model, name: Option<&str>) -> Result<Option<usize>, Error> {
    let Some(name) = name else { return Ok(None) };
    let place = model.adapters.iter().position(|adapter| adapter == name);
    place.map(Some).ok_or_else(|| Error::InvalidArgument(format!("the model has no adapter {name:?}")))
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn nothing_is_kept_for_anybody_while_a_model_loads() {
        let shared = Arc::new(Shared::new(Config::default()));
        let engine = Engine { handle: Arc::new(Handle { shared, thread: Mutex::default() }) };
        assert!(matches!(engine.status(), Status::Loading { .. }));
        assert_eq!(engine.forget(&Owner::Session("a".into())).now_or_never(), Some(()));
        assert_eq!(engine.resting().now_or_never(), Some(Vec::new()));
    }
}
