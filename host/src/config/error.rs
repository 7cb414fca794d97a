//! What is said when settings cannot be used: where they stand, which one, and how to mend it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file. Name another one.
    #[error(
        "{}: no such file. Run corral in the folder that has runtime.toml, or name it with --config FILE",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there and cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where, and what was expected there.
        message: String,
    },
    /// Settings that cannot be used: one a line.
    #[error("{}", lines(.0))]
    Refused(Vec<Refusal>),
}

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it was set.
    pub origin: Origin,
    /// The setting: `sessions.expire_after`. Empty when a variable names none.
    pub key: String,
    /// Its value, as TOML would write it.
    pub value: Option<String>,
    /// What is wrong with it, or what was expected.
    pub message: String,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// This environment variable.
    Variable(String),
}

impl Error {
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing(path.into()),
            _ => Self::Unreadable { path: path.into(), source },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match (self.key.as_str(), &self.value) {
            ("", _) => {}
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

fn lines(refusals: &[Refusal]) -> String {
    refusals.iter().map(Refusal::to_string).collect::<Vec<_>>().join("\n")
}
