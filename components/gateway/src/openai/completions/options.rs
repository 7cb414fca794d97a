//! How to answer: each parameter with its type and range, and which of them a session's turn can have.

use crate::corral::chat::turns;
use crate::corral::host::inference::{Bias, Options};
use crate::openai::Mistake;
use crate::openai::field::{Field, Object};

/// What every completion may say. How long an answer gets, and what is told of its tokens, is said in other
/// ways for conversations and for text.
pub const NAMES: &[&str] = &[
    "max_tokens",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "n",
    "seed",
    "stop",
    "top_k",
    "min_p",
    "repeat_penalty",
];

/// What only an answer to a conversation may say.
pub const NAMES_OF_CHAT: &[&str] = &["max_completion_tokens", "top_logprobs"];

/// Bounds of the contract.
const BIASES: usize = 300;
const STOPS: usize = 8;
const STOP_BYTES: usize = 128;
const LIKELIEST: i64 = 20;

/// Everything but the length, the log-probabilities, the constraint, the adapter and the owner.
pub fn read(body: &Object) -> Result<Options, Mistake> {
    one_answer(body)?;
    Ok(Options {
        max_tokens: None,
        temperature: body.read("temperature", |field| field.number(0.0..=2.0))?,
        top_k: body.read("top_k", |field| field.count(0))?,
        top_p: body.read("top_p", |field| field.number(0.0..=1.0))?,
        min_p: body.read("min_p", |field| field.number(0.0..=1.0))?,
        repeat_penalty: body.read("repeat_penalty", repeat_penalty)?,
        frequency_penalty: body.read("frequency_penalty", |field| field.number(-2.0..=2.0))?,
        presence_penalty: body.read("presence_penalty", |field| field.number(-2.0..=2.0))?,
        biases: body.read("logit_bias", biases)?.unwrap_or_default(),
        seed: body.read("seed", seed)?,
        stop: body.read("stop", stop)?.unwrap_or_default(),
        constraint: None,
        log_probabilities: None,
        adapter: None,
        owner: None,
    })
}

/// What a session's turn can be told of them. The chat logic decides on the rest, and values that change
/// nothing pass.
pub fn of_turn(options: Options, model: String) -> Result<turns::Options, Mistake> {
    let is_set = |penalty: Option<f32>, neutral: f32| penalty.is_some_and(|penalty| penalty != neutral);
    let refused = [
        ("frequency_penalty", is_set(options.frequency_penalty, 0.0)),
        ("presence_penalty", is_set(options.presence_penalty, 0.0)),
        ("logit_bias", !options.biases.is_empty()),
        ("logprobs", options.log_probabilities.is_some()),
        ("response_format", options.constraint.is_some()),
        ("top_k", options.top_k.is_some()),
        ("min_p", options.min_p.is_some()),
        ("repeat_penalty", is_set(options.repeat_penalty, 1.0)),
    ];
    if let Some((name, _)) = refused.into_iter().find(|(_, is_set)| *is_set) {
        let reason = "A session's turn is answered by the application's chat logic, which takes model, \
                      max_tokens, temperature, top_p, seed and stop.";
        return Err(Mistake::unsupported(name, reason));
    }
    Ok(turns::Options {
        model: Some(model),
        max_tokens: options.max_tokens,
        temperature: options.temperature,
        top_p: options.top_p,
        seed: options.seed,
        stop: options.stop,
    })
}

fn one_answer(body: &Object) -> Result<(), Mistake> {
    match body.get("n") {
        Some(field) if field.count(1)? > 1 => {
            Err(Mistake::unsupported_value(&field.place, field.value, "Only 1 is supported."))
        }
        _ => Ok(()),
    }
}

/// Under either of its names.
pub fn max_tokens(body: &Object) -> Result<Option<u32>, Mistake> {
    let older = body.read("max_tokens", |field| field.count(1))?;
    let newer = body.read("max_completion_tokens", |field| field.count(1))?;
    match (older, newer) {
        (Some(older), Some(newer)) if older != newer => {
            let message = "'max_tokens' and 'max_completion_tokens' are two names of one limit: send one.";
            Err(Mistake::out_of_place("max_tokens", message))
        }
        (older, newer) => Ok(newer.or(older)),
    }
}

fn repeat_penalty(field: Field) -> Result<f32, Mistake> {
    let penalty = field.number(0.0..=10.0)?;
    if penalty > 0.0 {
        return Ok(penalty);
    }
    let what = "decimal below minimum value. Expected a value > 0, but got 0 instead";
    Err(field.invalid("decimal_below_min_value", what))
}

