//! What `spin registry push` pushes: a layer for each component, and one that says which is whose (crates/oci of Spin).

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// The media type of the layer that says it.
pub(super) const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";

/// That layer, as far as it matters here.
#[derive(Deserialize)]
struct Application {
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    id: String,
    source: Source,
    /// Those that were not composed into it.
    #[serde(default)]
    dependencies: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
struct Source {
    digest: Option<String>,
}

/// The digest of the layer that is the component for `app`: the only one, or the one with its name.
pub(super) fn layer(application: &[u8], app: &str) -> anyhow::Result<String> {
    let application: Application =
        serde_json::from_slice(application).context("reading which layer is which component")?;
    let component = match &application.components[..] {
        [only] => only,
        several => match several.iter().find(|component| component.id == app) {
            Some(named) => named,
            None => {
                let ids: Vec<_> = several.iter().map(|component| component.id.as_str()).collect();
                bail!("it is a Spin application of {}, and none of them is \"{app}\"", ids.join(", "))
            }
        },
    };
    let Component { id, source, dependencies } = component;
    ensure!(
        dependencies.is_empty(),
        "the dependencies of \"{id}\" are not composed into it; `spin registry push` does that unless told otherwise"
    );
    source.digest.clone().with_context(|| format!("the component \"{id}\" is no layer of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn application(components: &[serde_json::Value]) -> Vec<u8> {
        let lock =
            json!({ "spin_lock_version": 1, "metadata": {}, "triggers": [], "components": components });
        lock.to_string().into_bytes()
    }

    #[test]
    fn a_component_is_the_only_one_or_the_one_of_that_name() {
        let one =
            json!({ "id": "one", "source": { "content_type": "application/wasm", "digest": "sha256:1" } });
        let two =
            json!({ "id": "two", "source": { "content_type": "application/wasm", "digest": "sha256:2" } });
        assert_eq!(layer(&application(std::slice::from_ref(&one)), "chat").unwrap(), "sha256:1");
        let both = application(&[one, two]);
        assert_eq!(layer(&both, "two").unwrap(), "sha256:2");
        assert!(layer(&both, "three").unwrap_err().to_string().contains("one, two"));
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let source = json!({ "content_type": "application/wasm", "digest": "sha256:1" });
        let apart = json!({ "id": "one", "source": source, "dependencies": { "a:b/c": { "source": {} } } });
        assert!(layer(&application(&[apart]), "one").unwrap_err().to_string().contains("not composed"));
        let elsewhere = json!({ "id": "one", "source": { "source": "file:///one.wasm" } });
        assert!(layer(&application(&[elsewhere]), "one").unwrap_err().to_string().contains("no layer"));
        assert!(layer(b"{}", "one").is_err());
    }
}
