//! The life of one answer, on a task of its own: asked for, read, told.
//!
//! Whatever ends the task ends the request to the server with it: a caller who left, the deadline, the
//! end of everything.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    select,
    sync::mpsc,
    time::{sleep_until, timeout},
};

use super::{
    answer::{Answer, Times},
    ask::{Begun, Opened, Stream, open},
    chunk::Chunk,
    failure::Failure,
    gauges::Place,
    request::Question,
    shared::{STOPPED, Shared},
};
use crate::{Error, Event, Input, Options, generation::Message};

/// How long a server may take, once its answer ended, to say what it took.
const AFTERMATH: Duration = Duration::from_secs(2);

/// One answer to get.
pub(super) struct Job {
    pub shared: Arc<Shared>,
    pub question: Question,
    /// Tokens of the answer.
    pub limit: u32,
    pub submitted: Instant,
    pub deadline: Instant,
    pub events: mpsc::Sender<Message>,
    pub begun: Begun,
    pub place: Place,
}

impl Job {
    /// Gets the answer, and tells the caller all of it.
    pub async fn run(mut self) {
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        let deadline = self.deadline;
        let outcome = select! {
            biased;
            () = events.closed() => return,
            () = shared.stopped() => Err(Error::Unavailable(STOPPED.into())),
            () = sleep_until(deadline.into()) => Err(Error::Deadline),
            outcome = self.answer() => outcome,
        };
        let last = match outcome {
            Ok(done) => Some(Ok(done)),
            Err(error) => self.begun.badly(error).map(Err),
        };
        // The request is over, so the server waits for nobody, however long this takes.
        drop(self.place);
        if let Some(message) = last {
            let _ = events.send(message).await;
        }
    }

    async fn answer(&mut self) -> Result<Event, Error> {
        let opened = open(&self.shared, &self.question, self.limit, &mut self.begun).await?;
        self.place.run();
        let times = Times { submitted: self.submitted, sent: opened.sent, first_token: Instant::now() };
        let Options { stop, log_probabilities, .. } = &mut self.question.options;
        let mut answer = Answer::new(std::mem::take(stop), *log_probabilities, times);
        let Opened { turn, stream, first, .. } = opened;
        let done = match self.read(&mut answer, first, stream).await {
            Ok(()) => answer.done().ok_or_else(|| Failure::Failed("the answer broke off".into())),
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &done {
            turn.upstream.failed(failure, self.shared.config.remote.health_interval);
        }
        if let Ok(Event::Done { usage, .. }) = &done {
            self.shared.gauges.count(usage);
            tracing::debug!(server = %turn.upstream.address, ?usage, "answer ended");
        }
        Ok(done?)
    }

    /// Tells the caller what comes, to the end of the stream or to a stop string.
    async fn read(&self, answer: &mut Answer, first: Chunk, mut stream: Stream) -> Result<(), Failure> {
        let mut next = Some(first);
        while let Some(chunk) = next {
            for event in self.allowed(answer.take(chunk)) {
                // Waits only if a server sends more pieces than it was allowed tokens. A caller who left
                // ends the task.
                let _ = self.events.send(Ok(event)).await;
            }
            if answer.is_cut() {
                break;
            }
            next = match answer.is_finished() {
                // What it took is good to know, and nothing to fail or to wait long for.
                true => timeout(AFTERMATH, stream.next()).await.unwrap_or(Ok(None)).unwrap_or(None),
                false => self.within_idle_timeout(stream.next()).await?,
            };
        }
        Ok(())
    }

    /// Without the calls that a server makes beyond the one that it was asked for.
    fn allowed(&self, events: Vec<Event>) -> impl Iterator<Item = Event> {
        let one = matches!(&self.question.input, Input::Tools(dialogue) if !dialogue.parallel);
        let mut calls = 0;
        events.into_iter().filter(move |event| {
            calls += u32::from(matches!(event, Event::Call(_)));
            !(one && calls > 1 && matches!(event, Event::Call(_)))
        })
    }

    async fn within_idle_timeout<T>(
        &self,
        next: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let patience = self.shared.config.remote.idle_timeout;
        let silent = || Failure::Failed(format!("silent for {patience:?} within the answer"));
        timeout(patience, next).await.unwrap_or_else(|_elapsed| Err(silent()))
    }
}
