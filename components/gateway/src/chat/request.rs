//! The body of a chat request.

use serde_json::Value;

use crate::corral::chat::turns::{Options, Turn};
use crate::corral::host::sessions;
use crate::failure::Failure;
use crate::request::Input;
use crate::uuid;
use crate::validate::{self, Checker, Least, Length, Range};

#[derive(Debug)]
pub struct Request {
    /// The client's own name for the turn.
    key: Option<String>,
    session: String,
    message: String,
    /// The number of the session's newest turn, if this one takes its place.
    replaces: Option<u32>,
    include: Include,
    options: Options,
}

/// What a whole answer carries besides its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Include {
    pub sources: bool,
    pub usage: bool,
    pub trimmed: bool,
}

const KEY: Length = Length { least: 1, most: 128 };
const MODEL: Length = Length { least: 1, most: 256 };
const STOP: Length = Length { least: 1, most: 128 };
const STOPS: Length = Length::up_to(8);
const INCLUDES: Length = Length::up_to(8);
const TEMPERATURE: Range = Range { least: Least::From(0.0), most: 2.0 };
const TOP_P: Range = Range { least: Least::Above(0.0), most: 1.0 };

impl Request {
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let body = validate::body(input.content_type.as_deref(), &input.body)?;
        let mut check = Checker::new();
        let key = match &input.idempotency_key {
            Some(key) => check
                .within("header", |check| {
                    check.within("idempotency-key", |check| check.string(&Value::from(key.as_str()), KEY))
                })
                .map(Some),
            None => Some(None),
        };
        let request = check.within("body", |check| check.object(body.as_ref(), Self::from_body));
        check.finish(key.zip(request).map(|(key, request)| Self { key, ..request }))
    }

    fn from_body(check: &mut Checker, body: &Value) -> Option<Self> {
        // Every field is read before any is used, so that all problems are found.
        let session = check.required(body, "session_id", |check, value| check.string(value, Length::ANY));
        let message = check.required(body, "message", |check, value| check.string(value, Length::from(1)));
        let replaces = check.optional(body, "replaces", |check, value| check.integer(value, 1));
        let include = check.optional(body, "include", Include::read);
        let model = check.optional(body, "model", |check, value| check.string(value, MODEL));
        let max_tokens = check.optional(body, "max_tokens", |check, value| check.integer(value, 1));
        let temperature =
            check.optional(body, "temperature", |check, value| check.number(value, TEMPERATURE));
        let top_p = check.optional(body, "top_p", |check, value| check.number(value, TOP_P));
        let seed = check.optional(body, "seed", |check, value| check.integer(value, 0));
        let stop = check.optional(body, "stop", |check, value| {
            check.list(value, STOPS, |check, value| check.string(value, STOP))
        });
        Some(Self {
            key: None,
            session: session?,
            message: message?,
            replaces: replaces?,
            include: include?.unwrap_or_default(),
            options: Options {
                model: model?,
                max_tokens: max_tokens?,
                temperature: temperature?,
                top_p: top_p?,
                seed: seed?,
                stop: stop?.unwrap_or_default(),
            },
        })
    }

    /// The turn as the chat logic takes it. One without a name of the client's gets its own.
    ///
    /// The turn that it replaces is set aside: the logic sees the session without it.
    pub fn into_turn(self) -> Result<(Turn, Include), Failure> {
        if let Some(number) = self.replaces
            && !sessions::set_aside(&self.session, number)?
        {
            return Err(Failure::NotNewest { number });
        }
        let turn = Turn {
            id: self.key.unwrap_or_else(uuid::fresh),
            session: self.session,
            message: self.message,
            options: self.options,
        };
        Ok((turn, self.include))
    }

    /// What was understood, in the shape in which the recorded answers show it.
    #[cfg(test)]
    pub fn as_understood(&self) -> Value {
        serde_json::json!({
            "session_id": self.session, "message": self.message, "key": self.key,
            "replaces": self.replaces,
            "max_tokens": self.options.max_tokens, "seed": self.options.seed,
            "temperature": self.options.temperature.map(|number| format!("{number}")),
            "top_p": self.options.top_p.map(|number| format!("{number}")),
            "stop": self.options.stop,
            "include": {"sources": self.include.sources, "usage": self.include.usage, "trimmed": self.include.trimmed},
        })
    }
}

impl Include {
    fn read(check: &mut Checker, value: &Value) -> Option<Self> {
        let names = ["sources", "usage", "trimmed"];
        let expected = "'sources', 'usage' or 'trimmed'";
        let named = check.list(value, INCLUDES, |check, value| check.literal(value, &names, expected))?;
        let [sources, usage, trimmed] = names.map(|name| named.contains(&name));
        Some(Self { sources, usage, trimmed })
    }
}
