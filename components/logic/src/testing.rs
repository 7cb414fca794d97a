//! A host for tests of a logic: plain data in, a record of what was asked out.
//!
//! ```
//! use corral_logic::{Conversation, Prompt, testing::{Fake, pair, turn}};
//! use std::rc::Rc;
//!
//! let host = Rc::new(Fake::with(vec![pair("Hi", "Hello")]).says(&["I am ", "well."]));
//! let conversation = Conversation::open(host.clone(), turn("How are you?"))?;
//! let mut reply = conversation.answer(Prompt::system("Be brief."))?;
//! while !reply.next(8)?.is_empty() {}
//! assert_eq!(host.appended.borrow()[0].0, pair("How are you?", "I am well."));
//! # Ok::<(), corral_logic::Error>(())
//! ```
//!
//! Its tokenizer counts words: deterministic, and easy to work out by hand.

use crate::bindings::corral::host::inference::{
    Done, Error, Event, Finish, Input, Message, Model, Options, Owner, Template, Usage,
};
use crate::bindings::corral::host::{embedding, sessions, vectors};
use crate::bindings::exports::corral::chat::turns;
use crate::host::{Generation, Host};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// What one generation gives, call by call.
pub type Script = VecDeque<Result<Vec<Event>, Error>>;

/// A host with one session and one model.
pub struct Fake {
    /// `[apps.NAME.config]`.
    pub settings: BTreeMap<&'static str, &'static str>,
    /// None: the session is not known.
    pub session: Option<sessions::Session>,
    /// What `query` finds.
    pub hits: Vec<vectors::Hit>,
    /// What `search` finds.
    pub matches: Vec<vectors::Match>,
    /// What this call of the vector store fails with.
    pub store_failure: Option<(&'static str, vectors::Error)>,
    /// What embedding a text fails with.
    pub embedding_failure: Option<embedding::Error>,
    /// What is known of the model.
    pub model: Model,
    /// The model that each call named, in order; `count_tokens` is not among them.
    pub models: RefCell<Vec<Option<String>>>,
    /// The generations to come.
    pub scripts: RefCell<VecDeque<Script>>,
    /// What storing a turn gives, one after the other; 1 when there is none left.
    pub appends: RefCell<VecDeque<Result<u32, sessions::Error>>>,
    /// Names of the calls, in order; `count` is not among them.
    pub calls: RefCell<Vec<&'static str>>,
    /// How often tokens were counted.
    pub counts: Cell<u32>,
    /// The texts that were embedded.
    pub embedded: RefCell<Vec<String>>,
    /// The words that were searched for.
    pub searched: RefCell<Vec<String>>,
    /// What the model was given.
    pub asked: RefCell<Vec<(Vec<Message>, Options)>>,
    /// The turns that were stored, with their ids.
    pub appended: RefCell<Vec<(sessions::Turn, String)>>,
    /// What the model was given to read in idle time.
    pub prepared: RefCell<Vec<Vec<Message>>>,
}

impl Fake {
    /// A session with this history, a context of 2,048 tokens, no documents, nothing scripted.
    pub fn with(history: Vec<sessions::Turn>) -> Self {
        let turns = u32::try_from(history.len()).unwrap_or(u32::MAX);
        let stamp = "2026-01-31T08:15:30.123456Z".to_owned();
        let session = sessions::Session {
            id: "s".into(),
            created_at: stamp.clone(),
            last_updated: stamp,
            history,
            turns,
            metadata: Vec::new(),
        };
        Self {
            settings: BTreeMap::new(),
            session: Some(session),
            hits: Vec::new(),
            matches: Vec::new(),
            store_failure: None,
            embedding_failure: None,
            model: Model {
                name: "fake".into(),
                context_length: 2048,
                template: Template::Embedded,
                adapters: Vec::new(),
            },
            models: RefCell::default(),
            scripts: RefCell::default(),
            appends: RefCell::default(),
            calls: RefCell::default(),
            counts: Cell::default(),
            embedded: RefCell::default(),
            searched: RefCell::default(),
            asked: RefCell::default(),
            appended: RefCell::default(),
            prepared: RefCell::default(),
        }
    }

    /// The next generation gives these pieces in one call each, and ends.
    pub fn says(self, pieces: &[&str]) -> Self {
        let deltas = pieces.iter().map(|piece| Ok(vec![Event::Delta((*piece).into())]));
        self.scripted(deltas.chain([Ok(vec![done(Finish::Stop)])]).collect())
    }

    /// The next generation gives this.
    pub fn scripted(self, script: Script) -> Self {
        self.scripts.borrow_mut().push_back(script);
        self
    }

    fn called(&self, name: &'static str) {
        self.calls.borrow_mut().push(name);
    }

    /// Notes which model is meant. There is one, and it has a name.
    fn named(&self, model: Option<&str>) -> Result<(), Error> {
        self.models.borrow_mut().push(model.map(str::to_owned));
        if model.is_none_or(|name| name == self.model.name) { Ok(()) } else { Err(Error::NoSuchModel) }
    }

