//! The names of all settings, asked of the types themselves, and the nearest one to a misspelt name.

use super::Config;
use figment::{
    Figment,
    error::Kind,
    providers::Serialized,
    value::{Dict, Value},
};

/// A name that no setting has.
const PROBE: &str = "?";

/// Stands for the name of any application in a setting's path.
const ANY_APP: &str = "NAME";

/// Every setting's full path, such as `server.listen` and `apps.NAME.route`.
pub(super) fn all() -> Vec<String> {
    let mut found = Vec::new();
    collect(&mut Vec::new(), &mut found);
    found
}

/// Says what a misspelt setting may have meant. `known` are the names where it stands.
pub(super) fn suggestion(path: &[String], known: &[&str]) -> Suggestion {
    let Some((name, parents)) = path.split_last() else { return Suggestion::None };
    let nearby = nearest(name, known).map(|near| join(parents, near));
    let mut elsewhere = all().into_iter().filter(|key| key.rsplit('.').next() == Some(name));
    match (nearby, elsewhere.next(), elsewhere.next()) {
        // The right name in the wrong section, if only one section has it.
        (_, Some(moved), None) => Suggestion::Key(moved),
        (Some(near), _, _) => Suggestion::Key(near),
        (None, _, _) if known.is_empty() => Suggestion::None,
        (None, _, _) => Suggestion::OneOf(known.join(", ")),
    }
}

/// What may have been meant.
pub(super) enum Suggestion {
    /// This setting.
    Key(String),
    /// One of these names.
    OneOf(String),
    /// Nobody knows.
    None,
}

/// The known name that is most like `name`, if one is like it at all.
pub(super) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |other: &str| {
        let contained = !name.is_empty() && (other.contains(name) || name.contains(other));
        strsim::normalized_damerau_levenshtein(name, other) + if contained { 0.3 } else { 0.0 }
    };
    let best = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= 0.5).then_some(best)
}

/// Deserialising a name that no struct has makes serde list the names that this one has.
fn collect(path: &mut Vec<String>, found: &mut Vec<String>) {
    path.push(PROBE.into());
    let probed = probe(path);
    path.pop();
    match probed {
        Some(Kind::UnknownField(_, known)) => {
            for name in known {
                path.push((*name).into());
                collect(path, found);
                path.pop();
            }
        }
        // A map of applications: any name will do.
        _ if path.len() == 1 && path[0] == "apps" => {
            path.push(ANY_APP.into());
            collect(path, found);
            path.pop();
        }
        _ => found.push(path.join(".")),
    }
}

fn probe(path: &[String]) -> Option<Kind> {
    let nested = path.iter().rev().fold(Value::from(true), |value, name| {
        let mut table = Dict::new();
        table.insert(name.clone(), value);
        table.into()
    });
    let error = Figment::from(Serialized::defaults(nested)).extract::<Config>().err()?;
    // An error further up is about the whole table, not about its names.
    (error.path.len() == path.len()).then_some(error.kind)
}

fn join(parents: &[String], name: &str) -> String {
    parents.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".")
}
