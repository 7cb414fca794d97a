//! Several hosts on one Redis and one ChromaDB are one service.

use anyhow::{Context, Result};
use corral_services::{Chroma, Redis};
use e2e::{Client, Host, Reply, Settings};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

const FACT: &str = "The lighthouse of Westerhever was built in 1908 and is forty metres high.";

/// A ChromaDB for all tests that leave it running; each names a collection of its own.
pub async fn chroma() -> Result<&'static Chroma> {
    static CHROMA: OnceCell<Chroma> = OnceCell::const_new();
    CHROMA.get_or_try_init(Chroma::start).await
}

struct Pair {
    first: Host,
    second: Host,
    _redis: Redis,
}

impl Pair {
    async fn start(collection: &str) -> Result<Self> {
        let redis = Redis::start().await?;
        let settings = Settings::new()?.redis(redis.port()).chroma(chroma().await?.port(), collection);
        let (first, second) = tokio::try_join!(Host::with(settings.clone()), Host::with(settings))?;
        Ok(Self { first, second, _redis: redis })
    }

    fn clients(&self) -> Result<(Client, Client)> {
        Ok((self.first.client()?, self.second.client()?))
    }
}

#[tokio::test]
async fn a_conversation_begun_on_one_host_goes_on_on_the_other() -> Result<()> {
    let pair = Pair::start("shared-conversation").await?;
    let (first, second) = pair.clients()?;
    let session = first.session().await?;
    let told = first.say(&session, "My name is Ottilie, and I live in Bremen.").await?;
    assert_eq!(second.stored(&session).await?.body, first.stored(&session).await?.body);

    let question = "What is my name?";
    let answer = second.say(&session, question).await?;
    let alone = second.say(&second.session().await?, question).await?;
    let tokens = |answer: &Value, name: &str| answer["usage"][name].as_u64().unwrap_or_default();
    let carried = tokens(&answer, "prompt_tokens") - tokens(&alone, "prompt_tokens");
    assert!(carried >= tokens(&told, "completion_tokens") + 10, "only {carried} tokens of the past");

    let history = first.stored(&session).await?.body["history"].clone();
    let said = json!([
        { "user": "My name is Ottilie, and I live in Bremen.", "ai": told["response"] },
        { "user": question, "ai": answer["response"] },
    ]);
    assert_eq!(history, said);
    Ok(())
}

#[tokio::test]
async fn documents_given_to_one_host_are_sources_on_the_other_until_the_session_is_deleted() -> Result<()> {
    let pair = Pair::start("shared-documents").await?;
    let (first, second) = pair.clients()?;
    let session = first.session().await?;
    let given = json!([{ "text": FACT, "id": "lighthouse" }, "Bread needs flour, water, salt and time."]);
    first.documents(&session, given).await?;
    let answer = second.say(&session, "When was the lighthouse of Westerhever built?").await?;
    let source = &answer["sources"][0];
    assert_eq!((&source["document_id"], &source["text"]), (&json!("lighthouse"), &json!(FACT)), "{answer}");

    let path = format!("/api/v1/chat/session/{session}");
    assert_eq!(Reply::of(second.request(Method::DELETE, &path)).await?.status, StatusCode::NO_CONTENT);
    assert_eq!(first.stored(&session).await?.status, StatusCode::NOT_FOUND);
    let listed = Reply::of(first.get(&format!("/api/v1/chat/documents?session_id={session}"))).await?;
    assert_eq!(listed.status, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn messages_sent_at_once_to_both_hosts_are_all_stored() -> Result<()> {
    let pair = Pair::start("shared-messages").await?;
    let (first, second) = pair.clients()?;
    let session = first.session().await?;
    let say = |client: &Client, message: &'static str| {
        let (client, session) = (client.clone(), session.clone());
        async move { anyhow::Ok((message, client.say(&session, message).await?)) }
    };
    let (one, two, three, four) = tokio::try_join!(
        say(&first, "One."),
        say(&second, "Two."),
        say(&first, "Three."),
        say(&second, "Four."),
    )?;
    let stored = second.stored(&session).await?.body;
    let history = stored["history"].as_array().context("no history")?;
    assert_eq!(history.len(), 4, "{stored}");
    for (message, answer) in [one, two, three, four] {
        let pair = json!({ "user": message, "ai": answer["response"] });
        assert!(history.contains(&pair), "{message} is missing in {stored}");
    }
    Ok(())
}
