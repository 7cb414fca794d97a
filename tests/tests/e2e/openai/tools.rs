//! Tools that a model calls: by a small one, whose template the settings replace.

use super::{COMPLETIONS, MODEL, chunks, completed, refused, with};
use anyhow::{Context, Result, ensure};
use e2e::{Host, Reply, Settings, root};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The host with a template that speaks of tools.
pub async fn host() -> Result<Host> {
    let template = root().join("host/backends/inference/tests/templates/hermes.jinja");
    ensure!(template.exists(), "{} is missing", template.display());
    Host::with(Settings::new()?.set("inference.chat_template", template.display().to_string())).await
}

fn weather() -> Value {
    json!({
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a town.",
            "parameters": {
                "type": "object",
                "properties": {"town": {"type": "string", "maxLength": 12}, "unit": {"enum": ["celsius", "fahrenheit"]}},
                "required": ["town", "unit"],
                "additionalProperties": false,
            },
        },
    })
}

fn asked(choice: Value) -> Value {
    json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "How is the weather in Bonn?"}],
        "tools": [weather()],
        "tool_choice": choice,
        "parallel_tool_calls": false,
        "temperature": 0,
        "max_tokens": 200,
    })
}

/// The one call of a message, checked against the tool.
fn call(message: &Value) -> Result<&Value> {
    let calls = message["tool_calls"].as_array().with_context(|| format!("no calls: {message}"))?;
    let [call] = &calls[..] else { anyhow::bail!("{message}") };
    assert!(call["id"].as_str().is_some_and(|id| id.starts_with("call_")), "{call}");
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("get_weather")));
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().context("no text")?)?;
    assert!(arguments["town"].is_string(), "{arguments}");
    assert!(arguments["unit"] == "celsius" || arguments["unit"] == "fahrenheit", "{arguments}");
    assert_eq!(arguments.as_object().map(serde_json::Map::len), Some(2));
    Ok(call)
}

#[tokio::test]
async fn a_tool_is_called_and_what_came_of_it_is_answered() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let named = json!({"type": "function", "function": {"name": "get_weather"}});
    for choice in [json!("required"), named] {
        let body = asked(choice);
        let completion = completed(&client, &body).await?;
        let choice = &completion["choices"][0];
        assert_eq!(
            (&choice["finish_reason"], &choice["message"]["content"]),
            (&json!("tool_calls"), &json!(null))
        );
        let id = call(&choice["message"])?["id"].clone();

        // The second turn, with the message as it came.
        let mut messages = body["messages"].as_array().context("messages")?.clone();
        messages.push(choice["message"].clone());
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "It is 7 degrees and raining."}));
        let mut second = with(with(body, "messages", json!(messages)), "tool_choice", json!("none"));
        let answer = completed(&client, &second).await?;
        let message = &answer["choices"][0]["message"];
        assert!(message["content"].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        assert!(message.get("tool_calls").is_none() && answer["choices"][0]["finish_reason"] != "tool_calls");
        // It has read what came of the call: without that the prompt is shorter.
        let longer = answer["usage"]["prompt_tokens"].as_u64().context("usage")?;
        second["messages"][2]["content"] = json!("");
        let shorter =
            completed(&client, &second).await?["usage"]["prompt_tokens"].as_u64().context("usage")?;
        assert!(longer > shorter + 5, "{longer} {shorter}");
    }
    Ok(())
}

#[tokio::test]
async fn calls_are_streamed_whole_and_their_markers_never() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let chunks = chunks(&client, &asked(json!("required"))).await?;
    let deltas: Vec<_> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!(deltas[0], &json!({"role": "assistant", "content": ""}));
    let said: String = deltas.iter().filter_map(|delta| delta["content"].as_str()).collect();
    assert_eq!(said, "");
    let calls: Vec<_> = deltas.iter().filter_map(|delta| delta.get("tool_calls")).collect();
    let [only] = &calls[..] else { anyhow::bail!("{chunks:?}") };
    assert_eq!(only[0]["index"], 0);
    call(&json!({"tool_calls": only}))?;
    let last = chunks.last().context("no chunks")?;
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    Ok(())
}

