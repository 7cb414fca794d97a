//! From inputs to token ids: what the template wrote may hold control tokens, what people wrote
//! never does.
//!
//! The template's text is cut at its control tokens here, and the text between two of them is
//! tokenised in one piece, contents included. That gives the ids that tokenising the whole prompt
//! would give, without looking for control tokens in contents.

use std::sync::Arc;

use llama_cpp_2::{model::LlamaModel, token::LlamaToken, token_type::LlamaTokenAttr};

use crate::{
    Error, Input, Message,
    calling::no_tools,
    splitting::Splitting,
    template::{
        Format,
        jinja::Part,
        llama2::{self, Segment},
        neutralise,
    },
};

/// How the prompt of a chat ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With the beginning of the assistant's message.
    Open,
    /// Where the last message does.
    Closed,
}

impl Ending {
    /// Closed for a finished transcript, open for a question.
    pub fn of(input: &Input) -> Self {
        if input.is_transcript() { Self::Closed } else { Self::Open }
    }
}

/// A token that text can name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Special {
    id: LlamaToken,
    text: String,
    strips_left: bool,
    strips_right: bool,
}

/// What tokenising needs to know of a model, read once.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    model: Arc<LlamaModel>,
    /// The longest first.
    specials: Vec<Special>,
    /// Texts that llama.cpp takes for tokens even in plain text, and that mean something.
    markers: Vec<String>,
    begin: Option<LlamaToken>,
    end: Option<LlamaToken>,
    adds_begin: bool,
    splitting: Splitting,
}

impl Vocabulary {
    /// Reads `model`'s vocabulary; its chat templates tell which user-defined tokens mean something.
    pub fn new(model: Arc<LlamaModel>, templates: &[&str]) -> Self {
        let vocab = model.vocab();
        let (mut specials, mut markers) = (Vec::new(), Vec::new());
        for id in vocab.tokens() {
            let attributes = vocab.attr(id);
            let user_defined = attributes.contains(LlamaTokenAttr::UserDefined);
            let text = vocab.text(id).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
            let special = user_defined
                || attributes.contains(LlamaTokenAttr::Control)
                || attributes.contains(LlamaTokenAttr::Unknown);
            if !special || text.is_empty() {
                continue;
            }
            let in_template = templates.iter().any(|template| template.contains(&text));
            if user_defined && !text.trim().is_empty() && (in_template || vocab.is_eog(id)) {
                markers.push(text.clone());
            }
            let strips_left = attributes.contains(LlamaTokenAttr::LStrip);
            let strips_right = attributes.contains(LlamaTokenAttr::RStrip);
            specials.push(Special { id, text, strips_left, strips_right });
        }
        specials.sort_by_key(|special| std::cmp::Reverse(special.text.len()));
        let known = |token: LlamaToken| (token.0 >= 0).then_some(token);
        let (begin, end, adds_begin) = (known(vocab.bos()), known(vocab.eos()), vocab.should_add_bos());
        let fact = |key: &str| model.meta_val_str(key).unwrap_or_default();
        let splitting = Splitting::of(&fact("tokenizer.ggml.model"), &fact("tokenizer.ggml.pre"));
        Self { specials, markers, begin, end, adds_begin, splitting, model }
    }

    /// The text of the begin token and of the end token, for templates.
    pub fn begin_and_end(&self) -> (String, String) {
        let text = |token: Option<LlamaToken>| {
            let special = self.specials.iter().find(|special| Some(special.id) == token);
            special.map(|special| special.text.clone()).unwrap_or_default()
        };
        (text(self.begin), text(self.end))
    }

