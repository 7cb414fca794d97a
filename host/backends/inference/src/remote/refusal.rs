//! What it means that a server refuses: from status and body to a failure.
//!
//! Servers agree on neither: OpenAI, llama-server and new vLLMs put an object under `error`, older ones
//! say the same without it, FastAPI says `detail`. Numbers of tokens are fields of llama-server's
//! answer and words of the others'.

use serde_json::Value;

use super::{client::Answer, failure::Failure};
use crate::Error;

/// Characters of a server's words that are passed on.
const MAX_WORDS: usize = 500;

/// Why a server refused a request; `context` is how many tokens it is known to have room for.
pub(super) fn refusal(answer: &Answer, context: u32) -> Failure {
    let status = answer.status.as_u16();
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let told = Told::new(&body);
    match status {
        400 | 413 | 422 => told.blames_the_request(context),
        401 | 403 => Failure::Unfit(format!(
            "the server answered {status}: it wants another key than that of inference.remote.key_file"
        )),
        404 => Failure::Unfit(
            "the server answered 404: it does not know the model of inference.remote.model, completes no \
             bare prompts, or is not at a base address such as \"http://127.0.0.1:8080/v1\""
                .into(),
        ),
        429 | 503 => Failure::Busy { retry_after: answer.retry_after },
        300..=399 => Failure::Unfit(format!(
            "the server answered {status}: it is somewhere else, and redirections are not followed; \
             name its own address in inference.remote.urls"
        )),
        _ => Failure::Failed(format!("the server answered {status} {}", told.code())),
    }
}

/// Why an answer that had begun broke off, from the error in its stream.
pub(super) fn broken_off(error: &Value, context: u32) -> Failure {
    let told = Told::new(error);
    match told.number("code") {
        Some(400 | 413 | 422) => told.blames_the_request(context),
        _ => Failure::Failed(format!("the server broke off: {}", told.code())),
    }
}

/// What a body tells, wherever it does.
struct Told<'a> {
    fields: &'a Value,
    words: &'a str,
}

impl<'a> Told<'a> {
    fn new(body: &'a Value) -> Self {
        let fields = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let words = fields.as_str().or_else(|| {
            let field = |name| fields.get(name).and_then(Value::as_str);
            field("message").or_else(|| field("detail"))
        });
        Self { fields, words: words.unwrap_or_default() }
    }

    fn blames_the_request(&self, context: u32) -> Failure {
        if self.is_overflow() {
            let context = self.number("n_ctx").or_else(|| context_in(self.words)).unwrap_or(context);
            let need = self.number("n_prompt_tokens").or_else(|| prompt_in(self.words));
            return Failure::Overflow { need: need.unwrap_or(context), context };
        }
        let words: String = self.words.chars().filter(|char| !char.is_control()).take(MAX_WORDS).collect();
        let words = if words.is_empty() { "the model's server refuses the request".into() } else { words };
        Failure::Refused(Error::InvalidArgument(words))
    }

    fn is_overflow(&self) -> bool {
        let names = |name| self.fields.get(name).and_then(Value::as_str).unwrap_or_default();
        names("code") == "context_length_exceeded"
            || names("type") == "exceed_context_size_error"
            || ["context length", "context size"].iter().any(|words| self.words.contains(words))
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.fields.get(name)?.as_u64()?.try_into().ok()
    }

    /// What kind of error it is: a word that the log may have, where the message may quote a prompt.
    fn code(&self) -> String {
        let name = self.fields.get("type").and_then(Value::as_str).unwrap_or_default();
        name.chars().filter(|char| char.is_ascii_alphanumeric() || *char == '_').take(64).collect()
    }
}

/// "This model's maximum context length is 4096 tokens", "the model's context length is only 4096 tokens",
/// SGLang's "maximum context length of 4096 tokens" and "context length (4096 tokens)", and a Corral's
/// "context length leaves room for 4095 prompt tokens".
fn context_in(words: &str) -> Option<u32> {
    if let Some((_, after)) = words.split_once("leaves room for ") {
        return leading(after)?.checked_add(1);
    }
    let before = ["context length is only ", "context length is ", "context length of ", "context length ("];
    before.iter().find_map(|marker| leading(words.split_once(marker)?.1))
}

/// "5000 input tokens", "(4500 in the messages, 500 in the completion)", "300 tokens from the input
/// messages", "The input (5000 tokens)", "resulted in 5000 tokens".
fn prompt_in(words: &str) -> Option<u32> {
    let behind = [
        " input tokens",
        " in the messages",
        " in the prompt",
        " in your prompt",
        " of text input",
        " tokens from the input",
    ];
    let before = ["The input (", "resulted in "];
    let found = behind.iter().find_map(|marker| trailing(words.split_once(marker)?.0));
    found.or_else(|| before.iter().find_map(|marker| leading(words.split_once(marker)?.1)))
}

fn leading(text: &str) -> Option<u32> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn trailing(text: &str) -> Option<u32> {
    let start = text.rfind(|char: char| !char.is_ascii_digit()).map_or(0, |at| at + 1);
    text.get(start..)?.parse().ok()
}

#[cfg(test)]
mod tests;
