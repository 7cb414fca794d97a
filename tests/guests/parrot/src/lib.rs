//! Chat logic that says the same word over and over: an answer shows which logic has given all of it. Or it says what it
//! is told to, whatever that is.
//!
//! A test makes as many logics of it as it likes, by writing another word over `WORD` in the component's bytes, and bad
//! ones by writing another over `TEMPER`.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../../wit/deps/io", "../../../wit/deps/clocks", "../../../wit/deps/random",
            "../../../wit/deps/filesystem", "../../../wit/deps/sockets", "../../../wit/deps/cli",
            "../../../wit/deps/http", "../../../wit/host", "../../../wit/chat",
        ],
        world: "corral:chat/chat-logic",
        generate_all,
    });

    use super::Parrot;
    export!(Parrot);
}

use bindings::{
    corral::host::{
        inference::{Finish, Usage},
        types::Entry,
    },
    exports::corral::chat::turns::{Done, Error, Event, Guest, GuestReply, Reply, Source, Trimmed, Turn},
};
use std::{cell::Cell, hint::black_box, thread, time::Duration};

/// As long as every word that is written over it.
static WORD: &str = "parrot-0000 ";
/// Whether it answers, or `loops`, `grows`, `traps`, `fails` in mid-answer or is `mute.` instead.
static TEMPER: &str = "parrot: tame.";
/// How often it is said in an answer.
const TIMES: u32 = 16;
/// A turn that says so is answered slowly, for streams that outlast a replacement.
const SLOWLY: &str = "slowly";
const PAUSE: Duration = Duration::from_millis(25);
/// A turn that says so never ends.
const NEVER: &str = "never";
/// A turn that begins with it is answered with what follows, a few characters at a time, out of a document of that name.
const SAY: &str = "say: ";
const CHARACTERS: usize = 6;

struct Parrot;

struct Saying {
    /// What comes next, and how often it still does.
    next: Cell<Next>,
    endless: bool,
    pause: Duration,
    /// What it was told to say.
    told: Option<Vec<char>>,
}

#[derive(Clone, Copy)]
enum Next {
    Sources,
    Trimmed,
    Told(usize),
    Word(u32),
    /// Whether a word was said before it.
    Failure(bool),
    Done,
    Nothing,
}

impl Guest for Parrot {
    type Reply = Saying;

    fn answer(turn: Turn) -> Result<Reply, Error> {
        match black_box(TEMPER).trim_start_matches("parrot: ") {
            "loops" => loop {
                black_box(());
            },
            "grows" => grow(),
            "traps" => panic!("a bug"),
            "mute." => return Ok(Reply::new(Saying::of(Next::Done))),
            "fails" => return Ok(Reply::new(Saying::of(Next::Failure(false)))),
            _ => {}
        }
        let endless = turn.message.contains(NEVER);
        let pause = if endless || turn.message.contains(SLOWLY) { PAUSE } else { Duration::ZERO };
        let told = turn.message.strip_prefix(SAY).map(|told| told.chars().collect());
        Ok(Reply::new(Saying { endless, pause, told, ..Saying::of(Next::Sources) }))
    }
}

impl Saying {
    fn of(next: Next) -> Self {
        Self { next: Cell::new(next), endless: false, pause: Duration::ZERO, told: None }
    }

    /// What it was told to say, as the source of an answer.
    fn source(told: &[char]) -> Source {
        let text: String = told.iter().collect();
        let document: String = told.iter().filter(|c| !"/#".contains(**c)).take(40).collect();
        let metadata = vec![Entry { key: "title".to_owned(), value: text.clone() }];
        Source { id: format!("{document}#0"), document, text, span: None, score: 0.5, metadata }
    }
}

fn grow() {
    let mut held = Vec::new();
    loop {
        held.push(vec![1_u8; 1 << 20]);
        black_box(&held);
    }
}

impl GuestReply for Saying {
    fn next(&self, _max: u32) -> Result<Vec<Event>, Error> {
        let (event, then) = match self.next.get() {
            Next::Sources => match &self.told {
                Some(told) => (Event::Sources(vec![Self::source(told)]), Next::Trimmed),
                None => (Event::Sources(Vec::new()), Next::Word(TIMES)),
            },
            Next::Trimmed => {
                let trimmed = Trimmed { turns: 2, sources: 1, tokens: 40, retrieval_unavailable: false };
                (Event::Trimmed(trimmed), Next::Told(0))
            }
            Next::Told(from) => {
                let told = self.told.as_deref().unwrap_or_default();
                let to = told.len().min(from + CHARACTERS);
                let then = if to == told.len() { Next::Done } else { Next::Told(to) };
                (Event::Delta(told[from..to].iter().collect()), then)
            }
            Next::Word(left) => {
                thread::sleep(self.pause);
                let left = if self.endless { left } else { left - 1 };
                let then = if left == 0 { Next::Done } else { Next::Word(left) };
                (Event::Delta(black_box(WORD).to_owned()), then)
            }
            Next::Failure(true) => return Err(Error::Unavailable),
            Next::Failure(false) => (Event::Delta(black_box(WORD).to_owned()), Next::Failure(true)),
            Next::Done => (Event::Done(done()), Next::Nothing),
            Next::Nothing => return Ok(Vec::new()),
        };
        self.next.set(then);
        Ok(vec![event])
    }
}

fn done() -> Done {
    let usage = Usage {
        prompt_tokens: 0,
        cached_tokens: 0,
        completion_tokens: TIMES,
        queue_ms: 0,
        first_token_ms: 0,
        total_ms: 0,
    };
    Done { finish: Finish::Stop, usage, persisted: true }
}
