//! The queue and its thread with a model that does one run when it is told to.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::call::Answer;
use crate::pieces::Reading;

/// Longer than any test: who waits for company until the window closes never ends.
const ENDLESS: Duration = Duration::from_secs(3600);

/// A model that shows each batch and waits for what becomes of it.
struct Script {
    queue: Arc<Queue>,
    batches: UnboundedReceiver<Vec<String>>,
    outcome: mpsc::Sender<Result<(), Error>>,
}

impl Script {
    fn start(places: usize, together: bool, window: Duration) -> Self {
        let queue = Arc::new(Queue::new(places, together, window));
        let (shown, batches) = unbounded_channel();
        let (outcome, outcomes) = mpsc::channel::<Result<(), Error>>();
        let model = move |texts: &[&str]| {
            shown.send(texts.iter().map(|text| text.to_string()).collect()).ok();
            // A test that is over sends nothing more.
            outcomes.recv().unwrap_or(Ok(()))?;
            Ok(texts.iter().map(|text| vector(text)).collect())
        };
        let worker = queue.clone();
        spawn("scripted", move || run(model, &worker)).unwrap();
        Self { queue, batches, outcome }
    }

    /// A call with these texts, all of one length. It is in the queue when this returns.
    fn call(&self, texts: &[&str]) -> Answer {
        let texts: Vec<_> = texts.iter().map(|text| (*text, 8)).collect();
        self.call_of(&texts)
    }

    /// A call with texts of so many pieces.
    fn call_of(&self, texts: &[(&str, usize)]) -> Answer {
        let reading =
            |&(text, pieces): &(&str, usize)| Reading { text: text.into(), pieces, truncated: false };
        self.queue.submit(self.queue.place().unwrap(), texts.iter().map(reading).collect())
    }

    /// The batch that runs now. A thread that waits for somebody in vain fails the test.
    async fn running(&mut self) -> Vec<String> {
        let shown = tokio::time::timeout(Duration::from_secs(30), self.batches.recv()).await;
        shown.expect("nothing runs").expect("the thread has ended")
    }

    fn finish(&self) {
        self.outcome.send(Ok(())).unwrap();
    }

    fn fail(&self) {
        self.outcome.send(Err(Error::Unavailable("as the script says".into()))).unwrap();
    }

    /// Two callers that ask again as soon as they are answered, and have been seen to.
    async fn returning_pair(&mut self) {
        let held = self.call(&["held"]);
        self.running().await;
        let pair = [self.call(&["a"]), self.call(&["b"])];
        self.finish();
        assert_eq!(self.running().await, ["a", "b"]);
        self.finish();
        self.answered([held].into_iter().chain(pair)).await;
        let first = self.call(&["a"]);
        assert_eq!(self.running().await, ["a"], "nobody has come back before");
        let second = self.call(&["b"]);
        self.finish();
        self.answered([first]).await;
        let first = self.call(&["a"]);
        assert_eq!(self.running().await, ["b", "a"], "now both are waited for");
        self.finish();
        self.answered([first, second]).await;
    }

