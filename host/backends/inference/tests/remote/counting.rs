//! How tokens are counted, what the context is, and what fits.

use corral_inference::{Config, Error, Input, Message, Options, RemoteConfig, Role, Template};
use serde_json::json;

use crate::{
    harness::{answer, chat, config, in_a_minute, remote, start, whole},
    stub::{Kind, Stub},
};

fn words(count: usize) -> Input {
    chat(&"word ".repeat(count))
}

#[tokio::test]
async fn llama_server_counts_what_its_template_makes() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = remote(&[&stub]).await;
    assert_eq!(remote.count_tokens(words(5)).await, Ok(7));
    let tokenized = stub.requests("/tokenize");
    assert_eq!(tokenized.len(), 1);
    let content = "<s> word word word word word  </s> ";
    assert_eq!(tokenized[0].body, json!({"content": content, "add_special": true, "parse_special": true}));
    assert_eq!(remote.count_tokens(Input::Prompt("One, two,".into())).await, Ok(2));
    assert_eq!(stub.requests("/tokenize")[1].body["content"], "One, two,");
}

#[tokio::test]
async fn vllm_counts_messages() {
    let stub = Stub::start(Kind::Vllm).await;
    let remote = remote(&[&stub]).await;
    assert_eq!(remote.count_tokens(words(5)).await, Ok(7));
    let asked = stub.requests("/tokenize").pop().unwrap().body;
    assert_eq!(asked["model"], "m");
    assert_eq!(asked["add_generation_prompt"], true);
    let transcript = Input::Chat(vec![
        Message { role: Role::User, content: "Hi".into() },
        Message { role: Role::Assistant, content: "Hello there".into() },
    ]);
    assert_eq!(remote.count_tokens(transcript).await, Ok(7));
    assert_eq!(stub.requests("/tokenize").pop().unwrap().body["add_generation_prompt"], false);
    assert_eq!(remote.count_tokens(Input::Prompt("One, two,".into())).await, Ok(2));
}

#[tokio::test]
async fn where_nobody_counts_an_input_is_taken_to_be_longer_than_it_is() {
    let stub = Stub::start(Kind::Plain).await;
    let remote = remote(&[&stub]).await;
    let tokens = remote.count_tokens(words(5)).await.unwrap();
    assert!((7..100).contains(&tokens), "{tokens}");
    let asked = stub.requests("/tokenize").len();
    remote.count_tokens(words(6)).await.unwrap();
    assert_eq!(stub.requests("/tokenize").len(), asked, "that nobody counts is remembered");
}

#[tokio::test]
async fn equal_inputs_are_counted_once() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = remote(&[&stub]).await;
    for _ in 0..5 {
        assert_eq!(remote.count_tokens(words(5)).await, Ok(7));
    }
    assert_eq!(stub.requests("/tokenize").len(), 1);
}

#[tokio::test]
async fn a_chat_out_of_order_is_not_counted() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = remote(&[&stub]).await;
    let refused = remote.count_tokens(Input::Chat(Vec::new())).await;
    assert!(matches!(refused, Err(Error::InvalidArgument(_))), "{refused:?}");
}

#[tokio::test]
async fn the_context_is_what_the_servers_tell_and_no_more_than_the_settings_have() {
    for (kind, n_ctx, told, expected) in [
        (Kind::LlamaServer, 4096, None, 1024),
        (Kind::LlamaServer, 300, None, 300),
        (Kind::Vllm, 4096, Some(8192), 512),
        (Kind::Plain, 4096, None, 4096),
        (Kind::Plain, 4096, Some(2048), 2048),
        (Kind::Plain, 1024, Some(2048), 1024),
    ] {
        let stub = Stub::start(kind).await;
        let base = config(&[&stub]);
        let remote_config = RemoteConfig { context_length: told, ..base.remote };
        let remote = start(&Config { n_ctx, remote: remote_config, ..base }).await;
        let model = remote.describe().await.unwrap();
        assert_eq!(model.context_length, expected, "{kind:?} {n_ctx} {told:?}");
        assert_eq!((model.name.as_str(), model.template), ("m", Template::Embedded));
    }
    let stubs = [Stub::start(Kind::LlamaServer).await, Stub::start(Kind::Vllm).await];
    let base = Config { n_ctx: 4096, name: Some("ours".into()), ..config(&[&stubs[0], &stubs[1]]) };
    let remote = start(&base).await;
    crate::harness::soon("both are known", || !stubs[1].requests("/tokenize").is_empty()).await;
    while remote.describe().await.unwrap().context_length != 512 {
        tokio::task::yield_now().await;
    }
    assert_eq!(remote.describe().await.unwrap().name, "ours");
}

#[tokio::test]
async fn an_answer_has_the_room_that_the_prompt_leaves() {
    let stub = Stub::start(Kind::Vllm).await;
    let remote = start(&Config { n_ctx: 4096, ..config(&[&stub]) }).await;
    let asking = |words_: usize, max_tokens| {
        let options = Options { max_tokens: Some(max_tokens), ..Options::default() };
        remote.generate(words(words_), options, in_a_minute())
    };
    for (count, max_tokens, expected) in [(10, 100, 100), (400, 100, 100), (450, 100, 60), (509, 100, 1)] {
        whole(asking(count, max_tokens).await.unwrap()).await.unwrap();
        assert_eq!(stub.questions().pop().unwrap()["max_tokens"], expected, "of {count} words");
    }
    let asked = stub.questions().len();
    let refused = asking(510, 100).await.err();
    assert_eq!(refused, Some(Error::ContextOverflow { need: 512, have: 511 }));
    assert_eq!(stub.questions().len(), asked, "what is known not to fit is not asked");
}

#[tokio::test]
async fn a_short_prompt_is_not_counted_before_it_is_sent() {
    let stub = Stub::start(Kind::LlamaServer).await;
    let remote = remote(&[&stub]).await;
    answer(&remote, Options::default()).await.unwrap();
    assert!(stub.requests("/tokenize").is_empty());
}
