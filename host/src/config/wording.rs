//! How a refused setting is told: words for people, not the names of Rust types.

use super::{
    error::Origin,
    names::{self, Suggestion},
};
use figment::error::{Actual, Kind};

/// What the names of the host's environment variables start with.
pub(super) const PREFIX: &str = "CORRAL_";

/// What stands between two levels of a setting in a variable's name.
pub(super) const LEVEL: &str = "__";

/// The environment variable that sets this.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', LEVEL).to_uppercase())
}

/// What is said of a setting that nobody knows; `depth` levels of it were looked at.
pub(super) fn unknown(origin: &Origin, depth: usize, suggestion: &Suggestion) -> String {
    match (suggestion, origin) {
        (Suggestion::Key(key), Origin::File(_)) => format!("unknown setting; did you mean {key}?"),
        (Suggestion::Key(key), Origin::Variable(name)) => {
            let rest: String = name.split(LEVEL).skip(depth).map(|level| format!("{LEVEL}{level}")).collect();
            format!("unknown setting; did you mean {}{rest}?", variable(key))
        }
        (Suggestion::OneOf(names), _) => format!("unknown setting; known here: {names}"),
        (Suggestion::None, _) => "unknown setting".into(),
    }
}

/// The value that was refused, where the refusal carries it.
pub(super) fn given(kind: &Kind) -> Option<String> {
    match kind {
        Kind::InvalidType(actual, _) | Kind::InvalidValue(actual, _) => shown(actual),
        Kind::UnknownVariant(given, _) => Some(format!("{given:?}")),
        _ => None,
    }
}

/// What a setting wants.
pub(super) fn expected(kind: Kind) -> String {
    let wanted = match kind {
        Kind::InvalidType(_, wanted) | Kind::InvalidValue(_, wanted) | Kind::InvalidLength(_, wanted) => {
            wanted
        }
        Kind::UnknownVariant(given, known) => {
            let quoted: Vec<_> = known.iter().map(|name| format!("{name:?}")).collect();
            let near = names::nearest(&given, known).filter(|_| known.len() > 1);
            let hint = near.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
            return format!("expected {}{hint}", quoted.join(" or "));
        }
        Kind::Message(message) => message,
        other => return other.to_string(),
    };
    match plain(&wanted) {
        Some(words) => format!("expected {words}"),
        None => wanted,
    }
}

fn plain(wanted: &str) -> Option<String> {
    let words = match wanted {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "i32" | "i64" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a duration" => "a duration such as \"30s\", \"30m\" or \"1h\"".into(),
        "a string" | "path string" => "text in quotes".into(),
        "a sequence" => "a list such as [\"a\", \"b\"]".into(),
        _ if wanted == "parsable string" || wanted == "an integer or string" => {
            "a size such as \"4 MiB\"".into()
        }
        _ if wanted.contains("socket address") => "an address such as \"127.0.0.1:3000\"".into(),
        _ if wanted.starts_with("struct ") || wanted == "a map" => "a table of settings".into(),
        _ if wanted.contains("enum") || wanted.contains("variant") => "one of its names in quotes".into(),
        _ => return None,
    };
    Some(words)
}

/// A value as TOML would write it, where that is short.
pub(super) fn shown(actual: &Actual) -> Option<String> {
    match actual {
        Actual::Bool(value) => Some(value.to_string()),
        Actual::Unsigned(value) => Some(value.to_string()),
        Actual::Signed(value) => Some(value.to_string()),
        Actual::Float(value) => Some(value.to_string()),
        Actual::Str(value) => Some(format!("{value:?}")),
        Actual::Seq => Some("[…]".into()),
        _ => None,
    }
}
