//! The caller's end of a running answer.

use std::time::Instant;

use tokio::{sync::mpsc, time::timeout_at};

use crate::{Error, Event};

/// What the engine sends to one caller.
pub(crate) type Message = Result<Event, Error>;

/// An answer under way. Dropping it cancels it within one step of the engine.
#[derive(Debug)]
pub struct Generation {
    events: mpsc::Receiver<Message>,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Done,
    Failed(Error),
}

impl Generation {
    pub(crate) fn new(events: mpsc::Receiver<Message>, deadline: Instant) -> Self {
        Self { events, deadline, state: State::Open }
    }

    /// The next events in order, at least one and at most `max` (0 counts as 1): waits for the first
    /// and takes what else is there. Empty after [`Event::Done`].
    ///
    /// Cancel-safe: no event is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Deadline`] when the job's deadline passed, in whatever phase it was;
    /// [`Error::Unavailable`] when the engine ended or the session was forgotten. An error is the
    /// last thing that comes, and comes again if asked for.
    pub async fn next(&mut self, max: usize) -> Result<Vec<Event>, Error> {
        match &self.state {
            State::Done => return Ok(Vec::new()),
            State::Failed(error) => return Err(error.clone()),
            State::Open => {}
        }
        let first = match timeout_at(self.deadline.into(), self.events.recv()).await {
            Ok(Some(message)) => message,
            Ok(None) => Err(Error::Unavailable("the engine ended during the answer".into())),
            Err(_elapsed) => Err(Error::Deadline),
        };
        let mut events = vec![self.note(first)?];
        while events.len() < max && matches!(self.state, State::Open) {
            match self.events.try_recv() {
                Ok(message) => events.extend(self.note(message)),
                Err(mpsc::error::TryRecvError::Empty | mpsc::error::TryRecvError::Disconnected) => break,
            }
        }
        Ok(events)
    }

    fn note(&mut self, message: Message) -> Message {
        match &message {
            Ok(Event::Delta(_) | Event::Scored(_) | Event::Call(_)) => {}
            Ok(Event::Done { .. }) => self.state = State::Done,
            Err(error) => {
                self.state = State::Failed(error.clone());
                self.events.close();
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Finish, Usage};

    fn delta(text: &str) -> Message {
        Ok(Event::Delta(text.into()))
    }

    fn generation(deadline: Duration) -> (mpsc::Sender<Message>, Generation) {
        let (sender, events) = mpsc::channel(9);
        (sender, Generation::new(events, Instant::now() + deadline))
    }

    #[tokio::test]
    async fn events_come_in_order_up_to_max_and_end_empty() {
        let (sender, mut generation) = generation(Duration::from_secs(9));
        let done = Event::Done { finish: Finish::Stop, usage: Usage::default() };
        for message in [delta("a"), delta("b"), Ok(done.clone())] {
            sender.try_send(message).unwrap();
        }
        assert_eq!(generation.next(0).await.unwrap(), [Event::Delta("a".into())]);
        assert_eq!(generation.next(9).await.unwrap(), [Event::Delta("b".into()), done]);
        assert_eq!(generation.next(9).await.unwrap(), []);
    }

    #[tokio::test]
    async fn an_error_follows_the_events_before_it_and_stays() {
        let (sender, mut generation) = generation(Duration::from_secs(9));
        sender.try_send(delta("a")).unwrap();
        sender.try_send(Err(Error::Deadline)).unwrap();
        assert_eq!(generation.next(9).await.unwrap().len(), 1);
        assert_eq!(generation.next(9).await, Err(Error::Deadline));
        assert_eq!(generation.next(9).await, Err(Error::Deadline));
    }

    #[tokio::test]
    async fn a_lost_engine_and_a_silent_one_are_errors() {
        let (sender, mut lost) = generation(Duration::from_secs(9));
        drop(sender);
        assert!(matches!(lost.next(1).await, Err(Error::Unavailable(_))));
        let (sender, mut silent) = generation(Duration::from_millis(20));
        assert_eq!(silent.next(1).await, Err(Error::Deadline));
        assert!(sender.is_closed());
    }
}
