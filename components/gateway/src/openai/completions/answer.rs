//! An answer as it grows, and what whole answers and streams have in common.

use serde::Serialize;

use super::event::{Done, Event};
use super::form::{End, Form};
use crate::chat::{self, Sources, Trimmed};
use crate::corral::chat::turns;
use crate::corral::host::inference::{self, Finish, Scored, ToolCall};
use crate::failure::Failure;

/// What every part of an answer repeats.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    pub model: String,
}

/// A whole answer under way.
pub struct Answer<F> {
    form: F,
    head: Head,
    text: String,
    calls: Vec<ToolCall>,
    /// None unless they were asked for.
    scored: Option<Vec<Scored>>,
    read: Read,
    done: Option<Done>,
}

/// What a session's turn was given to read.
#[derive(Default)]
pub struct Read {
    pub sources: Vec<turns::Source>,
    pub trimmed: Option<turns::Trimmed>,
}

#[derive(Serialize)]
pub struct Body<C> {
    #[serde(flatten)]
    head: Head,
    object: &'static str,
    choices: [C; 1],
    usage: Usage,
}

/// What a session's turn has besides: OpenAI has no place for it.
#[derive(Serialize)]
pub struct Corral {
    #[serde(flatten)]
    sources: Sources,
    #[serde(skip_serializing_if = "Option::is_none")]
    trimmed: Option<Trimmed>,
    persisted: bool,
}

#[derive(Serialize)]
pub struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u64,
    prompt_tokens_details: PromptTokens,
}

#[derive(Serialize)]
struct PromptTokens {
    cached_tokens: u32,
}

impl<F: Form> Answer<F> {
    pub fn new(head: Head, form: F, with_logprobs: bool) -> Self {
        let scored = with_logprobs.then(Vec::new);
        Self { form, head, text: String::new(), calls: Vec::new(), scored, read: Read::default(), done: None }
    }

    pub fn take(&mut self, event: Event) {
        match event {
            Event::Sources(sources) => self.read.sources = sources,
            Event::Trimmed(trimmed) => self.read.trimmed = Some(trimmed),
            Event::Scored(tokens) => self.scored.get_or_insert_default().extend(tokens),
            Event::Delta(text) => self.text.push_str(&text),
            Event::Call(call) => self.calls.push(call),
            Event::Done(done) => self.done = Some(done),
            Event::Waiting => {}
        }
    }

    /// What the client gets of it. An answer that breaks off is none.
    pub fn body(self) -> Result<Body<F::Whole>, Failure> {
        let done = self.done.ok_or(Failure::Unavailable)?;
        let end = End {
            scored: self.scored,
            corral: done.persisted.map(|persisted| Corral::new(self.read, persisted)),
            finish_reason: finish_reason(done.finish, !self.calls.is_empty()),
            calls: self.calls,
        };
        let choices = [self.form.whole(self.text, end)];
        Ok(Body { head: self.head, object: F::WHOLE, choices, usage: done.usage.into() })
    }
}

/// Why an answer ended, in which tools were `called` or not.
pub fn finish_reason(finish: Finish, called: bool) -> &'static str {
    match finish {
        Finish::Stop if called => "tool_calls",
        finish => chat::finish_reason(finish),
    }
}

impl Corral {
    pub fn new(read: Read, persisted: bool) -> Self {
        Self { sources: read.sources.into(), trimmed: read.trimmed.map(Trimmed::from), persisted }
    }
}

impl From<inference::Usage> for Usage {
    fn from(usage: inference::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
            prompt_tokens_details: PromptTokens { cached_tokens: usage.cached_tokens },
        }
    }
}

#[cfg(test)]
pub mod samples {
    //! Answers to test with.

    use super::*;
    use crate::sse::samples;

    pub fn head() -> Head {
        Head { id: "chatcmpl-1".to_owned(), created: 1_800_000_000, model: "small".to_owned() }
    }

    pub fn done(persisted: Option<bool>) -> Event {
        let turns::Done { finish, usage, .. } = samples::done(true);
        Event::Done(Done { finish, usage, persisted })
    }

    pub fn call(id: &str) -> Event {
        let (name, arguments) = ("f".to_owned(), "{\"a\": 1}".to_owned());
        Event::Call(ToolCall { id: id.to_owned(), name, arguments })
    }

    pub fn delta(text: &str) -> Event {
        Event::Delta(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::samples::{call, delta, done, head};
    use super::*;
    use crate::openai::completions::chat::Chat;
    use crate::openai::completions::logprobs::samples::scored;
    use crate::sse::samples::source;

    fn body(with_logprobs: bool, events: Vec<Event>) -> Value {
        let mut answer = Answer::new(head(), Chat::default(), with_logprobs);
        events.into_iter().for_each(|event| answer.take(event));
        serde_json::to_value(answer.body().unwrap()).unwrap()
    }

    #[test]
    fn a_whole_answer_reads_like_this() {
        let expected = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_800_000_000, "model": "small",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "Hi there!", "refusal": null},
                "logprobs": null,
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4,
                "prompt_tokens_details": {"cached_tokens": 2},
            },
        });
        assert_eq!(body(false, vec![delta("Hi"), Event::Waiting, delta(" there!"), done(None)]), expected);
    }

    #[test]
    fn calls_are_the_messages_own_and_the_reason() {
        let called = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}});
        let calls = &body(false, vec![call("1"), call("2"), done(None)])["choices"][0];
        let message = json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [called("1"), called("2")]});
        assert_eq!((&calls["message"], &calls["finish_reason"]), (&message, &json!("tool_calls")));
        let said = &body(false, vec![delta("Look."), call("1"), done(None)])["choices"][0]["message"];
        assert_eq!((&said["content"], &said["tool_calls"]), (&json!("Look."), &json!([called("1")])));
        assert_eq!(finish_reason(Finish::Length, true), "length");
    }

    #[test]
    fn a_turn_says_what_it_read_and_whether_it_is_stored() {
        let trimmed = turns::Trimmed { turns: 1, sources: 0, tokens: 9, retrieval_unavailable: false };
        let answer =
            body(false, vec![Event::Sources(vec![source()]), Event::Trimmed(trimmed), done(Some(false))]);
        let corral = &answer["choices"][0]["message"]["corral"];
        assert_eq!(corral["sources"][0]["document_id"], "d");
        assert_eq!(corral["trimmed"], json!({"turns": 1, "sources": 0, "tokens": 9}));
        assert_eq!(corral["persisted"], false);
        let plain = body(false, vec![Event::Sources(Vec::new()), done(Some(true))]);
        assert_eq!(plain["choices"][0]["message"]["corral"], json!({"sources": [], "persisted": true}));
    }

    #[test]
    fn log_probabilities_are_there_if_asked_for_even_where_there_are_none() {
        let events = vec![
            Event::Scored(vec![scored("Hi")]),
            delta("Hi"),
            Event::Scored(vec![scored("!")]),
            delta("!"),
            done(None),
        ];
        let tokens = &body(true, events)["choices"][0]["logprobs"]["content"];
        assert_eq!((&tokens[0]["token"], &tokens[1]["token"]), (&json!("Hi"), &json!("!")));
        let none = body(true, vec![done(None)]);
        assert_eq!(none["choices"][0]["logprobs"], json!({"content": [], "refusal": null}));
    }

    #[test]
    fn an_answer_that_breaks_off_is_a_failure() {
        let mut answer = Answer::new(head(), Chat::default(), false);
        answer.take(delta("Hi"));
        assert!(matches!(answer.body(), Err(Failure::Unavailable)));
    }
}
