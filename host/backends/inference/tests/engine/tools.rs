//! Calls of tools, by a small model that was not made for them: what it must do, a grammar sees to.

#![expect(clippy::unwrap_used, reason = "a test that cannot ask its engine has failed")]

use std::path::PathBuf;

use corral_inference::{
    Choice, Config, Constraint, Dialogue, Engine, Error, Event, Finish, Input, Message, Options, Role, Tool,
    ToolCall, Turn,
};
use serde_json::Value;

use crate::harness::{chat, config, engine, greedy, in_a_minute, run};

/// The schema of a place, which the small model would not keep to by itself.
const PLACE: &str = r#"{"type":"object","properties":{"town":{"type":"string","maxLength":12},
    "unit":{"enum":["celsius","fahrenheit"]}},"required":["town","unit"],"additionalProperties":false}"#;

fn with_template(name: &str) -> Config {
    let chat_template =
        Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/templates")).join(name));
    Config { chat_template, n_ctx: 1024, ..config() }
}

fn tool(name: &str, parameters: Option<&str>, strict: bool) -> Tool {
    let description = Some(format!("Gets the {name}"));
    Tool { name: name.into(), description, parameters: parameters.map(str::to_owned), strict }
}

fn user(content: &str) -> Turn {
    Turn::Plain(Message { role: Role::User, content: content.into() })
}

fn asking(choice: Choice) -> Dialogue {
    let tools = vec![tool("weather", Some(PLACE), false), tool("time", None, false)];
    Dialogue { turns: vec![user("How is the weather in Bonn?")], tools, choice, parallel: false }
}

/// What an answer says and calls, and why it ended.
async fn answered(engine: &Engine, dialogue: Dialogue, options: Options) -> (String, Vec<ToolCall>, Finish) {
    let mut generation = engine.generate(Input::Tools(dialogue), options, in_a_minute()).await.unwrap();
    let (mut text, mut calls) = (String::new(), Vec::new());
    loop {
        for event in generation.next(16).await.unwrap() {
            match event {
                Event::Delta(delta) => text.push_str(&delta),
                Event::Call(call) => calls.push(call),
                Event::Scored(_) => panic!("nobody asked"),
                Event::Done { finish, .. } => return (text, calls, finish),
            }
        }
    }
}

fn is_place(arguments: &str) -> bool {
    let value: Value = serde_json::from_str(arguments).unwrap();
    let unit = value["unit"].as_str().is_some_and(|unit| ["celsius", "fahrenheit"].contains(&unit));
    unit && value["town"].is_string() && value.as_object().is_some_and(|members| members.len() == 2)
}

