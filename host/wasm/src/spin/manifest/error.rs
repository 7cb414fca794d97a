//! What is wrong with a manifest or a runtime configuration: the file, the key, and how to mend it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// Everything that is wrong with one file.
#[derive(Debug)]
pub struct Problems {
    file: PathBuf,
    found: Vec<(String, String)>,
}

impl Problems {
    /// None yet.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), found: Vec::new() }
    }

    /// One of a key.
    pub fn add(&mut self, key: impl Into<String>, problem: impl Into<String>) {
        self.found.push((key.into(), problem.into()));
    }

    /// One of a key, alone.
    #[must_use]
    pub fn one(file: &Path, key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), found: vec![(key.into(), problem.into())] }
    }

    /// The value, or where it is none, a problem and no value.
    pub fn take<T>(&mut self, key: impl Into<String>, result: Result<T, impl fmt::Display>) -> Option<T> {
        result.map_err(|problem| self.add(key, format!("{problem:#}"))).ok()
    }

    /// Nothing, if there are none.
    ///
    /// # Errors
    /// All of them.
    pub fn none(self) -> Result<(), Self> {
        if self.found.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, problem)) in self.found.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            let file = self.file.display();
            match key.as_str() {
                "" | "." => write!(out, "{file}: {problem}")?,
                key => write!(out, "{file}: {key}: {problem}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
