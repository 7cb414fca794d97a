//! Text generation and embeddings.

use crate::{Query, one, said};
use serde_json::{Value, json};
use spin_sdk::llm::{self, EmbeddingModel, InferencingModel, InferencingParams};

/// An answer of `?model=…` to `?prompt=…`, greedy and of `?max=…` tokens where that is given.
pub fn infer(query: &Query) -> Value {
    let model = InferencingModel::Other(query.get("model").map_or("llama2-chat", String::as_str));
    let prompt = one(query, "prompt");
    let result = match query.get("max").and_then(|max| max.parse().ok()) {
        Some(max_tokens) => {
            let greedy = InferencingParams { max_tokens, temperature: 0.0, ..Default::default() };
            llm::infer_with_options(model, prompt, greedy)
        }
        None => llm::infer(model, prompt),
    };
    said(result.map(|result| {
        let usage = result.usage;
        json!({
            "text": result.text,
            "prompt_tokens": usage.prompt_token_count,
            "generated_tokens": usage.generated_token_count,
        })
    }))
}

/// The vectors of `?texts=…`, which are separated by `|`.
pub fn embed(query: &Query) -> Value {
    let model = query.get("model").map_or(EmbeddingModel::AllMiniLmL6V2, |name| EmbeddingModel::Other(name));
    let texts: Vec<_> = one(query, "texts").split('|').map(str::to_owned).collect();
    said(llm::generate_embeddings(model, &texts).map(
        |result| json!({ "embeddings": result.embeddings, "prompt_tokens": result.usage.prompt_token_count }),
    ))
}
