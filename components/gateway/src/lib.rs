//! HTTP in, HTTP out: routes, validation, documents and event streams, on top of some chat logic.
//!
//! This file is glue: bindings, and which module answers which route. The modules `request` and
//! `response` touch HTTP, `session`, `chat`, `documents`, `openai` and `spin` call the host; the others are plain.
//! Not here: prompts and retrieval (the chat component), limits on connections and time (the host).

mod assets;
mod bindings;
mod chat;
mod documents;
mod failure;
mod json;
mod openai;
mod query;
mod reply;
mod request;
mod response;
mod route;
mod session;
mod spin;
mod sse;
#[cfg(test)]
mod tests;
mod uuid;
mod validate;

use bindings::exports::wasi::http::incoming_handler::Guest;
use bindings::{corral, wasi};
use failure::Failure;
use openai::completions::{self, Chat, Delivery, Form, Text};
use openai::{embeddings, models};
use reply::{Dialect, Reply};
use request::Request;
use response::Piece;
use route::Endpoint;
use spin::{embed, infer};
use wasi::http::types::{IncomingRequest, ResponseOutparam};

/// What the host calls with each request.
pub struct Gateway;

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let dialect = Dialect::of(&request.path);
        match serve(request) {
            Ok(Answer::Whole(reply)) => response::send(out, reply),
            Ok(Answer::Stream(pieces)) => response::stream(out, sse::headers(), pieces),
            Err(failure) => response::send(out, Reply::refusal(failure, dialect)),
        }
    }
}

enum Answer {
    Whole(Reply),
    /// Sent piece by piece, as they come.
    Stream(Box<dyn Iterator<Item = Piece>>),
}

fn serve(request: Request) -> Result<Answer, Failure> {
    let endpoint = route::find(&request.method, &request.path)?;
    let reply = match endpoint {
        Endpoint::Asset(asset) => asset.reply(request.conditions()),
        Endpoint::CreateSession => session::create()?,
        Endpoint::ReadSession(id) => session::read(&id)?,
        Endpoint::DeleteSession(id) => session::delete(&id)?,
        Endpoint::AnswerText => chat::answer(chat::Request::read(&request.input()?)?)?,
        Endpoint::AnswerStream => {
            return stream(chat::Stream::open(chat::Request::read(&request.input()?)?)?);
        }
        Endpoint::StoreDocuments => documents::store(documents::Request::read(&request.input()?)?)?,
        Endpoint::ListDocuments => documents::list(&query::session_id(request.query())?)?,
        Endpoint::DeleteDocuments => documents::delete_all(&query::session_id(request.query())?)?,
        Endpoint::ReadDocument(id) => documents::read(&query::session_id(request.query())?, &id)?,
        Endpoint::DeleteDocument(id) => documents::delete(&query::session_id(request.query())?, &id)?,
        Endpoint::ListModels => models::list(),
        Endpoint::ReadModel(id) => models::read(id)?,
        Endpoint::CompleteChat => return complete(completions::Request::<Chat>::read(&request.input()?)?),
        Endpoint::CompleteText => return complete(completions::Request::<Text>::read(&request.input()?)?),
        Endpoint::Embed => embeddings::answer(embeddings::Request::read(&request.input()?)?)?,
        // Who they are is known before their bodies are read.
        Endpoint::SpinInfer => {
            spin::admit(request.authorization().as_deref())?;
            infer::answer(infer::Request::read(&request.input()?)?)?
        }
        Endpoint::SpinEmbed => {
            spin::admit(request.authorization().as_deref())?;
            embed::answer(&embed::Request::read(&request.input()?)?)?
        }
    };
    Ok(Answer::Whole(reply))
}

fn complete<F: Form + 'static>(request: completions::Request<F>) -> Result<Answer, Failure> {
    match request.delivery {
        Delivery::Whole => completions::answer(request).map(Answer::Whole),
        Delivery::Stream { with_usage } => stream(completions::Stream::open(request, with_usage)?),
    }
}

fn stream(pieces: impl Iterator<Item = Piece> + 'static) -> Result<Answer, Failure> {
    Ok(Answer::Stream(Box::new(pieces)))
}
