//! Which files are meant by the paths given, what kind each is, and which are left out.
//!
//! Not here: what is in them (`text.rs`).

use super::names;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// What a file's ending says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Plain text, and Markdown, which is kept as it is.
    Text,
    Html,
    Pdf,
}

/// A file to ingest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// What it is called as a document.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) bytes: u64,
}

/// What the paths lead to.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<File>,
    /// How many were left out, by the reason.
    pub(super) skipped: BTreeMap<&'static str, usize>,
    /// Those that cannot be read, and why.
    pub(super) failed: Vec<(PathBuf, String)>,
}

/// Looks at the paths, and into folders.
pub(super) fn find(paths: &[PathBuf]) -> Found {
    let mut search = Search::default();
    for path in paths {
        search.path(path);
    }
    search.found
}

#[derive(Default)]
struct Search {
    found: Found,
    names: BTreeSet<String>,
}

impl Search {
    fn path(&mut self, path: &Path) {
        // In one order everywhere. A path that is named is followed, even if it is a link.
        let mut walk = WalkDir::new(path).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) if entry.depth() > 0 && is_hidden(&entry) => {
                    self.skip("hidden");
                    if entry.file_type().is_dir() {
                        walk.skip_current_dir();
                    }
                }
                Ok(entry) => self.entry(&entry),
                Err(error) => {
                    let place = error.path().unwrap_or(path).to_owned();
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    self.found.failed.push((place, reason));
                }
            }
        }
    }

    fn entry(&mut self, entry: &DirEntry) {
        let named = entry.depth() == 0;
        // What is named is what its link leads to; what is met in a folder is the link.
        let data = if named { entry.path().metadata().ok() } else { entry.metadata().ok() };
        let (kind, bytes) = match data {
            Some(data) if data.is_dir() => return,
            Some(data) if data.is_file() => (kind(entry.path(), named), data.len()),
            Some(data) if data.is_symlink() => return self.skip("linked"),
            Some(_) => return self.skip("not ordinary"),
            None => return self.fail(entry, "it went away".to_owned()),
        };
        let Some(kind) = kind else { return self.skip("of a kind that is not read") };
        match names::of(entry.path()) {
            Ok(name) if self.names.contains(&name) => {}
            Ok(name) => {
                self.names.insert(name.clone());
                self.found.files.push(File { path: entry.path().to_owned(), name, kind, bytes });
            }
            Err(error) => self.fail(entry, error.to_string()),
        }
    }

    fn skip(&mut self, reason: &'static str) {
        *self.found.skipped.entry(reason).or_default() += 1;
    }

    fn fail(&mut self, entry: &DirEntry, reason: String) {
        self.found.failed.push((entry.path().to_owned(), reason));
    }
}

/// None for endings that are not known, unless somebody named the file.
fn kind(path: &Path, named: bool) -> Option<Kind> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "txt" | "text" | "md" | "markdown" => Some(Kind::Text),
        "html" | "htm" | "xhtml" => Some(Kind::Html),
        "pdf" => Some(Kind::Pdf),
        _ => named.then_some(Kind::Text),
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_gives_what_can_be_read_and_says_what_was_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::create_dir_all(place("deep/er")).unwrap();
        fs::create_dir(place(".git")).unwrap();
        for name in ["b.MD", "a.txt", "deep/er/c.html", ".hidden.txt", ".git/d.txt", "e.docx", "f.pdf"] {
            fs::write(place(name), "text").unwrap();
        }
        std::os::unix::fs::symlink(place("a.txt"), place("link.txt")).unwrap();

        let found = find(&[folder.path().to_owned(), place("a.txt"), place("none.txt")]);
        let files: Vec<_> = found.files.iter().map(|file| file.path.as_path()).collect();
        assert_eq!(files, [place("a.txt"), place("b.MD"), place("deep/er/c.html"), place("f.pdf")]);
        assert_eq!(found.files[3].kind, Kind::Pdf);
        let skipped: Vec<_> = found.skipped.into_iter().collect();
        assert_eq!(skipped, [("hidden", 2), ("linked", 1), ("of a kind that is not read", 1)]);
        assert_eq!(found.failed.len(), 1);
        assert_eq!(found.failed[0].0, place("none.txt"));
    }

    #[test]
    fn a_named_file_may_have_any_ending_and_be_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("notes.log"), folder.path().join(".link"));
        fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let found = find(&[file, link]);
        assert_eq!(found.files.len(), 2);
        assert!(found.skipped.is_empty());
    }
}
