//! Why the file could not be worked on.
//!
//! Not here: what a back end makes of it. One later retry is reasonable unless the variant says not.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Why the file could not be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened; says which and why. Only opening gives this.
    #[error("opening {}: {cause}", path.display())]
    Opening {
        /// The file.
        path: PathBuf,
        /// What stood in the way.
        cause: Box<Self>,
    },
    /// The tables are those of a later version. Retrying will not help.
    #[error(
        "its {part} have schema version {stored}, this Corral knows versions up to {known}: \
         start the Corral that wrote the file, or name another file in store.path"
    )]
    Newer {
        /// Whose tables.
        part: &'static str,
        /// The version in the file.
        stored: u32,
        /// The last version that this program knows.
        known: u32,
    },
    /// The file system cannot share the file between connections. Retrying will not help.
    #[error("journal mode is {mode}, WAL is needed: use a local file system")]
    Journal {
        /// What SQLite chose instead.
        mode: String,
    },
    /// Too many calls wait already.
    #[error("{0} calls are waiting already")]
    Full(usize),
    /// The deadline passed. A write may still be on its way to its commit.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The work panicked, and was taken back. Retrying is unlikely to help.
    #[error("the work panicked")]
    Panicked,
    /// The threads have ended.
    #[error("the threads of the store have ended")]
    Ended,
    /// A file, a folder or a thread could not be made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What SQLite says.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

impl Error {
    pub(crate) fn opening(path: &Path, cause: Self) -> Self {
        Self::Opening { path: path.to_owned(), cause: Box::new(cause) }
    }
}
