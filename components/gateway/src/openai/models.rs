//! Which models there are, and which one an id means.
//!
//! An id is a model's name, or `NAME:ADAPTER` for one of its LoRA adapters.

use serde::Serialize;

use crate::corral::host::embedding;
use crate::corral::host::inference::{self, Template};
use crate::failure::Failure;
use crate::reply::Reply;

/// A model, and the adapter that it answers with.
#[derive(Debug, PartialEq)]
pub struct Chosen {
    pub name: String,
    pub adapter: Option<String>,
}

#[derive(Serialize)]
struct List {
    object: &'static str,
    data: Vec<Model>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Model {
    id: String,
    object: &'static str,
    /// Not known of any: the beginning of time.
    created: u64,
    owned_by: &'static str,
}

pub fn list() -> Reply {
    let data = ids(&inference::models(), embedding::describe().name).map(Model::from).collect();
    Reply::ok(&List { object: "list", data })
}

pub fn read(id: String) -> Result<Reply, Failure> {
    let models = inference::models();
    let known = ids(&models, embedding::describe().name).any(|known| known == id);
    if known { Ok(Reply::ok(&Model::from(id))) } else { Err(missing(&id)) }
}

/// The model that an id means.
pub fn choose(id: &str) -> Result<Chosen, Failure> {
    find(inference::models(), id).ok_or_else(|| missing(id))
}

/// The same, if it can answer a conversation.
pub fn choose_for_chat(id: &str) -> Result<Chosen, Failure> {
    find(chatting(inference::models()), id).ok_or_else(|| missing(id))
}

/// Why an id is none of the models that can be named now: its model loads, or cannot be reached, or there is none.
pub fn missing(id: &str) -> Failure {
    let model = id.rsplit_once(':').map(|(model, _adapter)| model);
    let unavailable = |name| matches!(inference::describe(Some(name)), Err(inference::Error::Unavailable));
    if [Some(id), model].into_iter().flatten().any(unavailable) {
        return Failure::Unavailable;
    }
    Failure::ModelNotFound { model: Some(id.to_owned()) }
}

impl From<String> for Model {
    fn from(id: String) -> Self {
        Self { id, object: "model", created: 0, owned_by: "corral" }
    }
}

/// The default first, each followed by its adapters; the embedding model last.
fn ids(models: &[inference::Model], embedding: String) -> impl Iterator<Item = String> {
    let generating = models.iter().flat_map(|model| {
        let adapters = model.adapters.iter().map(|adapter| with_adapter(&model.name, adapter));
        [model.name.clone()].into_iter().chain(adapters)
    });
    generating.chain([embedding])
}

/// A name may have a colon of its own, so ids are compared and not taken apart; a whole name comes first.
fn find(models: Vec<inference::Model>, id: &str) -> Option<Chosen> {
    if models.iter().any(|model| model.name == id) {
        return Some(Chosen { name: id.to_owned(), adapter: None });
    }
    models.into_iter().find_map(|model| {
        let adapter = model.adapters.into_iter().find(|adapter| with_adapter(&model.name, adapter) == id)?;
        Some(Chosen { name: model.name, adapter: Some(adapter) })
    })
}

fn with_adapter(name: &str, adapter: &str) -> String {
    format!("{name}:{adapter}")
}

/// Those that know how a conversation is written.
fn chatting(mut models: Vec<inference::Model>) -> Vec<inference::Model> {
    models.retain(|model| match model.template {
        Template::Llama2 | Template::Embedded => true,
        Template::None => false,
    });
    models
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(name: &str, template: Template, adapters: &[&str]) -> inference::Model {
        let adapters = adapters.iter().map(|adapter| (*adapter).to_owned()).collect();
        inference::Model { name: name.to_owned(), context_length: 2048, template, adapters }
    }

    fn models() -> Vec<inference::Model> {
        vec![
            model("small", Template::Embedded, &["poet", "cook:2"]),
            model("base", Template::None, &["x"]),
            model("small:cook", Template::Llama2, &["2"]),
        ]
    }

    #[test]
    fn each_model_is_listed_with_its_adapters_and_the_embedding_model_last() {
        let listed: Vec<_> = ids(&models(), "minilm".to_owned()).collect();
        assert_eq!(
            listed,
            ["small", "small:poet", "small:cook:2", "base", "base:x", "small:cook", "small:cook:2", "minilm"]
        );
    }

    #[test]
    fn a_model_has_the_fields_that_clients_know() {
        let model = serde_json::to_value(Model::from("small".to_owned())).unwrap();
        let expected =
            serde_json::json!({"id": "small", "object": "model", "created": 0, "owned_by": "corral"});
        assert_eq!(model, expected);
    }

    #[test]
    fn an_id_means_a_model_or_one_with_an_adapter() {
        let found = |id: &str| find(models(), id).map(|chosen| (chosen.name, chosen.adapter));
        let chosen = |name: &str, adapter: Option<&str>| Some((name.to_owned(), adapter.map(str::to_owned)));
        assert_eq!(found("small"), chosen("small", None));
        assert_eq!(found("small:poet"), chosen("small", Some("poet")));
        assert_eq!(found("small:cook"), chosen("small:cook", None), "a whole name");
        assert_eq!(found("small:cook:2"), chosen("small", Some("cook:2")), "the first that fits");
        assert_eq!(found("base:x"), chosen("base", Some("x")), "one that cannot chat");
        assert!(find(chatting(models()), "base").is_none() && find(chatting(models()), "small").is_some());
        for unknown in ["poet", "small:", "Small", "minilm", ""] {
            assert_eq!(found(unknown), None, "{unknown}");
        }
    }
}
