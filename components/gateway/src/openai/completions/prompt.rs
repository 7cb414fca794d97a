//! The body of a request for a completion of text.

use super::request::{Asked, MODEL_BYTES, Request, delivery};
use super::text::Text;
use super::{format, options, owner, session, unsupported};
use crate::corral::host::inference::Options;
use crate::failure::Failure;
use crate::openai::field::{Field, Object};
use crate::openai::{self, Mistake};
use crate::request::Input;

const NAMES: &[&str] = &["model", "prompt", "echo", "stream", "stream_options", "metadata"];

/// OpenAI's own bounds: what a completion has if its length is not said, and how many likeliest tokens.
const MAX_TOKENS: u32 = 16;
const LIKELIEST: i64 = 5;

impl Request<Text> {
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let value = openai::body(input)?;
        // The body is UTF-8, or it would not have become a value.
        let text = std::str::from_utf8(&input.body).unwrap_or_default();
        Ok(Self::from_body(&Field::body(&value).object()?, text, input)?)
    }

    fn from_body(body: &Object, text: &str, input: &Input) -> Result<Self, Mistake> {
        let names = [NAMES, options::NAMES, format::NAMES, &owner::NAMES].concat();
        unsupported::check(body, &names, unsupported::OF_TEXT)?;
        let model = body.required("model")?.text(1..=MODEL_BYTES)?.to_owned();
        let prompt = prompt(&body.required("prompt")?)?;
        let log_probabilities = body.read("logprobs", log_probabilities)?;
        let form = form(body, prompt, log_probabilities)?;
        let asked = match session::read(body, input)? {
            None => Asked::Prompt(prompt.to_owned()),
            Some(session) => {
                Asked::Turn { session, id: session::turn_id(input)?, message: prompt.to_owned() }
            }
        };
        let delivery = delivery(body)?;
        let options = Options {
            max_tokens: body.read("max_tokens", |field| field.count(1))?.or(Some(MAX_TOKENS)),
            log_probabilities,
            constraint: format::read(body, text)?,
            owner: Some(owner::read(body)?),
            ..options::read(body)?
        };
        Ok(Self { model, asked, options, delivery, form })
    }
}

/// A text, or a list with one.
fn prompt<'v>(field: &Field<'v>) -> Result<&'v str, Mistake> {
    let only = match field.value.as_array().map(Vec::as_slice) {
        None if field.value.is_string() => field.clone(),
        None => return Err(field.wrong_type("one of a string or array of strings")),
        Some([value]) => Field { place: format!("{}[0]", field.place), value },
        Some([]) => return Err(field.invalid("empty_array", "empty array. Expected one text")),
        Some([first, ..]) if first.is_string() => {
            return Err(Mistake::unsupported(&field.place, "Send each prompt in a request of its own."));
        }
        Some(_) => return Err(tokens(field)),
    };
    if only.value.is_number() || only.value.is_array() {
        return Err(tokens(field));
    }
    only.text(1..=usize::MAX)
}

fn tokens(field: &Field) -> Mistake {
    Mistake::unsupported(&field.place, "Tokens are another model's: send the text.")
}

fn log_probabilities(field: Field) -> Result<u32, Mistake> {
    Ok(u32::try_from(field.integer(0..=LIKELIEST)?).unwrap_or_default())
}

