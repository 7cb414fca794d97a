//! Signatures of components, as minisign makes them.

use anyhow::{Context, bail};
use minisign_verify::{PublicKey, Signature};
use std::{
    fs,
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

    /// As [`check`](Self::check), with the signature in the file beside the component's. Gives the signature.
    pub fn check_file(&self, bytes: &[u8], path: &Path) -> anyhow::Result<Option<String>> {
        let beside = beside(path);
        // Whether it is there matters only if it is needed.
        let signature = fs::read_to_string(&beside).ok();
        self.check(bytes, signature.as_deref())
            .with_context(|| format!("{} with {}", path.display(), beside.display()))?;
        Ok(signature)
    }
}

/// Where minisign puts the signature of a file.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}
