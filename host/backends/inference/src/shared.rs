//! What callers and the engine thread share, and the life of that thread.
//!
//! Not here: what it does while it lives (`worker`).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
};

use tokio::sync::watch;

use crate::{
    Config, Error, Status,
    gauges::Gauges,
    loading::{self, Loaded},
    queue::{Job, Queue, Refusal},
    worker::{Fatal, Worker},
};

/// How often a context that failed is made anew.
const RENEWALS: usize = 8;

/// What callers and the engine thread share.
pub(crate) struct Shared {
    pub config: Config,
    pub queue: Queue,
    pub gauges: Gauges,
    /// Each answer has a clone.
    under_way: Arc<()>,
    status: watch::Sender<Status>,
    loaded: OnceLock<Loaded>,
}

/// Goes with an answer from when it is asked for until it is over: what tokenises, and what has left the queue for a
/// slot, is in no gauge.
#[derive(Debug)]
pub(crate) struct UnderWay {
    _counted: Arc<()>,
}

impl Shared {
    /// Nothing is loaded yet.
    pub fn new(config: Config) -> Self {
        Self {
            queue: Queue::new(config.queue),
            gauges: Gauges::default(),
            under_way: Arc::default(),
            status: watch::Sender::new(Status::Loading { fraction: 0.0 }),
            loaded: OnceLock::new(),
            config,
        }
    }

    /// How the engine is.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Waits until the model is loaded, or will not be.
    pub async fn settled(&self) -> Result<(), Error> {
        let mut status = self.status.subscribe();
        let settled = status.wait_for(|status| !matches!(status, Status::Loading { .. })).await;
        match settled.as_deref() {
            Ok(Status::Down(reason) | Status::Failed(reason)) => Err(Error::Unavailable(reason.clone())),
            Ok(Status::Ready | Status::Loading { .. }) => Ok(()),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }

    /// The model, if it can be used.
    pub fn loaded(&self) -> Result<&Loaded, Error> {
        let loading = || Error::Unavailable("the model is still loading".into());
        match &*self.status.borrow() {
            Status::Down(reason) | Status::Failed(reason) => Err(Error::Unavailable(reason.clone())),
            Status::Loading { .. } => Err(loading()),
            Status::Ready => self.loaded.get().ok_or_else(loading),
        }
    }

    /// Counts an answer that is asked for.
    pub fn begin(&self) -> UnderWay {
        UnderWay { _counted: Arc::clone(&self.under_way) }
    }

    /// Whether every answer is over.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.under_way) == 1
    }

    /// Queues a job.
    pub fn push(&self, job: Job) -> Result<(), Error> {
        let overloaded = |queued: usize| Error::Overloaded {
            retry_after: self.gauges.retry_after(queued, self.config.parallel),
        };
        self.queue.push(job, overloaded).map_err(|refusal| match refusal {
            Refusal::Full { queued } => overloaded(queued),
            Refusal::Closed(reason) => Error::Unavailable(reason),
        })
    }
}

/// The life of the engine thread.
pub(crate) fn live(shared: &Arc<Shared>) {
    conclude(shared, || serve(shared));
}

/// However `work` ends, nobody waits for the engine afterwards.
fn conclude(shared: &Shared, work: impl FnOnce() -> Result<(), Fatal>) {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let reason = match outcome {
        Ok(Ok(())) => "the engine was stopped".to_owned(),
        Ok(Err(error)) => error,
        Err(panic) => format!("the engine panicked: {}", panic_message(panic.as_ref())),
    };
    if shared.queue.is_stopping() {
        tracing::info!("the inference engine has stopped");
    } else {
        tracing::error!(reason, "the inference engine has failed");
    }
    shared.status.send_replace(Status::Failed(reason.clone()));
    shared.queue.close(&reason);
    shared.gauges.set_activity(0, 0);
}

fn serve(shared: &Arc<Shared>) -> Result<(), Fatal> {
    let watched = Arc::clone(shared);
    let progress = move |fraction| {
        watched.status.send_replace(Status::Loading { fraction });
        !watched.queue.is_stopping()
    };
    let (loaded, mut adapters) = loading::load(&shared.config, progress)?;
    let loaded = shared.loaded.get_or_init(|| loaded);
    for left in (0..=RENEWALS).rev() {
        let mut worker = Worker::new(shared, loaded, &mut adapters)?;
        shared.status.send_replace(Status::Ready);
        match worker.run() {
            // What waits in the queue does not notice.
            Err(reason) if left > 0 => tracing::error!(reason, "the context failed and is made anew"),
            ended => return ended,
        }
    }
    Ok(())
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Preparation;

    #[tokio::test]
    async fn a_panic_fails_the_engine_and_everyone_is_told() {
        let shared = Shared::new(Config::default());
        let owner = crate::Owner::Session("a".into());
        let forgotten = shared.queue.forget(&owner);
        conclude(&shared, || panic!("boom"));
        let Status::Failed(reason) = shared.status() else { panic!() };
        assert!(reason.contains("boom"), "{reason}");
        assert_eq!(shared.settled().await, Err(Error::Unavailable(reason.clone())));
        assert_eq!(shared.loaded().err(), Some(Error::Unavailable(reason.clone())));
        let preparation = Preparation { prompt: Vec::new(), owner };
        assert_eq!(shared.queue.prepare(preparation), Err(reason));
        assert!(forgotten.await.is_err());
    }
}
