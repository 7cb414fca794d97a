//! How a chat becomes a prompt: which format a model has, and the parts that formats share.
//!
//! Not here: token ids (`tokens`).

pub(crate) mod jinja;
pub(crate) mod llama2;

use std::path::Path;

use jinja::ChatTemplate;

use crate::{Template, calling::Style};

/// The model's chat format.
#[derive(Debug)]
pub(crate) enum Format {
    /// Llama-2's own, by token ids.
    Llama2,
    /// The template in the model's file, or in its place.
    Jinja(Box<ChatTemplate>),
    /// None: chats are refused.
    None,
}

impl Format {
    /// Its name for callers.
    pub fn kind(&self) -> Template {
        match self {
            Self::Llama2 => Template::Llama2,
            Self::Jinja(_) => Template::Embedded,
            Self::None => Template::None,
        }
    }

    /// The form of its calls; none if it has no place for tools, or calls them in a form that is not known.
    pub fn style(&self) -> Option<Style> {
        match self {
            Self::Jinja(template) => template.style(),
            Self::Llama2 | Self::None => None,
        }
    }
}

/// What a model file says about itself.
#[derive(Debug, Default)]
pub(crate) struct Facts<'a> {
    pub architecture: &'a str,
    pub name: &'a str,
    pub file: Option<&'a Path>,
    pub template: Option<&'a str>,
}

impl Facts<'_> {
    /// A Llama-2 chat model: by its template or, as early files carry none, by its names.
    pub fn is_llama2_chat(&self) -> bool {
        if self.architecture != "llama" {
            return false;
        }
        match self.template {
            Some(template) => template.contains("[INST]") && template.contains("<<SYS>>"),
            None => {
                let file = self.file.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
                let names = format!("{} {file}", self.name).to_lowercase().replace(['-', '_', ' '], "");
                names.contains("chat") && ["llama2", "llamav2"].iter().any(|name| names.contains(name))
            }
        }
    }
}

/// Breaks every one of `tokens` in `text`, so that a tokeniser does not find it, with a character
/// that people do not see.
pub(crate) fn neutralise<'a>(text: &str, tokens: impl Iterator<Item = &'a str>) -> String {
    const WORD_JOINER: &str = "\u{2060}";
    let mut text = text.to_owned();
    for token in tokens.filter(|token| !token.contains(WORD_JOINER)) {
        let Some((second, _)) = token.char_indices().nth(1) else { continue };
        // A broken token leaves its last part, with which another one may begin: look again.
        while text.contains(token) {
            let (first, rest) = token.split_at(second);
            text = text.replace(token, &[first, WORD_JOINER, rest].concat());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama2_chat_is_known_by_template_or_by_names() {
        let template = Some("{{ '[INST] <<SYS>>' }}");
        let facts = Facts { architecture: "llama", template, ..Facts::default() };
        assert!(facts.is_llama2_chat());
        let file = Some(Path::new("models/llama-2-7b-chat.Q4_K_M.gguf"));
        assert!(Facts { architecture: "llama", name: "LLaMA v2", file, ..Facts::default() }.is_llama2_chat());
    }

    #[test]
    fn others_are_not_llama2_chat() {
        let mistral = Some("{{ '[INST]' }}");
        assert!(!Facts { architecture: "llama", template: mistral, ..Facts::default() }.is_llama2_chat());
        let qwen = Some("{{ '[INST] <<SYS>>' }}");
        assert!(!Facts { architecture: "qwen2", template: qwen, ..Facts::default() }.is_llama2_chat());
        let base = Some(Path::new("llama-2-7b.Q4_K_M.gguf"));
        assert!(
            !Facts { architecture: "llama", name: "LLaMA v2", file: base, ..Facts::default() }
                .is_llama2_chat()
        );
    }

    #[test]
    fn neutralised_text_holds_no_token() {
        let tokens = ["<|end|>", "||"];
        let text = neutralise("a<|end|><|end|>|||b", tokens.into_iter());
        assert!(tokens.iter().all(|token| !text.contains(token)), "{text:?}");
        assert_eq!(text.replace('\u{2060}', ""), "a<|end|><|end|>|||b");
    }
}
