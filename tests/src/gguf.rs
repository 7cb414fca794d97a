//! What a model's file says of the model: the numbers that its memory follows from, and its control tokens.
//!
//! Not here: tensors, and what llama.cpp makes of it all.

use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// The longest text or array that is believed.
const MOST: u64 = 1 << 24;

/// The kind of a token that is no text, as the file's format numbers it.
const CONTROL: u64 = 3;

/// The part of a file before its tensors.
pub struct Gguf {
    architecture: String,
    numbers: HashMap<String, u64>,
    /// Tokens that are no text, such as those that end a message.
    pub control_tokens: Vec<u32>,
    /// The file's size, which is the weights' within a percent or so.
    pub bytes: u64,
}

/// A value, as far as it is of use here.
enum Value {
    Number(u64),
    Text(String),
    Numbers(Vec<u64>),
    Other,
}

impl Gguf {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let mut gguf = Self {
            architecture: String::new(),
            numbers: HashMap::new(),
            control_tokens: Vec::new(),
            bytes: file.metadata()?.len(),
        };
        gguf.fill(&mut BufReader::new(file)).with_context(|| format!("reading {}", path.display()))?;
        Ok(gguf)
    }

    /// Bytes that keys and values of one token take over all layers, at 16 bits each.
    pub fn cache_bytes_per_token(&self) -> Result<u64> {
        let number = |key: &str| self.numbers.get(&format!("{}.{key}", self.architecture)).copied();
        let heads = number("attention.head_count").context("no head count")?.max(1);
        let head = number("embedding_length").context("no embedding length")? / heads;
        let keys = number("attention.key_length").unwrap_or(head);
        let values = number("attention.value_length").unwrap_or(head);
        let layers = number("block_count").context("no layer count")?;
        Ok(layers * number("attention.head_count_kv").unwrap_or(heads) * (keys + values) * 2)
    }

    fn fill(&mut self, from: &mut impl Read) -> Result<()> {
        ensure!(bytes(from)? == *b"GGUF", "no GGUF file");
        ensure!(matches!(u32::from_le_bytes(bytes(from)?), 2 | 3), "of an unknown version");
        let [_tensors, entries] = [long(from)?, long(from)?];
        for _ in 0..entries {
            let key = text(from)?;
            match (key.as_str(), value(from)?) {
                ("general.architecture", Value::Text(name)) => self.architecture = name,
                ("tokenizer.ggml.token_type", Value::Numbers(kinds)) => {
                    let control = (0..).zip(kinds).filter(|(_, kind)| *kind == CONTROL);
                    self.control_tokens = control.map(|(token, _)| token).collect();
                }
                (_, Value::Number(number)) => drop(self.numbers.insert(key, number)),
                (_, Value::Text(_) | Value::Numbers(_) | Value::Other) => {}
            }
        }
        Ok(())
    }
}

fn value(from: &mut impl Read) -> Result<Value> {
    let kind = u32::from_le_bytes(bytes(from)?);
    if kind != 9 {
        return scalar(from, kind);
    }
    let kind = u32::from_le_bytes(bytes(from)?);
    let count = long(from)?;
    ensure!(count <= MOST, "an array of {count}");
    let mut numbers = Vec::new();
    for _ in 0..count {
        if let Value::Number(number) = scalar(from, kind)? {
            numbers.push(number);
        }
    }
    Ok(Value::Numbers(numbers))
}

/// One value of a kind as the format numbers them. Numbers are taken as if they had no sign.
fn scalar(from: &mut impl Read, kind: u32) -> Result<Value> {
    Ok(match kind {
        0 | 1 | 7 => Value::Number(u64::from(bytes::<1>(from)?[0])),
        2 | 3 => Value::Number(u64::from(u16::from_le_bytes(bytes(from)?))),
        4 | 5 => Value::Number(u64::from(u32::from_le_bytes(bytes(from)?))),
        10 | 11 => Value::Number(long(from)?),
        6 => discard::<4>(from)?,
        12 => discard::<8>(from)?,
        8 => Value::Text(text(from)?),
        _ => bail!("a value of the unknown kind {kind}"),
    })
}

fn text(from: &mut impl Read) -> Result<String> {
    let length = long(from)?;
    ensure!(length <= MOST, "a text of {length} bytes");
    let mut read = Vec::new();
    from.take(length).read_to_end(&mut read)?;
    // A vocabulary may hold pieces of characters.
    Ok(String::from_utf8_lossy(&read).into_owned())
}

fn long(from: &mut impl Read) -> Result<u64> {
    Ok(u64::from_le_bytes(bytes(from)?))
}

/// Floating-point numbers are of no use here.
fn discard<const SIZE: usize>(from: &mut impl Read) -> Result<Value> {
    bytes::<SIZE>(from)?;
    Ok(Value::Other)
}

fn bytes<const SIZE: usize>(from: &mut impl Read) -> Result<[u8; SIZE]> {
    let mut read = [0; SIZE];
    from.read_exact(&mut read)?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn the_small_model_is_known_by_its_file() -> Result<()> {
        let gguf = Gguf::read(&root().join(".corral/models/smollm2-135m-instruct-q4_1.gguf"))?;
        // 30 layers, 3 heads of 64 keys and 64 values, 2 bytes each.
        assert_eq!(gguf.cache_bytes_per_token()?, 30 * 3 * 128 * 2);
        // The end of a text and both ends of a message.
        assert_eq!(gguf.control_tokens[..3], [0, 1, 2]);
        Ok(())
    }

    #[test]
    fn what_is_no_gguf_file_is_refused_by_name() {
        let Err(error) = Gguf::read(&root().join("Cargo.toml")) else { panic!("it was read") };
        assert!(format!("{error:#}").contains("Cargo.toml: no GGUF file"), "{error:#}");
    }
}
