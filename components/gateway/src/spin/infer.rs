//! `POST /infer`: text that continues a prompt, whole.
//!
//! The text is what was generated, without the prompt, and each of the two counts counts what it says: stock Spin's
//! own engine repeats the one and adds up the other.

use serde::Serialize;

use crate::corral::host::inference::{self, Event, Input, Model, Options, Owner};
use crate::failure::Failure;
use crate::openai::field::{Field, Object};
use crate::openai::{self, Mistake, models};
use crate::reply::Reply;
use crate::request;

/// What Spin calls the model that a host has by default.
const DEFAULT: &str = "llama2-chat";

/// The tokens that a host looks back on for repetitions; Spin's own default.
const WINDOW: u32 = 64;

/// Events taken at once.
const BATCH: u32 = 64;

const MODEL_BYTES: usize = 512;

#[derive(Debug)]
pub struct Request {
    model: String,
    prompt: String,
    options: Options,
    adjusted: Vec<String>,
}

#[derive(Serialize)]
struct Body {
    text: String,
    usage: Usage,
    /// What was asked for and is done otherwise. Spin does not read it; people do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    adjusted: Vec<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u32,
    generated_token_count: u32,
}

impl Request {
    pub fn read(input: &request::Input) -> Result<Self, Failure> {
        let body = openai::body(input)?;
        let body = Field::body(&body).object()?;
        body.only(&["model", "prompt", "options"])?;
        let model = body.required("model")?.text(1..=MODEL_BYTES)?.to_owned();
        let prompt = body.required("prompt")?.text(1..=request::MAX_BODY)?.to_owned();
        let (options, adjusted) = match body.get("options") {
            Some(options) => read_options(&options.object()?)?,
            None => (options(), Vec::new()),
        };
        Ok(Self { model, prompt, options, adjusted })
    }
}

/// The host's defaults. What is computed is kept for whoever shows the same token.
fn options() -> Options {
    Options {
        max_tokens: None,
        temperature: None,
        top_k: None,
        top_p: None,
        min_p: None,
        repeat_penalty: None,
        frequency_penalty: None,
        presence_penalty: None,
        biases: Vec::new(),
        seed: None,
        stop: Vec::new(),
        constraint: None,
        log_probabilities: None,
        adapter: None,
        owner: Some(Owner::Client(String::new())),
    }
}

fn read_options(given: &Object) -> Result<(Options, Vec<String>), Mistake> {
    given.only(&[
        "maxTokens",
        "repeatPenalty",
        "repeatPenaltyLastNTokenCount",
        "temperature",
        "topK",
        "topP",
    ])?;
    let mut options = Options {
        max_tokens: given.read("maxTokens", |field| field.count(1))?,
        temperature: given.read("temperature", |field| field.number(0.0..=100.0))?,
        top_k: given.read("topK", |field| field.count(0))?,
        top_p: given.read("topP", |field| field.number(0.0..=1.0))?,
        repeat_penalty: given.read("repeatPenalty", |field| field.number(f64::MIN_POSITIVE..=10.0))?,
        ..options()
    };
    let mut adjusted = Vec::new();
    match given.read("repeatPenaltyLastNTokenCount", |field| field.count(0))? {
        // None that is looked back on is no penalty.
        Some(0) => options.repeat_penalty = Some(1.0),
        Some(window) if window != WINDOW && options.repeat_penalty != Some(1.0) => {
            adjusted.push(format!("options.repeatPenaltyLastNTokenCount is {WINDOW} here, not {window}"));
        }
        _ => {}
    }
    Ok((options, adjusted))
}

pub fn answer(request: Request) -> Result<Reply, Failure> {
    let chosen = choose(&inference::models(), &request.model);
    let model = chosen.ok_or_else(|| models::missing(&request.model))?;
    let input = Input::Prompt(request.prompt);
    let generation = inference::generate(model.as_deref(), &input, &request.options)?;
    let (text, usage) = collect(|| Ok(generation.next(BATCH)?))?;
    Ok(Reply::ok(&Body { text, usage, adjusted: request.adjusted }))
}

/// A model that can be named now, by its name, or none for the host's default.
fn choose(models: &[Model], name: &str) -> Option<Option<String>> {
    if models.iter().any(|model| model.name == name) {
        return Some(Some(name.to_owned()));
    }
    (name == DEFAULT).then_some(None)
}

