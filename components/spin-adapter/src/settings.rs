//! The application's variables that are this component's, read when they are needed.
//!
//! Not here: those of the chat logic (`exports/config.rs` gives it all others).

use corral_spin_inference::{embedding, remote};
use corral_spin_platform::variables::Variables;
use corral_spin_sessions as sessions;
use corral_spin_vectors as vectors;

/// The variables that are read here. The chat logic gets none of them: some are secret.
pub const OWN: [&str; 17] = [
    "redis_url",
    "redis_prefix",
    "expire_after",
    "chroma_url",
    "chroma_tenant",
    "chroma_database",
    "chroma_collection",
    "chroma_token",
    "chroma_token_header",
    "llm_models",
    "llm_context",
    "corral_url",
    "corral_token",
    "corral_models",
    "embedding_model",
    "embedding_dimensions",
    "embedding_tokens",
];

/// Tokens that prompt and answer may have together: Llama-2's, and a Corral host's default.
const SPIN_CONTEXT: u32 = 4096;
const CORRAL_CONTEXT: u32 = 2048;
/// Word-pieces that are read of a text: by the tokenizer that all-MiniLM-L6-v2 is published with, as Spin has it, and by
/// a Corral host.
const SPIN_PIECES: u32 = 128;
const CORRAL_PIECES: u32 = 256;

/// Reads variables, and says of one that is wrong which it is.
pub struct Settings<'a>(pub &'a dyn Variables);

/// Who makes texts and vectors.
pub enum Models {
    /// Spin's llm.
    Spin {
        /// The default first.
        names: Vec<String>,
        /// Tokens that prompt and answer may have together.
        context: u32,
    },
    /// A server.
    Remote(remote::Settings),
}

impl Settings<'_> {
    pub fn redis_url(&self) -> Result<String, String> {
        self.text("redis_url")?.ok_or_else(|| {
            "redis_url: is not set; expected the server's address, such as \"redis://127.0.0.1:6379\""
                .to_owned()
        })
    }

    pub fn sessions(&self) -> Result<sessions::Settings, String> {
        let expire_after = self.or("expire_after", "1h")?;
        Ok(sessions::Settings {
            prefix: self.or("redis_prefix", "session:")?,
            expire_after: humantime::parse_duration(&expire_after)
                .map_err(|error| format!("expire_after: {error}: expected a duration such as \"1h\""))?,
        })
    }

    pub fn vectors(&self) -> Result<vectors::Settings, String> {
        Ok(vectors::Settings {
            url: self.text("chroma_url")?.ok_or_else(|| {
                "chroma_url: is not set; expected the server's address, such as \"http://127.0.0.1:8000\""
                    .to_owned()
            })?,
            tenant: self.or("chroma_tenant", "default_tenant")?,
            database: self.or("chroma_database", "default_database")?,
            collection: self.or("chroma_collection", "chat_documents")?,
            token: self.text("chroma_token")?,
            token_header: self.or("chroma_token_header", "x-chroma-token")?,
        })
    }

    pub fn models(&self) -> Result<Models, String> {
        let Some(url) = self.text("corral_url")? else {
            let names = names(&self.or("llm_models", "llama2-chat")?);
            if names.is_empty() {
                return Err("llm_models: expected names of models, separated by commas".to_owned());
            }
            return Ok(Models::Spin { names, context: self.number("llm_context", SPIN_CONTEXT)? });
        };
        Ok(Models::Remote(remote::Settings {
            address: remote::Address::parse(&url).map_err(|expected| format!("corral_url: {expected}"))?,
            token: self.text("corral_token")?,
            names: names(&self.or("corral_models", "")?),
            embedding: self.embedding_name()?,
            context: self.number("llm_context", CORRAL_CONTEXT)?,
        }))
    }

    /// Of the model that is asked, whoever has it.
    pub fn embedding(&self) -> Result<embedding::Model, String> {
        let is_remote = self.text("corral_url")?.is_some();
        Ok(embedding::Model {
            name: self.embedding_name()?,
            dimensions: self.number("embedding_dimensions", 384)?,
            max_tokens: self
                .number("embedding_tokens", if is_remote { CORRAL_PIECES } else { SPIN_PIECES })?,
        })
    }

    fn embedding_name(&self) -> Result<String, String> {
        self.or("embedding_model", "all-minilm-l6-v2")
    }

    fn number(&self, name: &str, default: u32) -> Result<u32, String> {
        match self.text(name)? {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("{name}: expected a whole number above 0")),
            },
        }
    }

    fn or(&self, name: &str, default: &str) -> Result<String, String> {
        Ok(self.text(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// A variable that is empty is not set: a manifest has to give a default.
    fn text(&self, name: &str) -> Result<Option<String>, String> {
        let value = self.0.get(name).map_err(|error| format!("{name}: {error}"))?;
        Ok(value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
    }
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use corral_spin_platform::variables::Error;
    use std::collections::BTreeMap;

    struct Set(BTreeMap<&'static str, &'static str>);

    impl Variables for Set {
        fn get(&self, name: &str) -> Result<Option<String>, Error> {
            assert!(OWN.contains(&name), "{name} would be told to the chat logic");
            match self.0.get(name) {
                Some(&"!") => Err(Error("the vault is closed".into())),
                value => Ok(value.map(|&value| value.to_owned())),
            }
        }
    }

    fn set<const N: usize>(pairs: [(&'static str, &'static str); N]) -> Set {
        Set(pairs.into())
    }

    #[test]
    fn what_is_not_set_is_as_on_a_host() {
        let set = set([("redis_url", "redis://h"), ("chroma_url", "http://h"), ("chroma_token", " ")]);
        let settings = Settings(&set);
        assert_eq!(settings.redis_url().unwrap(), "redis://h");
        let sessions = settings.sessions().unwrap();
        assert_eq!((sessions.prefix.as_str(), sessions.expire_after.as_secs()), ("session:", 3600));
        let vectors = settings.vectors().unwrap();
        assert_eq!((vectors.collection.as_str(), vectors.token), ("chat_documents", None));
        assert!(
            matches!(settings.models().unwrap(), Models::Spin { names, context: 4096 } if names == ["llama2-chat"])
        );
        let model = settings.embedding().unwrap();
        assert_eq!((model.name.as_str(), model.dimensions, model.max_tokens), ("all-minilm-l6-v2", 384, 128));
    }

    #[test]
    fn with_a_server_its_defaults_count() {
        let set = set([("corral_url", "http://h:3000/v1"), ("corral_models", "a, b,")]);
        let Models::Remote(remote) = Settings(&set).models().unwrap() else { panic!() };
        assert_eq!(
            (remote.names.as_slice(), remote.context),
            (["a".to_owned(), "b".to_owned()].as_slice(), 2048)
        );
        assert_eq!(Settings(&set).embedding().unwrap().max_tokens, 256);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let wrong = |name: &'static str, value: &'static str| {
            let set = set([("redis_url", "redis://h"), (name, value)]);
            let settings = Settings(&set);
            let all = [
                settings.redis_url().err(),
                settings.sessions().err(),
                settings.models().err(),
                settings.embedding().err(),
            ];
            all.into_iter().flatten().next().unwrap()
        };
        for (name, value) in [
            ("expire_after", "1 fortnight"),
            ("llm_context", "many"),
            ("llm_models", ","),
            ("corral_url", "corral:3000"),
            ("embedding_dimensions", "0"),
            ("redis_url", "!"),
        ] {
            assert!(wrong(name, value).starts_with(&format!("{name}: ")), "{name}");
        }
        assert!(Settings(&set([])).vectors().unwrap_err().starts_with("chroma_url: "));
    }
}
