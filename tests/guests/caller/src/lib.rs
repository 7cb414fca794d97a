//! Chat logic that asks another host: a message is a URL, or the setting `url` is, and the answer is what is found there, or
//! the error.

mod bindings {
    wit_bindgen::generate!({
        path: [
            "../../../wit/deps/io", "../../../wit/deps/clocks", "../../../wit/deps/random",
            "../../../wit/deps/filesystem", "../../../wit/deps/sockets", "../../../wit/deps/cli",
            "../../../wit/deps/http",
        ],
        inline: "
            package tests:caller;

            world caller {
                import wasi:http/outgoing-handler@0.2.6;
            }
        ",
        world: "tests:caller/caller",
        generate_all,
    });
}

use bindings::wasi::http::{
    outgoing_handler::handle,
    types::{ErrorCode, Fields, IncomingResponse, OutgoingRequest, Scheme},
};
use corral_logic::{Conversation, Error, Host, Logic, Reply, Turn};

/// As much of an answer as is read.
const MOST: u64 = 4096;

struct Caller;

impl Logic for Caller {
    fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
        let conversation = Conversation::open(host, turn)?;
        let message = conversation.message();
        let own = conversation.host().setting("url").filter(|_| !message.contains("://"));
        let said = match ask(own.as_deref().unwrap_or(message)) {
            Ok(response) => format!("{} {}", response.status(), text(&response)),
            Err(error) => format!("{error:?}"),
        };
        Ok(conversation.say(said, &[]))
    }
}

fn ask(url: &str) -> Result<IncomingResponse, ErrorCode> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    let request = OutgoingRequest::new(Fields::new());
    let wrong = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(wrong)?;
    request.set_authority(Some(authority)).map_err(wrong)?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(wrong)?;
    let response = handle(request, None)?;
    response.subscribe().block();
    match response.get() {
        Some(Ok(response)) => response,
        _ => Err(ErrorCode::InternalError(None)),
    }
}

fn text(response: &IncomingResponse) -> String {
    let Ok(body) = response.consume() else { return String::new() };
    let Ok(stream) = body.stream() else { return String::new() };
    let mut bytes = Vec::new();
    while let Ok(more) = stream.blocking_read(MOST) {
        bytes.extend(more);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

corral_logic::export!(Caller);
