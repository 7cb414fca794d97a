//! Embeddings of texts. Nothing is cut: a text that is longer than the model reads is refused.

mod request;
mod vector;

use serde::Serialize;

use crate::corral::host::embedding::{self, Embeddings, Model, Purpose};
use crate::failure::Failure;
use crate::openai::Mistake;
use crate::reply::Reply;
pub use request::Request;
use vector::Vector;

/// Texts in one call of the model (`corral:host/embedding`).
pub const EMBED_AT_ONCE: usize = 256;

#[derive(Serialize)]
struct Body {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// What this asks of the host. The component's imports, or the tests' own.
pub trait Host {
    fn describe(&self) -> Model;
    fn count_tokens(&self, texts: &[String]) -> Result<Vec<u32>, embedding::Error>;
    /// At most 256 texts.
    fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error>;
}

/// The host that the component runs on.
pub struct Imports;

impl Host for Imports {
    fn describe(&self) -> Model {
        embedding::describe()
    }

    fn count_tokens(&self, texts: &[String]) -> Result<Vec<u32>, embedding::Error> {
        embedding::count_tokens(texts)
    }

    /// What a text is for is not said in OpenAI's interface, nor in Spin's; most are there to be found.
    fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error> {
        embedding::embed(texts, Purpose::Document)
    }
}

pub fn answer(request: Request) -> Result<Reply, Failure> {
    embed(&Imports, request).map(|body| Reply::ok(&body))
}

fn embed(host: &impl Host, request: Request) -> Result<Body, Failure> {
    let model = host.describe();
    if model.name != request.model {
        return Err(Failure::ModelNotFound { model: Some(request.model) });
    }
    request.check_dimensions(model.dimensions)?;
    let counts = host.count_tokens(&request.texts)?;
    if let Some(index) = counts.iter().position(|count| *count > model.max_tokens) {
        return Err(too_long(&request, index, &counts, &model).into());
    }
    let mut data = Vec::with_capacity(request.texts.len());
    for texts in request.texts.chunks(EMBED_AT_ONCE) {
        let embeddings = host.embed(texts)?;
        // A text as long as the model reads may still have no room for the model's markers.
        if let Some(index) = embeddings.truncated.first() {
            return Err(too_long(&request, data.len() + *index as usize, &counts, &model).into());
        }
        // At least one, so that a host that breaks its word makes no panic here.
        for values in embeddings.values.chunks(embeddings.dimensions.max(1) as usize) {
            let embedding = Vector::new(values, request.encoding);
            data.push(Embedding { object: "embedding", index: data.len(), embedding });
        }
    }
    let tokens = counts.into_iter().map(u64::from).sum();
    let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
    Ok(Body { object: "list", data, model: request.model, usage })
}

fn too_long(request: &Request, index: usize, counts: &[u32], model: &Model) -> Mistake {
    let place = request.place(index);
    let count = counts.get(index).copied().unwrap_or_default();
    let most = model.max_tokens;
    let what = format!(
        "the text has {count} tokens. This model's maximum context length is {most} tokens, its markers \
         included. Please send the text in parts"
    );
    Mistake::invalid(&place, "context_length_exceeded", &what)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use serde_json::{Value, json};

    use super::*;
    use crate::request::Input;

    /// A model that reads 10 words, two of them markers; a text's vector is its length and 1.
    #[derive(Default)]
    struct Fake {
        calls: RefCell<Vec<usize>>,
    }

    impl Host for Fake {
        fn describe(&self) -> Model {
            Model { name: "minilm".to_owned(), dimensions: 2, max_tokens: 10 }
        }

        fn count_tokens(&self, texts: &[String]) -> Result<Vec<u32>, embedding::Error> {
            Ok(texts.iter().map(|text| text.split(' ').count() as u32).collect())
        }

        fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error> {
            self.calls.borrow_mut().push(texts.len());
            let values = texts.iter().flat_map(|text| [text.len() as f32, 1.0]).collect();
            let counts = self.count_tokens(texts)?;
            let truncated =
                (0..).zip(counts).filter(|(_, count)| *count > 8).map(|(index, _)| index).collect();
            Ok(Embeddings { dimensions: 2, values, truncated })
        }
    }

    fn asked(host: &Fake, body: Value) -> Result<Value, Failure> {
        let input = Input { body: body.to_string().into_bytes(), ..Input::default() };
        Ok(serde_json::to_value(embed(host, Request::read(&input)?)?).unwrap())
    }

    fn mistake(body: Value) -> Mistake {
        match asked(&Fake::default(), body) {
            Err(Failure::Mistaken(mistake)) => mistake,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_reads_like_this() {
        let expected = json!({
            "object": "list",
            "data": [
                {"object": "embedding", "index": 0, "embedding": [5.0, 1.0]},
                {"object": "embedding", "index": 1, "embedding": [1.0, 1.0]},
            ],
            "model": "minilm",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        });
        let body = json!({"model": "minilm", "input": ["a bcd", "e"], "dimensions": 2});
        assert_eq!(asked(&Fake::default(), body).unwrap(), expected);
    }

    #[test]
    fn many_texts_go_in_several_calls_and_keep_their_order() {
        let host = Fake::default();
        let texts: Vec<_> = (0..2048).map(|length| "x".repeat(length % 50 + 1)).collect();
        let answer = asked(&host, json!({"model": "minilm", "input": texts})).unwrap();
        assert_eq!(*host.calls.borrow(), [256; 8]);
        let data = answer["data"].as_array().unwrap();
        assert_eq!(data.len(), 2048);
        for (index, embedding) in data.iter().enumerate() {
            assert_eq!(embedding["index"], index);
            assert_eq!(embedding["embedding"][0], (index % 50 + 1) as f64);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_with_both_counts() {
        for (words, calls) in [(9, 1), (11, 0)] {
            let host = Fake::default();
            let mut texts = vec!["x".to_owned(); 300];
            texts[7] = vec!["x"; words].join(" ");
            let failure = asked(&host, json!({"model": "minilm", "input": texts})).unwrap_err();
            let Failure::Mistaken(mistake) = failure else { panic!("{failure:?}") };
            assert_eq!(mistake.code, Some("context_length_exceeded"));
            assert_eq!(mistake.param.as_deref(), Some("input[7]"));
            assert!(mistake.message.contains(&format!("has {words} tokens")), "{}", mistake.message);
            assert!(mistake.message.contains("length is 10 tokens"), "{}", mistake.message);
            assert_eq!(host.calls.borrow().len(), calls);
        }
        let alone = mistake(json!({"model": "minilm", "input": "a b c d e f g h i"}));
        assert_eq!(alone.param.as_deref(), Some("input"));
    }

    #[test]
    fn the_model_and_its_dimensions_are_what_they_are() {
        let other = asked(&Fake::default(), json!({"model": "text-embedding-3-small", "input": "x"}));
        assert!(matches!(other, Err(Failure::ModelNotFound { model: Some(_) })));
        let dimensions = mistake(json!({"model": "minilm", "input": "x", "dimensions": 3}));
        assert_eq!(
            (dimensions.param.as_deref(), dimensions.code),
            (Some("dimensions"), Some("unsupported_value"))
        );
    }

    #[test]
    fn both_encodings_have_the_same_numbers() {
        let body = json!({"model": "minilm", "input": "abc", "encoding_format": "base64"});
        let answer = asked(&Fake::default(), body).unwrap();
        // 3.0 and 1.0, little-endian.
        assert_eq!(answer["data"][0]["embedding"], "AABAQAAAgD8=");
    }
}