fn is_empty(arguments: &str) -> bool {
    matches!(serde_json::from_str(arguments), Ok(Value::Object(members)) if members.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_has_to_be_made_is_made_in_every_form_and_keeps_to_its_schema() {
    for template in ["hermes.jinja", "mistral.jinja", "llama3.jinja"] {
        let engine = engine(with_template(template)).await;
        assert!(engine.describe().unwrap().tools, "{template}");
        for (seed, choice) in
            (0..6).zip([Choice::Named("weather".into()), Choice::Required].into_iter().cycle())
        {
            let temperature = Some([0.0, 0.8, 1.5][seed as usize % 3]);
            let options = Options { temperature, seed: Some(seed), ..greedy(200) };
            let named = matches!(choice, Choice::Named(_));
            let (text, calls, finish) = answered(&engine, asking(choice), options).await;
            let [call] = &calls[..] else { panic!("{template}, {seed}: {text:?} {calls:?}") };
            assert_eq!((text.as_str(), finish), ("", Finish::Stop), "{template}, {seed}");
            match call.name.as_str() {
                "weather" => assert!(is_place(&call.arguments), "{template}, {seed}: {}", call.arguments),
                other => assert!(other == "time" && !named && is_empty(&call.arguments), "{call:?}"),
            }
        }
    }
}

/// Earlier turns, all alike: even a small model goes on like this.
fn habit(arguments: &str) -> Vec<Turn> {
    let mut turns = Vec::new();
    for (number, town) in ["Bonn", "Rome", "Oslo", "Bern"].into_iter().enumerate() {
        let call = ToolCall {
            id: format!("call_{number}"),
            name: "weather".into(),
            arguments: arguments.replace("TOWN", town),
        };
        turns.push(user(town));
        turns.push(Turn::Calls { content: String::new(), calls: vec![call] });
    }
    turns.push(user("Paris"));
    turns
}

#[tokio::test]
async fn a_model_that_is_free_to_call_does_and_a_strict_tool_binds_its_call() {
    let engine = engine(with_template("hermes.jinja")).await;
    let asking = |strict, arguments| Dialogue {
        turns: habit(arguments),
        tools: vec![tool("weather", Some(PLACE), strict)],
        choice: Choice::Auto,
        parallel: false,
    };
    let (text, calls, _) = answered(&engine, asking(false, r#"{"place":"TOWN"}"#), greedy(100)).await;
    let [call] = &calls[..] else { panic!("{text:?}") };
    assert_eq!((call.name.as_str(), text.as_str()), ("weather", ""));
    assert!(call.arguments.contains("place"), "as it was wont to: {}", call.arguments);

    let (text, calls, _) = answered(&engine, asking(true, r#"{"place":"TOWN"}"#), greedy(100)).await;
    let [call] = &calls[..] else { panic!("{text:?}") };
    assert!(is_place(&call.arguments), "{}", call.arguments);
}

/// The small model is led to one or the other by what was said before.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_a_call_or_keeps_to_its_own_schema() {
    const REPORT: &str = r#"{"type":"object","properties":{"degrees":{"type":"integer"},
        "sky":{"enum":["clear","grey"]}},"required":["degrees","sky"],"additionalProperties":false}"#;
    for template in ["hermes.jinja", "llama3.jinja", "mistral.jinja"] {
        let engine = engine(with_template(template)).await;
        let options = || Options { constraint: Some(Constraint::JsonSchema(REPORT.into())), ..greedy(120) };
        let called = Dialogue { turns: habit(r#"{"town":"TOWN","unit":"celsius"}"#), ..asking(Choice::Auto) };
        let (text, calls, finish) = answered(&engine, called, options()).await;
        assert!(
            text.is_empty() && calls.len() == 1 && calls[0].name == "weather",
            "{template}: {text} {calls:?}"
        );
        assert_eq!(finish, Finish::Stop, "{template}");

        let said = |role, content: &str| Turn::Plain(Message { role, content: content.into() });
        let reported = |day: &str| [user(day), said(Role::Assistant, r#"{"degrees": 21, "sky": "clear"}"#)];
        let turns = ["Monday", "Tuesday", "Friday"].into_iter().flat_map(reported).chain([user("Sunday")]);
        let free = Dialogue { turns: turns.collect(), ..asking(Choice::Auto) };
        let (text, calls, finish) = answered(&engine, free, options()).await;
        let report: Value =
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{template}: {text} {calls:?}"));
        assert!(
            report["degrees"].is_i64() && report["sky"].is_string() && calls.is_empty(),
            "{template}: {text}"
        );
        assert_eq!(finish, Finish::Stop, "{template}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_within_its_call_is_text() {
    let engine = engine(with_template("hermes.jinja")).await;
    let (text, calls, finish) = answered(&engine, asking(Choice::Named("weather".into())), greedy(8)).await;
    assert_eq!((calls.len(), finish), (0, Finish::Length));
    assert!(text.starts_with("<tool_call>"), "{text}");
}

#[tokio::test]
async fn several_calls_are_made_only_where_they_may_be() {
    let engine = engine(with_template("mistral.jinja")).await;
    // Two calls at a time are what the model has seen so far.
    let call = |id: &str| ToolCall { id: id.into(), name: "time".into(), arguments: "{}".into() };
    let pair = |number| {
        let calls = [0, 1].map(|place| call(&format!("call_{number}{place}")));
        [user("Look twice"), Turn::Calls { content: String::new(), calls: calls.into() }]
    };
    let turns: Vec<_> = (0..4).flat_map(pair).chain([user("Look twice")]).collect();
    let asking = |parallel| {
        let tools = vec![tool("time", None, false)];
        Dialogue { turns: turns.clone(), tools, parallel, ..asking(Choice::Required) }
    };
    for seed in 0..5 {
        let options = || Options { seed: Some(seed), temperature: Some(0.7), ..greedy(200) };
        assert_eq!(answered(&engine, asking(false), options()).await.1.len(), 1);
        let (text, calls, finish) = answered(&engine, asking(true), options()).await;
        assert!(!calls.is_empty() || finish == Finish::Length, "{text}");
        if calls.len() > 1 {
            return;
        }
    }
    panic!("the model was meant to call twice at least once");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_at_once() {
    let plain = engine(config()).await;
    assert!(!plain.describe().unwrap().tools);
    let refused = async |engine: &Engine, dialogue: Dialogue, options: Options| match engine
        .generate(Input::Tools(dialogue), options, in_a_minute())
        .await
        .err()
    {
        Some(Error::InvalidArgument(message)) => message,
        other => panic!("{other:?}"),
    };
    assert!(refused(&plain, asking(Choice::Auto), greedy(9)).await.contains("no place for tools"));

    let engine = engine(with_template("hermes.jinja")).await;
    let bound = Options { constraint: Some(Constraint::Grammar("root ::= \"x\"".into())), ..greedy(9) };
    assert!(refused(&engine, asking(Choice::Auto), bound).await.contains("not by a grammar"));
    let scored = Options { log_probabilities: Some(1), ..greedy(9) };
    assert!(refused(&engine, asking(Choice::Auto), scored).await.contains("log-probabilities"));
    let lost = r##"{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}"##;
    let broken = Dialogue { tools: vec![tool("f", Some(lost), false)], ..asking(Choice::Required) };
    assert!(refused(&engine, broken, greedy(9)).await.contains("the JSON schemas"));
}

#[tokio::test]
async fn a_template_of_the_settings_serves_plain_chats_too() {
    let engine = engine(with_template("hermes.jinja")).await;
    let answer = run(&engine, chat(&[(Role::User, "The capital of France?")]), greedy(24)).await;
    assert!(answer.text.contains("France"), "{}", answer.text);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.jinja");
    for (source, why) in [(None, "reading"), (Some("{% for %}"), "is no template")] {
        if let Some(source) = source {
            std::fs::write(&path, source).unwrap();
        }
        let engine = Engine::start(Config { chat_template: Some(path.clone()), ..config() }).unwrap();
        let Err(Error::Unavailable(message)) = engine.ready().await else { panic!("it is ready") };
        assert!(message.contains("inference.chat_template") && message.contains(why), "{message}");
    }
}

/// The small model's file with one more text in its metadata: GGUF's header ends with the count of entries, and the first
/// one may be any. What is put in has a multiple of the file's alignment, so that tensors stay where they belong.
/// <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>
fn with_metadata(folder: &tempfile::TempDir, key: &str, text: &str) -> PathBuf {
    const COUNT: std::ops::Range<usize> = 16..24;
    const ALIGNMENT: usize = 32;
    const STRING: u32 = 8;
    let length = |length: usize| (length as u64).to_le_bytes();
    let taken = 8 + key.len() + 4 + 8;
    let padded = (taken + text.len()).next_multiple_of(ALIGNMENT) - taken;
    let mut file = std::fs::read(config().model).unwrap();
    let count = u64::from_le_bytes(file[COUNT].try_into().unwrap()) + 1;
    file[COUNT].copy_from_slice(&count.to_le_bytes());
    let entry = [
        &length(key.len())[..],
        key.as_bytes(),
        &STRING.to_le_bytes(),
        &length(padded),
        format!("{text:padded$}").as_bytes(),
    ]
    .concat();
    file.splice(COUNT.end..COUNT.end, entry);
    let path = folder.path().join("model.gguf");
    std::fs::write(&path, file).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_template_for_tools_beside_its_own_calls_them_by_that_one() {
    let folder = tempfile::tempdir().unwrap();
    let template = include_str!("../templates/hermes.jinja");
    let model = with_metadata(&folder, "tokenizer.chat_template.tool_use", template);
    let engine = engine(Config { model, n_ctx: 1024, ..config() }).await;
    assert!(engine.describe().unwrap().tools);
    let (_, calls, _) = answered(&engine, asking(Choice::Named("weather".into())), greedy(200)).await;
    assert!(matches!(&calls[..], [call] if is_place(&call.arguments)), "{calls:?}");
    // Without tools it is the file's own.
    let plain = self::engine(config()).await;
    let hello = || chat(&[(Role::User, "Hello")]);
    let counted = engine.count_tokens(hello()).await.unwrap();
    assert_eq!(counted, plain.count_tokens(hello()).await.unwrap());
}