fn form(body: &Object, prompt: &str, log_probabilities: Option<u32>) -> Result<Text, Mistake> {
    match body.get("echo") {
        Some(field) if field.boolean()? && log_probabilities.is_some() => {
            let message = "'echo' gives no log-probabilities of the prompt: send 'logprobs' without it.";
            Err(Mistake::out_of_place(&field.place, message))
        }
        Some(field) if field.boolean()? => Ok(Text::after(prompt.to_owned())),
        _ => Ok(Text::default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::reply::{Dialect, Reply};

    fn input(body: &Value) -> Input {
        Input { body: body.to_string().into_bytes(), ..Input::default() }
    }

    fn with(name: &str, value: Value) -> Value {
        let mut body = json!({"model": "small", "prompt": "A cat"});
        body[name] = value;
        body
    }

    fn read(body: &Value) -> Request<Text> {
        Request::<Text>::read(&input(body)).unwrap()
    }

    #[test]
    fn a_prompt_is_a_text_or_a_list_with_one() {
        for prompt in [json!("A cat"), json!(["A cat"])] {
            let request = read(&with("prompt", prompt));
            assert!(matches!(&request.asked, Asked::Prompt(prompt) if prompt == "A cat"));
            assert_eq!((request.options.max_tokens, request.form.echo.as_str()), (Some(16), ""));
        }
        assert_eq!(read(&with("echo", json!(true))).form.echo, "A cat");
        assert_eq!(read(&with("logprobs", json!(0))).options.log_probabilities, Some(0));
        assert_eq!(read(&with("max_tokens", json!(7))).options.max_tokens, Some(7));
    }

    #[test]
    fn a_session_makes_the_prompt_its_turn() {
        let body = with("metadata", json!({"session_id": "s"}));
        let keyed = Input { idempotency_key: Some("t".to_owned()), ..input(&body) };
        let header = Input { session: Some("s".to_owned()), ..input(&with("user", json!("ada"))) };
        for (input, name) in [(keyed, Some("t")), (header, None)] {
            let Asked::Turn { session, id, message } = Request::<Text>::read(&input).unwrap().asked else {
                panic!("no turn")
            };
            assert_eq!((session.as_str(), id.as_deref(), message.as_str()), ("s", name, "A cat"));
        }
    }

    #[test]
    fn values_that_ask_for_nothing_pass() {
        for (name, value) in [
            ("n", json!(1)),
            ("best_of", json!(1)),
            ("suffix", json!(null)),
            ("suffix", json!("")),
            ("echo", json!(false)),
            ("logprobs", json!(null)),
        ] {
            read(&with(name, value));
        }
    }

    #[test]
    fn what_is_wrong_is_a_400_that_names_it() {
        let mut echoed = with("echo", json!(true));
        echoed["logprobs"] = json!(1);
        for (body, param, code) in [
            (json!({"prompt": "x"}), "model", json!("missing_required_parameter")),
            (json!({"model": "small"}), "prompt", json!("missing_required_parameter")),
            (with("prompt", json!("")), "prompt", json!("empty_string")),
            (with("prompt", json!([])), "prompt", json!("empty_array")),
            (with("prompt", json!([""])), "prompt[0]", json!("empty_string")),
            (with("prompt", json!([null])), "prompt[0]", json!("invalid_type")),
            (with("prompt", json!({})), "prompt", json!("invalid_type")),
            (with("prompt", json!(["a", "b"])), "prompt", json!("unsupported_parameter")),
            (with("prompt", json!([1])), "prompt", json!("unsupported_parameter")),
            (with("prompt", json!([1, 2])), "prompt", json!("unsupported_parameter")),
            (with("prompt", json!([[1, 2]])), "prompt", json!("unsupported_parameter")),
            (with("suffix", json!("x")), "suffix", json!("unsupported_parameter")),
            (with("best_of", json!(2)), "best_of", json!("unsupported_parameter")),
            (with("n", json!(2)), "n", json!("unsupported_value")),
            (with("logprobs", json!(6)), "logprobs", json!("integer_above_max_value")),
            (with("logprobs", json!(true)), "logprobs", json!("invalid_type")),
            (with("echo", json!("yes")), "echo", json!("invalid_type")),
            (with("max_tokens", json!(0)), "max_tokens", json!("integer_below_min_value")),
            (with("max_completion_tokens", json!(5)), "max_completion_tokens", json!("unknown_parameter")),
            (with("top_logprobs", json!(5)), "top_logprobs", json!("unknown_parameter")),
            (with("messages", json!([])), "messages", json!("unknown_parameter")),
            (with("stream_options", json!({})), "stream_options", json!(null)),
            (echoed, "echo", json!(null)),
        ] {
            let failure = Request::<Text>::read(&input(&body)).unwrap_err();
            let reply = Reply::refusal(failure, Dialect::OpenAi);
            let error: Value = serde_json::from_slice(&reply.body).unwrap();
            let error = &error["error"];
            assert_eq!(
                (reply.status, &error["param"], &error["code"]),
                (400, &json!(param), &code),
                "{body}"
            );
        }
    }
}
