//! What OpenAI has and this server does not: refused by name, unless the value asks for nothing.

use serde_json::{Value, json};

use crate::openai::Mistake;
use crate::openai::field::Object;

/// A parameter, whether a value asks for nothing, and why others are refused.
pub type Row = (&'static str, fn(&Value) -> bool, &'static str);

pub const NO_FUNCTIONS: &str = "Functions are the older form of tools: send `tools`.";
const TEXT_ALONE: &str = "This server answers in text.";
const NO_REASONING: &str = "How long a model thinks is the model's own affair.";
const OWN_CACHE: &str = "What is cached, and for how long, is chosen here.";

/// What an answer to a conversation cannot have.
pub const OF_CHAT: &[Row] = &[
    ("functions", is_empty, NO_FUNCTIONS),
    ("function_call", |value| value == "none" || value == "auto", NO_FUNCTIONS),
    ("web_search_options", |_| false, "This server searches no web."),
    ("modalities", |value| *value == json!(["text"]), TEXT_ALONE),
    ("audio", |_| false, TEXT_ALONE),
    ("prediction", |_| false, "Predicted outputs are of no use here."),
    ("reasoning_effort", |value| value == "none", NO_REASONING),
    ("verbosity", |value| value == "medium", "Ask for it in a message."),
    ("service_tier", |value| value == "auto" || value == "default", "There is one tier."),
    ("prompt_cache_retention", |value| value == "in_memory", OWN_CACHE),
    ("prompt_cache_options", |_| false, OWN_CACHE),
    ("moderation", |_| false, "This server moderates nothing."),
    ("store", |value| *value == false, "Answers are not kept; those of a session are, in its history."),
];

/// What a completion of text cannot have.
pub const OF_TEXT: &[Row] = &[
    ("suffix", |value| value == "", "The models here go on; they do not fill in."),
    ("best_of", |value| *value == 1, "Only 1 is supported."),
];

/// Refuses the first parameter that is neither `supported` nor asks for nothing.
pub fn check(body: &Object, supported: &[&str], table: &[Row]) -> Result<(), Mistake> {
    for (name, field) in body.members().filter(|(name, _)| !supported.contains(name)) {
        match table.iter().find(|(unsupported, ..)| *unsupported == name) {
            Some((_, asks_nothing, _)) if asks_nothing(field.value) => {}
            Some((.., reason)) => return Err(Mistake::unsupported(&field.place, reason)),
            None => return Err(Mistake::unknown(&field.place)),
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::field::Field;

    fn checked(body: Value) -> Result<(), Mistake> {
        check(&Field::body(&body).object()?, &["model"], OF_CHAT)
    }

    #[test]
    fn values_that_ask_for_nothing_pass() {
        for (name, value) in [
            ("functions", json!([])),
            ("function_call", json!("none")),
            ("modalities", json!(["text"])),
            ("service_tier", json!("auto")),
            ("store", json!(false)),
            ("reasoning_effort", json!("none")),
            ("prompt_cache_retention", json!("in_memory")),
            ("whatever", json!(null)),
            ("audio", json!(null)),
            ("model", json!("small")),
        ] {
            assert_eq!(checked(json!({name: value})), Ok(()), "{name}");
        }
    }

    #[test]
    fn every_other_value_is_refused_by_its_name() {
        for (name, value) in [
            ("functions", json!({})),
            ("functions", json!([{"name": "f"}])),
            ("function_call", json!({"name": "f"})),
            ("modalities", json!(["text", "audio"])),
            ("audio", json!({"voice": "alloy"})),
            ("prediction", json!({"type": "content"})),
            ("web_search_options", json!({})),
            ("reasoning_effort", json!("high")),
            ("verbosity", json!("low")),
            ("service_tier", json!("priority")),
            ("prompt_cache_options", json!({"mode": "explicit"})),
            ("moderation", json!({"model": "x"})),
            ("store", json!(true)),
        ] {
            let mistake = checked(json!({name: value})).unwrap_err();
            assert_eq!((mistake.param.as_deref(), mistake.code), (Some(name), Some("unsupported_parameter")));
        }
    }

    #[test]
    fn what_nobody_knows_is_told_so() {
        assert_eq!(checked(json!({"max_token": 5})), Err(Mistake::unknown("max_token")));
    }
}
