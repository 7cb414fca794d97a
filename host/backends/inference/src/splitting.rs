//! How llama.cpp splits a text into words before it looks for tokens, and the stack for it.
//!
//! For some vocabularies it has loops. For the others it takes `std::regex` (`unicode_regex_split`), which calls itself
//! for every character of a word: on a thread's usual stack a long run of letters would end the process.

use std::thread;

use crate::Error;

/// The pre-tokenizers with loops, or with expressions for a few characters (`llm_tokenizer_bpe` in the version of
/// llama.cpp that is pinned). One that is missing here costs no more than care.
const LOOPS: [&str; 41] = [
    "a.x-4.0",
    "chatglm-bpe",
    "codeshell",
    "command-r",
    "dbrx",
    "deepseek-r1-qwen",
    "exaone",
    "exaone4",
    "falcon-h1",
    "falcon3",
    "gemma4",
    "gigachat",
    "glm4",
    "glm5",
    "gpt-2",
    "granite-docling",
    "grok-2",
    "hunyuan",
    "kimi-k2",
    "kormo",
    "lfm2",
    "llama-bpe",
    "llama-v3",
    "llama3",
    "megrez",
    "mellum",
    "mellum2",
    "midm-2.0",
    "minerva-7b",
    "mpt",
    "olmo",
    "phi-2",
    "pixtral",
    "qwen2",
    "qwen35",
    "refact",
    "smaug-bpe",
    "smollm",
    "solar-open",
    "stablelm2",
    "starcoder",
];
/// The one whose words may have spaces between them.
const SPACED: &str = "exaone-moe";

/// Words of up to so many characters need no stack of their own.
const SHORT: usize = 512;
/// Longer ones are refused.
const LONGEST: usize = 64 << 10;
/// For a word of that length and as many line breaks after it: `std::regex` takes 320 to 900 bytes for a character, and
/// other compilers may have it take more. What is not used takes no memory.
const STACK: usize = 2 * LONGEST * (2 << 10);

/// How a vocabulary's texts are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Splitting {
    /// Without calls that depend on the text.
    Flat,
    /// As deep as the longest run with or without spaces.
    ByWord,
    /// As deep as the text is long.
    AsOne,
}

impl Splitting {
    /// How it is done for a `tokenizer.ggml.model` and a `tokenizer.ggml.pre`.
    pub fn of(model: &str, pre: &str) -> Self {
        match (model, pre) {
            ("gpt2" | "hybriddna" | "whitespace", SPACED) => Self::AsOne,
            ("gpt2" | "hybriddna" | "whitespace", pre) if !LOOPS.contains(&pre) => Self::ByWord,
            _ => Self::Flat,
        }
    }

    /// Calls `tokenize`, which is for `text`, where the stack is large enough for it.
    pub fn call<T: Send>(self, text: &str, tokenize: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let longest = match self {
            Self::Flat => 0,
            Self::ByWord => longest_run(text),
            Self::AsOne => text.chars().count(),
        };
        if longest <= SHORT {
            return Ok(tokenize());
        }
        if longest > LONGEST {
            return Err(Error::InvalidArgument(format!(
                "this model's tokeniser takes up to {LONGEST} characters without a space among them, and there are \
                 {longest}"
            )));
        }
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("tokeniser".into()).stack_size(STACK);
            let thread = thread
                .spawn_scoped(scope, tokenize)
                .map_err(|error| Error::Unavailable(format!("starting a thread that tokenises: {error}")))?;
            thread.join().map_err(|_panic| Error::Unavailable("the tokeniser panicked".into()))
        })
    }
}

/// Characters of the longest run that has nothing but spaces, or none.
fn longest_run(text: &str) -> usize {
    let (mut longest, mut run, mut spaces) = (0, 0, false);
    for character in text.chars() {
        run = if character.is_whitespace() == spaces { run + 1 } else { 1 };
        spaces = character.is_whitespace();
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vocabularies_without_a_loop_are_handled_with_care() {
        for (model, pre) in [("llama", ""), ("llama", "default"), ("gpt2", "llama-bpe"), ("gpt2", "qwen2")] {
            assert_eq!(Splitting::of(model, pre), Splitting::Flat, "{model} {pre}");
        }
        assert_eq!(Splitting::of("gpt2", "smollm"), Splitting::Flat);
        assert_eq!(Splitting::of("gpt2", SPACED), Splitting::AsOne);
        for pre in ["tekken", "gpt-4o", "deepseek-v3", "default", "", "not known yet"] {
            assert_eq!(Splitting::of("gpt2", pre), Splitting::ByWord, "{pre}");
        }
    }

    #[test]
    fn the_longest_run_is_of_spaces_or_of_other_characters() {
        let runs = [("", 0), ("ab", 2), (" \n\t", 3), ("a bcd  ef", 3), ("é🐎é    a", 4)];
        for (text, length) in runs {
            assert_eq!(longest_run(text), length, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused_where_it_matters() {
        let (words, letters) = ("ab ".repeat(LONGEST), "a".repeat(LONGEST + 1));
        assert_eq!(Splitting::Flat.call(&letters, || 7), Ok(7));
        assert_eq!(Splitting::ByWord.call(&words, || 7), Ok(7));
        for (splitting, text) in [(Splitting::ByWord, &letters), (Splitting::AsOne, &words)] {
            let refused = splitting.call(text, || 7);
            assert!(matches!(&refused, Err(Error::InvalidArgument(_))), "{refused:?}");
        }
    }
}
