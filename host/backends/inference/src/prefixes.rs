//! Which tokens at a prompt's beginning are the system prompt's: they are everyone's, and computed once.
//!
//! Not here: the states that are shared (`cache`).

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use llama_cpp_2::token::LlamaToken;

use crate::{
    Input, Message, Role,
    slots::common,
    template::Format,
    tokens::{Ending, Vocabulary},
};

/// System prompts whose tokens are remembered.
const REMEMBERED: usize = 64;
/// Fewer tokens are computed in less time than it takes to look after them.
const WORTH_SHARING: usize = 16;

/// The beginnings that system prompts make, by a digest of their text.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    hasher: RandomState,
    known: Mutex<HashMap<u64, Arc<[LlamaToken]>>>,
}

impl Prefixes {
    /// Tokens of `prompt` that anyone's prompt with the same system prompt begins with; 0 if that is not worth
    /// anything.
    pub fn shared(
        &self,
        vocabulary: &Vocabulary,
        format: &Format,
        input: &Input,
        prompt: &[LlamaToken],
    ) -> usize {
        let Input::Chat(messages) = input else { return 0 };
        let system = messages.first().filter(|message| message.role == Role::System);
        let key = self.hasher.hash_one(system.map(|system| system.content.as_str()));
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        // A template that tells the date makes another beginning of the same text tomorrow.
        let known = known.filter(|prefix| prompt.starts_with(prefix));
        let prefix = known.unwrap_or_else(|| self.learn(key, beginning(vocabulary, format, system)));
        // A question that melts into what is before it.
        let whole = prefix.len() < prompt.len() && prompt.starts_with(&prefix);
        if whole && prefix.len() >= WORTH_SHARING { prefix.len() } else { 0 }
    }

    fn learn(&self, key: u64, prefix: Vec<LlamaToken>) -> Arc<[LlamaToken]> {
        let prefix: Arc<[LlamaToken]> = prefix.into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED && !known.contains_key(&key) {
            known.clear();
        }
        known.insert(key, prefix.clone());
        prefix
    }
}

/// What prompts have in common that have nothing in common but the system prompt.
fn beginning(vocabulary: &Vocabulary, format: &Format, system: Option<&Message>) -> Vec<LlamaToken> {
    let prompt = |question: &str| {
        let question = Message { role: Role::User, content: question.into() };
        let messages = system.cloned().into_iter().chain([question]).collect();
        vocabulary.encode(format, &Input::Chat(messages), Ending::Open).unwrap_or_default()
    };
    let (mut one, other) = (prompt("A"), prompt("7"));
    one.truncate(common(&one, &other));
    one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, loading, template::jinja::ChatTemplate};

    #[test]
    fn what_a_template_says_today_is_shared_today() {
        let model =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.corral/models/smollm2-135m-instruct-q4_1.gguf");
        let config = Config { model: model.into(), ..Config::default() };
        let (loaded, _) =
            loading::load(&config, |_| true).expect("the model is here: run `make setup` first");
        let vocabulary = &loaded.vocabulary;
        let message = |role, content: &str| Message { role, content: content.into() };
        let system =
            "You are the keeper of a stable with forty horses. Answer briefly, and be kind to those who ask.";
        let input = Input::Chat(vec![message(Role::System, system), message(Role::User, "Who are you?")]);
        let prefixes = Prefixes::default();
        for date in ["1 May 2026", "2 May 2026", "2 May 2026"] {
            let source = format!(
                "Today is {date}.{{% for message in messages %}}\n{{{{ message.content }}}}{{% endfor %}}"
            );
            let template = ChatTemplate::new(source, String::new(), String::new()).unwrap();
            let format = Format::Jinja(Box::new(template));
            let prompt = vocabulary.encode(&format, &input, Ending::Open).unwrap();
            let shared = prefixes.shared(vocabulary, &format, &input, &prompt);
            assert!(shared > 20, "{date}: {shared} of {}", prompt.len());
        }
    }
}
