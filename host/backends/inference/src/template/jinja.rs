//! Renders the Jinja template that a model file carries, as Hugging Face's tools render it, and
//! keeps apart what the template wrote and what people wrote.
//!
//! Contents are rendered as placeholders and put in afterwards, so that control tokens are only
//! looked for in the template's own text. Where a template changes contents or branches on them,
//! the rendering with placeholders differs from the plain one; then the plain one is taken, with
//! the control tokens in the contents broken up.
//!
//! Not here: token ids (`tokens`).

mod json;

use minijinja::{Environment, ErrorKind, Value, context};

use crate::{
    Choice, Dialogue, Error, Message, Role, Tool, Turn,
    calling::{Style, lines, no_tools},
};

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
    style: Option<Style>,
    /// For conversations with tools, where this one has no place for them.
    for_tools: Option<Box<ChatTemplate>>,
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
        environment.add_filter("tojson", json::tojson);
        let style = Style::of(&source);
        // As Jinja does: files have line breaks of either kind.
        environment.add_template_owned(NAME, source.replace("\r\n", "\n"))?;
        let mut template = Self { environment, begin, end, takes_system: true, style, for_tools: None };
        template.takes_system = template.shows_system();
        template.style = style.filter(|_| template.shows_tools());
        Ok(template)
    }

    /// The same model with a second template, for tools. What has no place for them, or calls them in a form that is not
    /// known, is no help.
    #[must_use]
    pub fn and_for_tools(self, other: Self) -> Self {
        let for_tools = (self.style.is_none() && other.style.is_some()).then(|| Box::new(other));
        Self { for_tools, ..self }
    }

    /// The form of its calls; none if it has no place for tools, or calls them in a form that is not known.
    pub fn style(&self) -> Option<Style> {
        self.for_tools.as_ref().map_or(self.style, |other| other.style)
    }

    /// The parts of a chat whose order of roles was checked; `open` adds the beginning of the
    /// assistant's message. `inert` breaks up control tokens in a text.
    pub fn parts(
        &self,
        messages: &[Message],
        open: bool,
        inert: impl Fn(&str) -> String,
    ) -> Result<Vec<Part>, Error> {
        let lines = messages.iter().map(|message| Line::new(message.role.name(), &message.content)).collect();
        self.split(&Chat { lines, tools: Value::from(()), open }, inert)
    }

    /// The parts of a conversation with tools that was checked, with the beginning of the assistant's message.
    pub fn parts_with_tools(
        &self,
        dialogue: &Dialogue,
        inert: impl Fn(&str) -> String,
    ) -> Result<Vec<Part>, Error> {
        if let Some(other) = &self.for_tools {
            return other.parts_with_tools(dialogue, inert);
        }
        let style = self.style.ok_or_else(no_tools)?;
        let (lines, tools) = lines::of(dialogue, style, &inert)?;
        self.split(&Chat { lines, tools, open: true }, inert)
    }

    fn split(&self, chat: &Chat, inert: impl Fn(&str) -> String) -> Result<Vec<Part>, Error> {
        let chat = chat.with(self.fit(&chat.lines));
        let marks = Marks::of(&chat.lines);
        let plain = self.render(&chat).map_err(refused)?;
        if let Ok(marked) = self.render(&chat.with(marks.lines(&chat.lines))) {
            let parts = marks.split(&marked, &chat.lines);
            if joined(&parts) == plain {
                return Ok(parts);
            }
        }
        let lines = chat.lines.iter().map(|line| line.saying(inert(&line.content))).collect();
        Ok(vec![Part::Template(self.render(&chat.with(lines)).map_err(refused)?)])
    }

    fn render(&self, chat: &Chat) -> Result<String, minijinja::Error> {
        let messages: Vec<Value> = chat.lines.iter().map(Line::value).collect();
        self.environment.get_template(NAME)?.render(context! {
            messages,
            add_generation_prompt => chat.open,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
            tools => chat.tools,
            documents => (),
        })
    }

    /// Some templates refuse a system message, and some leave it out without a word.
    fn shows_system(&self) -> bool {
        const PROBE: &str = "corral-probe";
        let lines = vec![Line::new("system", PROBE), Line::new("user", "x")];
        let chat = Chat { lines, tools: Value::from(()), open: true };
        self.render(&chat).is_ok_and(|text| text.contains(PROBE))
    }

    /// Most templates know nothing of tools, and leave them out without a word.
    fn shows_tools(&self) -> bool {
        const PROBE: &str = "corral_probe";
        let tool = Tool { name: PROBE.into(), description: None, parameters: None, strict: false };
        let turns = vec![Turn::Plain(Message { role: Role::User, content: "x".into() })];
        let probe = Dialogue { turns, tools: vec![tool], choice: Choice::Auto, parallel: true };
        let text = self.parts_with_tools(&probe, str::to_owned).map(|parts| joined(&parts));
        text.is_ok_and(|text| text.contains(PROBE))
    }

    /// The messages as this template can take them.
    fn fit(&self, lines: &[Line]) -> Vec<Line> {
        match lines {
            [system, user, rest @ ..] if !self.takes_system && system.role == "system" => {
                let merged = user.saying(format!("{}\n\n{}", system.content, user.content));
                [merged].into_iter().chain(rest.iter().cloned()).collect()
            }
            lines => lines.to_vec(),
        }
    }
}

