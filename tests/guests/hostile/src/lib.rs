//! A gateway that breaks each limit, by path: what the host does then is the test.

#[expect(unsafe_code, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../../wit/deps/io", "../../../wit/deps/clocks", "../../../wit/deps/random",
            "../../../wit/deps/filesystem", "../../../wit/deps/sockets", "../../../wit/deps/cli",
            "../../../wit/deps/http", "../../../wit/host", "../../../wit/chat",
        ],
        world: "corral:chat/gateway",
        generate_all,
    });

    use super::Hostile;
    export!(Hostile);
}

use bindings::{
    corral::chat::turns,
    exports::wasi::http::incoming_handler::Guest,
    wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam},
};
use std::{hint::black_box, mem};

struct Hostile;

impl Guest for Hostile {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        match request.path_with_query().as_deref() {
            Some("/loop") => spin(),
            Some("/grow") => grow(),
            Some("/recurse") => drop(black_box(recurse(1))),
            Some("/trap") => panic!("a bug"),
            Some("/hoard") => hoard(),
            Some("/nothing") => return,
            Some("/flood") => flood(),
            Some("/turn") => drop(turns::answer(&turn())),
            _ => {}
        }
        answer(outparam);
    }
}

fn spin() {
    let mut count = 0_u64;
    while black_box(count) < u64::MAX {
        count += 1;
    }
}

fn grow() {
    let mut held = Vec::new();
    for size in 1..u32::MAX {
        held.push(vec![1_u8; 1 << 20]);
        black_box((&held, size));
    }
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + depth)
}

/// What the host keeps for it, without an end.
fn hoard() {
    loop {
        mem::forget(Fields::new());
    }
}

#[expect(clippy::print_stdout, reason = "that is the point")]
fn flood() {
    for line in 0..5_000 {
        println!("line {line} of a flood");
    }
}

fn turn() -> turns::Turn {
    let options = turns::Options {
        model: None,
        max_tokens: None,
        temperature: None,
        top_p: None,
        seed: None,
        stop: Vec::new(),
    };
    turns::Turn { id: "1".into(), session: "none".into(), message: "hello".into(), options }
}

fn answer(outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body();
    ResponseOutparam::set(outparam, Ok(response));
    if let Ok(body) = body {
        drop(OutgoingBody::finish(body, None));
    }
}
