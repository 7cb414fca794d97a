//! Components out of OCI registries: `oci://REGISTRY/REPOSITORY:TAG`, or `…@sha256:DIGEST`.
//!
//! What tools for Wasm push is understood: a manifest with one layer that is Wasm, whichever of their media types it
//! has, or a Spin application. Every digest is compared. Credentials are those that `docker login` keeps. A registry on this machine's loopback
//! is spoken to without TLS, as those tools do.

mod spin;

use crate::apps::MAX_SIZE;
use anyhow::{Context, bail, ensure};
use docker_credential::DockerCredential;
use futures_util::TryStreamExt as _;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    manifest::{ImageIndexEntry, OciDescriptor, WASM_LAYER_MEDIA_TYPE},
    secrets::RegistryAuth,
};
use std::time::Duration;

/// What a reference begins with.
const SCHEME: &str = "oci://";
/// The media types of Wasm: that of the CNCF's artefact layout, and the one before it.
const WASM: [&str; 2] = ["application/wasm", WASM_LAYER_MEDIA_TYPE];
/// For a whole component.
const PATIENCE: Duration = Duration::from_mins(5);
/// For the registry to say something.
const SILENCE: Duration = Duration::from_secs(30);

/// The reference in what may also be a path.
pub(super) fn reference(file: &str) -> Option<&str> {
    file.strip_prefix(SCHEME)
}

/// The component that a reference names; of a Spin application that has several, the one that is called like `app`.
pub(super) async fn pull(reference: &str, app: &str) -> anyhow::Result<Vec<u8>> {
    let pull = async {
        let reference: Reference = reference.parse()?;
        let client = client(&reference)?;
        let auth = credentials(reference.resolve_registry());
        let (manifest, _) = client.pull_image_manifest(&reference, &auth).await?;
        let layers = &manifest.layers;
        let layer = match layers.iter().find(|layer| layer.media_type == spin::APPLICATION) {
            None => wasm(layers)?,
            Some(told) => {
                let digest = spin::layer(&download(&client, &reference, told).await?, app)?;
                let layer = layers.iter().find(|layer| layer.digest == digest);
                layer.with_context(|| format!("it has no layer {digest}"))?
            }
        };
        download(&client, &reference, layer).await
    };
    let pulled = tokio::time::timeout(PATIENCE, pull).await;
    pulled
        .context("it did not come in time")
        .flatten()
        .with_context(|| format!("pulling {SCHEME}{reference}"))
}

fn client(reference: &Reference) -> anyhow::Result<Client> {
    let registry = reference.resolve_registry().to_owned();
    let host = registry.rsplit_once(':').map_or(registry.as_str(), |(host, _)| host);
    let here = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(is_loopback);
    let protocol = if here { ClientProtocol::Http } else { ClientProtocol::Https };
    Ok(Client::try_from(ClientConfig {
        protocol,
        connect_timeout: Some(SILENCE),
        read_timeout: Some(SILENCE),
        platform_resolver: Some(Box::new(for_wasm)),
        ..ClientConfig::default()
    })?)
}

fn is_loopback(address: std::net::IpAddr) -> bool {
    address.is_loopback()
}

/// The entry for Wasm of an index that has one for each platform.
fn for_wasm(entries: &[ImageIndexEntry]) -> Option<String> {
    let wasm = |entry: &&ImageIndexEntry| {
        entry.platform.as_ref().is_some_and(|platform| platform.architecture.to_string() == "wasm")
    };
    entries.iter().find(wasm).map(|entry| entry.digest.clone())
}

/// What is not kept for a registry is not needed there, or it says so.
fn credentials(registry: &str) -> RegistryAuth {
    match docker_credential::get_credential(registry) {
        Ok(DockerCredential::UsernamePassword(name, password)) => RegistryAuth::Basic(name, password),
        Ok(DockerCredential::IdentityToken(token)) => RegistryAuth::Bearer(token),
        Err(_) => RegistryAuth::Anonymous,
    }
}

/// The one layer that is Wasm.
fn wasm(layers: &[OciDescriptor]) -> anyhow::Result<&OciDescriptor> {
    let mut found = layers.iter().filter(|layer| WASM.contains(&layer.media_type.as_str()));
    match (found.next(), found.count()) {
        (Some(layer), 0) => Ok(layer),
        (Some(_), more) => bail!("it has {} layers of Wasm, and one is a component", more + 1),
        (None, _) => {
            let kinds: Vec<_> = layers.iter().map(|layer| layer.media_type.as_str()).collect();
            bail!("it has no layer of Wasm ({}), but {kinds:?}", WASM.join(", "))
        }
    }
}

async fn download(client: &Client, reference: &Reference, layer: &OciDescriptor) -> anyhow::Result<Vec<u8>> {
    let too_large = || format!("a layer of it is larger than {MAX_SIZE} bytes");
    ensure!(u64::try_from(layer.size).is_ok_and(|size| size <= MAX_SIZE), too_large());
    let mut blob = client.pull_blob_stream(reference, layer).await?.stream;
    let mut bytes = Vec::new();
    while let Some(piece) = blob.try_next().await? {
        bytes.extend_from_slice(&piece);
        ensure!(bytes.len() as u64 <= MAX_SIZE, too_large());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(media_type: &str) -> OciDescriptor {
        OciDescriptor { media_type: media_type.to_owned(), ..OciDescriptor::default() }
    }

    #[test]
    fn a_reference_is_told_from_a_path() {
        assert_eq!(reference("oci://ghcr.io/team/logic:1.0"), Some("ghcr.io/team/logic:1.0"));
        assert_eq!(reference("./oci/logic.wasm"), None);
    }

    #[test]
    fn one_layer_of_wasm_is_the_component() {
        for kind in WASM {
            assert_eq!(wasm(&[layer("text/plain"), layer(kind)]).unwrap().media_type, kind);
        }
        let error = |layers: &[OciDescriptor]| wasm(layers).unwrap_err().to_string();
        assert!(error(&[layer(WASM[0]), layer(WASM[1])]).contains("2 layers of Wasm"));
        assert!(error(&[layer("text/plain")]).contains("text/plain"));
    }
}
