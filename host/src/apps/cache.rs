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
};
use wasmtime::{Engine, component::Component};

/// A file is the digest of the compiled code, then the code.
const DIGEST: usize = 32;

/// The folder of compiled components.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens the folder, or makes it. A folder that others may write to is refused.
    pub(super) fn open(folder: &Path) -> anyhow::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("making the cache folder {}", folder.display()))?;
        let metadata = fs::metadata(folder)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            bail!("the cache folder {} is open to others: run `chmod 700` on it", folder.display());
        }
        Ok(Self { folder: folder.to_owned() })
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
        code::deserialize(engine, &compiled)
    }

    /// The component, if it is there compiled and whole.
    pub(super) fn ready(&self, engine: &Engine, bytes: &[u8]) -> anyhow::Result<Option<Component>> {
        load(engine, &self.path(engine, bytes))
    }

    /// Compiles into the cache.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> anyhow::Result<()> {
        store(&self.path(engine, bytes), &precompile(engine, bytes)?)
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
        let (cache, engine) = (Cache::open(&folder).unwrap(), Engine::default());
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
        assert!(Cache::open(folder.path()).is_err());
    }
}
