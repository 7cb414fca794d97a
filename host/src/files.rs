//! Files that are whole, whenever a process ends.

use anyhow::Context;
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// What a draft's name ends with.
const DRAFT: &str = "draft";

/// Writes a file for its owner alone: beside its place first, onto the disk, then by one rename, so that a reader finds
/// the former file or this one. Of two processes each has a draft of its own.
///
/// # Errors
/// Those of the file system, with the file's name.
pub fn write_whole(path: &Path, parts: &[&[u8]]) -> anyhow::Result<()> {
    let attempt = || format!("writing {}", path.display());
    let draft = beside(path, &format!(".{}.{DRAFT}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&draft).with_context(attempt)?;
    for part in parts {
        file.write_all(part).with_context(attempt)?;
    }
    file.sync_all().with_context(attempt)?;
    fs::rename(&draft, path).with_context(attempt)?;
    // A name is on the disk when its folder is.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(attempt)
}

/// The path with something behind its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        for parts in [[&b"one"[..], b", two"], [b"three", b""]] {
            write_whole(&path, &parts).unwrap();
            assert_eq!(fs::read(&path).unwrap(), parts.concat());
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the draft is gone");
        let nowhere = folder.path().join("nowhere/state.json");
        let error = format!("{:#}", write_whole(&nowhere, &[b""]).unwrap_err());
        assert!(error.contains("nowhere/state.json"), "{error}");
    }
}
