//! What a caller asks of the model, and the checks that need no model.
//!
//! Not here: how a chat becomes a prompt (`template`).

use crate::{Config, Error};

/// Bytes of text that one call may carry. Far more than fits any context; it bounds the tokeniser.
const MAX_TEXT: usize = 8 << 20;
const MAX_STOPS: usize = 8;
const MAX_STOP_BYTES: usize = 128;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions that stand above the conversation; only as the first message.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role's name in chat templates.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text; control tokens in it have no power.
    pub content: String,
}

/// What the model is given to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Text to continue, as it is. Control tokens written in it are plain text.
    Prompt(String),
    /// A conversation: `system` at most once and first, then `user` and `assistant` in turn.
    Chat(Vec<Message>),
}

impl Input {
    /// Bytes of text in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Prompt(text) => text.len(),
            Self::Chat(messages) => messages.iter().map(|message| message.content.len()).sum(),
        }
    }

    /// The last message is the assistant's: a finished transcript and not a question.
    pub(crate) fn is_transcript(&self) -> bool {
        matches!(self, Self::Chat(messages) if messages.last().is_some_and(|m| m.role == Role::Assistant))
    }

    /// Checks size and the order of roles.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.bytes() > MAX_TEXT {
            return Err(invalid(format!("the input is longer than {MAX_TEXT} bytes")));
        }
        match self {
            Self::Prompt(_) => Ok(()),
            Self::Chat(messages) => check_order(messages),
        }
    }

    /// As `check`, for an answer: the last message has to be the user's.
    pub(crate) fn check_question(&self) -> Result<(), Error> {
        self.check()?;
        if self.is_transcript() {
            return Err(invalid("the last message of a chat has to be the user's"));
        }
        Ok(())
    }
}

/// What the answer has to look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// A grammar in llama.cpp's GBNF, with a rule named `root`.
    Grammar(String),
    /// A JSON schema.
    JsonSchema(String),
}

/// How to answer. What is left out takes the default from the settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Tokens of the answer, at least 1. It also ends where the context does.
    pub max_tokens: Option<u32>,
    /// 0 is greedy.
    pub temperature: Option<f32>,
    /// Choose among so many tokens; 0 means no bound.
    pub top_k: Option<u32>,
    /// Choose among the likeliest tokens that have this probability together.
    pub top_p: Option<f32>,
    /// Choose among tokens at least this likely, relative to the likeliest.
    pub min_p: Option<f32>,
    /// 1 means no penalty.
    pub repeat_penalty: Option<f32>,
    /// The same seed, prompt and settings give the same answer; none is random.
    pub seed: Option<u32>,
    /// At most 8 texts of 1 to 128 bytes; the one that ended the answer is not part of it.
    pub stop: Vec<String>,
    /// What the answer has to look like.
    pub constraint: Option<Constraint>,
    /// Who owns what this job leaves in the KV cache; none leaves nothing.
    pub session: Option<String>,
}

/// `Options` with every default filled in, and checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub max_tokens: u32,
    pub temperature: f32,
    pub top_k: u32,
    pub top_p: f32,
    pub min_p: f32,
    pub repeat_penalty: f32,
    pub seed: Option<u32>,
}

impl Options {
    /// Fills in the defaults and checks every value.
    pub(crate) fn settle(&self, config: &Config) -> Result<Settings, Error> {
        let defaults = &config.defaults;
        let settings = Settings {
            max_tokens: self.max_tokens.unwrap_or(defaults.max_tokens),
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_k: self.top_k.unwrap_or(defaults.top_k),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            min_p: self.min_p.unwrap_or(defaults.min_p),
            repeat_penalty: self.repeat_penalty.unwrap_or(defaults.repeat_penalty),
            seed: self.seed,
        };
        settings.check()?;
        check_stops(&self.stop)?;
        Ok(settings)
    }
}

impl Settings {
    /// Says which value breaks its form.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.max_tokens == 0 {
            return Err(invalid("max_tokens has to be at least 1"));
        }
        if !(self.temperature.is_finite() && (0.0..=100.0).contains(&self.temperature)) {
            return Err(invalid("temperature has to be from 0 to 100"));
        }
        for (name, value) in [("top_p", self.top_p), ("min_p", self.min_p)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(invalid(format!("{name} has to be from 0 to 1")));
            }
        }
        if !(self.repeat_penalty > 0.0 && self.repeat_penalty <= 10.0) {
            return Err(invalid("repeat_penalty has to be above 0 and at most 10"));
        }
        Ok(())
    }
}

fn check_stops(stops: &[String]) -> Result<(), Error> {
    if stops.len() > MAX_STOPS {
        return Err(invalid(format!("at most {MAX_STOPS} stop strings")));
    }
    if stops.iter().any(|stop| stop.is_empty() || stop.len() > MAX_STOP_BYTES) {
        return Err(invalid(format!("a stop string has 1 to {MAX_STOP_BYTES} bytes")));
    }
    Ok(())
}

fn check_order(messages: &[Message]) -> Result<(), Error> {
    let turns = match messages {
        [Message { role: Role::System, .. }, turns @ ..] => turns,
        turns => turns,
    };
    if turns.is_empty() {
        return Err(invalid("a chat needs at least one message of the user"));
    }
    for (index, message) in turns.iter().enumerate() {
        let expected = if index % 2 == 0 { Role::User } else { Role::Assistant };
        if message.role != expected {
            return Err(invalid(format!(
                "message {index} after the system message has to be the {}'s, not the {}'s",
                expected.name(),
                message.role.name()
            )));
        }
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidArgument(message.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(roles: &[Role]) -> Input {
        Input::Chat(roles.iter().map(|&role| Message { role, content: "x".into() }).collect())
    }

    #[test]
    fn roles_take_turns_after_one_system_message() {
        use Role::{Assistant, System, User};
        for good in [&[User][..], &[System, User], &[System, User, Assistant, User]] {
            assert_eq!(chat(good).check_question(), Ok(()));
        }
        for bad in [&[][..], &[System], &[Assistant], &[User, User], &[User, System], &[System, System, User]]
        {
            assert!(matches!(chat(bad).check(), Err(Error::InvalidArgument(_))), "{bad:?}");
        }
        assert_eq!(chat(&[User, Assistant]).check(), Ok(()));
        assert!(chat(&[User, Assistant]).check_question().is_err());
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let config = Config::default();
        let refused = |options: Options| match options.settle(&config) {
            Err(Error::InvalidArgument(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(refused(Options { max_tokens: Some(0), ..Options::default() }).contains("max_tokens"));
        assert!(
            refused(Options { temperature: Some(f32::NAN), ..Options::default() }).contains("temperature")
        );
        assert!(refused(Options { top_p: Some(1.5), ..Options::default() }).contains("top_p"));
        assert!(refused(Options { min_p: Some(-0.1), ..Options::default() }).contains("min_p"));
        assert!(
            refused(Options { repeat_penalty: Some(0.0), ..Options::default() }).contains("repeat_penalty")
        );
        assert!(refused(Options { stop: vec![String::new()], ..Options::default() }).contains("stop"));
        assert!(refused(Options { stop: vec!["x".into(); 9], ..Options::default() }).contains("stop"));
        assert!(Options::default().settle(&config).is_ok());
    }
}
