//! Refusals as the servers word them.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::*;

fn of(status: u16, body: &Value) -> Failure {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, retry_after: Duration::from_secs(7), body: body.to_string().into() };
    refusal(&answer, 1000)
}

fn said(message: &str) -> Value {
    json!({"error": {"message": message, "type": "BadRequestError", "param": null, "code": 400}})
}

#[test]
fn an_overflow_has_the_counts_of_the_body() {
    let counted = |need, context| Failure::Overflow { need, context };
    let llama = json!({"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 512,
        "message": "request (2731 tokens) exceeds the available context size", "n_prompt_tokens": 2731}});
    assert_eq!(of(400, &llama), counted(2731, 512));
    for (words, need, context) in [
        (
            "This model's maximum context length is 4096 tokens. However, your request has 5000 input \
             tokens. Please reduce the length of the input messages.",
            5000,
            4096,
        ),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 4200 tokens (4000 \
             in the messages, 200 in the completion). Please reduce the length of the messages or completion.",
            4000,
            4096,
        ),
        (
            "You passed 4001 input tokens and requested 96 output tokens. However, the model's context \
             length is only 4096 tokens, resulting in a maximum input length of 4000 tokens.",
            4001,
            4096,
        ),
        (
            "This model's maximum context length is 4097 tokens. However, your messages resulted in 5003 \
             tokens.",
            5003,
            4097,
        ),
        (
            "This model's maximum context length leaves room for 2047 prompt tokens. However, your \
             messages resulted in 3000 tokens. Please reduce the length of the messages.",
            3000,
            2048,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a \
             total of 4300 tokens: 300 tokens from the input messages and 4000 tokens for the completion. \
             Please reduce the number of tokens in the input messages or the completion to fit within the \
             limit.",
            300,
            4096,
        ),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 5000, 4096),
        ("the prompt does not fit into the context size", 1000, 1000),
    ] {
        assert_eq!(of(400, &said(words)), counted(need, context), "{words}");
        let older = json!({"object": "error", "message": words, "type": "BadRequestError", "code": 400});
        assert_eq!(of(400, &older), counted(need, context), "{words}");
    }
    let coded = json!({"error": {"message": "too long", "code": "context_length_exceeded"}});
    assert_eq!(of(400, &coded), counted(1000, 1000));
}

#[test]
fn a_bad_request_comes_back_with_the_servers_words() {
    let words = |body: &Value| match of(422, body) {
        Failure::Refused(Error::InvalidArgument(words)) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(words(&said("failed to parse grammar")), "failed to parse grammar");
    assert_eq!(words(&json!({"error": "no\nsuch field"})), "nosuch field");
    assert_eq!(words(&json!({"detail": "bad seed"})), "bad seed");
    assert_eq!(words(&json!([1])), "the model's server refuses the request");
    assert_eq!(words(&said(&"x".repeat(9000))).len(), MAX_WORDS);
}

#[test]
fn what_the_log_gets_quotes_nothing() {
    let secret = json!({"error": {"message": "what a person typed", "type": "server_error", "code": 500}});
    for status in [301, 401, 404, 429, 500, 503] {
        let text = of(status, &secret).to_string();
        assert!(!text.contains("person"), "{text}");
    }
    assert_eq!(of(500, &secret), Failure::Failed("the server answered 500 server_error".into()));
    assert_eq!(of(503, &secret), Failure::Busy { retry_after: Duration::from_secs(7) });
    assert!(matches!(of(404, &secret), Failure::Unfit(cause) if cause.contains("inference.remote.model")));
    assert!(matches!(of(401, &secret), Failure::Unfit(cause) if cause.contains("inference.remote.key_file")));
}

#[test]
fn an_error_within_a_stream_is_read_alike() {
    let grammar = json!({"code": 400, "message": "failed to parse grammar", "type": "invalid_request_error"});
    assert_eq!(
        broken_off(&grammar, 9),
        Failure::Refused(Error::InvalidArgument("failed to parse grammar".into()))
    );
    let crash = json!({"code": 500, "message": "what a person typed", "type": "server_error"});
    assert_eq!(broken_off(&crash, 9), Failure::Failed("the server broke off: server_error".into()));
}
