//! What is told of an answer, in the JSON that clients read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::request::Include;
use crate::corral::chat::turns;
use crate::corral::host::inference;
use crate::failure::Failure;

/// An answer as it grows.
#[derive(Default)]
pub struct Answer {
    text: String,
    sources: Vec<turns::Source>,
    trimmed: Option<turns::Trimmed>,
    done: Option<turns::Done>,
}

/// The body of a whole answer.
#[derive(Serialize)]
pub struct Body {
    response: String,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    sources: Option<Sources>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    /// Null says that nothing is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    trimmed: Option<Option<Trimmed>>,
    /// Told only where the turn is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    persisted: Option<bool>,
}

#[derive(Serialize)]
pub struct Sources {
    sources: Vec<Source>,
}

#[derive(Serialize)]
struct Source {
    id: String,
    document_id: String,
    text: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    span: Option<Span>,
    score: f32,
    metadata: BTreeMap<String, String>,
}

/// Where the passage is in its document, in characters. Others' passages have none.
#[derive(Serialize)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Serialize)]
pub struct Trimmed {
    turns: u32,
    sources: u32,
    tokens: u32,
    /// Told only where it is so: a client that knows the three numbers alone goes on working.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retrieval_unavailable: bool,
}

#[derive(Serialize)]
pub struct Done {
    finish_reason: &'static str,
    usage: Usage,
    persisted: bool,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    queue_ms: u32,
    first_token_ms: u32,
    total_ms: u32,
}

impl Answer {
    pub fn take(&mut self, event: turns::Event) {
        match event {
            turns::Event::Sources(sources) => self.sources = sources,
            turns::Event::Trimmed(trimmed) => self.trimmed = Some(trimmed),
            turns::Event::Delta(text) => self.text.push_str(&text),
            turns::Event::Done(done) => self.done = Some(done),
            turns::Event::Waiting => {}
        }
    }

    /// What the client gets of it. An answer that breaks off is none.
    pub fn body(self, include: Include) -> Result<Body, Failure> {
        let done = self.done.ok_or(Failure::Unavailable)?;
        Ok(Body {
            response: self.text,
            sources: include.sources.then(|| Sources::from(self.sources)),
            usage: include.usage.then(|| Usage::from(done.usage)),
            finish_reason: include.usage.then(|| finish_reason(done.finish)),
            trimmed: include.trimmed.then(|| self.trimmed.map(Trimmed::from)),
            persisted: (!done.persisted).then_some(false),
        })
    }
}

impl From<Vec<turns::Source>> for Sources {
    fn from(sources: Vec<turns::Source>) -> Self {
        Self { sources: sources.into_iter().map(Source::from).collect() }
    }
}

impl From<turns::Source> for Source {
    fn from(source: turns::Source) -> Self {
        let metadata = source.metadata.into_iter().map(|entry| (entry.key, entry.value)).collect();
        Self {
            id: source.id,
            document_id: source.document,
            text: source.text,
            span: source.span.map(|span| Span { start: span.start, end: span.end }),
            score: source.score,
            metadata,
        }
    }
}

impl From<turns::Trimmed> for Trimmed {
    fn from(trimmed: turns::Trimmed) -> Self {
        Self {
            turns: trimmed.turns,
            sources: trimmed.sources,
            tokens: trimmed.tokens,
            retrieval_unavailable: trimmed.retrieval_unavailable,
        }
    }
}

impl From<turns::Done> for Done {
    fn from(done: turns::Done) -> Self {
        let finish_reason = finish_reason(done.finish);
        Self { finish_reason, usage: Usage::from(done.usage), persisted: done.persisted }
    }
}

impl From<inference::Usage> for Usage {
    fn from(usage: inference::Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            completion_tokens: usage.completion_tokens,
            queue_ms: usage.queue_ms,
            first_token_ms: usage.first_token_ms,
            total_ms: usage.total_ms,
        }
    }
}

/// The word that both dialects have for it.
pub fn finish_reason(finish: inference::Finish) -> &'static str {
    match finish {
        inference::Finish::Stop => "stop",
        inference::Finish::Length => "length",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sse::samples::{done, source};

    fn body(persisted: bool, include: Include) -> Value {
        let mut answer = Answer::default();
        answer.take(turns::Event::Sources(vec![source()]));
        answer.take(turns::Event::Delta("Hi".to_owned()));
        answer.take(turns::Event::Waiting);
        answer.take(turns::Event::Delta(" there!".to_owned()));
        answer.take(turns::Event::Done(done(persisted)));
        serde_json::to_value(answer.body(include).unwrap()).unwrap()
    }

    #[test]
    fn an_answer_is_its_text_alone_unless_more_is_asked_for() {
        assert_eq!(body(true, Include::default()), json!({"response": "Hi there!"}));
        assert_eq!(body(false, Include::default()), json!({"response": "Hi there!", "persisted": false}));
    }

    #[test]
    fn everything_asked_for_is_there() {
        let usage = json!({"prompt_tokens": 1, "cached_tokens": 2, "completion_tokens": 3, "queue_ms": 4, "first_token_ms": 5, "total_ms": 6});
        let source =
            json!({"id": "d#0", "document_id": "d", "text": "t", "score": 0.5, "metadata": {"k": "v"}});
        assert_eq!(
            body(true, Include { sources: true, usage: true, trimmed: true }),
            json!({"response": "Hi there!", "sources": [source], "usage": usage, "finish_reason": "stop", "trimmed": null})
        );
    }

    #[test]
    fn an_answer_without_documents_says_so() {
        let mut answer = Answer::default();
        let trimmed = turns::Trimmed { turns: 0, sources: 0, tokens: 9, retrieval_unavailable: true };
        answer.take(turns::Event::Trimmed(trimmed));
        answer.take(turns::Event::Done(done(true)));
        let body = answer.body(Include { trimmed: true, ..Include::default() }).unwrap();
        let trimmed = json!({"turns": 0, "sources": 0, "tokens": 9, "retrieval_unavailable": true});
        assert_eq!(serde_json::to_value(body).unwrap(), json!({"response": "", "trimmed": trimmed}));
    }

    #[test]
    fn a_source_says_where_it_is_if_that_is_known() {
        let cut = turns::Source { span: Some(turns::Span { start: 120, end: 160 }), ..source() };
        assert_eq!(
            serde_json::to_string(&Source::from(cut)).unwrap(),
            r#"{"id":"d#0","document_id":"d","text":"t","start":120,"end":160,"score":0.5,"metadata":{"k":"v"}}"#
        );
    }

    #[test]
    fn an_answer_that_breaks_off_is_a_failure() {
        let mut answer = Answer::default();
        answer.take(turns::Event::Delta("Hi".to_owned()));
        assert!(matches!(answer.body(Include::default()), Err(Failure::Unavailable)));
    }
}
