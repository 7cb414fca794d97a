//! One turn, up to the point where the answer begins: session, retrieval, prompt, generation.
//!
//! Errors here come before any event, so that a client still gets a status for them. What follows is
//! told in `reply.rs`.

use crate::bindings::corral::host::inference::{self, Input, Options, Owner, Template};
use crate::bindings::corral::host::sessions::Session;
use crate::bindings::exports::corral::chat::turns::{self, Error, Turn};
use crate::budget::{self, Material, Space};
use crate::failure::unavailable;
use crate::host::Host;
use crate::reply::{Asked, Reply};
use crate::retrieval;
use crate::settings::Settings;

/// How many of the newest turns are read. Older ones count as trimmed.
pub const TURNS_READ: u32 = 200;

/// Of the turns read, the newest are considered up to this many bytes for each token of the context: text
/// that has fewer tokens than that is not written. What is older is not worth counting.
const BYTES_PER_TOKEN: usize = 32;

/// Begins to answer.
pub fn begin<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
    check(&turn)?;
    let mut settings = Settings::read(|key| host.setting(key)).map_err(|wrong| unavailable(&wrong))?;
    settings.model = turn.options.model.clone().or(settings.model);
    let session = host.session(&turn.session, TURNS_READ)?.ok_or(Error::SessionNotFound)?;
    let space = space(&host, &settings, &turn.options)?;
    let material = gather(&host, &settings, recent(session, space.context), &turn)?;
    let model = settings.model.as_deref();
    let plan = budget::plan(&material, space, |chat| Ok(host.count_tokens(model, &Input::Chat(chat))?))?;
    let options = options(&turn, plan.answer_tokens);
    let generation = host.generate(model, &Input::Chat(plan.messages), &options)?;
    let sources = material.passages[..plan.keep.passages].iter().map(retrieval::source).collect();
    let asked = Asked { id: turn.id, session: turn.session, model: settings.model, material, space };
    Ok(Reply::new(host, asked, sources, plan.trimmed, generation))
}

/// What the contract promises of a turn, and what a store or model would refuse only after the work.
fn check(turn: &Turn) -> Result<(), Error> {
    let wrong = if turn.message.is_empty() {
        "message: must not be empty"
    } else if turn.id.is_empty() || turn.id.len() > 128 {
        "id: must have 1 to 128 bytes"
    } else if turn.options.max_tokens == Some(0) {
        "max-tokens: must be at least 1"
    } else {
        return Ok(());
    };
    Err(Error::InvalidArgument(wrong.to_owned()))
}

fn space<H: Host>(host: &H, settings: &Settings, options: &turns::Options) -> Result<Space, Error> {
    let model = match (host.describe(settings.model.as_deref()), &options.model) {
        (Ok(model), _) => model,
        (Err(inference::Error::NoSuchModel), Some(_)) => return Err(Error::NoSuchModel),
        (Err(error), _) => return Err(error.into()),
    };
    match (model.template, &options.model) {
        (Template::Llama2 | Template::Embedded, _) => {}
        (Template::None, Some(_)) => return Err(Error::NoSuchModel),
        (Template::None, None) => {
            return Err(unavailable("the model has no chat template: choose a chat model"));
        }
    }
    let answer = options.max_tokens.unwrap_or(settings.answer_tokens);
    Ok(Space { context: model.context_length, answer })
}

/// The session with only those turns that could fit.
fn recent(mut session: Session, context: u32) -> Session {
    let mut left = BYTES_PER_TOKEN.saturating_mul(usize::try_from(context).unwrap_or(usize::MAX));
    let within = session.history.iter().rev().take_while(|turn| {
        let bytes = turn.user.len() + turn.ai.len();
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let older = session.history.len() - within.count();
    session.history.drain(..older);
    session
}

/// Everything that could be in the prompt.
fn gather<H: Host>(host: &H, settings: &Settings, session: Session, turn: &Turn) -> Result<Material, Error> {
    let history = session.history;
    let found = retrieval::passages(host, settings, &turn.session, &history, &turn.message)?;
    let read = u32::try_from(history.len()).unwrap_or(u32::MAX);
    Ok(Material {
        system: settings.system_prompt.clone(),
        unread: session.turns.saturating_sub(read),
        history,
        retrieval_unavailable: found.is_none(),
        passages: found.unwrap_or_default(),
        question: turn.message.clone(),
    })
}

fn options(turn: &Turn, answer_tokens: u32) -> Options {
    Options {
        max_tokens: Some(answer_tokens),
        temperature: turn.options.temperature,
        top_k: None,
        top_p: turn.options.top_p,
        min_p: None,
        repeat_penalty: None,
        frequency_penalty: None,
        presence_penalty: None,
        biases: Vec::new(),
        seed: turn.options.seed,
        stop: turn.options.stop.clone(),
        constraint: None,
        log_probabilities: None,
        adapter: None,
        owner: Some(Owner::Session(turn.session.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, pair};

    #[test]
    fn turns_far_beyond_the_context_are_not_considered() {
        let history = [3000, 100, 100].map(|bytes| pair("", &"x".repeat(bytes))).to_vec();
        let session = || Fake::with(history.clone()).session.unwrap();
        assert_eq!(recent(session(), 100).history.len(), 3);
        assert_eq!(recent(session(), 99).history, history[1..]);
        assert_eq!(recent(session(), 99).turns, 3, "they still count as stored");
    }
}