/// All of an answer. One that ends before it is done has failed.
fn collect(mut next: impl FnMut() -> Result<Vec<Event>, Failure>) -> Result<(String, Usage), Failure> {
    let (mut text, mut usage) = (String::new(), None);
    loop {
        let events = next()?;
        if events.is_empty() {
            return usage.map(|usage| (text, usage)).ok_or(Failure::Unavailable);
        }
        for event in events {
            match event {
                Event::Delta(delta) => text.push_str(&delta),
                Event::Done(done) => {
                    usage = Some(Usage {
                        prompt_token_count: done.usage.prompt_tokens,
                        generated_token_count: done.usage.completion_tokens,
                    });
                }
                // Nobody hears of it before the whole is there; the scores were not asked for.
                Event::Waiting | Event::Scored(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::corral::host::inference::{Done, Finish, Template};

    /// What Spin sends with the parameters that its interface gives where a guest gives none.
    fn sent() -> Value {
        json!({
            "model": "llama2-chat",
            "prompt": "[INST] Who are you? [/INST]",
            "options": {
                "maxTokens": 100, "repeatPenalty": 1.1, "repeatPenaltyLastNTokenCount": 64,
                "temperature": 0.8, "topK": 40, "topP": 0.9,
            },
        })
    }

    fn read(body: &Value) -> Result<Request, Failure> {
        Request::read(&request::Input { body: body.to_string().into_bytes(), ..Default::default() })
    }

    fn mistake(body: &Value) -> String {
        match read(body) {
            Err(Failure::Mistaken(mistake)) => mistake.message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_spin_sends_is_understood() {
        let request = read(&sent()).unwrap();
        let options = &request.options;
        assert_eq!(request.prompt, "[INST] Who are you? [/INST]");
        assert_eq!((options.max_tokens, options.top_k), (Some(100), Some(40)));
        assert_eq!((options.temperature, options.top_p), (Some(0.8), Some(0.9)));
        assert_eq!(options.repeat_penalty, Some(1.1));
        assert!(request.adjusted.is_empty());
        let bare = read(&json!({"model": "x", "prompt": "y"})).unwrap();
        assert_eq!((bare.options.max_tokens, bare.options.repeat_penalty), (None, None));
    }

    #[test]
    fn another_window_for_repetitions_is_told_and_none_is_no_penalty() {
        let mut body = sent();
        body["options"]["repeatPenaltyLastNTokenCount"] = json!(128);
        assert_eq!(
            read(&body).unwrap().adjusted,
            ["options.repeatPenaltyLastNTokenCount is 64 here, not 128"]
        );
        body["options"]["repeatPenaltyLastNTokenCount"] = json!(0);
        let request = read(&body).unwrap();
        assert_eq!((request.options.repeat_penalty, request.adjusted.len()), (Some(1.0), 0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let changed = |name: &str, value: Value| {
            let mut body = sent();
            body["options"][name] = value;
            mistake(&body)
        };
        assert!(changed("maxTokens", json!(0)).contains("options.maxTokens"));
        assert!(changed("maxTokens", json!("1")).contains("expected an integer"));
        assert!(changed("temperature", json!(-1)).contains("options.temperature"));
        assert!(changed("topP", json!(2)).contains("options.topP"));
        assert!(changed("repeatPenalty", json!(0)).contains("options.repeatPenalty"));
        assert!(changed("max_tokens", json!(1)).contains("Unknown parameter: 'options.max_tokens'"));
        assert!(mistake(&json!({"model": "x"})).contains("'prompt'"));
        assert!(mistake(&json!({"prompt": "x"})).contains("'model'"));
        assert!(mistake(&json!([])).contains("expected an object"));
    }

    #[test]
    fn spins_name_is_the_default_model_unless_a_model_has_it() {
        let model = |name: &str| Model {
            name: name.to_owned(),
            context_length: 2048,
            template: Template::None,
            adapters: Vec::new(),
        };
        let chosen = |names: &[&str], name: &str| {
            choose(&names.iter().map(|name| model(name)).collect::<Vec<_>>(), name)
        };
        assert_eq!(chosen(&["small"], "llama2-chat"), Some(None));
        assert_eq!(chosen(&["small", "llama2-chat"], "llama2-chat"), Some(Some("llama2-chat".to_owned())));
        assert_eq!(chosen(&["small"], "small"), Some(Some("small".to_owned())));
        assert_eq!(chosen(&["small"], "codellama-instruct"), None);
    }

    #[test]
    fn an_answer_is_the_text_alone_and_each_count_counts_its_own() {
        let usage = inference::Usage {
            prompt_tokens: 7,
            cached_tokens: 3,
            completion_tokens: 2,
            queue_ms: 0,
            first_token_ms: 1,
            total_ms: 2,
        };
        let done = Event::Done(Done { finish: Finish::Stop, usage });
        let batch = vec![Event::Waiting, Event::Delta("a".to_owned()), Event::Delta("b".to_owned()), done];
        let mut batches = vec![Vec::new(), batch];
        let (text, usage) = collect(|| Ok(batches.pop().unwrap())).unwrap();
        let body = serde_json::to_value(Body { text, usage, adjusted: Vec::new() }).unwrap();
        let expected = json!({"text": "ab", "usage": {"promptTokenCount": 7, "generatedTokenCount": 2}});
        assert_eq!(body, expected);
        assert!(matches!(collect(|| Ok(Vec::new())), Err(Failure::Unavailable)));
    }
}
