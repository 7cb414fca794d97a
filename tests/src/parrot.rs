//! Chat logics that say one word each, made of one component by writing over its bytes.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;

/// The word in the component's bytes, over which another one of its length is written.
const WORD: &[u8] = b"parrot-0000";

/// A chat logic that says `parrot-` and the number, in four digits, over and over.
pub fn parrot(number: u32) -> Result<Vec<u8>> {
    let path = root().join("target/wasm32-wasip2/component/parrot.wasm");
    let mut bytes = fs::read(&path).with_context(|| format!("{}: run `make guests`", path.display()))?;
    let word = format!("parrot-{number:04}");
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(WORD)).collect();
    ensure!(!places.is_empty() && word.len() == WORD.len(), "the parrot cannot say {word}");
    for at in places {
        bytes[at..at + WORD.len()].copy_from_slice(word.as_bytes());
    }
    Ok(bytes)
}
