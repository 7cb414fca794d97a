//! What a request can say about its answer, and that the model keeps to it.

use super::{asked, chunks, completed, content, with};
use anyhow::{Context, Result};
use e2e::Host;
use serde_json::{Value, json};

const QUESTION: &str = "What is a heron?";

/// For sums of probabilities that went through logarithms and 32 bits.
const TOLERANCE: f64 = 1e-3;

#[tokio::test]
async fn a_stop_string_ends_the_answer_and_is_not_part_of_it() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let whole = completed(&client, &asked(QUESTION)).await?;
    let text = content(&whole)?;
    let word = text.split_whitespace().nth(4).context("a short answer")?;
    let before = text.split(word).next().unwrap_or_default();
    for stop in [json!(word), json!(["Quillfeather", word])] {
        let stopped = completed(&client, &with(asked(QUESTION), "stop", stop)).await?;
        assert_eq!(content(&stopped)?, before);
        assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
    }
    Ok(())
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let mut answers = Vec::new();
    for seed in [7, 7, -1, -1, 8, 9, 10] {
        let body = with(with(asked(QUESTION), "temperature", json!(1.5)), "seed", json!(seed));
        answers.push(content(&completed(&client, &body).await?)?.to_owned());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[2], answers[3]);
    assert!(answers.iter().any(|answer| *answer != answers[0]), "seeds change nothing: {answers:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_keeps_to_a_schema_in_its_order() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let schema =
        json!({ "type": "json_schema", "json_schema": { "name": "bird", "strict": true, "schema": {} } });
    // Written by hand: the order of its members matters.
    // A small model may like white space.
    let roomy = with(asked("Describe a heron as JSON."), "max_tokens", json!(300));
    let text = with(roomy, "response_format", schema).to_string().replace(
        r#""schema":{}"#,
        r#""schema":{"type":"object","properties":{"wades":{"type":"boolean"},"eats":{"enum":["fish","bread"]}},"required":["wades","eats"],"additionalProperties":false}"#,
    );
    let request = client.request(reqwest::Method::POST, super::COMPLETIONS).body(text);
    let reply = e2e::Reply::of(request).await?;
    let written = content(&reply.body)?;
    let bird: Value = serde_json::from_str(written).with_context(|| written.to_owned())?;
    assert!(bird["wades"].is_boolean() && matches!(bird["eats"].as_str(), Some("fish" | "bread")), "{bird}");
    assert!(written.find("wades") < written.find("eats"), "{written}");

    let object = json!({ "type": "json_object" });
    let body =
        with(with(asked("Describe a heron as JSON."), "response_format", object), "max_tokens", json!(200));
    let any = completed(&client, &body).await?;
    assert!(content(&any)?.trim_start().starts_with('{'), "{any}");
    Ok(())
}

#[tokio::test]
async fn an_answer_keeps_to_a_grammar() -> Result<()> {
    let host = Host::start().await?;
    let body = with(asked("Does a heron eat fish?"), "grammar", json!("root ::= \"yes\" | \"no\""));
    let answer = completed(&host.client()?, &body).await?;
    assert!(matches!(content(&answer)?, "yes" | "no"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_bias_towards_the_end_ends_the_answer() -> Result<()> {
    let host = Host::start().await?;
    // The model's end of a message.
    let body = with(asked(QUESTION), "logit_bias", json!({ "2": 100 }));
    let answer = completed(&host.client()?, &body).await?;
    assert_eq!((content(&answer)?, &answer["choices"][0]["finish_reason"]), ("", &json!("stop")), "{answer}");
    Ok(())
}

#[tokio::test]
async fn log_probabilities_are_those_of_the_answers_tokens_and_add_up() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let body = with(with(asked(QUESTION), "logprobs", json!(true)), "top_logprobs", json!(20));
    let whole = completed(&client, &body).await?;
    let tokens = tokens(&whole["choices"][0]);
    let bytes: Vec<u8> = tokens.iter().flat_map(bytes).collect();
    assert_eq!(String::from_utf8(bytes)?, content(&whole)?);
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    assert_eq!(whole["usage"]["completion_tokens"], tokens.len());
    for token in &tokens {
        let rivals = token["top_logprobs"].as_array().context("no rivals")?;
        let logs: Vec<f64> = rivals.iter().filter_map(|rival| rival["logprob"].as_f64()).collect();
        assert_eq!(logs.len(), 20);
        assert!(logs.is_sorted_by(|likelier, less| likelier >= less), "{logs:?}");
        let sum: f64 = logs.iter().map(|log| log.exp()).sum();
        assert!(sum > 0.0 && sum <= 1.0 + TOLERANCE, "the likeliest add up to {sum}");
        // A greedy answer takes the likeliest.
        assert_eq!((&token["bytes"], &token["logprob"]), (&rivals[0]["bytes"], &rivals[0]["logprob"]));
    }

    let streamed: Vec<_> =
        chunks(&client, &body).await?.iter().flat_map(|chunk| self::tokens(&chunk["choices"][0])).collect();
    assert_eq!(streamed, tokens);
    Ok(())
}

fn tokens(choice: &Value) -> Vec<Value> {
    choice["logprobs"]["content"].as_array().cloned().unwrap_or_default()
}

fn bytes(token: &Value) -> Vec<u8> {
    let numbers = token["bytes"].as_array().into_iter().flatten();
    numbers.filter_map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect()
}
