//! `POST /embed`: a vector for each text. Nothing is cut: a text that is longer than the model reads is refused.

use serde::Serialize;

use crate::failure::Failure;
use crate::openai::embeddings::{EMBED_AT_ONCE, Host, Imports};
use crate::openai::field::Field;
use crate::openai::{self, Mistake};
use crate::reply::Reply;
use crate::request;

const MODEL_BYTES: usize = 512;
/// Texts of one request; with 384 numbers each, so many are what an answer may hold.
const TEXTS: usize = 2048;

#[derive(Debug)]
pub struct Request {
    model: String,
    texts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Body {
    embeddings: Vec<Vec<f32>>,
    usage: Usage,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    prompt_token_count: u32,
}

impl Request {
    pub fn read(input: &request::Input) -> Result<Self, Failure> {
        let body = openai::body(input)?;
        let body = Field::body(&body).object()?;
        body.only(&["model", "input"])?;
        let model = body.required("model")?.text(1..=MODEL_BYTES)?.to_owned();
        let texts = body.required("input")?.list(0..=TEXTS)?;
        let text = |field: &Field| field.text(0..=request::MAX_BODY).map(str::to_owned);
        Ok(Self { model, texts: texts.iter().map(text).collect::<Result<_, _>>()? })
    }
}

pub fn answer(request: &Request) -> Result<Reply, Failure> {
    embed(&Imports, request).map(|body| Reply::ok(&body))
}

fn embed(host: &impl Host, request: &Request) -> Result<Body, Failure> {
    let model = host.describe();
    if model.name != request.model {
        return Err(Failure::ModelNotFound { model: Some(request.model.clone()) });
    }
    let mut vectors = Vec::with_capacity(request.texts.len());
    let mut tokens = 0_u32;
    for texts in request.texts.chunks(EMBED_AT_ONCE) {
        let counts = host.count_tokens(texts)?;
        let embeddings = host.embed(texts)?;
        if let Some(cut) = embeddings.truncated.first() {
            let count = counts.get(*cut as usize).copied().unwrap_or_default();
            return Err(too_long(vectors.len() + *cut as usize, count, model.max_tokens).into());
        }
        tokens = counts.into_iter().fold(tokens, u32::saturating_add);
        // At least one, so that a host that breaks its word makes no panic here.
        let dimensions = embeddings.dimensions.max(1) as usize;
        vectors.extend(embeddings.values.chunks(dimensions).map(<[f32]>::to_vec));
    }
    Ok(Body { embeddings: vectors, usage: Usage { prompt_token_count: tokens } })
}

fn too_long(index: usize, count: u32, most: u32) -> Mistake {
    let what = format!(
        "the text has {count} tokens and the model reads {most}, its markers included. Send it in parts"
    );
    Mistake::invalid(&format!("input[{index}]"), "context_length_exceeded", &what)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::corral::host::embedding::{self, Embeddings, Model};

    /// A model that reads 10 words, two of them markers; a text's vector is its length and 1.
    struct Fake;

    impl Host for Fake {
        fn describe(&self) -> Model {
            Model { name: "all-minilm-l6-v2".to_owned(), dimensions: 2, max_tokens: 10 }
        }

        fn count_tokens(&self, texts: &[String]) -> Result<Vec<u32>, embedding::Error> {
            Ok(texts.iter().map(|text| text.split(' ').count() as u32).collect())
        }

        fn embed(&self, texts: &[String]) -> Result<Embeddings, embedding::Error> {
            assert!(texts.len() <= EMBED_AT_ONCE);
            let values = texts.iter().flat_map(|text| [text.len() as f32, 1.0]).collect();
            let cut = |index: &u32| texts[*index as usize].split(' ').count() > 8;
            let truncated = (0..texts.len() as u32).filter(cut).collect();
            Ok(Embeddings { dimensions: 2, values, truncated })
        }
    }

    fn asked(body: Value) -> Result<Value, Failure> {
        let input = request::Input { body: body.to_string().into_bytes(), ..Default::default() };
        Ok(serde_json::to_value(embed(&Fake, &Request::read(&input)?)?).unwrap())
    }

    #[test]
    fn an_answer_reads_as_spin_expects() {
        let answer = asked(json!({"model": "all-minilm-l6-v2", "input": ["a bcd", "e"]})).unwrap();
        let expected = json!({"embeddings": [[5.0, 1.0], [1.0, 1.0]], "usage": {"promptTokenCount": 3}});
        assert_eq!(answer, expected);
        let none = asked(json!({"model": "all-minilm-l6-v2", "input": []})).unwrap();
        assert_eq!(none, json!({"embeddings": [], "usage": {"promptTokenCount": 0}}));
    }

    #[test]
    fn many_texts_keep_their_order() {
        let texts: Vec<_> = (0..700).map(|length| "x".repeat(length % 50 + 1)).collect();
        let answer = asked(json!({"model": "all-minilm-l6-v2", "input": texts})).unwrap();
        for (index, vector) in answer["embeddings"].as_array().unwrap().iter().enumerate() {
            assert_eq!(vector[0], (index % 50 + 1) as f64);
        }
    }

    #[test]
    fn another_model_and_a_text_too_long_are_refused() {
        let other = asked(json!({"model": "other", "input": ["x"]}));
        assert!(matches!(other, Err(Failure::ModelNotFound { model: Some(_) })));
        let mut texts = vec!["x"; 300];
        texts[299] = "a b c d e f g h i";
        let Err(Failure::Mistaken(mistake)) = asked(json!({"model": "all-minilm-l6-v2", "input": texts}))
        else {
            panic!("too long")
        };
        assert_eq!(mistake.param.as_deref(), Some("input[299]"));
        assert!(mistake.message.contains("9 tokens"), "{}", mistake.message);
        for wrong in [json!("x"), json!([1]), json!(null)] {
            assert!(matches!(
                asked(json!({"model": "all-minilm-l6-v2", "input": wrong})),
                Err(Failure::Mistaken(_))
            ));
        }
    }
}