    /// Notes a call of the vector store, which may be the one to fail.
    fn called_store(&self, name: &'static str) -> Result<(), vectors::Error> {
        self.called(name);
        match &self.store_failure {
            Some((failing, error)) if *failing == name => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// A generation by its script.
pub struct Scripted(Script);

impl Generation for Scripted {
    fn next(&mut self, _max: u32) -> Result<Vec<Event>, Error> {
        self.0.pop_front().unwrap_or(Ok(Vec::new()))
    }
}

impl Host for Rc<Fake> {
    type Generation = Scripted;

    fn setting(&self, key: &str) -> Option<String> {
        self.settings.get(key).map(|value| (*value).to_owned())
    }

    fn session(&self, _id: &str, last: u32) -> Result<Option<sessions::Session>, sessions::Error> {
        self.called("session");
        let mut session = self.session.clone();
        if let Some(session) = &mut session {
            let unread = session.history.len().saturating_sub(last as usize);
            session.history.drain(..unread);
        }
        Ok(session)
    }

    fn append(&self, _id: &str, turn: &sessions::Turn, turn_id: &str) -> Result<u32, sessions::Error> {
        self.called("append");
        self.appended.borrow_mut().push((turn.clone(), turn_id.to_owned()));
        self.appends.borrow_mut().pop_front().unwrap_or(Ok(1))
    }

    fn is_empty(&self, _partition: &str) -> Result<bool, vectors::Error> {
        self.called_store("is-empty")?;
        Ok(self.hits.is_empty() && self.matches.is_empty())
    }

    fn query(
        &self,
        _partition: &str,
        _embedding: &[f32],
        limit: u32,
    ) -> Result<Vec<vectors::Hit>, vectors::Error> {
        self.called_store("query")?;
        Ok(self.hits.iter().take(limit as usize).cloned().collect())
    }

    fn search(
        &self,
        _partition: &str,
        _embedding: &[f32],
        words: &str,
        limit: u32,
    ) -> Result<Vec<vectors::Match>, vectors::Error> {
        self.called_store("search")?;
        self.searched.borrow_mut().push(words.to_owned());
        Ok(self.matches.iter().take(limit as usize).cloned().collect())
    }

    fn embed_query(&self, text: &str) -> Result<embedding::Embeddings, embedding::Error> {
        self.called("embed");
        self.embedded.borrow_mut().push(text.to_owned());
        self.embedding_failure.clone().map_or(Ok(()), Err)?;
        Ok(embedding::Embeddings { dimensions: 1, values: vec![1.0], truncated: Vec::new() })
    }

    fn describe(&self, model: Option<&str>) -> Result<Model, Error> {
        self.called("describe");
        self.named(model)?;
        Ok(self.model.clone())
    }

    fn count_tokens(&self, _model: Option<&str>, input: &Input) -> Result<u32, Error> {
        self.counts.set(self.counts.get() + 1);
        Ok(tokens(messages(input)))
    }

    fn generate(&self, model: Option<&str>, input: &Input, options: &Options) -> Result<Scripted, Error> {
        self.called("generate");
        self.named(model)?;
        self.asked.borrow_mut().push((messages(input).to_vec(), options.clone()));
        Ok(Scripted(self.scripts.borrow_mut().pop_front().unwrap_or_default()))
    }

    fn prepare(&self, model: Option<&str>, input: &Input, _owner: &Owner) -> Result<(), Error> {
        self.called("prepare");
        self.named(model)?;
        self.prepared.borrow_mut().push(messages(input).to_vec());
        Ok(())
    }
}

/// Words, and four for the markers of each message.
pub fn tokens(messages: &[Message]) -> u32 {
    let words = messages.iter().map(|message| message.content.split_whitespace().count() + 4).sum::<usize>();
    u32::try_from(words).unwrap_or(u32::MAX)
}

/// The messages of a chat.
///
/// # Panics
///
/// If the input is no chat.
pub fn messages(input: &Input) -> &[Message] {
    match input {
        Input::Chat(messages) => messages,
        Input::Prompt(_) => panic!("a prompt is no chat"),
    }
}

/// A finished turn.
pub fn pair(user: &str, ai: &str) -> sessions::Turn {
    sessions::Turn { user: user.into(), ai: ai.into() }
}

/// `words` words, each of about the length that a token has.
pub fn words(words: usize) -> String {
    vec!["word"; words].join(" ")
}

/// A passage of a document; `id` is `DOCUMENT#NUMBER`.
pub fn hit(id: &str, text: &str, distance: f32) -> vectors::Hit {
    let document = id.split('#').next().unwrap_or(id).to_owned();
    let metadata = vec![vectors::Entry { key: "document".into(), value: document }];
    vectors::Hit { passage: vectors::Passage { id: id.into(), text: text.into(), metadata }, distance }
}

/// Found by words as well as by its embedding.
pub fn found(id: &str, text: &str, distance: f32, bm25: f32) -> vectors::Match {
    vectors::Match { passage: hit(id, text, distance).passage, distance, bm25, score: 0.03 }
}

/// A turn that chooses no options.
pub fn turn(message: &str) -> turns::Turn {
    let options = turns::Options {
        model: None,
        max_tokens: None,
        temperature: None,
        top_p: None,
        seed: None,
        stop: Vec::new(),
    };
    turns::Turn { id: "t1".into(), session: "s".into(), message: message.into(), options }
}

/// What every generation takes.
pub fn usage() -> Usage {
    Usage {
        prompt_tokens: 10,
        cached_tokens: 0,
        completion_tokens: 2,
        queue_ms: 0,
        first_token_ms: 1,
        total_ms: 2,
    }
}

/// The end of a generation.
pub fn done(finish: Finish) -> Event {
    Event::Done(Done { finish, usage: usage() })
}
