//! Text generation and embeddings, on the host's own models.

use super::{asked, refused, spin};
use anyhow::{Context, Result};
use e2e::{Host, Settings, Spin};
use serde_json::{Value, json};

async fn with_models() -> Result<Host> {
    Host::spin(&Spin::new()?.only(&["kitchen", "other", "hidden"]), &Settings::new()?).await
}

#[tokio::test]
async fn an_answer_is_what_was_generated_and_each_count_counts_its_own() -> Result<()> {
    let host = with_models().await?;
    let prompt = "The%20heron%20stands%20in%20the%20water%20and";
    let answer = asked(&host, &format!("/kitchen/llm?prompt={prompt}&max=8")).await?;
    let text = answer["text"].as_str().with_context(|| answer.to_string())?;
    assert!(!text.is_empty() && !text.contains("The heron stands"), "{answer}");
    let count = |answer: &Value, name: &str| answer[name].as_u64().context("no count");
    let (read, generated) = (count(&answer, "prompt_tokens")?, count(&answer, "generated_tokens")?);
    assert!((7..20).contains(&read) && (1..=8).contains(&generated), "{answer}");

    let again =
        asked(&host, &format!("/kitchen/llm?prompt={prompt}&max=8&model=smollm2-135m-instruct-q4_1")).await?;
    assert_eq!(again, answer, "Spin's name is the host's own model");
    let longer = asked(&host, &format!("/kitchen/llm?prompt={prompt}%20{prompt}&max=1")).await?;
    assert!(count(&longer, "prompt_tokens")? > read && count(&longer, "generated_tokens")? == 1, "{longer}");
    // Without parameters: Spin's defaults, of which 100 tokens is one.
    let default = asked(&host, "/kitchen/llm?prompt=Count:%201,%202,%203,").await?;
    assert!((1..=100).contains(&count(&default, "generated_tokens")?), "{default}");
    Ok(())
}

#[tokio::test]
async fn embeddings_are_the_same_alone_and_beside_others() -> Result<()> {
    let host = with_models().await?;
    let alone = asked(&host, "/kitchen/embeddings?texts=A%20heron").await?;
    let beside =
        asked(&host, "/kitchen/embeddings?texts=A%20much%20longer%20text%20about%20birds|A%20heron|x")
            .await?;
    assert_eq!(alone["embeddings"][0].as_array().map(Vec::len), Some(384), "{alone}");
    assert_eq!(beside["embeddings"].as_array().map(Vec::len), Some(3));
    assert_eq!(beside["embeddings"][1], alone["embeddings"][0]);
    assert!(alone["prompt_tokens"].as_u64().is_some_and(|count| count > 0), "{alone}");
    Ok(())
}

#[tokio::test]
async fn a_model_has_to_be_granted_and_there() -> Result<()> {
    let spin = spin()?.set("component.kitchen.ai_models", vec!["llama2-chat", "nowhere"]);
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let told = refused(&host, "/kitchen/llm?prompt=x&model=nowhere").await?;
    assert!(told.contains("ModelNotSupported"), "{told}");
    let told = refused(&host, "/kitchen/llm?prompt=x&model=codellama-instruct").await?;
    assert!(told.contains("does not have access to use 'codellama-instruct'"), "{told}");
    let told = refused(&host, "/kitchen/embeddings?texts=x").await?;
    assert!(told.contains("does not have access to use 'all-minilm-l6-v2'"), "{told}");
    assert_eq!(asked(&host, "/kitchen/llm?prompt=x&max=1").await?["generated_tokens"], json!(1));
    Ok(())
}
