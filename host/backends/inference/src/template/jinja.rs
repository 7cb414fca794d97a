//! Renders the Jinja template that a model file carries, as Hugging Face's tools render it, and
//! keeps apart what the template wrote and what people wrote.
//!
//! Contents are rendered as placeholders and put in afterwards, so that control tokens are only
//! looked for in the template's own text. Where a template changes contents or branches on them,
//! the rendering with placeholders differs from the plain one; then the plain one is taken, with
//! the control tokens in the contents broken up.
//!
//! Not here: token ids (`tokens`).

use minijinja::{Environment, ErrorKind, Value, context};

use crate::{Error, Message, Role};

/// A piece of a rendered chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// The template's own text, in which control tokens count.
    Template(String),
    /// What someone wrote, in which nothing counts.
    Content(String),
}

/// A chat template, ready to render.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    begin: String,
    end: String,
    takes_system: bool,
}

const NAME: &str = "chat_template";

impl ChatTemplate {
    /// Compiles `source`; `begin` and `end` are the texts of the model's begin and end tokens.
    pub fn new(source: String, begin: String, end: String) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        environment.add_template_owned(NAME, source)?;
        let mut template = Self { environment, begin, end, takes_system: true };
        template.takes_system = template.shows_system();
        Ok(template)
    }

    /// The parts of a chat whose order of roles was checked; `open` adds the beginning of the
    /// assistant's message. `inert` breaks up control tokens in a text.
    pub fn parts(
        &self,
        messages: &[Message],
        open: bool,
        inert: impl Fn(&str) -> String,
    ) -> Result<Vec<Part>, Error> {
        let messages = self.fit(messages);
        let marks = Marks::of(&messages);
        let plain = self.render(&messages, open).map_err(refused)?;
        if let Ok(marked) = self.render(&marks.messages(&messages), open) {
            let parts = marks.split(&marked, &messages);
            if joined(&parts) == plain {
                return Ok(parts);
            }
        }
        let inert: Vec<Message> = messages
            .iter()
            .map(|message| Message { role: message.role, content: inert(&message.content) })
            .collect();
        Ok(vec![Part::Template(self.render(&inert, open).map_err(refused)?)])
    }

    fn render(&self, messages: &[Message], open: bool) -> Result<String, minijinja::Error> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| context! { role => message.role.name(), content => message.content.as_str() })
            .collect();
        self.environment.get_template(NAME)?.render(context! {
            messages,
            add_generation_prompt => open,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
            tools => (),
            documents => (),
        })
    }

    /// Some templates refuse a system message, and some leave it out without a word.
    fn shows_system(&self) -> bool {
        const PROBE: &str = "corral-probe";
        let message = |role, content: &str| Message { role, content: content.into() };
        let chat = [message(Role::System, PROBE), message(Role::User, "x")];
        self.render(&chat, true).is_ok_and(|text| text.contains(PROBE))
    }

    /// The messages as this template can take them.
    fn fit(&self, messages: &[Message]) -> Vec<Message> {
        match messages {
            [Message { role: Role::System, content: system }, user, rest @ ..] if !self.takes_system => {
                let content = format!("{system}\n\n{}", user.content);
                let mut merged = vec![Message { role: user.role, content }];
                merged.extend_from_slice(rest);
                merged
            }
            messages => messages.to_vec(),
        }
    }
}

/// Placeholders that occur in no content.
struct Marks {
    nonce: usize,
}

const OPEN: char = '\u{e0c0}';
const CLOSE: char = '\u{e0c1}';

impl Marks {
    fn of(messages: &[Message]) -> Self {
        let taken = |nonce: &usize| messages.iter().any(|message| message.content.contains(&prefix(*nonce)));
        Self { nonce: (0..).find(|nonce| !taken(nonce)).unwrap_or_default() }
    }

    /// The messages with placeholders. White space around a content stays, for templates trim it.
    fn messages(&self, messages: &[Message]) -> Vec<Message> {
        let mark = |(index, message): (usize, &Message)| {
            let body = message.content.trim();
            let content = if body.is_empty() {
                message.content.clone()
            } else {
                message.content.replacen(body, &format!("{}{index}{CLOSE}", prefix(self.nonce)), 1)
            };
            Message { role: message.role, content }
        };
        messages.iter().enumerate().map(mark).collect()
    }

    /// Puts the contents back in.
    fn split(&self, marked: &str, messages: &[Message]) -> Vec<Part> {
        let prefix = prefix(self.nonce);
        let mut pieces = marked.split(prefix.as_str());
        let mut parts = vec![Part::Template(pieces.next().unwrap_or_default().into())];
        for piece in pieces {
            let (index, after) = piece.split_once(CLOSE).unwrap_or((piece, ""));
            let message = index.parse().ok().and_then(|index: usize| messages.get(index));
            parts.push(Part::Content(message.map_or("", |message| message.content.trim()).into()));
            parts.push(Part::Template(after.into()));
        }
        parts
    }
}

fn prefix(nonce: usize) -> String {
    format!("{OPEN}{nonce}:")
}

fn joined(parts: &[Part]) -> String {
    parts.iter().map(|(Part::Template(text) | Part::Content(text))| text.as_str()).collect()
}

fn refused(error: minijinja::Error) -> Error {
    Error::InvalidArgument(format!("the model's chat template refused the chat: {error}"))
}

fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, minijinja::Error> {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    jiff::fmt::strtime::format(format, &now).map_err(|error| {
        minijinja::Error::new(ErrorKind::InvalidOperation, "strftime_now failed").with_source(error)
    })
}

#[cfg(test)]
mod tests;
