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

/// What callers and the engine thread share.
pub(crate) struct Shared {
    pub config: Config,
    pub queue: Queue,
    pub gauges: Gauges,
    status: watch::Sender<Status>,
    loaded: OnceLock<Loaded>,
}

impl Shared {
    /// Nothing is loaded yet.
    pub fn new(config: Config) -> Self {
        Self {
            queue: Queue::new(config.queue),
            gauges: Gauges::default(),
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
            Ok(Status::Failed(reason)) => Err(Error::Unavailable(reason.clone())),
            Ok(Status::Ready | Status::Loading { .. }) => Ok(()),
            Err(error) => Err(Error::Unavailable(error.to_string())),
        }
    }

    /// The model of that name, if it can be used.
    pub fn loaded(&self, model: Option<&str>) -> Result<&Loaded, Error> {
        if model.is_some_and(|name| name != self.config.model_name()) {
            return Err(Error::NoSuchModel);
        }
        let loading = || Error::Unavailable("the model is still loading".into());
        match &*self.status.borrow() {
            Status::Failed(reason) => Err(Error::Unavailable(reason.clone())),
            Status::Loading { .. } => Err(loading()),
            Status::Ready => self.loaded.get().ok_or_else(loading),
        }
    }

    /// Queues a job.
    pub fn push(&self, job: Job) -> Result<(), Error> {
        self.queue.push(job).map_err(|refusal| match refusal {
            Refusal::Full { queued } => {
                Error::Overloaded { retry_after: self.gauges.retry_after(queued, self.config.parallel) }
            }
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
    let loaded = loading::load(&shared.config, progress)?;
    let loaded = shared.loaded.get_or_init(|| loaded);
    let mut worker = Worker::new(shared, loaded)?;
    shared.status.send_replace(Status::Ready);
    worker.run()
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
        let forgotten = shared.queue.forget("a");
        conclude(&shared, || panic!("boom"));
        let Status::Failed(reason) = shared.status() else { panic!() };
        assert!(reason.contains("boom"), "{reason}");
        assert_eq!(shared.settled().await, Err(Error::Unavailable(reason.clone())));
        assert_eq!(shared.loaded(None).err(), Some(Error::Unavailable(reason.clone())));
        let preparation = Preparation { prompt: Vec::new(), session: "a".into() };
        assert_eq!(shared.queue.prepare(preparation), Err(reason));
        assert!(forgotten.await.is_err());
    }
}
