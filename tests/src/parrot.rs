//! Chat logics that say one word each, made of one component by writing over its bytes.

use crate::root;
use anyhow::{Context, Result, ensure};
use std::fs;

/// The word in the component's bytes, over which another one of its length is written.
const WORD: &[u8] = b"parrot-0000";

/// Behind every name of the contract.
const VERSION: &[u8] = b"@0.1.0";
/// The parrot's temper, as the word.
const TEMPER: &[u8] = b"parrot: tame.";

/// A chat logic that says `parrot-` and the number, in four digits, over and over.
pub fn parrot(number: u32) -> Result<Vec<u8>> {
    written(read()?, WORD, &format!("parrot-{number:04}"))
}

/// A chat logic that `loops`, `grows`, `traps` or is `mute.` instead of answering.
pub fn bad_parrot(temper: &str) -> Result<Vec<u8>> {
    written(read()?, TEMPER, &format!("parrot: {temper}"))
}

/// The first parrot, as if it were built against another version of the contract.
pub fn parrot_of(version: &str) -> Result<Vec<u8>> {
    written(parrot(1)?, VERSION, &format!("@{version}"))
}

fn read() -> Result<Vec<u8>> {
    let path = root().join("target/wasm32-wasip2/component/parrot.wasm");
    fs::read(&path).with_context(|| format!("{}: run `make guests`", path.display()))
}

/// The component, with another word in place of one of its own.
fn written(mut bytes: Vec<u8>, old: &[u8], new: &str) -> Result<Vec<u8>> {
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    ensure!(!places.is_empty() && new.len() == old.len(), "the parrot has no place for \"{new}\"");
    for at in places {
        bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    }
    Ok(bytes)
}