    /// The ids of an input whose size was checked.
    pub fn encode(&self, format: &Format, input: &Input, ending: Ending) -> Result<Vec<LlamaToken>, Error> {
        let tokens = match (input, format) {
            (Input::Prompt(text), _) => self.encode_parts(&[Part::Content(text.clone())])?,
            (Input::Marked(text), _) => self.encode_parts(&[Part::Template(text.clone())])?,
            (Input::Chat(messages), Format::Llama2) => {
                llama2::check(messages, ending)?;
                self.encode_llama2(messages)?
            }
            (Input::Chat(messages), Format::Jinja(template)) => {
                let specials = || self.specials.iter().map(|special| special.text.as_str());
                let inert = |text: &str| neutralise(text, specials());
                self.encode_parts(&template.parts(messages, ending == Ending::Open, inert)?)?
            }
            (Input::Tools(dialogue), Format::Jinja(template)) => {
                // What has no letters has no power.
                let specials = || self.specials.iter().map(|special| special.text.as_str());
                let named = || specials().filter(|text| !text.trim().is_empty());
                self.encode_parts(&template.parts_with_tools(dialogue, |text| neutralise(text, named()))?)?
            }
            (Input::Tools(_), Format::Llama2 | Format::None) => return Err(no_tools()),
            (Input::Chat(_), Format::None) => {
                let message = "the model has no chat template; give it a prompt";
                return Err(Error::InvalidArgument(message.into()));
            }
        };
        if tokens.is_empty() {
            return Err(Error::InvalidArgument("the prompt is empty".into()));
        }
        Ok(tokens)
    }

    fn encode_llama2(&self, messages: &[Message]) -> Result<Vec<LlamaToken>, Error> {
        let mut tokens = Vec::new();
        for segment in llama2::segments(messages) {
            match segment {
                Segment::Begin => tokens.extend(self.begin),
                Segment::End => tokens.extend(self.end),
                Segment::Text(text) => self.encode_text(&text, &mut tokens)?,
            }
        }
        Ok(tokens)
    }

    fn encode_parts(&self, parts: &[Part]) -> Result<Vec<LlamaToken>, Error> {
        let mut tokens = Vec::new();
        let mut text = String::new();
        let mut strip = false;
        let push = |text: &mut String, more: &str, strip: &mut bool| {
            let more = if *strip { more.trim_ascii_start() } else { more };
            *strip &= more.is_empty();
            text.push_str(more);
        };
        for part in parts {
            let own = match part {
                Part::Content(content) => {
                    let markers = self.markers.iter().map(String::as_str);
                    push(&mut text, &neutralise(content, markers), &mut strip);
                    continue;
                }
                Part::Template(own) => own,
            };
            for fragment in partition(own, &self.specials) {
                match fragment {
                    Fragment::Text(more) => push(&mut text, more, &mut strip),
                    Fragment::Special(special) => {
                        let before = if special.strips_left { text.trim_ascii_end() } else { &text };
                        self.encode_text(before, &mut tokens)?;
                        text.clear();
                        tokens.push(special.id);
                        strip = special.strips_right;
                    }
                }
            }
        }
        self.encode_text(&text, &mut tokens)?;
        if let Some(begin) = self.begin.filter(|_| self.adds_begin)
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }

    fn encode_text(&self, text: &str, tokens: &mut Vec<LlamaToken>) -> Result<(), Error> {
        if !text.is_empty() {
            let tokenize = || self.model.vocab().tokenize(text.as_bytes(), false, false);
            tokens.extend(self.splitting.call(text, tokenize)?);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fragment<'a> {
    Text(&'a str),
    Special(&'a Special),
}

/// Cuts `text` at `specials`, which come the longest first, as llama.cpp does it: all places of the
/// first one, then the next one in what is left.
fn partition<'a>(text: &'a str, specials: &'a [Special]) -> Vec<Fragment<'a>> {
    let mut fragments = vec![Fragment::Text(text)];
    for special in specials.iter().filter(|special| text.contains(&special.text)) {
        let cut = |fragment| match fragment {
            Fragment::Special(_) => vec![fragment],
            Fragment::Text(text) => cut(text, special),
        };
        fragments = fragments.into_iter().flat_map(cut).collect();
    }
    fragments
}

fn cut<'a>(text: &'a str, special: &'a Special) -> Vec<Fragment<'a>> {
    let mut fragments = Vec::new();
    for (index, piece) in text.split(special.text.as_str()).enumerate() {
        if index > 0 {
            fragments.push(Fragment::Special(special));
        }
        if !piece.is_empty() {
            fragments.push(Fragment::Text(piece));
        }
    }
    fragments
}

#[cfg(test)]
mod tests;