    async fn answered(&self, answers: impl IntoIterator<Item = Answer>) {
        for answer in answers {
            assert!(answer.values().await.is_ok());
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn vector(text: &str) -> Vec<f32> {
    text.bytes().map(f32::from).collect()
}

#[tokio::test]
async fn calls_that_come_during_a_run_share_the_next_and_each_gets_its_own_vectors() {
    let mut script = Script::start(9, true, Duration::ZERO);
    let first = script.call(&["first"]);
    assert_eq!(script.running().await, ["first"]);
    let two = script.call_of(&[("long", 9), ("short", 8)]);
    let rest = [script.call(&["one"]), two, script.call(&["four"])];
    script.finish();
    assert_eq!(first.values().await.unwrap(), vector("first"));
    assert_eq!(script.running().await, ["short", "one", "four", "long"]);
    script.finish();
    let [one, two, four] = rest;
    assert_eq!(one.values().await.unwrap(), vector("one"));
    assert_eq!(two.values().await.unwrap(), vector("longshort"), "in the order of the call");
    assert_eq!(four.values().await.unwrap(), vector("four"));
}

#[tokio::test]
async fn a_model_whose_vectors_depend_on_neighbours_runs_one_text_at_a_time() {
    let mut script = Script::start(9, false, ENDLESS);
    let held = script.call(&["held"]);
    script.running().await;
    let answers = [held, script.call(&["a", "b"]), script.call(&["c"])];
    for expected in ["a", "c", "b"] {
        script.finish();
        assert_eq!(script.running().await, [expected]);
    }
    script.finish();
    script.answered(answers).await;
}

#[tokio::test]
async fn a_call_with_one_text_waits_for_one_batch_of_a_call_with_many() {
    let mut script = Script::start(9, true, Duration::ZERO);
    let many = script.call(&["many"; 100]);
    assert_eq!(script.running().await.len(), 32);
    let one = script.call(&["one"]);
    script.finish();
    assert!(script.running().await.contains(&"one".to_string()));
    script.finish();
    assert_eq!(one.values().await.unwrap(), vector("one"));
    drop(many);
}

#[tokio::test]
async fn a_lone_caller_runs_at_once_again_and_again() {
    let mut script = Script::start(9, true, ENDLESS);
    for _ in 0..5 {
        let answer = script.call(&["lone"]);
        assert_eq!(script.running().await, ["lone"]);
        script.finish();
        assert!(answer.values().await.is_ok());
    }
}

#[tokio::test]
async fn callers_that_come_back_together_run_together() {
    let mut script = Script::start(9, true, ENDLESS);
    script.returning_pair().await;
    let second = script.call(&["b"]);
    let first = script.call(&["a"]);
    assert_eq!(script.running().await, ["b", "a"]);
    script.finish();
    script.answered([first, second]).await;
}

#[tokio::test]
async fn a_full_batch_waits_for_no_company() {
    let mut script = Script::start(9, true, ENDLESS);
    script.returning_pair().await;
    let many = script.call(&["many"; 40]);
    assert_eq!(script.running().await.len(), 32);
    script.finish();
    assert_eq!(script.running().await.len(), 8);
    script.finish();
    script.answered([many]).await;
}

#[tokio::test]
async fn the_texts_of_a_dropped_call_leave_the_batches_they_are_not_running_in() {
    let mut script = Script::start(3, true, Duration::ZERO);
    let running = script.call(&["a", "a"]);
    assert_eq!(script.running().await, ["a", "a"]);
    let waiting = script.call(&["b", "b", "b"]);
    let kept = script.call(&["c"]);
    drop((running, waiting));
    script.finish();
    assert_eq!(script.running().await, ["c"]);
    script.finish();
    assert_eq!(kept.values().await.unwrap(), vector("c"));
}

#[tokio::test]
async fn a_full_queue_refuses_until_a_call_is_answered_or_dropped() {
    let mut script = Script::start(2, true, Duration::ZERO);
    let first = script.call(&["first"]);
    assert_eq!(script.running().await, ["first"]);
    let second = script.call(&["second"]);
    let refused = script.queue.place().err();
    assert!(matches!(refused, Some(Error::Overloaded { .. })));
    drop(second);
    let third = script.call(&["third"]);
    assert!(script.queue.place().is_err());
    script.finish();
    assert!(first.values().await.is_ok());
    assert!(script.queue.place().is_ok(), "whoever is answered has given back the place");
    script.finish();
    assert!(third.values().await.is_ok());
}

#[tokio::test]
async fn a_failure_is_told_to_all_that_ran_together_and_to_nobody_else() {
    let mut script = Script::start(9, true, Duration::ZERO);
    let held = script.call(&["held"]);
    script.running().await;
    let together = [script.call(&["a"]), script.call(&["b"])];
    script.finish();
    assert_eq!(script.running().await, ["a", "b"]);
    let later = script.call(&["later"]);
    script.fail();
    for answer in together {
        assert!(matches!(answer.values().await, Err(Error::Unavailable(why)) if why.contains("script")));
    }
    assert_eq!(script.running().await, ["later"]);
    script.finish();
    assert!(later.values().await.is_ok() && held.values().await.is_ok());
}

#[tokio::test]
async fn nobody_waits_for_a_thread_that_has_ended() {
    let mut script = Script::start(9, true, Duration::ZERO);
    let running = script.call(&["running"]);
    script.running().await;
    let waiting = script.call(&["waiting"]);
    script.queue.close();
    assert!(matches!(waiting.values().await, Err(Error::Unavailable(_))));
    assert!(matches!(script.call(&["late"]).values().await, Err(Error::Unavailable(_))));
    script.finish();
    assert!(running.values().await.is_ok(), "what runs is still answered");
}
