//! What a caller asks of the model, and the checks that need no model.
//!
//! Not here: how a chat becomes a prompt (`template`).

use crate::{Config, Error, tools::Dialogue};

/// Bytes of text that one call may carry. Far more than fits any context; it bounds the tokeniser.
const MAX_TEXT: usize = 8 << 20;
const MAX_MESSAGES: usize = 10_000;
const MAX_STOPS: usize = 8;
const MAX_STOP_BYTES: usize = 128;
const MAX_BIASES: usize = 300;
const MAX_SCORES: u32 = 20;

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
    /// Text to continue that is in the model's own format already: control tokens written in it count. For whoever
    /// writes the whole of it, and has nothing in it that others typed, or has made that harmless.
    Marked(String),
    /// A conversation. `system` at most once and first, then `user` and `assistant` in turn, is what every model
    /// takes.
    Chat(Vec<Message>),
    /// A conversation whose next answer may call tools, or in which tools were called.
    Tools(Dialogue),
}

impl Input {
    /// Bytes of text in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Prompt(text) | Self::Marked(text) => text.len(),
            Self::Chat(messages) => messages.iter().map(|message| message.content.len()).sum(),
            Self::Tools(dialogue) => dialogue.bytes(),
        }
    }

    /// The last message is the assistant's: a finished transcript and not a question.
    pub(crate) fn is_transcript(&self) -> bool {
        matches!(self, Self::Chat(messages) if messages.last().is_some_and(|m| m.role == Role::Assistant))
    }

    /// Checks the size. Which order of roles is good, the model's format says.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.bytes() > MAX_TEXT {
            return Err(invalid(format!("the input is longer than {MAX_TEXT} bytes")));
        }
        match self {
            Self::Prompt(_) | Self::Marked(_) => Ok(()),
            Self::Chat(messages) if messages.len() > MAX_MESSAGES => Err(too_many()),
            Self::Tools(dialogue) if dialogue.turns.len() > MAX_MESSAGES => Err(too_many()),
            Self::Chat(messages) if messages.iter().all(|message| message.role == Role::System) => {
                Err(invalid("a chat needs at least one message of the user"))
            }
            Self::Chat(_) => Ok(()),
            Self::Tools(dialogue) => dialogue.check(),
        }
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

/// Makes a token likelier or less likely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bias {
    /// The token's id in the model's vocabulary.
    pub token: u32,
    /// Added to its logit, from -100 to 100.
    pub amount: f32,
}

/// Who may use again what a job leaves in the cache, and nobody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A session, by its id.
    Session(String),
    /// A client, by whatever tells it from others.
    Client(String),
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
    /// From -2 to 2: lowers a token's logit for each time that the answer has it.
    pub frequency_penalty: Option<f32>,
    /// From -2 to 2: lowers a token's logit if the answer has it.
    pub presence_penalty: Option<f32>,
    /// At most 300.
    pub biases: Vec<Bias>,
    /// The same seed, prompt and settings give the same answer; none is random.
    pub seed: Option<u32>,
    /// At most 8 texts of 1 to 128 bytes; the one that ended the answer is not part of it.
    pub stop: Vec<String>,
    /// What the answer has to look like.
    pub constraint: Option<Constraint>,
    /// Tell each token's log-probability, and so many of the likeliest ones in its place, at most 20.
    pub log_probabilities: Option<u32>,
    /// The LoRA adapter to answer with, by its name in the settings.
    pub adapter: Option<String>,
    /// Who owns what this job leaves in the cache; none leaves nothing.
    pub owner: Option<Owner>,
    /// Who asks, for a fair share of the engine; nobody in particular if none.
    pub principal: Option<String>,
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
    pub frequency_penalty: f32,
    pub presence_penalty: f32,
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
            frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
            presence_penalty: self.presence_penalty.unwrap_or(0.0),
            seed: self.seed,
        };
        settings.check()?;
        check_stops(&self.stop)?;
        check_biases(&self.biases)?;
        if self.log_probabilities.is_some_and(|most| most > MAX_SCORES) {
            return Err(invalid(format!(
                "log_probabilities can be told of at most {MAX_SCORES} tokens in a place"
            )));
        }
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
        for (name, value) in
            [("frequency_penalty", self.frequency_penalty), ("presence_penalty", self.presence_penalty)]
        {
            if !(-2.0..=2.0).contains(&value) {
                return Err(invalid(format!("{name} has to be from -2 to 2")));
            }
        }
        Ok(())
    }
}

fn check_biases(biases: &[Bias]) -> Result<(), Error> {
    if biases.len() > MAX_BIASES {
        return Err(invalid(format!("at most {MAX_BIASES} biases")));
    }
    if biases.iter().any(|bias| !(-100.0..=100.0).contains(&bias.amount)) {
        return Err(invalid("a bias has to be from -100 to 100"));
    }
    Ok(())
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

fn too_many() -> Error {
    invalid(format!("a chat has at most {MAX_MESSAGES} messages"))
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
    fn a_chat_is_more_than_a_system_prompt_and_not_endless() {
        use Role::{Assistant, System, User};
        for good in [&[User][..], &[System, User, User], &[Assistant, User], &[User, Assistant]] {
            assert_eq!(chat(good).check(), Ok(()));
        }
        for bad in [&[][..], &[System], &[User; MAX_MESSAGES + 1]] {
            assert!(matches!(chat(bad).check(), Err(Error::InvalidArgument(_))), "{}", bad.len());
        }
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
        let penalty = Options { frequency_penalty: Some(2.5), ..Options::default() };
        assert!(refused(penalty).contains("frequency_penalty"));
        let biases = vec![Bias { token: 1, amount: 101.0 }];
        assert!(refused(Options { biases, ..Options::default() }).contains("bias"));
        assert!(refused(Options { log_probabilities: Some(21), ..Options::default() }).contains("20"));
        assert!(refused(Options { stop: vec![String::new()], ..Options::default() }).contains("stop"));
        assert!(refused(Options { stop: vec!["x".into(); 9], ..Options::default() }).contains("stop"));
        assert!(Options::default().settle(&config).is_ok());
    }
}
