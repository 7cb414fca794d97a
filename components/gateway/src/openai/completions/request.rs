//! The body of a request for a chat completion, and what all requests for completions have in common.

use super::chat::Chat;
use super::{format, messages, options, owner, session, tools, unsupported};
use crate::corral::host::inference::{Constraint, Message, Options, ToolMessage, Toolbox};
use crate::failure::Failure;
use crate::openai::field::{Field, Object};
use crate::openai::{self, Mistake};
use crate::request::Input;

#[derive(Debug)]
pub struct Request<F> {
    pub model: String,
    pub asked: Asked,
    pub options: Options,
    pub delivery: Delivery,
    pub form: F,
}

/// What is to be answered.
#[derive(Debug)]
pub enum Asked {
    /// A text that is to go on.
    Prompt(String),
    /// A conversation, all of it.
    Messages(Vec<Message>),
    /// A conversation in which tools may be called, or were.
    Tools(Vec<ToolMessage>, Toolbox),
    /// The server keeps the conversation: this is its next turn, under a name of the client's if it has one.
    Turn { session: String, id: Option<String>, message: String },
}

/// How the answer comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delivery {
    Whole,
    Stream { with_usage: bool },
}

const NAMES: &[&str] = &["model", "messages", "stream", "stream_options", "metadata"];

/// As long as any name may be.
pub const MODEL_BYTES: usize = 512;

impl Request<Chat> {
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let value = openai::body(input)?;
        // The body is UTF-8, or it would not have become a value.
        let text = std::str::from_utf8(&input.body).unwrap_or_default();
        Ok(Self::from_body(&Field::body(&value).object()?, text, input)?)
    }

    fn from_body(body: &Object, text: &str, input: &Input) -> Result<Self, Mistake> {
        let names =
            [NAMES, options::NAMES, options::NAMES_OF_CHAT, format::NAMES, tools::NAMES, &owner::NAMES]
                .concat();
        unsupported::check(body, &names, unsupported::OF_CHAT)?;
        let model = body.required("model")?.text(1..=MODEL_BYTES)?.to_owned();
        let asked = asked(body, text, input)?;
        let delivery = delivery(body)?;
        let options = Options {
            max_tokens: options::max_tokens(body)?,
            log_probabilities: options::log_probabilities(body)?,
            constraint: format::read(body, text)?,
            owner: Some(owner::read(body)?),
            ..options::read(body)?
        };
        check(&asked, &options)?;
        Ok(Self { model, asked, options, delivery, form: Chat::default() })
    }
}

fn asked(body: &Object, text: &str, input: &Input) -> Result<Asked, Mistake> {
    let said = body.required("messages")?;
    let toolbox = tools::read(body, text)?;
    match session::read(body, input)? {
        None => {
            let messages = messages::read(&said)?;
            let plain = if tools::are_offered(&toolbox) { Err(messages) } else { messages::plain(messages) };
            Ok(plain.map_or_else(|messages| Asked::Tools(messages, toolbox), Asked::Messages))
        }
        Some(_) if tools::are_offered(&toolbox) => {
            let reason =
                "A session's turn is answered by the application's chat logic, which takes no tools.";
            Err(Mistake::unsupported("tools", reason))
        }
        Some(session) => {
            let id = session::turn_id(input)?;
            Ok(Asked::Turn { session, id, message: messages::last(&said)? })
        }
    }
}

/// What does not go together with tools.
fn check(asked: &Asked, options: &Options) -> Result<(), Mistake> {
    let Asked::Tools(_, toolbox) = asked else { return Ok(()) };
    if options.log_probabilities.is_some() {
        let reason = "Log-probabilities are told of answers without tools.";
        return Err(Mistake::unsupported("logprobs", reason));
    }
    if matches!(options.constraint, Some(Constraint::Grammar(_))) && tools::are_offered(toolbox) {
        let message = "A 'grammar' binds the whole answer, and calls of tools are no such answer: send a \
                       'response_format', or let 'tool_choice' be 'none'.";
        return Err(Mistake::out_of_place("grammar", message));
    }
    Ok(())
}

