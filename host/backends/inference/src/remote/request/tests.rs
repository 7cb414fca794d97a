//! Every option in each server's words.

use serde_json::json;

use super::*;
use crate::{Bias, Config, Owner, Role};

fn chat() -> Input {
    let message = |role, content: &str| Message { role, content: content.into() };
    Input::Chat(vec![message(Role::System, "Be brief."), message(Role::User, "Hi")])
}

fn everything() -> Options {
    Options {
        max_tokens: Some(7),
        temperature: Some(0.1),
        top_k: Some(3),
        top_p: Some(0.9),
        min_p: Some(0.2),
        repeat_penalty: Some(1.1),
        frequency_penalty: Some(0.5),
        presence_penalty: Some(-0.5),
        biases: vec![Bias { token: 17, amount: -100.0 }, Bias { token: 4, amount: 1.5 }],
        seed: Some(42),
        stop: vec!["\n".into()],
        log_probabilities: Some(2),
        owner: Some(Owner::Session("s".into())),
        ..Options::default()
    }
}

fn question(input: Input, options: Options) -> Question {
    let settings = options.settle(&Config::default()).unwrap();
    Question::new(input, options, settings).unwrap()
}

/// The text is compared too, for numbers have to look as people write them.
fn sent(input: Input, options: Options, dialect: Dialect) -> Value {
    let question = question(input, options);
    let text = serde_json::to_string(&question.body("m", dialect, question.max_tokens())).unwrap();
    assert!(!text.contains("0000"), "{text}");
    serde_json::from_str(&text).unwrap()
}

fn with(mut one: Value, other: Value) -> Value {
    let (Some(fields), Value::Object(more)) = (one.as_object_mut(), other) else { panic!("no objects") };
    fields.extend(more);
    one
}

/// What every server is sent of `everything`.
fn common() -> Value {
    json!({
        "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 7,
        "temperature": 0.1, "top_p": 0.9, "seed": 42, "stop": ["\n"], "frequency_penalty": 0.5,
        "presence_penalty": -0.5, "logit_bias": {"4": 1.5, "17": -100.0},
    })
}

#[test]
fn every_option_has_its_field() {
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    let of_chat = with(common(), json!({"messages": messages, "logprobs": true, "top_logprobs": 2}));
    let of_prompt = with(common(), json!({"prompt": "One,", "logprobs": 2}));
    for (input, expected) in [(chat(), of_chat), (Input::Prompt("One,".into()), of_prompt)] {
        let llama = json!({"top_k": 3, "min_p": 0.2, "repeat_penalty": 1.1});
        let plain = sent(input.clone(), everything(), Dialect::Plain);
        assert_eq!(plain, with(expected.clone(), llama.clone()));
        let llama_server = sent(input.clone(), everything(), Dialect::LlamaServer);
        assert_eq!(llama_server, with(expected.clone(), llama.clone()));
        let mut vllm = sent(input.clone(), everything(), Dialect::Vllm);
        assert_eq!(vllm["cache_salt"].take().as_str().map(str::len), Some(64));
        let own = json!({"top_k": 3, "min_p": 0.2, "repetition_penalty": 1.1, "cache_salt": null});
        assert_eq!(vllm, with(expected.clone(), own));
        let mut corral = sent(input, everything(), Dialect::Corral);
        assert_eq!(corral["prompt_cache_key"].take().as_str().map(str::len), Some(64));
        assert_eq!(corral, with(expected, with(llama, json!({"prompt_cache_key": null}))));
    }
}

#[test]
fn defaults_are_sent_and_extensions_only_to_servers_that_have_them() {
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    let expected = json!({
        "model": "m", "messages": messages, "stream": true, "stream_options": {"include_usage": true},
        "max_tokens": 512, "temperature": 0.7, "top_p": 0.95,
    });
    assert_eq!(sent(chat(), Options::default(), Dialect::Plain), expected);
    let own = json!({"top_k": 40, "min_p": 0.05, "repeat_penalty": 1.0, "cache_prompt": false});
    assert_eq!(sent(chat(), Options::default(), Dialect::LlamaServer), with(expected.clone(), own));
    let mut vllm = sent(chat(), Options { top_k: Some(0), ..Options::default() }, Dialect::Vllm);
    vllm["cache_salt"].take();
    let own = json!({"top_k": -1, "min_p": 0.05, "repetition_penalty": 1.0, "cache_salt": null});
    assert_eq!(vllm, with(expected, own));
}

