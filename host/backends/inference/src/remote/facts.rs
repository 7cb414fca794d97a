//! What a server tells of itself: which one it is, how long its context is, and how it counts tokens.
//!
//! Not here: when it is asked (`health`), and counting itself (`count`).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    address::Address,
    client::{Answer, Client},
    failure::Failure,
};

/// How a server wants to be spoken to, beyond what OpenAI's protocol has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Nothing beyond it, unless a caller asks.
    Plain,
    /// llama.cpp's own server.
    LlamaServer,
    /// vLLM.
    Vllm,
    /// Another host of ours.
    Corral,
}

/// How a server counts the tokens of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// `/apply-template` makes it a text, and `/tokenize` counts it: llama-server.
    Template,
    /// `/tokenize` counts messages: vLLM.
    Messages,
    /// Not at all.
    None,
}

/// What a server's descriptions say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    pub dialect: Dialect,
    /// Tokens that prompt and answer may have together, if it tells.
    pub context_length: Option<u32>,
    /// Answers at once, if it tells; else 0.
    pub slots: u32,
    /// It has no model of the configured name, and these instead.
    pub others: Option<String>,
}

/// What is known of a server that works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub description: Description,
    pub counting: Counting,
}

/// Asks a server about itself. This is also how it is found out that it works.
pub(super) async fn describe(
    client: &Client,
    address: &Address,
    model: &str,
) -> Result<Description, Failure> {
    let answer = client.get(address.api(&["models"])).await?;
    let models: Models = accepted(&answer, "GET models")?.read("the list of models")?;
    let mut description = models.describe(model);
    if description.dialect == Dialect::LlamaServer {
        let answer = client.get(address.own(&["props"])).await?;
        // It may be closed to this key; then the list of models has to do.
        if answer.status.is_success() {
            let props: Props = answer.read("the properties")?;
            let context = props.default_generation_settings.and_then(|settings| settings.n_ctx);
            description.context_length = context.or(description.context_length);
            description.slots = props.total_slots;
        }
    }
    Ok(description)
}

/// Finds out how a server counts, by letting it count something.
pub(super) async fn counting(client: &Client, address: &Address, model: &str) -> Result<Counting, Failure> {
    let messages = json!([{"role": "user", "content": "hello"}]);
    let template = json!({"messages": messages});
    if asked(client, address, "apply-template", &template).await?["prompt"].is_string() {
        return Ok(Counting::Template);
    }
    let tokenize = json!({"model": model, "messages": messages});
    // llama-server knows the path too, and gives no `count`.
    if asked(client, address, "tokenize", &tokenize).await?["count"].is_u64() {
        return Ok(Counting::Messages);
    }
    Ok(Counting::None)
}

/// The answer, or nothing where there is no such thing.
async fn asked(client: &Client, address: &Address, path: &str, body: &Value) -> Result<Value, Failure> {
    let answer = client.post(address.own(&[path]), body).await?;
    Ok(if answer.status.is_success() { answer.read(path).unwrap_or_default() } else { Value::Null })
}

fn accepted<'a>(answer: &'a Answer, asked: &str) -> Result<&'a Answer, Failure> {
    match answer.status.as_u16() {
        200..=299 => Ok(answer),
        401 | 403 => Err(Failure::Unfit(format!(
            "{asked} was answered {}: it wants another key than that of inference.remote.key_file",
            answer.status.as_u16()
        ))),
        status @ (300..=399 | 404 | 405) => Err(Failure::Unfit(format!(
            "{asked} was answered {status}: inference.remote.urls wants base addresses, such as \
             \"http://127.0.0.1:8080/v1\""
        ))),
        503 => Err(Failure::Failed(format!("{asked} was answered 503: it may be loading its model"))),
        status => Err(Failure::Failed(format!("{asked} was answered {status}"))),
    }
}

#[derive(Deserialize)]
struct Models {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    owned_by: Option<String>,
    /// vLLM and Corral.
    max_model_len: Option<u32>,
    /// llama-server.
    meta: Option<Settings>,
}

#[derive(Deserialize)]
struct Props {
    default_generation_settings: Option<Settings>,
    #[serde(default)]
    total_slots: u32,
}

#[derive(Deserialize)]
struct Settings {
    n_ctx: Option<u32>,
}

impl Models {
    fn describe(&self, model: &str) -> Description {
        let named = self.data.iter().find(|entry| entry.is(model));
        let entry = named.or(self.data.first());
        let dialect = match entry.and_then(|entry| entry.owned_by.as_deref()) {
            Some("llamacpp") => Dialect::LlamaServer,
            Some("vllm") => Dialect::Vllm,
            Some("corral") => Dialect::Corral,
            Some(_) | None => Dialect::Plain,
        };
        // llama-server answers with its only model, whatever it is called.
        let serves = named.is_some() || (dialect == Dialect::LlamaServer && self.data.len() == 1);
        Description {
            dialect,
            context_length: entry.and_then(Entry::context_length),
            slots: 0,
            others: (!serves).then(|| self.names()),
        }
    }

    fn names(&self) -> String {
        let name = |entry: &Entry| format!("{:?}", entry.id.chars().take(64).collect::<String>());
        self.data.iter().take(8).map(name).collect::<Vec<_>>().join(", ")
    }
}

impl Entry {
    fn is(&self, model: &str) -> bool {
        self.id == model || self.aliases.iter().any(|alias| alias == model)
    }

    fn context_length(&self) -> Option<u32> {
        self.max_model_len.or_else(|| self.meta.as_ref()?.n_ctx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(models: &Value, model: &str) -> Description {
        serde_json::from_value::<Models>(models.clone()).unwrap().describe(model)
    }

    #[test]
    fn servers_are_told_apart_by_their_lists_of_models() {
        let llama = json!({"data": [{"id": "small", "aliases": ["small"], "owned_by": "llamacpp",
            "meta": {"n_ctx": 512, "n_ctx_train": 8192}}]});
        let told = described(&llama, "anything");
        assert_eq!((told.dialect, told.context_length, told.others), (Dialect::LlamaServer, Some(512), None));
        let vllm = json!({"object": "list", "data": [
            {"id": "a", "owned_by": "vllm", "max_model_len": 4096},
            {"id": "b", "owned_by": "vllm", "max_model_len": 8192},
        ]});
        let told = described(&vllm, "b");
        assert_eq!((told.dialect, told.context_length, told.others), (Dialect::Vllm, Some(8192), None));
        for (owner, dialect) in [("someone", Dialect::Plain), ("corral", Dialect::Corral)] {
            let told = described(&json!({"data": [{"id": "a", "owned_by": owner}]}), "a");
            assert_eq!((told.dialect, told.context_length, told.others), (dialect, None, None));
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_told_with_those_that_are() {
        let vllm = json!({"data": [{"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "vllm"}]});
        assert_eq!(described(&vllm, "c").others.as_deref(), Some(r#""a", "b""#));
        assert_eq!(described(&json!({"data": []}), "c").others.as_deref(), Some(""));
    }
}
