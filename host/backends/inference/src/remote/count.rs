//! Counts the tokens of an input by the model's own tokenizer, which a server has.
//!
//! llama-server first makes a text of a chat and counts that; vLLM does both at once. A transcript
//! that ends with the assistant's message lacks, with llama-server, the marker that closes it.

use std::{
    borrow::Cow,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize, de::IgnoredAny};
use sha2::{Digest, Sha256};

use super::{
    client::Answer, estimate::estimate, facts::Counting, failure::Failure, recent::Recent, refusal::refusal,
    request::Spoken, shared::Shared, upstream::Turn,
};
use crate::{Error, Input};

/// Counts that are remembered, at least. What is planned is counted just before it is sent.
const COUNTS: usize = 512;

type Key = [u8; 32];

/// Tokens of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// As the model reads it.
    Exact(u32),
    /// No more than that, most probably.
    Estimate(u32),
}

/// The tokens of an input, from memory or from a server.
pub(super) async fn count(shared: &Shared, input: &Input) -> Result<Count, Error> {
    let key = digest(input);
    if let Some(tokens) = shared.counts.get(&key) {
        return Ok(Count::Exact(tokens));
    }
    let mut attempts = shared.pool.attempts(None);
    loop {
        let turn = attempts.turn()?;
        match ask(shared, &turn, input).await {
            Ok(Count::Exact(tokens)) => {
                shared.counts.insert(key, tokens);
                return Ok(Count::Exact(tokens));
            }
            Ok(estimate) => return Ok(estimate),
            Err(failure) => attempts.failed(turn, failure).await?,
        }
    }
}

/// What was counted lately.
pub(super) struct Counts(Mutex<Recent<Key, u32>>);

impl Counts {
    pub fn new() -> Self {
        Self(Mutex::new(Recent::new(COUNTS)))
    }

    fn get(&self, key: &Key) -> Option<u32> {
        self.lock().get(key)
    }

    fn insert(&self, key: Key, tokens: u32) {
        self.lock().insert(key, tokens);
    }

    /// Forgets all counts: a server that comes back may have another model.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Recent<Key, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(shared: &Shared, turn: &Turn, input: &Input) -> Result<Count, Failure> {
    let (address, client, model) = (&turn.upstream.address, &shared.client, shared.model.as_str());
    let body = match (turn.facts.counting, input) {
        (Counting::None, _) | (_, Input::Tools(_)) => return Ok(Count::Estimate(estimate(input))),
        (Counting::Template, Input::Prompt(text) | Input::Marked(text)) => Tokenize::text(text),
        (Counting::Template, Input::Chat(messages)) => {
            let chat = Template { messages: Spoken::all(messages) };
            let answer = accepted(shared, turn, client.post(address.own(&["apply-template"]), &chat).await?)?;
            Tokenize::text(answer.read::<Templated>("the chat as text")?.prompt)
        }
        (Counting::Messages, Input::Prompt(text) | Input::Marked(text)) => {
            Tokenize::Prompt { model, prompt: text }
        }
        (Counting::Messages, Input::Chat(messages)) => Tokenize::Messages {
            model,
            messages: Spoken::all(messages),
            add_generation_prompt: !input.is_transcript(),
        },
    };
    let answer = accepted(shared, turn, client.post(address.own(&["tokenize"]), &body).await?)?;
    Ok(Count::Exact(answer.read::<Tokens>("the count of tokens")?.number()))
}

fn accepted(shared: &Shared, turn: &Turn, answer: Answer) -> Result<Answer, Failure> {
    match answer.status.is_success() {
        true => Ok(answer),
        false => Err(refusal(&answer, shared.context_of(&turn.facts))),
    }
}

#[derive(Serialize)]
struct Template<'a> {
    messages: Vec<Spoken<'a>>,
}

#[derive(Deserialize)]
struct Templated {
    prompt: String,
}

/// What `/tokenize` is asked: the first by llama-server, the others by vLLM.
#[derive(Serialize)]
#[serde(untagged)]
enum Tokenize<'a> {
    Text { content: Cow<'a, str>, add_special: bool, parse_special: bool },
    Prompt { model: &'a str, prompt: &'a str },
    Messages { model: &'a str, messages: Vec<Spoken<'a>>, add_generation_prompt: bool },
}

impl<'a> Tokenize<'a> {
    /// As llama-server itself reads what it is given to complete.
    fn text(content: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { content: content.into(), add_special: true, parse_special: true }
    }
}

#[derive(Deserialize)]
struct Tokens {
    count: Option<u32>,
    #[serde(default)]
    tokens: Vec<IgnoredAny>,
}

impl Tokens {
    fn number(&self) -> u32 {
        self.count.unwrap_or_else(|| u32::try_from(self.tokens.len()).unwrap_or(u32::MAX))
    }
}

/// The lengths keep apart what would read the same when joined.
fn digest(input: &Input) -> Key {
    let mut digest = Sha256::new();
    let mut add = |name: &str, text: &str| {
        digest.update(name);
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    };
    match input {
        Input::Prompt(text) | Input::Marked(text) => add("prompt", text),
        Input::Chat(messages) => {
            messages.iter().for_each(|message| add(message.role.name(), &message.content));
        }
        // Only estimates are made of these, which nobody keeps.
        Input::Tools(_) => add("tools", ""),
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Role};

    #[test]
    fn different_inputs_have_different_digests() {
        let user = |content: &str| Message { role: Role::User, content: content.into() };
        let model = |content: &str| Message { role: Role::Assistant, content: content.into() };
        let inputs = [
            Input::Prompt("ab".into()),
            Input::Chat(vec![user("ab")]),
            Input::Chat(vec![user("a"), model("b")]),
            Input::Chat(vec![user("a"), model(""), user("b")]),
            Input::Chat(vec![user("a\u{1}"), model("b")]),
        ];
        let mut digests: Vec<_> = inputs.iter().map(digest).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), inputs.len());
        assert_eq!(digest(&inputs[2]), digest(&inputs[2].clone()));
    }
}