/// Seeds have 64 bits and a sign at OpenAI, and 32 bits here. Those that fit stay as they are, but for
/// the last one, which llama.cpp takes for none.
fn seed(field: Field) -> Result<u32, Mistake> {
    let seed = field.integer(i64::MIN..=i64::MAX)?.rem_euclid(i64::from(u32::MAX));
    Ok(u32::try_from(seed).unwrap_or_default())
}

/// A text or a list of them.
fn stop(field: Field) -> Result<Vec<String>, Mistake> {
    let texts = match (field.value.is_string(), field.value.is_array()) {
        (true, _) => vec![field],
        (_, true) => field.list(0..=STOPS)?,
        _ => return Err(field.wrong_type("one of a string or array of strings")),
    };
    texts.iter().map(|field| field.text(1..=STOP_BYTES).map(str::to_owned)).collect()
}

fn biases(field: Field) -> Result<Vec<Bias>, Mistake> {
    let object = field.object()?;
    if object.members().count() > BIASES {
        let what = format!("too many properties. Expected an object with at most {BIASES} properties");
        return Err(field.invalid("object_above_max_properties", &what));
    }
    let bias = |(token, field): (&str, Field)| {
        let is_number = token.bytes().all(|byte| byte.is_ascii_digit());
        let Some(token) = token.parse().ok().filter(|_| is_number) else {
            let what = "its keys have to be the ids of tokens, which are non-negative integers";
            return Err(Mistake::invalid(&field.place, "invalid_value", what));
        };
        Ok(Bias { token, amount: field.number(-100.0..=100.0)? })
    };
    object.members().map(bias).collect()
}

