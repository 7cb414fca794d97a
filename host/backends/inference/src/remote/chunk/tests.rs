//! Chunks as the servers write them.

use serde_json::json;

use super::*;
use crate::{Candidate, Error};

fn parse(chunk: &Value) -> Result<Chunk, Failure> {
    Chunk::parse(chunk.to_string().as_bytes(), 9)
}

fn text(text: &str) -> Chunk {
    Chunk { text: text.into(), ..Chunk::default() }
}

#[test]
fn text_comes_from_chats_and_from_prompts() {
    let role = json!({"role": "assistant", "content": null});
    let first = json!({"choices": [{"index": 0, "finish_reason": null, "delta": role}]});
    assert_eq!(parse(&first), Ok(Chunk::default()));
    assert!(!parse(&first).unwrap().is_token());
    let chat = json!({"choices": [{"index": 0, "finish_reason": null, "delta": {"content": "Hé"}}]});
    assert_eq!(parse(&chat), Ok(text("Hé")));
    let prompt = json!({"choices": [{"index": 0, "finish_reason": null, "text": "Hé", "logprobs": null}]});
    assert_eq!(parse(&prompt), Ok(text("Hé")));
}

#[test]
fn an_empty_reason_ends_nothing() {
    let ollama = json!({"choices": [{"index": 0, "finish_reason": "", "delta": {"content": "Hé"}}]});
    assert_eq!(parse(&ollama), Ok(text("Hé")));
    let role = json!({"choices": [{"index": 0, "finish_reason": "", "delta": {"content": ""}}]});
    assert!(!parse(&role).unwrap().is_token());
}

#[test]
fn thoughts_are_noted_and_not_told() {
    for field in ["reasoning_content", "reasoning"] {
        let chunk = parse(&json!({"choices": [{"delta": {field: "Hm"}}]})).unwrap();
        assert_eq!((chunk.text.as_str(), chunk.thinks, chunk.is_token()), ("", true, true));
    }
}

#[test]
fn the_end_says_why_and_usage_what_it_took() {
    let end = |reason: &str| parse(&json!({"choices": [{"delta": {}, "finish_reason": reason}]}));
    assert_eq!(end("stop").unwrap().finish, Some(Finish::Stop));
    assert_eq!(end("length").unwrap().finish, Some(Finish::Length));
    assert_eq!(end("content_filter").unwrap().finish, Some(Finish::Stop));
    assert!(matches!(end("abort"), Err(Failure::Failed(_))));
    let tokens = |chunk: Value| parse(&chunk).unwrap().tokens.unwrap();
    let usage = json!({"prompt_tokens": 32, "completion_tokens": 5, "total_tokens": 37,
        "prompt_tokens_details": {"cached_tokens": 30}});
    let expected = Tokens { prompt: 32, cached: 30, completion: 5 };
    assert_eq!(tokens(json!({"choices": [], "usage": usage})), expected);
    let plain = json!({"prompt_tokens": 32, "completion_tokens": 5, "prompt_tokens_details": null});
    let older = json!({"choices": [], "usage": plain, "timings": {"cache_n": 30, "prompt_n": 2}});
    assert_eq!(tokens(older), expected);
}

#[test]
fn errors_and_what_is_no_chunk_are_failures() {
    let refused = json!({"error": {"code": 400, "message": "bad grammar", "type": "invalid_request_error"}});
    assert_eq!(parse(&refused), Err(Failure::Refused(Error::InvalidArgument("bad grammar".into()))));
    for broken in ["{", "[]", "what a person typed", r#"{"choices": {"a": "what a person typed"}}"#] {
        let Err(Failure::Failed(cause)) = Chunk::parse(broken.as_bytes(), 9) else { panic!("{broken}") };
        assert!(!cause.contains("person"), "{cause}");
    }
    assert!(Chunk::parse(b"{\"choices\":[{\"text\":\"\xff\"}]}", 9).is_err());
}

#[test]
fn scores_have_ids_where_the_server_tells_them() {
    let candidate =
        |id, bytes: &[u8], log_probability| Candidate { id, bytes: bytes.into(), log_probability };
    let content = json!([{"id": 64, "token": "", "bytes": [240, 159], "logprob": -1.5, "top_logprobs": [
        {"id": 7, "token": "I", "bytes": [73], "logprob": -2.5}, {"id": 8, "token": "He", "logprob": -0.5}]}]);
    let scored =
        |logprobs: Value| parse(&json!({"choices": [{"text": "x", "logprobs": logprobs}]})).unwrap().scores;
    let expected = Scored {
        chosen: candidate(64, &[240, 159], -1.5),
        likeliest: vec![candidate(8, b"He", -0.5), candidate(7, b"I", -2.5)],
    };
    assert_eq!(scored(json!({"content": content})), [expected]);
    let legacy = json!({"tokens": [" a", "b"], "token_logprobs": [-0.25, null],
        "top_logprobs": [{" a": -0.25, " c": -3.0}, null], "text_offset": [0, 2]});
    let expected = [
        Scored {
            chosen: candidate(u32::MAX, b" a", -0.25),
            likeliest: vec![candidate(u32::MAX, b" a", -0.25), candidate(u32::MAX, b" c", -3.0)],
        },
        Scored { chosen: candidate(u32::MAX, b"b", f32::MIN), likeliest: Vec::new() },
    ];
    assert_eq!(scored(legacy), expected);
    assert_eq!(scored(json!({"content": null})), []);
}
