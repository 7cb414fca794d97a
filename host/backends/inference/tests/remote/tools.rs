//! Tools, offered to servers, and the calls that they send in pieces.

use corral_inference::{
    Choice, Dialogue, Error, Event, Finish, Input, Message, Options, Remote, Role, Tool, ToolCall, Turn,
};
use serde_json::{Value, json};

use crate::{
    harness::{in_a_minute, remote},
    stub::{Kind, Reply, Stub, end, text, usage},
};

const SCHEMA: &str = r#"{"type":"object","properties":{"b":{},"a":{}}}"#;

fn dialogue(choice: Choice, parallel: bool) -> Dialogue {
    let call = ToolCall { id: "call_1".into(), name: "f".into(), arguments: r#"{"b": 1}"#.into() };
    Dialogue {
        turns: vec![
            Turn::Plain(Message { role: Role::User, content: "Hello".into() }),
            Turn::Calls { content: String::new(), calls: vec![call] },
            Turn::Outcome { call: "call_1".into(), content: "one".into() },
        ],
        tools: vec![
            Tool {
                name: "f".into(),
                description: Some("Does.".into()),
                parameters: Some(SCHEMA.into()),
                strict: true,
            },
            Tool { name: "g".into(), description: None, parameters: None, strict: false },
        ],
        choice,
        parallel,
    }
}

async fn answered(remote: &Remote, dialogue: Dialogue) -> Result<Vec<Event>, Error> {
    let input = Input::Tools(dialogue);
    let mut generation = remote.generate(input, Options::default(), in_a_minute()).await?;
    let mut events = Vec::new();
    while events.last().is_none_or(|event| !matches!(event, Event::Done { .. })) {
        events.extend(generation.next(16).await?);
    }
    Ok(events)
}

fn piece(index: u32, id: Value, name: Value, arguments: &str) -> Value {
    let call = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
}

fn pieces() -> Vec<Value> {
    vec![
        text("Look."),
        piece(0, json!("call_a"), json!("f"), ""),
        piece(0, json!(null), json!(null), "{\"b\""),
        piece(0, json!(null), json!(null), ": 2}"),
        piece(1, json!("call_b"), json!("g"), "{}"),
        end("tool_calls"),
        usage(9, 0, 5),
    ]
}

#[tokio::test]
async fn tools_and_calls_are_sent_in_openais_words() {
    let stub = Stub::start(Kind::Plain).await;
    let remote = remote(&[&stub]).await;
    let offered = json!([
        {"type": "function", "function": {
            "name": "f", "description": "Does.", "parameters": serde_json::from_str::<Value>(SCHEMA).unwrap(),
            "strict": true,
        }},
        {"type": "function", "function": {"name": "g"}},
    ]);
    let messages = json!([
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"b\": 1}"}},
        ]},
        {"role": "tool", "content": "one", "tool_call_id": "call_1"},
    ]);
    for (choice, parallel, sent) in [
        (Choice::Auto, true, json!("auto")),
        (Choice::Required, false, json!("required")),
        (Choice::Named("g".into()), true, json!({"type": "function", "function": {"name": "g"}})),
    ] {
        answered(&remote, dialogue(choice, parallel)).await.unwrap();
        let question = stub.questions().pop().unwrap();
        assert_eq!((&question["messages"], &question["tools"]), (&messages, &offered));
        assert_eq!((&question["tool_choice"], &question["parallel_tool_calls"]), (&sent, &json!(parallel)));
    }
    answered(&remote, dialogue(Choice::None, true)).await.unwrap();
    let question = stub.questions().pop().unwrap();
    assert_eq!(question["messages"], messages);
    for field in ["tools", "tool_choice", "parallel_tool_calls"] {
        assert!(question.get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn calls_are_put_together_from_their_pieces() {
    let stub = Stub::start(Kind::Vllm).await;
    stub.answer(|_| Reply::events(&pieces()));
    let remote = remote(&[&stub]).await;
    assert!(remote.describe().await.unwrap().tools);
    let call = |id: &str, name: &str, arguments: &str| {
        Event::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
    };
    let first = [Event::Delta("Look.".into()), call("call_a", "f", "{\"b\": 2}")];
    let several = answered(&remote, dialogue(Choice::Auto, true)).await.unwrap();
    assert_eq!(several[..2], first);
    assert_eq!(several[2], call("call_b", "g", "{}"));
    let Event::Done { finish: Finish::Stop, usage } = several[3] else { panic!("{several:?}") };
    assert_eq!((usage.prompt_tokens, usage.completion_tokens), (9, 5));

    let one = answered(&remote, dialogue(Choice::Auto, false)).await.unwrap();
    assert_eq!(one[..2], first);
    assert!(matches!(one[2..], [Event::Done { .. }]), "{one:?}");
}

#[tokio::test]
async fn what_a_server_refuses_is_refused() {
    let stub = Stub::start(Kind::Vllm).await;
    let refusal = json!({"error": {"message": "no tool parser", "type": "BadRequestError", "code": 400}});
    stub.answer(move |_| Reply::Whole {
        status: 400,
        headers: Vec::new(),
        body: refusal.to_string().into_bytes(),
    });
    let remote = remote(&[&stub]).await;
    let refused = answered(&remote, dialogue(Choice::Auto, true)).await;
    assert!(
        matches!(&refused, Err(Error::InvalidArgument(why)) if why.contains("no tool parser")),
        "{refused:?}"
    );
}
