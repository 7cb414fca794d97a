//! A conversation remembers itself.

use anyhow::{Context, Result};
use e2e::{Client, Host, Reply, Settings, said};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn tokens(answer: &Value, name: &str) -> u64 {
    answer["usage"][name].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn the_second_turn_has_the_first_in_its_prompt() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let first = client.say(&session, "My name is Ottilie, and I live in Bremen.").await?;
    let second = client.say(&session, "What is my name?").await?;

    // What the small model makes of it is its own affair; that it was given it is ours.
    let alone = client.say(&client.session().await?, "What is my name?").await?;
    let carried = tokens(&second, "prompt_tokens") - tokens(&alone, "prompt_tokens");
    let told = 10;
    assert!(carried >= tokens(&first, "completion_tokens") + told, "only {carried} tokens of the past");
    assert!(tokens(&second, "cached_tokens") > 0, "nothing was reused: {second}");
    Ok(())
}

#[tokio::test]
async fn the_stored_session_has_the_specified_form() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    assert_eq!(uuid::Uuid::parse_str(&session)?.get_version_num(), 4);
    let answer = client.say(&session, "Say \"hi\" — and a snowman: ☃").await?;

    let stored = client.stored(&session).await?.body;
    let keys: Vec<_> = stored.as_object().context("no object")?.keys().collect();
    assert_eq!(keys, ["history", "metadata", "session_id"]);
    let pair = json!([{ "user": "Say \"hi\" — and a snowman: ☃", "ai": answer["response"] }]);
    assert_eq!(stored["history"], pair);
    for name in ["created_at", "last_updated"] {
        let time = stored["metadata"][name].as_str().context("no timestamp")?;
        assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    }
    Ok(())
}

#[tokio::test]
async fn messages_sent_at_once_are_all_answered_and_stored() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let say = |message: &'static str| {
        let (client, session): (Client, String) = (client.clone(), session.clone());
        async move { client.say(&session, message).await }
    };
    let answers = tokio::try_join!(say("One."), say("Two."), say("Three."))?;

    let stored = client.stored(&session).await?.body;
    let history = stored["history"].as_array().context("no history")?;
    assert_eq!(history.len(), 3, "{stored}");
    for (message, answer) in [("One.", &answers.0), ("Two.", &answers.1), ("Three.", &answers.2)] {
        let pair = json!({ "user": message, "ai": answer["response"] });
        assert!(history.contains(&pair), "{message} is missing in {stored}");
    }
    Ok(())
}

#[tokio::test]
async fn a_retry_with_the_same_key_is_stored_once() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    for _ in 0..2 {
        let request = client.post("/api/v1/chat/chat/text", &said(&session, "Hello."));
        let reply = Reply::of(request.header("idempotency-key", "turn-1")).await?;
        assert_eq!(reply.status, StatusCode::OK);
    }
    let stored = client.stored(&session).await?.body;
    assert_eq!(stored["history"].as_array().map(Vec::len), Some(1), "{stored}");
    Ok(())
}

#[tokio::test]
async fn a_turn_takes_the_place_of_the_newest_one_which_is_not_in_its_prompt() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let first = client.say(&session, "My name is Ottilie.").await?;
    let second = client.say(&session, "What is my name?").await?;
    let again = json!({
        "session_id": session, "message": "What is my name?", "replaces": 2, "temperature": 0,
        "include": ["usage"],
    });
    let mut given = Vec::new();
    for _ in 0..2 {
        let request = client.post("/api/v1/chat/chat/text", &again);
        let third = Reply::of(request.header("idempotency-key", "third")).await?;
        assert_eq!(third.status, StatusCode::OK, "{}", third.body);
        let prompt = tokens(&third.body, "prompt_tokens");
        assert_eq!(prompt, tokens(&second, "prompt_tokens"), "the answer before was part of the prompt");
        given.push(third.body["response"].clone());
    }
    let stored = client.stored(&session).await?.body;
    let pairs = json!([
        { "user": "My name is Ottilie.", "ai": first["response"] },
        { "user": "What is my name?", "ai": given[0] },
    ]);
    assert_eq!(stored["history"], pairs, "a retry is no further turn");
    Ok(())
}

