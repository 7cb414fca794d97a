//! Compiled components on disk, by content and by the engine that compiled them.
//!
//! Compiled code is run as it is, so only its owner may write or read it, and a file whose
//! digest is wrong is compiled anew.

use crate::files::write_whole;
use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};
use wasmtime::{Engine, component::Component};

/// A file is the digest of the compiled code, then the code.
const DIGEST: usize = 32;

/// The folder of compiled components.
pub(super) struct Cache {
    folder: PathBuf,
    /// Bytes that its files may have together.
    limit: u64,
}

impl Cache {
    /// Opens the folder, or makes it. A folder that others may write to is refused. What is used keeps it within so many
    /// bytes, unless one file alone has more.
    pub(super) fn open(folder: &Path, limit: u64) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("making the cache folder {}", folder.display()))?;
        let metadata = fs::metadata(folder)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            bail!("the cache folder {} is open to others: run `chmod 700` on it", folder.display());
        }
        Ok(Self { folder: folder.to_owned(), limit })
    }

    /// The component compiled, from the cache or anew.
    pub(super) fn compiled(&self, engine: &Engine, bytes: &[u8]) -> anyhow::Result<Component> {
        let path = self.path(engine, bytes);
        match load(engine, &path) {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), cause = format!("{error:#}"), "cached component unusable; compiling anew")
            }
        }
        let compiled = precompile(engine, bytes)?;
        if let Err(error) = store(&path, &compiled) {
            tracing::warn!(cause = format!("{error:#}"), "compiled component not cached");
        }
        self.trim();
        code::deserialize(engine, &compiled)
    }

    /// The component, if it is there compiled and whole.
    pub(super) fn ready(&self, engine: &Engine, bytes: &[u8]) -> anyhow::Result<Option<Component>> {
        let found = load(engine, &self.path(engine, bytes));
        self.trim();
        found
    }

    /// Compiles into the cache.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> anyhow::Result<()> {
        store(&self.path(engine, bytes), &precompile(engine, bytes)?)
    }

    /// Removes what was used longest ago, drafts of compilers that were ended among it, until the rest is within the
    /// limit. Whoever wants such a component compiles it again.
    fn trim(&self) {
        match files_by_use(&self.folder) {
            Ok(files) => {
                let mut bytes = 0_u64;
                for (index, (_, size, path)) in files.into_iter().enumerate() {
                    bytes = bytes.saturating_add(size);
                    if index > 0 && bytes > self.limit {
                        // Another host on the same folder may have been quicker.
                        drop(fs::remove_file(path));
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the cache of compiled components cannot be looked through"),
        }
    }

    fn path(&self, engine: &Engine, bytes: &[u8]) -> PathBuf {
        let mut fingerprint = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut fingerprint);
        self.folder.join(format!("{}-{:016x}.cwasm", hex(&Sha256::digest(bytes)), fingerprint.finish()))
    }
}

fn precompile(engine: &Engine, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    engine.precompile_component(bytes).map_err(anyhow::Error::from).context("compiling the component")
}

/// The lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// When each file was used, its size and its name, the latest first.
fn files_by_use(folder: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    files.sort_unstable_by(|one, other| other.cmp(one));
    Ok(files)
}

fn load(engine: &Engine, path: &Path) -> anyhow::Result<Option<Component>> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("reading it"),
    };
    let metadata = fs::metadata(path)?;
    if metadata.permissions().mode() & 0o077 != 0 || metadata.uid() != owner(path)? {
        bail!("it is open to others");
    }
    let Some((digest, compiled)) = file.split_at_checked(DIGEST) else { bail!("it is cut short") };
    if digest != Sha256::digest(compiled).as_slice() {
        bail!("its digest is wrong");
    }
    // So that what is used stays. A cache on a disk that cannot be written to is never trimmed either.
    drop(fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now())));
    code::deserialize(engine, compiled).map(Some)
}

/// Who owns the folder, which only that user can write to.
fn owner(path: &Path) -> io::Result<u32> {
    path.parent().map_or(Ok(u32::MAX), |folder| fs::metadata(folder).map(|metadata| metadata.uid()))
}

fn store(path: &Path, compiled: &[u8]) -> anyhow::Result<()> {
    write_whole(path, &[&Sha256::digest(compiled), compiled])
}

#[expect(unsafe_code, reason = "compiled code is trusted as its owner is")]
mod code {
    use anyhow::Context;
    use wasmtime::{Engine, component::Component};

    pub(super) fn deserialize(engine: &Engine, compiled: &[u8]) -> anyhow::Result<Component> {
        // SAFETY: the code was made by `precompile_component`, by this process or, with its
        // digest intact, by one that could write to a folder open to the owner alone.
        unsafe { Component::deserialize(engine, compiled) }
            .map_err(anyhow::Error::from)
            .context("loading compiled code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_damaged_file_is_compiled_anew() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("cache");
        let (cache, engine) = (Cache::open(&folder, u64::MAX).unwrap(), Engine::default());
        cache.compiled(&engine, EMPTY).unwrap();
        let path = &files(&folder)[0];
        let whole = fs::read(path).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);

        fs::write(path, &whole[..whole.len() - 1]).unwrap();
        cache.compiled(&engine, EMPTY).unwrap();
        assert_eq!(fs::read(path).unwrap(), whole);
        assert!(load(&engine, path).unwrap().is_some());
    }

    #[test]
    fn a_folder_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Cache::open(folder.path(), u64::MAX).is_err());
    }

    #[test]
    fn what_was_used_longest_ago_goes_when_the_folder_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("cache");
        let engine = Engine::default();
        // A custom section of one letter, its name.
        let component = |letter: u8| [EMPTY, &[0, 2, 1, letter]].concat();
        let cache = Cache::open(&folder, u64::MAX).unwrap();
        let draft = folder.join("killed.cwasm.1.draft");
        fs::write(&draft, [0; 8]).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH;
        fs::File::open(&draft).unwrap().set_modified(long_ago).unwrap();
        for (seconds, letter) in (1_u64..).zip(*b"abc") {
            cache.compiled(&engine, &component(letter)).unwrap();
            let file = fs::File::open(cache.path(&engine, &component(letter))).unwrap();
            file.set_modified(long_ago + std::time::Duration::from_secs(seconds)).unwrap();
        }
        assert_eq!(files(&folder).len(), 4);
        let size = fs::metadata(cache.path(&engine, &component(b'a'))).unwrap().len();

        let cache = Cache::open(&folder, 2 * size).unwrap();
        assert!(cache.ready(&engine, &component(b'a')).unwrap().is_some(), "it is used now, and stays");
        let left = |letter| cache.path(&engine, &component(letter)).exists();
        assert_eq!((left(b'a'), left(b'b'), left(b'c'), draft.exists()), (true, false, true, false));
        let cache = Cache::open(&folder, 1).unwrap();
        assert!(cache.ready(&engine, &component(b'c')).unwrap().is_some());
        assert_eq!(files(&folder), [cache.path(&engine, &component(b'c'))], "the last one is never too much");
    }
}
