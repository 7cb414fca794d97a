//! Lays the environment over runtime.toml, and says where each refused setting came from.

use super::{
    Config,
    checks::Problem,
    error::{Error, Origin, Refusal},
    names, wording,
};
use figment::{
    Figment, Metadata, Profile, Provider, Source,
    error::Kind,
    providers::{Format, Toml},
    util::nest,
    value::{Dict, Map, Value},
};
use std::path::{Path, PathBuf};

const EXPIRATION: &str = "SESSION_EXPIRATION";

/// runtime.toml with the environment's settings over it.
pub(super) struct Layers {
    file: File,
    variables: Vec<Variable>,
}

/// The settings of runtime.toml.
#[derive(Clone)]
struct File {
    path: PathBuf,
    settings: Dict,
}

/// One setting from the environment.
#[derive(Clone)]
struct Variable {
    name: String,
    key: String,
    text: String,
    value: Value,
}

impl Layers {
    pub(super) fn new(
        file: &Path,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let settings = Toml::from_str(text).map_err(|error| Error::Syntax {
            path: file.into(),
            message: error.to_string().trim_end().into(),
        })?;
        let mut variables = Vec::new();
        for (name, text) in environment {
            variables.extend(Variable::new(name, text)?);
        }
        // `SESSION_EXPIRATION` goes below the setting that has the host's own name.
        variables.sort_by_key(|variable| variable.name != EXPIRATION);
        Ok(Self { file: File { path: file.into(), settings }, variables })
    }

    pub(super) fn extract(&self) -> Result<Config, Error> {
        let mut variables = self.variables.clone();
        loop {
            let figment = merge(&self.file, &variables);
            match figment.extract() {
                Ok(config) => return Ok(config),
                Err(error) if reread_as_text(&mut variables, &error) => {}
                Err(error) => return Err(Error::Refused(vec![self.refusal(&figment, error)])),
            }
        }
    }

    /// Names the source of each problem.
    pub(super) fn refuse(&self, problems: Vec<Problem>) -> Error {
        let figment = merge(&self.file, &self.variables);
        let refuse = |Problem { key, value, message }| {
            let origin = self.origin(figment.find_metadata(&key));
            Refusal { origin, key, value, message }
        };
        Error::Refused(problems.into_iter().map(refuse).collect())
    }

    fn refusal(&self, figment: &Figment, error: figment::Error) -> Refusal {
        let origin = self.origin(error.metadata.as_ref());
        // A list's element is not a setting; the list is.
        let element = error.path.last().is_some_and(|last| last.parse::<usize>().is_ok());
        let key = error.path[..error.path.len() - usize::from(element)].join(".");
        match error.kind {
            Kind::UnknownField(_, known) => {
                let suggestion = names::suggestion(&error.path, known);
                let message = wording::unknown(&origin, error.path.len(), &suggestion);
                Refusal { origin, key, value: None, message }
            }
            Kind::MissingField(name) => {
                let key = [error.path.as_slice(), &[name.into_owned()]].concat().join(".");
                Refusal { origin, key, value: None, message: "missing; it has no default".into() }
            }
            kind => {
                let whole = || wording::shown(&figment.find_value(&key).ok()?.to_actual());
                let value = wording::given(&kind).or_else(whole);
                Refusal { origin, key, value, message: wording::expected(kind) }
            }
        }
    }

    fn origin(&self, metadata: Option<&Metadata>) -> Origin {
        match metadata.and_then(|metadata| metadata.source.as_ref()) {
            Some(Source::Custom(variable)) => Origin::Variable(variable.clone()),
            _ => Origin::File(self.file.path.clone()),
        }
    }
}

impl Variable {
    /// None if the variable is no setting.
    fn new(name: String, text: String) -> Result<Option<Self>, Error> {
        let refuse = |name: &str, value: Option<&str>, message: String| {
            let refusal = Refusal {
                origin: Origin::Variable(name.into()),
                key: String::new(),
                value: None,
                message: value.map_or(message.clone(), |value| format!("{value:?}: {message}")),
            };
            Error::Refused(vec![refusal])
        };
        if name == EXPIRATION {
            let seconds: u64 = text.trim().parse().map_err(|error| {
                refuse(&name, Some(&text), format!("{error}: expected whole seconds such as 3600"))
            })?;
            let value = Value::from(format!("{seconds}s"));
            return Ok(Some(Self { name, key: "sessions.expire_after".into(), text, value }));
        }
        let Some(rest) = name.strip_prefix(wording::PREFIX) else { return Ok(None) };
        if !rest.contains(wording::LEVEL) {
            // Other programs may own such a name (Kubernetes sets CORRAL_PORT for a service called corral);
            // but one that spells a setting with too few underscores would be lost in silence.
            return match names::all().iter().find(|key| rest == key.replace('.', "_").to_uppercase()) {
                Some(key) => Err(refuse(&name, None, format!("did you mean {}?", wording::variable(key)))),
                None => Ok(None),
            };
        }
        let key = rest.split(wording::LEVEL).map(str::to_lowercase).collect::<Vec<_>>().join(".");
        let Ok(value) = text.parse::<Value>();
        Ok(Some(Self { name, key, text, value }))
    }
}

impl Provider for File {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.settings.clone()))
    }
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::from("environment variable", self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = nest(&self.key, self.value.clone()).into_dict().unwrap_or_default();
        Ok(Profile::Default.collect(nested))
    }
}

fn merge(file: &File, variables: &[Variable]) -> Figment {
    variables.iter().cloned().fold(Figment::from(file.clone()), Figment::merge)
}

/// A variable such as `123` reads as a number first. Where the setting wants text, it is text.
fn reread_as_text(variables: &mut [Variable], error: &figment::Error) -> bool {
    let key = error.path.join(".");
    let Some(variable) = variables.iter_mut().rev().find(|variable| variable.key == key) else {
        return false;
    };
    if !wants_text(&error.kind) || variable.value.as_str().is_some() {
        return false;
    }
    variable.value = Value::from(variable.text.clone());
    true
}

fn wants_text(kind: &Kind) -> bool {
    matches!(kind, Kind::InvalidType(_, expected) if expected.contains("string"))
}
