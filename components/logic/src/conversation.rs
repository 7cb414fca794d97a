//! A turn and the conversation that it continues, up to the point where the answer begins.
//!
//! Errors here come before any event, so that a client still gets a status for them. What follows is told in
//! `reply.rs`.

use crate::{
    Error, Generation, Host, Prompt, Reply, Search, Turn, Unsearched,
    bindings::corral::host::{
        inference::{self, Event, Finish, Input, Message, Options, Owner, Template},
        sessions::{self, Session},
        vectors::Hit,
    },
    budget::{self, Material, Space},
    failure::unavailable,
    reply::{Asked, Next},
    search,
};
use std::cell::OnceCell;

/// How many of the newest turns are read. Older ones count as trimmed.
pub const TURNS_READ: u32 = 200;

/// Of the turns read, the newest are considered up to this many bytes for each token of the context: text
/// that has fewer tokens than that is not written. What is older is not worth counting.
const BYTES_PER_TOKEN: usize = 32;

/// What holds where a turn says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defaults {
    /// The model that answers; none: the host's default.
    pub model: Option<String>,
    /// How long an answer may become, and the room that is kept for it.
    pub answer_tokens: u32,
}

/// What a person said, and the conversation before it.
pub struct Conversation<H: Host> {
    host: H,
    turn: Turn,
    model: Option<String>,
    history: Vec<sessions::Turn>,
    /// Stored turns older than those in `history`.
    unread: u32,
    space: Space,
    /// Whether the session has documents, once that is known.
    documents: OnceCell<bool>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { model: None, answer_tokens: 512 }
    }
}

impl<H: Host> Conversation<H> {
    /// Checks the turn, reads its session, and finds the model that will answer.
    pub fn open(host: H, turn: Turn) -> Result<Self, Error> {
        Self::with(host, turn, Defaults::default())
    }

    /// The same with other defaults.
    pub fn with(host: H, turn: Turn, defaults: Defaults) -> Result<Self, Error> {
        check(&turn)?;
        let session = host.session(&turn.session, TURNS_READ)?.ok_or(Error::SessionNotFound)?;
        let model = turn.options.model.clone().or(defaults.model);
        let context = context(&host, model.as_deref(), turn.options.model.is_some())?;
        let space = Space { context, answer: turn.options.max_tokens.unwrap_or(defaults.answer_tokens) };
        let (history, unread) = recent(session, context);
        Ok(Self { host, turn, model, history, unread, space, documents: OnceCell::new() })
    }

    /// The host, for what else a logic asks of it.
    pub fn host(&self) -> &H {
        &self.host
    }

    /// What the person said. Not empty.
    pub fn message(&self) -> &str {
        &self.turn.message
    }

    /// The turn as it came.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// The finished turns that could fit the context, oldest first.
    pub fn history(&self) -> &[sessions::Turn] {
        &self.history
    }

    /// The passages of the session's documents that are nearest to `text`, best first. Mostly the text is the message;
    /// one that needs the conversation to be understood is better rewritten first.
    pub fn search(&self, text: &str, search: &Search) -> Result<Vec<Hit>, Unsearched> {
        if search.limit == 0 || !self.has_documents()? {
            return Ok(Vec::new());
        }
        search::search(&self.host, &self.turn.session, text, search)
    }

    /// Whether the session has documents at all.
    pub fn has_documents(&self) -> Result<bool, Unsearched> {
        if let Some(known) = self.documents.get() {
            return Ok(*known);
        }
        let some = !self.host.is_empty(&self.turn.session)?;
        Ok(*self.documents.get_or_init(|| some))
    }

