//! The admin token: a file that only its owner, and at most a group, can read.

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

const RANDOM_BYTES: usize = 32;
const SHORTEST: usize = 16;
/// A token is one line; whatever is longer is another file.
const LONGEST: u64 = 4096;

/// What a bearer has to show.
pub(super) struct Token {
    // Comparing digests takes the same time however much of a guess is right.
    digest: [u8; 32],
}

impl Token {
    /// Reads the token, or makes one if there is no file.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let attempt = || format!("admin.token_file {}", path.display());
        let text = match File::open(path) {
            Ok(file) => read(&file, path).with_context(attempt)?,
            Err(missing) if missing.kind() == ErrorKind::NotFound => create(path).with_context(attempt)?,
            Err(error) => return Err(error).with_context(attempt),
        };
        Ok(Self { digest: digest(text.trim().as_bytes()) })
    }

    pub(super) fn is(&self, given: &[u8]) -> bool {
        digest(given) == self.digest
    }
}

/// Whether the host can use the file that is there.
pub fn inspect(path: &Path) -> anyhow::Result<()> {
    File::open(path).map_err(Into::into).and_then(|file| read(&file, path)).map(drop)
}

fn read(file: &File, path: &Path) -> anyhow::Result<String> {
    let mode = file.metadata().context("reading its mode")?.permissions().mode();
    // A group may read it: that is how Kubernetes gives a secret to who is not root (`fsGroup`).
    if mode & 0o037 != 0 {
        bail!("others can read or change it (mode {:o}): run `chmod 600 {}`", mode & 0o777, path.display());
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).context("reading it")?;
    if text.trim().len() < SHORTEST {
        bail!("it holds no token of at least {SHORTEST} characters: delete it and a new one is made");
    }
    Ok(text)
}

fn create(path: &Path) -> anyhow::Result<String> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).context("making its folder")?;
    }
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).context("drawing random bytes")?;
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).context("creating it")?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).context("writing it")?;
    Ok(text)
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_missing_file_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/admin-token");
        let made = Token::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 64);
        assert!(made.is(text.trim().as_bytes()) && !made.is(b""));
        assert!(Token::open(&path).unwrap().is(text.trim().as_bytes()));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        fs::write(&path, "0123456789abcdef0123456789abcdef").unwrap();
        for mode in [0o604, 0o620, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = format!("{:#}", Token::open(&path).err().unwrap());
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        for mode in [0o400, 0o440, 0o640] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(Token::open(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn an_empty_file_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        fs::write(&path, "\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = format!("{:#}", Token::open(&path).err().unwrap());
        assert!(error.contains("delete it"), "{error}");
    }
}