pub fn delivery(body: &Object) -> Result<Delivery, Mistake> {
    let streams = body.read("stream", |field| field.boolean())?.unwrap_or_default();
    match body.get("stream_options") {
        Some(field) if !streams => {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            Err(Mistake::out_of_place(&field.place, message))
        }
        Some(field) => with_usage(&field.object()?).map(|with_usage| Delivery::Stream { with_usage }),
        None if streams => Ok(Delivery::Stream { with_usage: false }),
        None => Ok(Delivery::Whole),
    }
}

fn with_usage(options: &Object) -> Result<bool, Mistake> {
    options.only(&["include_usage", "include_obfuscation"])?;
    match options.get("include_obfuscation") {
        Some(field) if field.boolean()? => {
            let reason = "Put TLS in front of this server where others could count what it sends.";
            return Err(Mistake::unsupported(&field.place, reason));
        }
        _ => {}
    }
    Ok(options.read("include_usage", |field| field.boolean())?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::corral::host::inference::{Owner, Role};
    use crate::reply::{Dialect, Reply};

    fn input(body: &Value) -> Input {
        Input { body: body.to_string().into_bytes(), ..Input::default() }
    }

    /// The least that there is, with something added.
    fn with(name: &str, value: Value) -> Value {
        let mut body = json!({"model": "small", "messages": [{"role": "user", "content": "Hi"}]});
        body[name] = value;
        body
    }

    /// The same with a tool besides.
    fn with_tool(name: &str, value: Value) -> Value {
        let mut body = with(name, value);
        body["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
        body
    }

    /// Status, param and code.
    fn refused(input: &Input) -> (u16, Value, Value) {
        let reply = Reply::refusal(Request::<Chat>::read(input).unwrap_err(), Dialect::OpenAi);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status, body["error"]["param"].clone(), body["error"]["code"].clone())
    }

    #[test]
    fn the_least_request_is_a_conversation_answered_whole_for_this_client() {
        let request = Request::<Chat>::read(&input(&with("user", json!(null)))).unwrap();
        assert_eq!((request.model.as_str(), request.delivery), ("small", Delivery::Whole));
        let Asked::Messages(messages) = request.asked else { panic!("no messages") };
        assert!(messages[0].role == Role::User && messages[0].content == "Hi");
        assert!(matches!(request.options.owner, Some(Owner::Client(division)) if division.is_empty()));
        assert!(request.options.max_tokens.is_none() && request.options.adapter.is_none());
    }

    #[test]
    fn tools_that_may_be_called_or_were_make_it_a_conversation_with_tools() {
        let asked = |body: Value| Request::<Chat>::read(&input(&body)).unwrap().asked;
        assert!(matches!(asked(with_tool("n", json!(1))), Asked::Tools(messages, toolbox)
            if messages.len() == 1 && toolbox.tools.len() == 1));
        assert!(matches!(
            asked(with_tool("response_format", json!({"type": "json_object"}))),
            Asked::Tools(..)
        ));
        let none = || with_tool("tool_choice", json!("none"));
        assert!(matches!(asked(none()), Asked::Messages(_)));
        let mut called = none();
        called["messages"] = json!([
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "x"},
        ]);
        called["response_format"] = json!({"type": "json_object"});
        assert!(matches!(asked(called), Asked::Tools(messages, _) if messages.len() == 2));
        assert!(matches!(asked(with("tools", json!([]))), Asked::Messages(_)));
    }

    #[test]
    fn a_session_makes_the_last_message_its_turn() {
        let mut body = with("metadata", json!({"session_id": "s"}));
        body["messages"] = json!([{"role": "tool"}, {"role": "user", "content": "And now?"}]);
        let keyed = Input { idempotency_key: Some("t".to_owned()), ..input(&body) };
        let Asked::Turn { session, id, message } = Request::<Chat>::read(&keyed).unwrap().asked else {
            panic!("no turn")
        };
        assert_eq!((session.as_str(), id.as_deref(), message.as_str()), ("s", Some("t"), "And now?"));
        let header = Input { session: Some("s".to_owned()), ..input(&with("user", json!("ada"))) };
        assert!(matches!(Request::<Chat>::read(&header).unwrap().asked, Asked::Turn { id: None, .. }));
    }

    #[test]
    fn a_stream_has_usage_if_it_is_asked_for() {
        for (options, with_usage) in [
            (json!(null), false),
            (json!({}), false),
            (json!({"include_usage": true}), true),
            (json!({"include_usage": false, "include_obfuscation": false}), false),
        ] {
            let mut body = with("stream", json!(true));
            body["stream_options"] = options;
            assert_eq!(
                Request::<Chat>::read(&input(&body)).unwrap().delivery,
                Delivery::Stream { with_usage }
            );
        }
    }

    #[test]
    fn what_is_wrong_is_a_400_that_names_it() {
        let stream = |options: Value| {
            let mut body = with("stream", json!(true));
            body["stream_options"] = options;
            body
        };
        for (body, param, code) in [
            (json!([]), json!(null), json!("invalid_type")),
            (json!({"messages": []}), json!("model"), json!("missing_required_parameter")),
            (json!({"model": "small"}), json!("messages"), json!("missing_required_parameter")),
            (with("model", json!(5)), json!("model"), json!("invalid_type")),
            (with("model", json!("")), json!("model"), json!("empty_string")),
            (with("messages", json!({})), json!("messages"), json!("invalid_type")),
            (with("max_token", json!(5)), json!("max_token"), json!("unknown_parameter")),
            (with("tools", json!([{}])), json!("tools[0].type"), json!("missing_required_parameter")),
            (with("functions", json!([{"name": "f"}])), json!("functions"), json!("unsupported_parameter")),
            (with_tool("logprobs", json!(true)), json!("logprobs"), json!("unsupported_parameter")),
            (with_tool("grammar", json!("root ::= [a-z]")), json!("grammar"), json!(null)),
            (
                with_tool("metadata", json!({"session_id": "s"})),
                json!("tools"),
                json!("unsupported_parameter"),
            ),
            (with("temperature", json!(3)), json!("temperature"), json!("decimal_above_max_value")),
            (
                with("response_format", json!({"type": "x"})),
                json!("response_format.type"),
                json!("invalid_value"),
            ),
            (with("user", json!(5)), json!("user"), json!("invalid_type")),
            (with("metadata", json!([])), json!("metadata"), json!("invalid_type")),
            (with("stream", json!("yes")), json!("stream"), json!("invalid_type")),
            (with("stream_options", json!({})), json!("stream_options"), json!(null)),
            (stream(json!([])), json!("stream_options"), json!("invalid_type")),
            (stream(json!({"x": 1})), json!("stream_options.x"), json!("unknown_parameter")),
            (
                stream(json!({"include_obfuscation": true})),
                json!("stream_options.include_obfuscation"),
                json!("unsupported_parameter"),
            ),
        ] {
            assert_eq!(refused(&input(&body)), (400, param, code), "{body}");
        }
    }

    #[test]
    fn json_that_cannot_be_read_is_a_400_without_a_parameter() {
        for body in [&b""[..], b"{", b"{\"model\": NaN}", b"\xff", &b"[".repeat(5000)] {
            let input = Input { body: body.to_vec(), ..Input::default() };
            assert_eq!(refused(&input), (400, json!(null), json!(null)));
        }
    }

    #[test]
    fn the_content_type_does_not_matter() {
        let typed = Input { content_type: Some("text/plain".to_owned()), ..input(&with("n", json!(1))) };
        assert!(Request::<Chat>::read(&typed).is_ok());
    }

    #[test]
    fn a_page_of_another_origin_has_to_ask_first() {
        for (kind, fine) in [
            (Some("application/json; charset=utf-8"), true),
            (Some("text/plain;charset=UTF-8"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (None, false),
        ] {
            let origin = Some("https://elsewhere.example".to_owned());
            let content_type = kind.map(str::to_owned);
            let input = Input { content_type, origin, ..input(&with("n", json!(1))) };
            assert_eq!(Request::<Chat>::read(&input).is_ok(), fine, "{kind:?}");
        }
    }
}