#[tokio::test]
async fn only_the_newest_turn_is_replaced_and_only_by_a_complete_answer() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    let message = |number: u32| json!({ "session_id": session, "message": "Hello.", "replaces": number });
    for number in [1, 2] {
        let reply = Reply::of(client.post("/api/v1/chat/chat/text", &message(number))).await?;
        assert_eq!(reply.status, StatusCode::CONFLICT, "there is no turn yet: {}", reply.body);
    }
    client.say(&session, "My name is Ottilie.").await?;
    let before = client.stored(&session).await?.body["history"].clone();
    let reply = Reply::of(client.post("/api/v1/chat/chat/stream", &message(2))).await?;
    assert_eq!(reply.status, StatusCode::CONFLICT, "{}", reply.body);
    let detail = reply.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("Turn 2 is not the newest"), "{detail}");

    let long = json!({ "session_id": session, "message": "Tell me a long story.", "replaces": 1 });
    let stream = client.post("/api/v1/chat/chat/stream", &long).send().await?;
    assert_eq!(stream.status(), StatusCode::OK);
    host.until_metric("corral_inference_running", 1.0).await?;
    drop(stream);
    host.until_metric("corral_inference_running", 0.0).await?;
    assert_eq!(client.stored(&session).await?.body["history"], before, "a stopped answer replaced one");
    Ok(())
}

#[tokio::test]
async fn a_long_history_is_trimmed_and_the_answer_says_so() -> Result<()> {
    let host = Host::with(
        Settings::new()?
            .set("inference.n_ctx", 384)
            .set("inference.n_batch", 256)
            .set("inference.parallel", 1),
    )
    .await?;
    let client = host.client()?;
    let session = client.session().await?;
    let long = "The cat sat on the mat and looked at the moon. ".repeat(6);
    let mut trimmed = 0;
    for _ in 0..6 {
        let answer = client.say(&session, &long).await?;
        let usage = tokens(&answer, "prompt_tokens") + tokens(&answer, "completion_tokens");
        assert!(usage <= 384, "{usage} tokens in a context of 384");
        trimmed = answer["trimmed"]["turns"].as_u64().unwrap_or_default();
    }
    assert!(trimmed > 0, "nothing was trimmed");
    let stored = client.stored(&session).await?.body;
    assert_eq!(stored["history"].as_array().map(Vec::len), Some(6), "trimming lost stored turns");
    Ok(())
}

#[tokio::test]
async fn a_deleted_session_is_gone_with_its_documents() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let session = client.session().await?;
    client.documents(&session, json!(["The canary is called Zephyrine."])).await?;
    client.say(&session, "Hello.").await?;

    let path = format!("/api/v1/chat/session/{session}");
    let deleted = Reply::of(client.request(Method::DELETE, &path)).await?;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    assert_eq!(client.stored(&session).await?.status, StatusCode::NOT_FOUND);
    let listed = Reply::of(client.get(&format!("/api/v1/chat/documents?session_id={session}"))).await?;
    assert_eq!(listed.status, StatusCode::NOT_FOUND);
    let again = Reply::of(client.request(Method::DELETE, &path)).await?;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    let said = Reply::of(client.post("/api/v1/chat/chat/text", &said(&session, "Hello?"))).await?;
    assert_eq!(said.body, json!({ "detail": "Session not found" }));
    Ok(())
}

#[tokio::test]
async fn a_session_expires_and_each_read_prolongs_it() -> Result<()> {
    let host = Host::with(Settings::new()?.set("sessions.expire_after", "3s")).await?;
    let client = host.client()?;
    let (kept, left) = (client.session().await?, client.session().await?);
    let begun = std::time::Instant::now();
    while begun.elapsed().as_secs() < 5 {
        assert_eq!(client.stored(&kept).await?.status, StatusCode::OK);
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    assert_eq!(client.stored(&left).await?.status, StatusCode::NOT_FOUND);
    Ok(())
}
