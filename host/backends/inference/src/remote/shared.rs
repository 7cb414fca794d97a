//! What callers, answers and whoever looks after the servers share.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    client::Client,
    count::{Count, Counts, count},
    estimate::estimate,
    facts::Facts,
    failure::SOON,
    gauges::{Gauges, Place},
    pool::Pool,
    request::Question,
};
use crate::{Config, Error};

/// Why there are no answers any more.
pub(super) const STOPPED: &str = "inference was stopped";

/// What callers and tasks share.
pub(super) struct Shared {
    pub config: Config,
    /// What the servers call it.
    pub model: String,
    pub client: Client,
    pub pool: Pool,
    pub counts: Counts,
    pub gauges: Arc<Gauges>,
    pub stopping: watch::Sender<bool>,
}

impl Shared {
    /// Waits until it is known whether a server works.
    pub async fn settled(&self) -> Result<(), Error> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Error::Unavailable(STOPPED.into())),
            () = self.pool.settled() => Ok(()),
        }
    }

    /// Whether it ended.
    pub fn is_stopped(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for the end.
    pub async fn stopped(&self) {
        // The sender is here, so that it is not gone.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Tokens that prompt and answer may have together.
    pub fn context_length(&self) -> Result<u32, Error> {
        Ok(self.pool.context_length(self.assumed_context())?.min(self.config.n_ctx))
    }

    /// What a server has room for.
    pub fn context_of(&self, facts: &Facts) -> u32 {
        facts.description.context_length.unwrap_or_else(|| self.assumed_context())
    }

    /// Tokens that the answer may have, by the options and by the room that the prompt leaves.
    pub async fn room(&self, question: &Question) -> Result<u32, Error> {
        let context = self.context_length()?;
        let wanted = question.max_tokens().min(context.saturating_sub(1));
        // Mostly that is enough to know, and nobody has to be asked.
        if estimate(&question.input).saturating_add(wanted) <= context {
            return Ok(wanted);
        }
        match count(self, &question.input).await? {
            Count::Exact(need) if need >= context => {
                Err(Error::ContextOverflow { need, have: context.saturating_sub(1) })
            }
            Count::Exact(need) => Ok(wanted.min(context - need)),
            // The server knows better, and will say so.
            Count::Estimate(_) => Ok(wanted),
        }
    }

    /// A place among the answers that wait for their first token.
    pub fn enter(&self) -> Result<Place, Error> {
        self.gauges.enter(self.config.queue).ok_or(Error::Overloaded { retry_after: SOON })
    }

    /// What is assumed of a server that does not tell.
    fn assumed_context(&self) -> u32 {
        self.config.remote.context_length.unwrap_or(self.config.n_ctx)
    }
}

/// A number by chance, of the quality that spreading load asks for: the keys of a new hash map.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
