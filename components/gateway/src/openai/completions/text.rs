//! Answers as text that goes on where a prompt ends.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::Corral;
use super::form::{End, Form};
use super::logprobs::{LEAST, text as token_text};
use crate::corral::host::inference::{Candidate, Scored, ToolCall};

#[derive(Debug, Default)]
pub struct Text {
    /// The prompt, if it comes back before the answer.
    pub echo: String,
    /// Characters of the tokens told so far.
    told: usize,
}

/// The same whole and in parts; only the last part has a reason.
#[derive(Serialize)]
pub struct Choice {
    text: String,
    index: u32,
    logprobs: Option<Logprobs>,
    finish_reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    corral: Option<Corral>,
}

/// One entry for each token in every list.
#[derive(Debug, Default, Serialize)]
struct Logprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    /// The likeliest tokens in its place, and itself.
    top_logprobs: Vec<BTreeMap<String, f32>>,
    /// Where each begins in the answer, in characters.
    text_offset: Vec<usize>,
}

impl Text {
    pub fn after(echo: String) -> Self {
        Self { echo, told: 0 }
    }

    fn choice(&mut self, text: String, scored: Option<Vec<Scored>>) -> Choice {
        let logprobs = scored.map(|tokens| self.logprobs(tokens));
        Choice { text, index: 0, logprobs, finish_reason: None, corral: None }
    }

    fn logprobs(&mut self, tokens: Vec<Scored>) -> Logprobs {
        let mut logprobs = Logprobs::default();
        for Scored { chosen, likeliest } in tokens {
            logprobs.text_offset.push(self.told);
            self.told += beginnings(&chosen.bytes);
            logprobs.tokens.push(token_text(&chosen.bytes));
            logprobs.token_logprobs.push(likelihood(&chosen));
            let rivals = likeliest.iter().chain([&chosen]);
            let rivals = rivals.map(|token| (token_text(&token.bytes), likelihood(token)));
            logprobs.top_logprobs.push(rivals.collect());
        }
        logprobs
    }
}

impl Form for Text {
    const ID: &'static str = "cmpl-";
    const WHOLE: &'static str = "text_completion";
    const PART: &'static str = "text_completion";
    const ASKED: &'static str = "prompt";
    type Whole = Choice;
    type Part = Choice;

    fn whole(mut self, text: String, end: End) -> Choice {
        let echoed = format!("{}{text}", self.echo);
        let choice = self.choice(echoed, end.scored);
        Choice { finish_reason: Some(end.finish_reason), corral: end.corral, ..choice }
    }

    fn opening(&self) -> Option<Choice> {
        let text = self.echo.clone();
        let choice = Choice { text, index: 0, logprobs: None, finish_reason: None, corral: None };
        (!choice.text.is_empty()).then_some(choice)
    }

    fn piece(&mut self, text: String, scored: Option<Vec<Scored>>) -> Choice {
        self.choice(text, scored)
    }

    fn call(&mut self, _: ToolCall) -> Option<Choice> {
        None
    }

    fn ending(&mut self, end: End) -> Choice {
        let choice = self.choice(String::new(), end.scored);
        Choice { finish_reason: Some(end.finish_reason), corral: end.corral, ..choice }
    }
}

fn likelihood(candidate: &Candidate) -> f32 {
    candidate.log_probability.max(LEAST)
}

/// How many characters begin in these bytes: every byte of UTF-8 that does not continue one begins one.
fn beginnings(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::completions::logprobs::samples::{candidate, scored};

    fn end(scored: Option<Vec<Scored>>) -> End {
        End { scored, calls: Vec::new(), corral: None, finish_reason: "stop" }
    }

    fn shown(choice: Choice) -> Value {
        serde_json::to_value(choice).unwrap()
    }

    #[test]
    fn an_answer_is_text_and_comes_after_the_prompt_if_that_is_asked_for() {
        let plain = Text::default().whole(" sat.".to_owned(), end(None));
        let expected = json!({"text": " sat.", "index": 0, "logprobs": null, "finish_reason": "stop"});
        assert_eq!(shown(plain), expected);
        let echoing = || Text::after("A cat".to_owned());
        assert_eq!(shown(echoing().whole(" sat.".to_owned(), end(None)))["text"], "A cat sat.");
        assert_eq!(shown(echoing().opening().unwrap())["text"], "A cat");
        assert!(Text::default().opening().is_none());
        assert_eq!(shown(echoing().piece(" sat.".to_owned(), None))["text"], " sat.");
        assert_eq!(shown(echoing().piece(" sat.".to_owned(), None))["finish_reason"], json!(null));
        assert_eq!(shown(echoing().ending(end(None)))["text"], "");
    }

    #[test]
    fn tokens_have_their_likelihoods_rivals_and_offsets_across_parts() {
        let mut form = Text::default();
        let first = Scored {
            chosen: candidate("é".as_bytes(), -0.5),
            likeliest: vec![candidate(b"e", -0.25), candidate("é".as_bytes(), -0.5)],
        };
        let piece = shown(form.piece("é".to_owned(), Some(vec![first])));
        let expected = json!({
            "tokens": ["é"], "token_logprobs": [-0.5], "top_logprobs": [{"e": -0.25, "é": -0.5}], "text_offset": [0],
        });
        assert_eq!(piece["logprobs"], expected);
        let ending = shown(form.ending(end(Some(vec![scored(" x"), scored("y")]))));
        assert_eq!(ending["logprobs"]["text_offset"], json!([1, 3]));
        assert_eq!(ending["logprobs"]["top_logprobs"], json!([{" x": -0.5}, {"y": -0.5}]));
    }

    #[test]
    fn what_is_impossible_is_a_number_all_the_same() {
        let token = Scored { chosen: candidate(b"x", f32::NEG_INFINITY), likeliest: Vec::new() };
        let choice = shown(Text::default().whole("x".to_owned(), end(Some(vec![token]))));
        assert_eq!(choice["logprobs"]["token_logprobs"], json!([LEAST]));
    }
}
