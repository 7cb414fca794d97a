//! What ends when a step cannot be computed, and what goes on.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::*;
use crate::{
    Config, Event, Options,
    ffi::{self, State},
    generation::Message,
    sampling::Sampler,
    shared::live,
};

fn config() -> Config {
    let model =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");
    Config { model: model.into(), n_ctx: 256, n_batch: 64, threads: 1, ..Config::default() }
}

/// An engine's insides, the model being loaded.
async fn shared() -> Arc<Shared> {
    let shared = Arc::new(Shared::new(config()));
    let worker = Arc::clone(&shared);
    thread::spawn(move || live(&worker));
    shared.settled().await.expect("the models are here: run `make setup` first");
    shared
}

fn push(shared: &Shared, prompt: Vec<LlamaToken>, limit: u32) -> mpsc::Receiver<Message> {
    let (job, receiver) = job_for(shared, shared.loaded().unwrap(), prompt, limit);
    shared.push(job).unwrap();
    receiver
}

fn job_for(
    shared: &Shared,
    loaded: &Loaded,
    prompt: Vec<LlamaToken>,
    limit: u32,
) -> (Job, mpsc::Receiver<Message>) {
    let settings = Options { temperature: Some(0.0), ..Options::default() }.settle(&shared.config).unwrap();
    let (events, receiver) = mpsc::channel(1024);
    let job = Job {
        sampler: Sampler::new(&loaded.model, &settings, &[], None, &[]).unwrap(),
        prompt,
        limit,
        calls: None,
        stop: Vec::new(),
        leading_space: false,
        shared: 0,
        scores: None,
        adapter: None,
        owner: None,
        principal: None,
        submitted: Instant::now(),
        deadline: Instant::now() + Duration::from_secs(60),
        events,
        under_way: shared.begin(),
    };
    (job, receiver)
}

