//! The body of a request for embeddings.

use super::vector::Encoding;
use crate::failure::Failure;
use crate::openai::field::{Field, Object};
use crate::openai::{self, Mistake};
use crate::request::Input;

#[derive(Debug)]
pub struct Request {
    pub model: String,
    /// At least one.
    pub texts: Vec<String>,
    pub encoding: Encoding,
    dimensions: Option<u32>,
    /// Whether the texts came as a list.
    is_list: bool,
}

const MODEL_BYTES: usize = 512;
const TEXTS: usize = 2048;
/// Of one text (`corral:host/embedding`).
const TEXT_BYTES: usize = 1 << 20;
/// The name of the client's user; of no use here, since nothing is kept.
const USER_BYTES: usize = 512;

impl Request {
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let value = openai::body(input)?;
        Ok(Self::from_body(&Field::body(&value).object()?)?)
    }

    fn from_body(body: &Object) -> Result<Self, Mistake> {
        body.only(&["model", "input", "encoding_format", "dimensions", "user"])?;
        let model = body.required("model")?.text(1..=MODEL_BYTES)?.to_owned();
        let input = body.required("input")?;
        body.read("user", |field| field.text(0..=USER_BYTES))?;
        Ok(Self {
            model,
            texts: texts(&input)?,
            encoding: body.read("encoding_format", |field| encoding(&field))?.unwrap_or(Encoding::Float),
            dimensions: body.read("dimensions", |field| field.count(1))?,
            is_list: input.value.is_array(),
        })
    }

    /// Where a text stands in the body.
    pub fn place(&self, index: usize) -> String {
        if self.is_list { format!("input[{index}]") } else { "input".to_owned() }
    }

    /// The model's own are the only ones.
    pub fn check_dimensions(&self, own: u32) -> Result<(), Mistake> {
        match self.dimensions {
            Some(dimensions) if dimensions != own => {
                let supported = format!("Only {own} is supported by this model.");
                Err(Mistake::unsupported_value("dimensions", &dimensions.into(), &supported))
            }
            _ => Ok(()),
        }
    }
}

fn texts(input: &Field) -> Result<Vec<String>, Mistake> {
    let texts = match (input.value.is_string(), input.value.is_array()) {
        (true, _) => vec![input.clone()],
        (_, true) => input.list(1..=TEXTS)?,
        _ => return Err(input.wrong_type("one of a string or array of strings")),
    };
    texts.iter().map(text).collect()
}

fn text(field: &Field) -> Result<String, Mistake> {
    if field.value.is_number() || field.value.is_array() {
        let reason = "Tokens are another model's: send the text. For LangChain's OpenAIEmbeddings that is \
                      check_embedding_ctx_length=False.";
        return Err(Mistake::unsupported(&field.place, reason));
    }
    field.text(1..=TEXT_BYTES).map(str::to_owned)
}

fn encoding(field: &Field) -> Result<Encoding, Mistake> {
    Ok(match field.choice(&["float", "base64"], "'float' and 'base64'")? {
        "base64" => Encoding::Base64,
        _ => Encoding::Float,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<Request, Mistake> {
        Request::from_body(&Field::body(body).object()?)
    }

    #[test]
    fn one_text_or_a_list_of_them() {
        let one = read(&json!({"model": "m", "input": "a", "user": "ada", "dimensions": null})).unwrap();
        assert_eq!((one.texts.as_slice(), one.place(0)), (&["a".to_owned()][..], "input".to_owned()));
        let list = read(&json!({"model": "m", "input": ["a", "b"], "encoding_format": "base64"})).unwrap();
        assert_eq!(
            (list.texts.len(), list.place(1), list.encoding),
            (2, "input[1]".to_owned(), Encoding::Base64)
        );
        assert_eq!(read(&json!({"model": "m", "input": vec!["x"; 2048]})).unwrap().texts.len(), 2048);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (body, param, code) in [
            (json!({"input": "x"}), "model", "missing_required_parameter"),
            (json!({"model": "m"}), "input", "missing_required_parameter"),
            (json!({"model": "m", "input": null}), "input", "missing_required_parameter"),
            (json!({"model": "m", "input": ""}), "input", "empty_string"),
            (json!({"model": "m", "input": {}}), "input", "invalid_type"),
            (json!({"model": "m", "input": 5}), "input", "invalid_type"),
            (json!({"model": "m", "input": []}), "input", "empty_array"),
            (json!({"model": "m", "input": vec!["x"; 2049]}), "input", "array_above_max_length"),
            (json!({"model": "m", "input": ["x", ""]}), "input[1]", "empty_string"),
            (json!({"model": "m", "input": ["x", null]}), "input[1]", "invalid_type"),
            (json!({"model": "m", "input": [1, 2]}), "input[0]", "unsupported_parameter"),
            (json!({"model": "m", "input": [[1, 2]]}), "input[0]", "unsupported_parameter"),
            (
                json!({"model": "m", "input": "x", "encoding_format": "hex"}),
                "encoding_format",
                "invalid_value",
            ),
            (json!({"model": "m", "input": "x", "dimensions": 0}), "dimensions", "integer_below_min_value"),
            (json!({"model": "m", "input": "x", "user": 5}), "user", "invalid_type"),
            (json!({"model": "m", "input": "x", "input_type": "query"}), "input_type", "unknown_parameter"),
        ] {
            let mistake = read(&body).unwrap_err();
            assert_eq!((mistake.param.as_deref(), mistake.code), (Some(param), Some(code)), "{body}");
        }
    }

    #[test]
    fn whoever_sends_tokens_is_told_what_to_do() {
        let mistake = read(&json!({"model": "m", "input": [[1, 2]]})).unwrap_err();
        assert!(mistake.message.contains("check_embedding_ctx_length=False"), "{}", mistake.message);
    }
}
