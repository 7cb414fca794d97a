//! Texts with variables in them: `https://{{ host }}/`.

/// A text, in parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// The parts of a text.
    ///
    /// # Errors
    /// Braces that are opened and not closed.
    pub fn parse(mut text: &str) -> Result<Self, &'static str> {
        let mut parts = Vec::new();
        while let Some((before, rest)) = text.split_once("{{") {
            let (name, after) = rest.split_once("}}").ok_or("\"{{\" is opened and not closed: add \"}}\"")?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            text = after;
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Whether there are no variables in it.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.names().next().is_none()
    }

    /// The variables in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with the variables' values in it.
    ///
    /// # Errors
    /// The name of the first variable that has none.
    pub fn filled<'a>(&'a self, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Variable(name) => filled.push_str(value(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(filled)
    }
}