#[tokio::test]
async fn who_does_not_call_answers_as_ever() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    for choice in ["none", "auto"] {
        let body = with(asked(json!(choice)), "max_tokens", json!(8));
        let choice = &completed(&client, &body).await?["choices"][0];
        assert_eq!(choice["finish_reason"], "length", "{choice}");
        assert!(choice["message"]["content"].as_str().is_some_and(|text| !text.is_empty()), "{choice}");
    }
    Ok(())
}

#[tokio::test]
async fn an_answer_with_a_response_format_is_a_call_or_as_it_says() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let schema = json!({
        "type": "object",
        "properties": {"sky": {"enum": ["clear", "grey"]}},
        "required": ["sky"],
        "additionalProperties": false,
    });
    let format =
        json!({"type": "json_schema", "json_schema": {"name": "sky", "strict": true, "schema": schema}});
    // What was answered before leads the small model to the one or the other.
    let said = |answer: Value| {
        let mut turns = Vec::new();
        for town in ["Rome", "Oslo", "Bern"] {
            turns.extend([json!({"role": "user", "content": town}), answer.clone()]);
        }
        turns.push(json!({"role": "user", "content": "Bonn"}));
        with(with(asked(json!("auto")), "response_format", format.clone()), "messages", json!(turns))
    };
    let spoken = said(json!({"role": "assistant", "content": "{\"sky\": \"grey\"}"}));
    let choice = &completed(&client, &spoken).await?["choices"][0];
    let content = choice["message"]["content"].as_str().context("no content")?;
    let sky = serde_json::from_str::<Value>(content)?["sky"].clone();
    assert!(choice["finish_reason"] == "stop" && (sky == "clear" || sky == "grey"), "{choice}");

    let arguments = json!({"town": "Bonn", "unit": "celsius"}).to_string();
    let earlier =
        json!({"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": arguments}});
    let calling = said(json!({"role": "assistant", "tool_calls": [earlier]}));
    let choice = &completed(&client, &calling).await?["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{choice}");
    call(&choice["message"])?;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_tools_is_a_400_that_names_it() -> Result<()> {
    let host = host().await?;
    let client = host.client()?;
    let outcome =
        json!([{"role": "user", "content": "Hi"}, {"role": "tool", "tool_call_id": "x", "content": "y"}]);
    let unknown = json!({"type": "function", "function": {"name": "get_time"}});
    let bad_name = json!([{"type": "function", "function": {"name": "get weather"}}]);
    for (name, value, place, code) in [
        ("tools", bad_name, "tools[0].function.name", "invalid_value"),
        ("tools", json!(vec![weather(); 129]), "tools", "array_above_max_length"),
        ("tool_choice", unknown, "tool_choice.function.name", "invalid_value"),
        ("messages", outcome, "messages[1].tool_call_id", "invalid_value"),
        ("functions", json!([{"name": "f"}]), "functions", "unsupported_parameter"),
        ("logprobs", json!(true), "logprobs", "unsupported_parameter"),
        ("metadata", json!({"session_id": "s"}), "tools", "unsupported_parameter"),
    ] {
        let body = with(asked(json!("auto")), name, value);
        refused(&client, &body, StatusCode::BAD_REQUEST, Some(place), code).await?;
    }
    // What only the host finds.
    let mut lost = asked(json!("required"));
    lost["tools"][0]["function"]["parameters"] =
        json!({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}});
    let message = refused(&client, &lost, StatusCode::BAD_REQUEST, None, "invalid_value").await?;
    assert!(message.contains("JSON schemas"), "{message}");
    Ok(())
}

#[tokio::test]
async fn a_model_whose_template_knows_no_tools_says_so() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let (bad, code) = (StatusCode::BAD_REQUEST, "unsupported_parameter");
    let message = refused(&client, &asked(json!("auto")), bad, Some("tools"), code).await?;
    assert!(
        message.contains("no place for tools") && message.contains("inference.chat_template"),
        "{message}"
    );
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let called = json!([
        {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "1", "content": "x"},
    ]);
    let body = json!({"model": MODEL, "messages": called});
    refused(&client, &body, bad, Some("messages"), code).await?;
    // Nothing is asked for.
    for (name, value) in [("tools", json!([])), ("tool_choice", json!("none"))] {
        let body = with(with(asked(json!("auto")), name, value), "max_tokens", json!(4));
        let reply = Reply::of(client.post(COMPLETIONS, &body)).await?;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }
    Ok(())
}