    /// Asks the model something beside the conversation: greedily, and nothing of it stays in the session's cache.
    /// None if what it wrote had to be cut short, or the messages are too long for it.
    pub fn ask(&self, messages: Vec<Message>, max_tokens: u32) -> Result<Option<String>, Error> {
        let options = Options { max_tokens: Some(max_tokens), temperature: Some(0.0), ..options() };
        match whole(&self.host, self.model.as_deref(), &Input::Chat(messages), &options) {
            Ok(text) => Ok(text),
            Err(inference::Error::ContextOverflow(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Has the model answer. What does not fit its context is left out, and the client is told.
    pub fn answer(self, prompt: Prompt) -> Result<Reply<H>, Error> {
        let Self { host, turn, model, history, unread, space, .. } = self;
        let material = Material {
            system: prompt.system,
            unread,
            history,
            retrieval_unavailable: prompt.retrieval_unavailable,
            passages: prompt.passages,
            question: turn.message.clone(),
        };
        let model_name = model.as_deref();
        let count = |chat| Ok(host.count_tokens(model_name, &Input::Chat(chat))?);
        let plan = budget::plan(&material, space, count)?;
        let options = Options { max_tokens: Some(plan.answer_tokens), ..of_turn(&turn) };
        let generation = host.generate(model_name, &Input::Chat(plan.messages), &options)?;
        let sources = material.passages[..plan.keep.passages].iter().map(search::source).collect();
        let next = Some(Next { model, material, space });
        let asked = Asked { id: turn.id, session: turn.session, question: turn.message, next };
        Ok(Reply::generated(host, asked, sources, plan.trimmed, generation))
    }

    /// Answers with this text, which no model wrote. The passages are told as its sources.
    pub fn say(self, text: impl Into<String>, passages: &[Hit]) -> Reply<H> {
        let Self { host, turn, .. } = self;
        let sources = passages.iter().map(search::source).collect();
        let asked = Asked { id: turn.id, session: turn.session, question: turn.message, next: None };
        Reply::said(host, asked, sources, text.into())
    }
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

/// How many tokens prompt and answer may have together. Whose mistake it is if there is no such chat model depends on
/// whether the turn named it.
fn context<H: Host>(host: &H, model: Option<&str>, named: bool) -> Result<u32, Error> {
    let described = match host.describe(model) {
        Err(inference::Error::NoSuchModel) if named => return Err(Error::NoSuchModel),
        described => described?,
    };
    match described.template {
        Template::Llama2 | Template::Embedded => Ok(described.context_length),
        Template::None if named => Err(Error::NoSuchModel),
        Template::None => Err(unavailable("the model has no chat template: choose a chat model")),
    }
}

/// The turns that could fit, and how many older ones are stored.
fn recent(session: Session, context: u32) -> (Vec<sessions::Turn>, u32) {
    let mut history = session.history;
    let mut left = BYTES_PER_TOKEN.saturating_mul(usize::try_from(context).unwrap_or(usize::MAX));
    let within = history.iter().rev().take_while(|turn| {
        let bytes = turn.user.len() + turn.ai.len();
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let older = history.len() - within.count();
    history.drain(..older);
    let read = u32::try_from(history.len()).unwrap_or(u32::MAX);
    (history, session.turns.saturating_sub(read))
}

/// What the model wrote; none if it had to be cut short.
fn whole<H: Host>(
    host: &H,
    model: Option<&str>,
    input: &Input,
    options: &Options,
) -> Result<Option<String>, inference::Error> {
    let mut generation = host.generate(model, input, options)?;
    let mut text = String::new();
    loop {
        let events = generation.next(u32::MAX)?;
        if events.is_empty() {
            return Ok(None);
        }
        for event in events {
            match event {
                Event::Delta(piece) => text.push_str(&piece),
                Event::Waiting | Event::Scored(_) => {}
                Event::Done(done) => {
                    return Ok(match done.finish {
                        Finish::Stop => Some(text),
                        Finish::Length => None,
                    });
                }
            }
        }
    }
}

/// As the turn wants it, cached for its session.
fn of_turn(turn: &Turn) -> Options {
    Options {
        temperature: turn.options.temperature,
        top_p: turn.options.top_p,
        seed: turn.options.seed,
        stop: turn.options.stop.clone(),
        owner: Some(Owner::Session(turn.session.clone())),
        ..options()
    }
}

/// The host's defaults, and nothing cached.
fn options() -> Options {
    Options {
        max_tokens: None,
        temperature: None,
        top_k: None,
        top_p: None,
        min_p: None,
        repeat_penalty: None,
        frequency_penalty: None,
        presence_penalty: None,
        biases: Vec::new(),
        seed: None,
        stop: Vec::new(),
        constraint: None,
        log_probabilities: None,
        adapter: None,
        owner: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Event as Told,
        testing::{Fake, hit, pair, turn},
    };
    use std::rc::Rc;

    #[test]
    fn turns_far_beyond_the_context_are_not_considered() {
        let history = [3000, 100, 100].map(|bytes| pair("", &"x".repeat(bytes))).to_vec();
        let session = || Fake::with(history.clone()).session.unwrap();
        assert_eq!(recent(session(), 100), (history.clone(), 0));
        assert_eq!(
            recent(session(), 99),
            (history[1..].to_vec(), 1),
            "what is not considered counts as stored"
        );
    }

    #[test]
    fn what_is_said_without_a_model_is_told_and_stored_like_an_answer() {
        let host = Rc::new(Fake::with(vec![]));
        let passages = [hit("crane#0", "Blue.", 0.2)];
        let conversation = Conversation::open(host.clone(), turn("Which colour?")).unwrap();
        let mut reply = conversation.say(" Blue. ", &passages);
        let told: Vec<_> = std::iter::repeat_with(|| reply.next(1).unwrap()).take(3).flatten().collect();
        let [Told::Sources(sources), Told::Delta(text), Told::Done(done)] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!((sources[0].id.as_str(), text.as_str(), done.persisted), ("crane#0", "Blue.", true));
        assert_eq!(reply.next(1), Ok(vec![]));
        assert_eq!(*host.appended.borrow(), [(pair("Which colour?", "Blue."), "t1".to_owned())]);
        assert_eq!(*host.calls.borrow(), ["session", "describe", "append"], "no model was asked");
    }

    #[test]
    fn what_is_asked_beside_the_conversation_is_greedy_and_cached_for_nobody() {
        let host = Rc::new(Fake::with(vec![]).says(&["A ", "title"]));
        let conversation = Conversation::open(host.clone(), turn("Hello")).unwrap();
        let messages = vec![crate::message(inference::Role::User, "A title, please.".to_owned())];
        assert_eq!(conversation.ask(messages, 8), Ok(Some("A title".to_owned())));
        let (_, options) = &host.asked.borrow()[0];
        assert_eq!((options.max_tokens, options.temperature, &options.owner), (Some(8), Some(0.0), &None));
    }
}
