//! What is beyond OpenAI's protocol: each server's names for it, and what it does not know.

use std::fmt::Write;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::Question;
use crate::{Constraint, Input, Owner, remote::facts::Dialect, remote::shared::random};

/// The fields of a request that only some servers know.
#[derive(Debug, Default, Serialize)]
pub(super) struct Extensions<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repeat_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repetition_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grammar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_outputs: Option<StructuredOutputs<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_prompt: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_salt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct StructuredOutputs<'a> {
    grammar: &'a str,
}

impl<'a> Extensions<'a> {
    pub fn new(question: &'a Question, dialect: Dialect) -> Self {
        let Question { options, settings, .. } = question;
        let grammar = match &options.constraint {
            Some(Constraint::Grammar(grammar)) => Some(grammar.as_str()),
            Some(Constraint::JsonSchema(_)) | None => None,
        };
        match dialect {
            Dialect::Plain => Self {
                top_k: options.top_k.map(i64::from),
                min_p: options.min_p,
                repeat_penalty: options.repeat_penalty,
                grammar,
                ..Self::default()
            },
            Dialect::LlamaServer => Self {
                top_k: Some(settings.top_k.into()),
                min_p: Some(settings.min_p),
                repeat_penalty: Some(settings.repeat_penalty),
                grammar,
                json_schema: question
                    .schema
                    .as_deref()
                    .filter(|_| matches!(question.input, Input::Prompt(_) | Input::Marked(_))),
                // What nobody owns is not looked up either.
                cache_prompt: options.owner.is_none().then_some(false),
                ..Self::default()
            },
            Dialect::Vllm => Self {
                // None is -1 in all versions, and 0 only in newer ones.
                top_k: Some(if settings.top_k == 0 { -1 } else { settings.top_k.into() }),
                min_p: Some(settings.min_p),
                repetition_penalty: Some(settings.repeat_penalty),
                structured_outputs: grammar.map(|grammar| StructuredOutputs { grammar }),
                cache_salt: Some(salt(options.owner.as_ref())),
                ..Self::default()
            },
            Dialect::Corral => Self {
                top_k: Some(settings.top_k.into()),
                min_p: Some(settings.min_p),
                repeat_penalty: Some(settings.repeat_penalty),
                grammar,
                prompt_cache_key: Some(salt(options.owner.as_ref())),
                ..Self::default()
            },
        }
    }
}

/// What is cached under one salt is not found under another: owners share nothing, and nobody
/// shares nothing with himself. A digest, for the server need not know who its owner is.
fn salt(owner: Option<&Owner>) -> String {
    let digest = match owner {
        Some(Owner::Session(id)) => Sha256::new_with_prefix("corral session ").chain_update(id),
        Some(Owner::Client(id)) => Sha256::new_with_prefix("corral client ").chain_update(id),
        None => Sha256::new().chain_update(random().to_le_bytes()).chain_update(random().to_le_bytes()),
    };
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
