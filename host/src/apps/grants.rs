//! What a component may import: what it was granted, and a WASI without means.

use super::{Grant, component::interface};
use anyhow::bail;
use std::collections::BTreeSet;

/// WASI without files, sockets or outgoing requests: the standard library's needs, and answering.
const WASI: [&str; 5] = ["wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:cli/", "wasi:filesystem/"];
const HTTP: &str = "wasi:http/types";
const TYPES: &str = "corral:host/types";

/// The version of `corral:host` that this host serves.
pub(super) const HOST_VERSION: &str = "0.1";

/// Refuses the first import that was not granted, by its name.
///
/// `linked` is the one interface that the composition fills.
pub(super) fn check<'a>(
    role: &str,
    imports: impl Iterator<Item = &'a str>,
    granted: &BTreeSet<Grant>,
    linked: Option<&str>,
) -> anyhow::Result<()> {
    for import in imports {
        let name = interface(import);
        if Some(name) == linked || name == HTTP || WASI.iter().any(|wasi| name.starts_with(wasi)) {
            continue;
        }
        match Grant::ALL.into_iter().find(|grant| grant.interface() == name) {
            None if name == TYPES => check_version(role, import)?,
            None => bail!("the {role} imports {import}, which this host does not offer"),
            Some(grant) if !granted.contains(&grant) => {
                bail!(
                    "the {role} imports {import}, which is not granted: add \"{}\" to grants.{role}",
                    grant.name()
                )
            }
            // Of WASI's versions wasmtime says which fit.
            Some(Grant::Http) => {}
            Some(_) => check_version(role, import)?,
        }
    }
    Ok(())
}

fn check_version(role: &str, import: &str) -> anyhow::Result<()> {
    let version = import.split_once('@').map_or("", |(_, version)| version);
    if version.strip_prefix(HOST_VERSION).is_none_or(|rest| !rest.starts_with('.')) {
        bail!(
            "the {role} imports {import}, but this host serves version {HOST_VERSION}: build the component anew"
        );
    }
    Ok(())
}

impl Grant {
    const ALL: [Self; 6] =
        [Self::Sessions, Self::Vectors, Self::Embedding, Self::Inference, Self::Config, Self::Http];

    fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Vectors => "vectors",
            Self::Embedding => "embedding",
            Self::Inference => "inference",
            Self::Config => "config",
            Self::Http => "http",
        }
    }

    fn interface(self) -> &'static str {
        match self {
            Self::Sessions => "corral:host/sessions",
            Self::Vectors => "corral:host/vectors",
            Self::Embedding => "corral:host/embedding",
            Self::Inference => "corral:host/inference",
            Self::Config => "corral:host/config",
            Self::Http => "wasi:http/outgoing-handler",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(imports: &[&str], granted: &[Grant]) -> String {
        let granted = granted.iter().copied().collect();
        match check("logic", imports.iter().copied(), &granted, None) {
            Ok(()) => "none".into(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_granted_and_plain_wasi_pass() {
        let imports = ["wasi:io/streams@0.2.6", "corral:host/types@0.1.0", "corral:host/sessions@0.1.3"];
        assert_eq!(refusal(&imports, &[Grant::Sessions]), "none");
    }

    #[test]
    fn an_import_that_is_not_granted_is_refused_by_name() {
        let refusal = refusal(&["corral:host/vectors@0.1.0"], &[Grant::Sessions]);
        assert!(refusal.contains("corral:host/vectors@0.1.0"), "{refusal}");
        assert!(refusal.contains("add \"vectors\" to grants.logic"), "{refusal}");
    }

    #[test]
    fn outgoing_requests_are_granted_and_sockets_never() {
        assert!(refusal(&["wasi:sockets/tcp@0.2.6"], &Grant::ALL).contains("wasi:sockets/tcp"));
        let outgoing = ["wasi:http/outgoing-handler@0.2.6"];
        assert!(refusal(&outgoing, &[Grant::Sessions]).contains("add \"http\" to grants.logic"));
        assert_eq!(refusal(&outgoing, &[Grant::Http]), "none");
        assert!(refusal(&["corral:chat/turns@0.1.0"], &Grant::ALL).contains("corral:chat/turns"));
    }

    #[test]
    fn another_version_is_refused_by_name() {
        assert!(refusal(&["corral:host/sessions@0.2.0"], &Grant::ALL).contains("serves version 0.1"));
        assert!(refusal(&["corral:host/sessions"], &Grant::ALL).contains("serves version 0.1"));
    }
}