pub fn log_probabilities(body: &Object) -> Result<Option<u32>, Mistake> {
    let is_wanted = body.read("logprobs", |field| field.boolean())?.unwrap_or_default();
    let likeliest = body.read("top_logprobs", |field| field.integer(0..=LIKELIEST))?;
    match (is_wanted, likeliest) {
        (true, likeliest) => Ok(Some(u32::try_from(likeliest.unwrap_or_default()).unwrap_or_default())),
        (false, None) => Ok(None),
        (false, Some(_)) => {
            let message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
            Err(Mistake::out_of_place("top_logprobs", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn understood(body: Value) -> Result<Options, Mistake> {
        let body = Field::body(&body);
        let body = body.object()?;
        Ok(Options {
            max_tokens: max_tokens(&body)?,
            log_probabilities: log_probabilities(&body)?,
            ..read(&body)?
        })
    }

    fn refused(body: Value) -> (String, Option<&'static str>) {
        let mistake = understood(body).unwrap_err();
        (mistake.param.unwrap(), mistake.code)
    }

    #[test]
    fn every_option_is_read() {
        let options = understood(json!({
            "max_completion_tokens": 9, "temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0.5, "n": 1,
            "repeat_penalty": 1.25, "frequency_penalty": -2, "presence_penalty": 2.0, "seed": 7,
            "logit_bias": {"5": -100, "70000": 1.5}, "stop": ["a", "b"], "logprobs": true, "top_logprobs": 20,
        }))
        .unwrap();
        assert_eq!((options.max_tokens, options.seed, options.top_k), (Some(9), Some(7), Some(0)));
        assert_eq!((options.temperature, options.top_p, options.min_p), (Some(0.0), Some(1.0), Some(0.5)));
        assert_eq!(options.repeat_penalty, Some(1.25));
        assert_eq!((options.frequency_penalty, options.presence_penalty), (Some(-2.0), Some(2.0)));
        let biases: Vec<_> = options.biases.iter().map(|bias| (bias.token, bias.amount)).collect();
        assert_eq!(biases, [(5, -100.0), (70000, 1.5)]);
        assert_eq!((options.stop.len(), options.log_probabilities), (2, Some(20)));
    }

    #[test]
    fn what_is_not_said_is_left_to_the_host() {
        let options = understood(json!({"temperature": null, "stop": null, "logprobs": false})).unwrap();
        assert_eq!((options.max_tokens, options.temperature, options.seed), (None, None, None));
        assert_eq!((options.stop.len(), options.log_probabilities), (0, None));
        assert!(options.owner.is_none() && options.constraint.is_none() && options.biases.is_empty());
    }

    #[test]
    fn each_value_out_of_its_form_is_named() {
        let keys = (0..301).map(|key| (key.to_string(), json!(0))).collect::<serde_json::Map<_, _>>();
        for (body, param, code) in [
            (json!({"max_tokens": 0}), "max_tokens", "integer_below_min_value"),
            (json!({"max_tokens": 1.0}), "max_tokens", "invalid_type"),
            (json!({"max_tokens": 4294967296_u64}), "max_tokens", "integer_above_max_value"),
            (json!({"max_completion_tokens": "9"}), "max_completion_tokens", "invalid_type"),
            (json!({"temperature": 2.1}), "temperature", "decimal_above_max_value"),
            (json!({"temperature": -1}), "temperature", "decimal_below_min_value"),
            (json!({"temperature": "hot"}), "temperature", "invalid_type"),
            (json!({"top_p": 1.01}), "top_p", "decimal_above_max_value"),
            (json!({"min_p": -0.1}), "min_p", "decimal_below_min_value"),
            (json!({"top_k": -1}), "top_k", "integer_below_min_value"),
            (json!({"repeat_penalty": 0}), "repeat_penalty", "decimal_below_min_value"),
            (json!({"frequency_penalty": 2.5}), "frequency_penalty", "decimal_above_max_value"),
            (json!({"presence_penalty": -2.5}), "presence_penalty", "decimal_below_min_value"),
            (json!({"logit_bias": [1]}), "logit_bias", "invalid_type"),
            (json!({"logit_bias": {"a": 1}}), "logit_bias.a", "invalid_value"),
            (json!({"logit_bias": {"+5": 1}}), "logit_bias.+5", "invalid_value"),
            (json!({"logit_bias": {"": 1}}), "logit_bias.", "invalid_value"),
            (json!({"logit_bias": {"4294967296": 1}}), "logit_bias.4294967296", "invalid_value"),
            (json!({"logit_bias": {"5": 101}}), "logit_bias.5", "decimal_above_max_value"),
            (json!({"logit_bias": {"5": "x"}}), "logit_bias.5", "invalid_type"),
            (json!({"logit_bias": keys}), "logit_bias", "object_above_max_properties"),
            (json!({"logprobs": 1}), "logprobs", "invalid_type"),
            (json!({"logprobs": true, "top_logprobs": 21}), "top_logprobs", "integer_above_max_value"),
            (json!({"logprobs": true, "top_logprobs": -1}), "top_logprobs", "integer_below_min_value"),
            (json!({"n": 0}), "n", "integer_below_min_value"),
            (json!({"n": 2}), "n", "unsupported_value"),
            (json!({"seed": 1.5}), "seed", "invalid_type"),
            (json!({"stop": 1}), "stop", "invalid_type"),
            (json!({"stop": ""}), "stop", "empty_string"),
            (json!({"stop": ["a", ""]}), "stop[1]", "empty_string"),
            (json!({"stop": ["a", 1]}), "stop[1]", "invalid_type"),
            (json!({"stop": "x".repeat(129)}), "stop", "string_above_max_length"),
            (json!({"stop": vec!["x"; 9]}), "stop", "array_above_max_length"),
        ] {
            assert_eq!(refused(body.clone()), (param.to_owned(), Some(code)), "{body}");
        }
        assert_eq!(refused(json!({"top_logprobs": 2})), ("top_logprobs".to_owned(), None));
        assert_eq!(
            refused(json!({"max_tokens": 1, "max_completion_tokens": 2})),
            ("max_tokens".to_owned(), None)
        );
    }

    #[test]
    fn every_seed_of_openai_is_one_here_and_small_ones_stay_what_they_are() {
        for (given, taken) in [
            (0, 0),
            (7, 7),
            (i64::from(u32::MAX) - 1, u32::MAX - 1),
            (i64::from(u32::MAX), 0),
            (-1, u32::MAX - 1),
            (i64::MAX, 2_147_483_647),
            (i64::MIN, 2_147_483_647),
        ] {
            assert_eq!(understood(json!({"seed": given})).unwrap().seed, Some(taken), "{given}");
        }
    }

    #[test]
    fn a_turn_takes_what_the_chat_logic_takes() {
        let options = understood(json!({
            "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "seed": 1, "stop": "x",
            "frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "logprobs": false, "repeat_penalty": 1,
        }))
        .unwrap();
        let turn = of_turn(options, "small".to_owned()).unwrap();
        assert_eq!((turn.max_tokens, turn.seed, turn.model.as_deref()), (Some(9), Some(1), Some("small")));
        assert_eq!((turn.temperature, turn.top_p, turn.stop), (Some(0.5), Some(0.5), vec!["x".to_owned()]));
        for (name, body) in [
            ("frequency_penalty", json!({"frequency_penalty": 1})),
            ("presence_penalty", json!({"presence_penalty": 1})),
            ("logit_bias", json!({"logit_bias": {"5": 1}})),
            ("logprobs", json!({"logprobs": true})),
            ("top_k", json!({"top_k": 5})),
            ("min_p", json!({"min_p": 0.5})),
            ("repeat_penalty", json!({"repeat_penalty": 1.5})),
        ] {
            let mistake = of_turn(understood(body).unwrap(), "small".to_owned()).unwrap_err();
            assert_eq!((mistake.param.as_deref(), mistake.code), (Some(name), Some("unsupported_parameter")));
            assert!(mistake.message.contains("chat logic"), "{}", mistake.message);
        }
    }
}
