//! Signatures of components, as minisign makes them.

use crate::files::beside;
use anyhow::{Context, bail};
use minisign_verify::{PublicKey, Signature};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Keys that a component may be signed with; without any, none needs to be signed.
pub(super) struct Trusted(Vec<PublicKey>);

impl Trusted {
    /// Reads keys as `minisign -G` prints them.
    pub fn new(keys: &[String]) -> anyhow::Result<Self> {
        let key = |key: &String| {
            PublicKey::from_base64(key).with_context(|| {
                format!("trusted_keys: \"{key}\" is no public key of minisign (\"RW…\", 56 characters)")
            })
        };
        keys.iter().map(key).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Refuses what none of the keys has signed.
    pub fn check(&self, bytes: &[u8], signature: Option<&str>) -> anyhow::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let Some(signature) = signature else {
            bail!("it is not signed, and trusted_keys are set: sign it with `minisign -S -m FILE`");
        };
        let signature = Signature::decode(signature).context("its signature is none of minisign's")?;
        if self.0.iter().any(|key| key.verify(bytes, &signature, false).is_ok()) {
            return Ok(());
        }
        bail!("its signature is of none of the trusted_keys, or it was changed after signing")
    }
}

/// Where the signature of a component's file is.
pub fn file_of(path: &Path) -> PathBuf {
    beside(path, ".minisig")
}

/// The signature of a component's file, which minisign puts beside it; none if it is not signed.
///
/// # Errors
/// When it is there and cannot be read.
pub fn of_file(path: &Path) -> anyhow::Result<Option<String>> {
    let path = file_of(path);
    match fs::read_to_string(&path) {
        Ok(signature) => Ok(Some(signature)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}