/// What a template renders.
struct Chat {
    lines: Vec<Line>,
    tools: Value,
    open: bool,
}

impl Chat {
    fn with(&self, lines: Vec<Line>) -> Self {
        Self { lines, tools: self.tools.clone(), open: self.open }
    }
}

/// A message as templates read it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub role: &'static str,
    pub content: String,
    /// What it has besides.
    pub more: Vec<(&'static str, Value)>,
}

impl Line {
    pub fn new(role: &'static str, content: &str) -> Self {
        Self { role, content: content.into(), more: Vec::new() }
    }

    fn saying(&self, content: String) -> Self {
        Self { content, ..self.clone() }
    }

    fn value(&self) -> Value {
        let own = [("role", self.role.into()), ("content", self.content.as_str().into())];
        own.into_iter().chain(self.more.iter().cloned()).collect()
    }
}

/// Placeholders that occur in no content.
struct Marks {
    nonce: usize,
}

const OPEN: char = '\u{e0c0}';
const CLOSE: char = '\u{e0c1}';

impl Marks {
    fn of(lines: &[Line]) -> Self {
        let taken = |nonce: &usize| lines.iter().any(|line| line.content.contains(&prefix(*nonce)));
        Self { nonce: (0..).find(|nonce| !taken(nonce)).unwrap_or_default() }
    }

    /// The messages with placeholders. White space around a content stays, for templates trim it.
    fn lines(&self, lines: &[Line]) -> Vec<Line> {
        let mark = |(index, line): (usize, &Line)| match line.content.trim() {
            "" => line.clone(),
            body => {
                let placeholder = format!("{}{index}{CLOSE}", prefix(self.nonce));
                line.saying(line.content.replacen(body, &placeholder, 1))
            }
        };
        lines.iter().enumerate().map(mark).collect()
    }

    /// Puts the contents back in.
    fn split(&self, marked: &str, lines: &[Line]) -> Vec<Part> {
        let prefix = prefix(self.nonce);
        let mut pieces = marked.split(prefix.as_str());
        let mut parts = vec![Part::Template(pieces.next().unwrap_or_default().into())];
        for piece in pieces {
            let (index, after) = piece.split_once(CLOSE).unwrap_or((piece, ""));
            let line = index.parse().ok().and_then(|index: usize| lines.get(index));
            parts.push(Part::Content(line.map_or("", |line| line.content.trim()).into()));
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
