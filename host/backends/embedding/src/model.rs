//! The model in memory: its files, ONNX Runtime, and one run over some texts.
//!
//! Not here: the thread that owns it (`worker.rs`), and what runs together (`batch.rs`).

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fastembed::{InitOptionsUserDefined, Pooling, TextEmbedding, TokenizerFiles, UserDefinedEmbeddingModel};
use ort::environment::Environment;

use crate::pieces::Pieces;
use crate::{Config, Error};

/// What all-MiniLM-L6-v2 was trained on; the tokenizer's file says 128, fastembed 512.
const MAX_PIECES: usize = 256;

/// A session of ONNX Runtime and its tokenizer.
pub struct Model(TextEmbedding);

/// What a look at the model's answers showed.
pub struct Trial {
    /// The vector of a text, by which the model is known again.
    pub sample: Vec<f32>,
    /// Whether texts that run together leave each other's vectors alone.
    pub batched: bool,
}

impl Model {
    /// Reads the files and prepares the session.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let folder = &config.model;
        let tokenizer = TokenizerFiles {
            tokenizer_file: read(&folder.join("tokenizer.json"))?,
            config_file: read(&folder.join("config.json"))?,
            special_tokens_map_file: read(&folder.join("special_tokens_map.json"))?,
            tokenizer_config_file: read(&folder.join("tokenizer_config.json"))?,
        };
        let onnx = read(&folder.join("model.onnx"))?;
        let model = UserDefinedEmbeddingModel::new(onnx, tokenizer).with_pooling(Pooling::Mean);
        let options = InitOptionsUserDefined::new()
            .with_environment(environment(&config.runtime)?)
            .with_max_length(MAX_PIECES)
            .with_intra_threads(config.threads)
            // Threads that spin between runs take the cores that inference needs.
            .with_session_config("session.intra_op.allow_spinning", "0");
        // The tokenizer would otherwise wake a pool of threads for each batch.
        tokenizers::utils::parallelism::set_parallelism(false);
        TextEmbedding::try_new_from_user_defined(model, options).map(Self).map_err(|error| {
            Error::Load(format!("the model in {} cannot be used: {error}", folder.display()))
        })
    }

    /// The vectors of texts that run together.
    pub fn embed(&mut self, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
        self.0.embed(texts, None).map_err(|error| Error::Unavailable(error.to_string()))
    }

    /// Runs the model once, and sees whether neighbours in a batch change a text's vector: they do where a model
    /// quantises what flows through it by the range of the whole batch.
    pub fn try_out(&mut self) -> Result<Trial, Error> {
        let [text, neighbour] = ["A horse stands in the corral.", "0x7f; rm -rf / && echo ¡ÑANDÚ! — 42 %"];
        let alone = self.embed(&[text])?.concat();
        let beside = self.embed(&[text, neighbour])?.swap_remove(0);
        let batched = alike(&alone, &beside);
        Ok(Trial { sample: alone, batched })
    }

    /// The tokenizer that the model uses, for counting.
    pub fn pieces(&self) -> Result<Pieces, Error> {
        Pieces::new(self.0.tokenizer.clone())
    }
}

impl Trial {
    /// Whether the other trial was of the same model.
    pub fn agrees(&self, other: &Self) -> bool {
        self.sample.len() == other.sample.len() && alike(&self.sample, &other.sample)
    }
}

/// Whether two vectors of length 1 are the same but for rounding.
fn alike(one: &[f32], other: &[f32]) -> bool {
    one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>() > 0.9999
}

/// A process has one environment, and it stays.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

fn environment(runtime: &Path) -> Result<Environment, Error> {
    // Relative paths would be looked up beside the executable first.
    let path = runtime.canonicalize().map_err(|error| missing(runtime, &error))?;
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = environment.as_ref() {
        return Ok(environment.clone());
    }
    let unusable = |error: &dyn std::fmt::Display| {
        Error::Load(format!("ONNX Runtime ({}) cannot be used: {error}", runtime.display()))
    };
    let builder = ort::init_from(path).map_err(|error| unusable(&error))?;
    let built = builder.with_telemetry(false).build().map_err(|error| unusable(&error))?;
    Ok(environment.insert(built).clone())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| missing(path, &error))
}

fn missing(path: &Path, error: &std::io::Error) -> Error {
    Error::Load(format!(
        "{}: {error}; `make setup` fetches the default embedding model and ONNX Runtime",
        path.display()
    ))
}
