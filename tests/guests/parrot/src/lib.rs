//! Chat logic that says the same word over and over: an answer shows which logic has given all of it.
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
    corral::host::inference::{Finish, Usage},
    exports::corral::chat::turns::{Done, Error, Event, Guest, GuestReply, Reply, Turn},
};
use std::{cell::Cell, hint::black_box, thread, time::Duration};

/// As long as every word that is written over it.
static WORD: &str = "parrot-0000 ";
/// Whether it answers, or `loops`, `grows`, `traps` or is `mute.` instead.
static TEMPER: &str = "parrot: tame.";
/// How often it is said in an answer.
const TIMES: u32 = 16;
/// A turn that says so is answered slowly, for streams that outlast a replacement.
const SLOWLY: &str = "slowly";
const PAUSE: Duration = Duration::from_millis(25);
/// A turn that says so never ends.
const NEVER: &str = "never";

struct Parrot;

struct Saying {
    /// What comes next, and how often it still does.
    next: Cell<Next>,
    endless: bool,
    pause: Duration,
}

#[derive(Clone, Copy)]
enum Next {
    Sources,
    Word(u32),
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
            _ => {}
        }
        let endless = turn.message.contains(NEVER);
        let pause = if endless || turn.message.contains(SLOWLY) { PAUSE } else { Duration::ZERO };
        Ok(Reply::new(Saying { endless, pause, ..Saying::of(Next::Sources) }))
    }
}

impl Saying {
    fn of(next: Next) -> Self {
        Self { next: Cell::new(next), endless: false, pause: Duration::ZERO }
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
            Next::Sources => (Event::Sources(Vec::new()), Next::Word(TIMES)),
            Next::Word(left) => {
                thread::sleep(self.pause);
                let left = if self.endless { left } else { left - 1 };
                let then = if left == 0 { Next::Done } else { Next::Word(left) };
                (Event::Delta(black_box(WORD).to_owned()), then)
            }
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
