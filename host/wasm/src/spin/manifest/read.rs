//! A TOML file becomes a value, and a mistake in it names its key.

use super::{Manifest, Problems, checks};
use serde::de::DeserializeOwned;
use std::{fs, path::Path};

/// A file's text, with where it is from.
pub struct Text<'a> {
    /// The file.
    pub file: &'a Path,
    /// What it holds.
    pub text: &'a str,
}

impl Text<'_> {
    /// The value that it describes.
    ///
    /// # Errors
    /// What is no TOML, and what the value cannot have.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problems> {
        let one = |key: &str, problem: String| Problems::one(self.file, key, problem);
        let document = toml::Deserializer::parse(self.text)
            .map_err(|error| one("", error.to_string().trim_end().to_owned()))?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let key = readable(&error.path().to_string());
            let inner = error.into_inner();
            one(&key, format!("{}{}{}", place(self.text, &inner), inner.message(), closest(inner.message())))
        })
    }
}

/// The manifest in a file, checked.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(file: &Path) -> Result<Manifest, Problems> {
    let text = fs::read_to_string(file)
        .map_err(|error| Problems::one(file, "", format!("{error}; --spin names the manifest")))?;
    let text = Text { file, text: &text };
    let version: Versioned = text.parse()?;
    version.check(file)?;
    let manifest: Manifest = text.parse()?;
    checks::check(file, &manifest)?;
    Ok(manifest)
}

/// The version, whatever else there is.
#[derive(serde::Deserialize)]
struct Versioned {
    spin_manifest_version: Option<toml::Value>,
    spin_version: Option<toml::Value>,
}

impl Versioned {
    fn check(self, file: &Path) -> Result<(), Problems> {
        let refused = |key: &str, problem: &str| Err(Problems::one(file, key, problem));
        match self.spin_manifest_version.or(self.spin_version) {
            Some(toml::Value::Integer(2)) => Ok(()),
            Some(version) if version.as_str() == Some("1") || version.as_integer() == Some(1) => refused(
                "spin_manifest_version",
                "version 1 is not served; write it anew as version 2 (`spin doctor` does), or see \
                 https://spinframework.dev/v3/manifest-reference",
            ),
            Some(version) => {
                refused("spin_manifest_version", &format!("is {version}, and only 2 is served: write 2"))
            }
            None => refused("spin_manifest_version", "is missing: write spin_manifest_version = 2"),
        }
    }
}

/// `trigger.http[1].route`, as the path of a Rust value has it, without what enums add.
fn readable(path: &str) -> String {
    path.split('.').filter(|part| *part != "?").collect::<Vec<_>>().join(".")
}

fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return String::new() };
    let line = text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: ")
}

/// The name that is most like the unknown one, if serde says that a field is unknown and which are known.
fn closest(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next().filter(|_| message.starts_with("unknown field"));
    let like = |name: &str| unknown.map_or(0.0, |unknown| strsim::jaro_winkler(unknown, name));
    names
        .map(|name| (like(name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}