/// The text of an answer to its end, or why there is none.
async fn answer(mut events: mpsc::Receiver<Message>) -> Result<String, Error> {
    let mut text = String::new();
    loop {
        match events.recv().await.expect("the engine is there")? {
            Event::Delta(delta) => text.push_str(&delta),
            Event::Scored(_) | Event::Call(_) => {}
            Event::Done { .. } => return Ok(text),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_prompt_ends_alone() {
    let shared = shared().await;
    let sound = || tokens(shared.loaded().unwrap(), "One, two,");
    let poisoned = vec![LlamaToken(1), LlamaToken(i32::MAX)];
    let expected = answer(push(&shared, sound(), 40)).await.unwrap();
    let mut beside = push(&shared, sound(), 40);
    assert!(matches!(beside.recv().await, Some(Ok(Event::Delta(_)))));
    for _ in 0..3 {
        let failed = answer(push(&shared, poisoned.clone(), 4)).await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    }
    let rest = answer(beside).await.unwrap();
    assert!(expected.ends_with(&rest) && !rest.is_empty(), "{rest:?} of {expected:?}");
    assert_eq!(answer(push(&shared, sound(), 40)).await.unwrap(), expected);
    shared.queue.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_computes_nothing_any_more_is_made_anew() {
    let shared = shared().await;
    for _ in 0..20 {
        let failed = answer(push(&shared, vec![LlamaToken(i32::MAX)], 4)).await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    }
    let sound = tokens(shared.loaded().unwrap(), "One, two,");
    assert!(!answer(push(&shared, sound, 8)).await.unwrap().is_empty());
    shared.queue.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_under_way_between_queue_and_slot_and_until_it_ends() {
    let (shared, loaded, mut adapters) = four();
    let mut worker = Worker::new(&shared, &loaded, &mut adapters).unwrap();
    assert!(shared.is_idle());
    let (job, events) = job_for(&shared, &loaded, vec![LlamaToken(1)], 2);
    shared.push(job).unwrap();
    worker.admit().unwrap();
    let load = shared.gauges.read(shared.queue.len(), 4);
    assert!((load.queued, load.running) == (0, 0) && !shared.is_idle(), "nothing measured it yet: {load:?}");
    while worker.slots.running() > 0 {
        assert!(!shared.is_idle());
        worker.step_on();
    }
    assert!(answer(events).await.is_ok() && shared.is_idle());
}

/// What a worker with four slots is made of.
fn four() -> (Shared, Loaded, Adapters) {
    let config = Config { n_ubatch: 32, parallel: 4, ..config() };
    let (loaded, adapters) = loading::load(&config, |_| true).unwrap();
    (Shared::new(config), loaded, adapters)
}

fn tokens(loaded: &Loaded, text: &str) -> Vec<LlamaToken> {
    loaded.model.vocab().tokenize(text.as_bytes(), false, false)
}

impl Worker<'_> {
    /// The slots in which something is generated.
    fn busy(&self) -> Vec<usize> {
        (0..self.slots.len()).filter(|&slot| self.slots[slot].answer.is_some()).collect()
    }

    /// One step of all.
    fn step_on(&mut self) {
        let parts = self.parts();
        self.step(parts).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_moves_together_and_what_rests_stays_its_owners() {
    let (shared, loaded, mut adapters) = four();
    let mut worker = Worker::new(&shared, &loaded, &mut adapters).unwrap();
    let prompt = |text: &str| tokens(&loaded, text);
    let texts = ["One, two,", "The ferry leaves at", "A is for apple, B is for"];
    let session = Owner::Session("resting".into());
    let mut together = Vec::new();
    for (text, limit) in texts.into_iter().zip([40, 2, 40]) {
        let (mut job, events) = job_for(&shared, &loaded, prompt(text), limit);
        job.owner = (limit == 2).then(|| session.clone());
        worker.start(job).unwrap();
        together.push(events);
    }
    assert_eq!(worker.busy(), [0, 1, 2]);
    while worker.slots.running() == 3 {
        worker.step_on();
    }
    assert_eq!(worker.busy(), [0, 2]);
    worker.gather().unwrap();
    assert_eq!(worker.busy(), [2, 3], "the empty slot costs less than the one in which something rests");
    let rests = worker.slots.iter().find(|slot| slot.owner.as_ref() == Some(&session)).unwrap();
    assert!(rests.answer.is_none() && rests.tokens.starts_with(&prompt(texts[1])));

    // The one that rested goes on from its own tokens.
    let (mut job, events) = job_for(&shared, &loaded, prompt(texts[1]), 40);
    job.owner = Some(session);
    worker.start(job).unwrap();
    together[1] = events;
    while worker.slots.running() > 0 {
        worker.gather().unwrap();
        worker.step_on();
    }
    for (text, events) in texts.into_iter().zip(together) {
        let (job, alone) = job_for(&shared, &loaded, prompt(text), 40);
        worker.start(job).unwrap();
        while worker.slots.running() > 0 {
            worker.step_on();
        }
        assert_eq!(answer(events).await.unwrap(), answer(alone).await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_goes_on_where_it_is_if_llama_cpp_does_not_take_its_state() {
    let (shared, loaded, mut adapters) = four();
    let mut worker = Worker::new(&shared, &loaded, &mut adapters).unwrap();
    let prompt = |text: &str| tokens(&loaded, text);
    let start = |worker: &mut Worker<'_>, text: &str, owner: Option<&str>, limit| {
        let (mut job, events) = job_for(&shared, &loaded, prompt(text), limit);
        job.owner = owner.map(|id| Owner::Session(id.into()));
        worker.start(job).unwrap();
        events
    };
    let rested = start(&mut worker, "The ferry leaves at", Some("resting"), 2);
    while worker.slots.running() > 0 {
        worker.step_on();
    }
    let runs = start(&mut worker, "One, two,", None, 40);
    (0..4).for_each(|_| worker.step_on());
    let (&[running], resting) = (&worker.busy()[..], 0) else { panic!("{:?}", worker.busy()) };
    let rests = worker.slots[resting].tokens.clone();
    let copy = ffi::state(&worker.context, 0).unwrap();

    let cut_off = State::cut_off();
    assert!(!worker.settle(running, resting, Some(&cut_off), Some(&copy)).unwrap());
    assert_eq!((worker.busy(), &worker.slots[resting].tokens), (vec![running], &rests));
    // What rested is put back too, or forgotten.
    assert!(!worker.settle(running, resting, Some(&cut_off), Some(&cut_off)).unwrap());
    assert!(worker.slots[resting].tokens.is_empty() && worker.slots[resting].owner.is_none());

    let again = start(&mut worker, "The ferry leaves at", Some("resting"), 2);
    while worker.slots.running() > 0 {
        worker.step_on();
    }
    let alone = start(&mut worker, "One, two,", None, 40);
    while worker.slots.running() > 0 {
        worker.step_on();
    }
    assert_eq!(answer(runs).await.unwrap(), answer(alone).await.unwrap());
    assert_eq!(answer(rested).await.unwrap(), answer(again).await.unwrap());
}