#[test]
fn a_schema_keeps_its_order_and_goes_where_the_server_looks() {
    let schema = r#"{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"string"}}}"#;
    let options =
        || Options { constraint: Some(Constraint::JsonSchema(schema.into())), ..Options::default() };
    let named = format!(r#"{{"name":"answer","strict":true,"schema":{schema}}}"#);
    let format = format!(r#""response_format":{{"type":"json_schema","json_schema":{named}}}"#);
    let text = |input: Input, dialect| {
        serde_json::to_string(&question(input, options()).body("m", dialect, 1)).unwrap()
    };
    for dialect in [Dialect::Plain, Dialect::LlamaServer, Dialect::Vllm] {
        assert!(text(chat(), dialect).contains(&format), "{dialect:?}");
    }
    let prompt = || Input::Prompt("x".into());
    assert!(text(prompt(), Dialect::Vllm).contains(&format));
    let llama_server = text(prompt(), Dialect::LlamaServer);
    assert!(llama_server.contains(&format!(r#""json_schema":{schema}"#)), "{llama_server}");
    assert!(!llama_server.contains("response_format"), "{llama_server}");
}

#[test]
fn any_object_is_asked_for_by_its_word_where_nothing_else_is_known() {
    let format = |schema: &str, dialect| {
        let constraint = Some(Constraint::JsonSchema(schema.into()));
        sent(chat(), Options { constraint, ..Options::default() }, dialect)["response_format"].clone()
    };
    let any = r#"{"type":"object"}"#;
    assert_eq!(format(any, Dialect::Plain), json!({"type": "json_object"}));
    for (schema, dialect) in [
        (any, Dialect::LlamaServer),
        (any, Dialect::Vllm),
        (any, Dialect::Corral),
        (r#"{"type":"object","properties":{}}"#, Dialect::Plain),
    ] {
        assert_eq!(format(schema, dialect)["type"], "json_schema", "{dialect:?}");
    }
}

#[test]
fn a_grammar_has_each_servers_name() {
    let options =
        || Options { constraint: Some(Constraint::Grammar("root ::= \"x\"".into())), ..Options::default() };
    assert_eq!(sent(chat(), options(), Dialect::Plain)["grammar"], "root ::= \"x\"");
    assert_eq!(sent(chat(), options(), Dialect::LlamaServer)["grammar"], "root ::= \"x\"");
    assert_eq!(sent(chat(), options(), Dialect::Vllm)["structured_outputs"]["grammar"], "root ::= \"x\"");
}

#[test]
fn what_no_server_should_see_is_refused_here() {
    let refused = |options: Options| {
        let settings = options.settle(&Config::default()).unwrap();
        match Question::new(chat(), options, settings) {
            Err(Error::InvalidArgument(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    let schema =
        |text: String| Options { constraint: Some(Constraint::JsonSchema(text)), ..Options::default() };
    assert!(refused(schema("{".into())).contains("not JSON"));
    assert!(refused(schema(format!("{}1{}", "[".repeat(300), "]".repeat(300)))).contains("not JSON"));
    assert!(refused(schema("x".repeat(MAX_CONSTRAINT + 1))).contains("longer than"));
    assert!(refused(Options { adapter: Some("a".into()), ..Options::default() }).contains("adapters"));
}

#[test]
fn owners_have_salts_of_their_own_and_nobody_has_a_new_one_each_time() {
    let salt = |owner: Option<Owner>| {
        let options = Options { owner, ..Options::default() };
        sent(chat(), options, Dialect::Vllm)["cache_salt"].as_str().unwrap().to_owned()
    };
    let (session, client) = (|id: &str| Some(Owner::Session(id.into())), Some(Owner::Client("a".into())));
    assert_eq!(salt(session("a")), salt(session("a")));
    let mut salts = vec![salt(session("a")), salt(session("b")), salt(client), salt(None), salt(None)];
    salts.sort();
    salts.dedup();
    assert_eq!(salts.len(), 5);
}
