//! Text generation on servers that speak OpenAI's protocol: llama-server, vLLM, another Corral.
//!
//! A server that is down holds up readiness, not the start. All servers have the same model; each
//! request goes to one of them, and to another if that fails before the first token of its answer.
//!
//! Not here: what a prompt says (the components decide), how the servers run the model.

mod address;
mod answer;
mod ask;
mod choice;
mod chunk;
mod client;
mod config;
mod count;
mod estimate;
mod facts;
mod failure;
mod gauges;
mod health;
mod job;
mod pool;
mod recent;
mod refusal;
mod request;
mod shared;
mod sse;
mod upstream;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    select,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

pub use self::config::Config as RemoteConfig;
use self::{
    address::Address,
    ask::Begun,
    client::Client,
    count::{Count, Counts, count},
    job::Job,
    pool::Pool,
    request::Question,
    shared::{STOPPED, Shared},
    upstream::Upstream,
};
use crate::{Config, Error, Generation, Input, Load, Model, Options, Status, Template};

/// How long a call waits to learn that a server took the request, so that a refusal is the call's own
/// answer. What is known later comes with the events.
const PATIENCE: Duration = Duration::from_secs(5);

/// A model on other servers. Clones share it; the last one to go ends its answers.
#[derive(Clone)]
pub struct Remote {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stopping.send_replace(true);
    }
}

impl Remote {
    /// Checks the settings, and begins to look after the servers. To be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a setting that cannot be used.
    pub fn start(config: &Config) -> Result<Self, Error> {
        config.check()?;
        let remote = &config.remote;
        let addresses = remote.addresses()?;
        let model = remote.model()?.to_owned();
        let client = Client::new(remote, addresses.iter().any(Address::is_secure))?;
        let changes = watch::Sender::new(());
        let upstream = |address| Arc::new(Upstream::new(address, changes.clone()));
        let upstreams: Vec<_> = addresses.into_iter().map(upstream).collect();
        let pool = Pool::new(upstreams.clone(), changes, remote.retries, remote.health_interval);
        let shared = Arc::new(Shared {
            config: config.clone(),
            model,
            client,
            pool,
            counts: Counts::new(),
            gauges: Arc::default(),
            stopping: watch::Sender::new(false),
        });
        for upstream in upstreams {
            tokio::spawn(look_after(Arc::clone(&shared), upstream));
        }
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Waits until one server works, or all were asked once: not for one that is down.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] after [`Self::stop`].
    pub async fn ready(&self) -> Result<(), Error> {
        self.shared().settled().await
    }

    /// How the servers are together: ready while one works.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.shared().is_stopped() {
            true => Status::Failed(STOPPED.into()),
            false => self.shared().pool.status(),
        }
    }

    /// Gauges and counters; of the servers' caches nothing is known here.
    #[must_use]
    pub fn load(&self) -> Load {
        self.shared().gauges.read(self.shared().pool.slots())
    }

    /// What is known of the model.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] while no server works.
    pub async fn describe(&self) -> Result<Model, Error> {
        self.shared().settled().await?;
        let context_length = self.shared().context_length()?;
        let name = self.shared().config.name.clone().unwrap_or_else(|| self.shared().model.clone());
        Ok(Model { name, context_length, template: Template::Embedded, tools: true, adapters: Vec::new() })
    }

    /// The tokens of an input as the model would read it, or somewhat more where no server counts
    /// them. Does not check that they fit.
    ///
    /// # Errors
    ///
    /// As [`Self::describe`], and [`Error::InvalidArgument`] for a chat that is out of order.
    pub async fn count_tokens(&self, input: Input) -> Result<u32, Error> {
        input.check()?;
        self.shared().settled().await?;
        match count(self.shared(), &input).await? {
            Count::Exact(tokens) | Count::Estimate(tokens) => Ok(tokens),
        }
    }

    /// Asks for an answer.
    ///
    /// # Errors
    ///
    /// All that a server says soon: [`Error::ContextOverflow`], [`Error::Overloaded`],
    /// [`Error::InvalidArgument`], [`Error::Deadline`] and those of [`Self::describe`]. What it says
    /// later comes with the events.
    pub async fn generate(
        &self,
        input: Input,
        options: Options,
        deadline: Instant,
    ) -> Result<Generation, Error> {
        let submitted = Instant::now();
        input.check()?;
        let settings = options.settle(&self.shared().config)?;
        let question = Question::new(input, options, settings)?;
        if deadline <= submitted {
            return Err(Error::Deadline);
        }
        let place = self.shared().enter()?;
        let fit = async {
            self.shared().settled().await?;
            self.shared().room(&question).await
        };
        // Boxed, for it is in every caller's future.
        let limit = timeout(deadline.saturating_duration_since(submitted), Box::pin(fit)).await;
        let limit = limit.map_err(|_elapsed| Error::Deadline)??;
        // An event for every token, and its scores, and the end: sending hardly ever waits.
        let (events, received) = mpsc::channel(2 * limit as usize + 2);
        let (caller, told) = oneshot::channel();
        let shared = Arc::clone(&self.handle.shared);
        let begun = Begun::new(caller);
        tokio::spawn(Job { shared, question, limit, submitted, deadline, events, begun, place }.run());
        begin(told).await?;
        Ok(Generation::new(received, deadline))
    }

    /// Ends the answers under way with [`Error::Unavailable`], and leaves the servers alone.
    pub fn stop(&self) {
        self.shared().stopping.send_replace(true);
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Remote").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Waits until it is known how the answer begins, for a while.
async fn begin(mut told: oneshot::Receiver<Result<(), Error>>) -> Result<(), Error> {
    if let Ok(told) = timeout(PATIENCE, &mut told).await {
        return told.unwrap_or_else(|_| Err(Error::Unavailable(STOPPED.into())));
    }
    // From now on it comes with the events, unless it came this very moment.
    told.close();
    told.try_recv().unwrap_or(Ok(()))
}

/// Finds out how a server is for as long as anybody may ask it.
async fn look_after(shared: Arc<Shared>, upstream: Arc<Upstream>) {
    select! {
        () = shared.stopped() => {}
        () = health::watch(&shared, &upstream) => {}
    }
}
