//! Components out of a registry, pushed there as tools for Wasm do.

use super::{ask, settings};
use anyhow::{Context, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use corral_services::Registry;
use e2e::{Client, Host, binary, parrot};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use std::fs;
use tokio::process::Command;

const WASM: &str = "application/wasm";
/// What `spin registry push` calls it.
const OLDER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// And the layer in which it says which component is which.
const SPIN: &str = "application/vnd.fermyon.spin.application.v1+config";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const KEY: (&str, &str) = ("ada", "feathers");

/// What is pushed, as the Distribution Specification has it.
struct Pusher {
    client: Client,
    base: String,
    closed: bool,
}

impl Pusher {
    fn new(registry: &Registry, closed: bool) -> Result<Self> {
        let base = format!("http://{}", registry.name());
        Ok(Self { client: Client::new(&base)?, base, closed })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, path);
        if self.closed { request.basic_auth(KEY.0, Some(KEY.1)) } else { request }
    }

    /// Its digest and size, as a manifest names them.
    async fn blob(&self, kind: &str, bytes: Vec<u8>) -> Result<Value> {
        let (size, digest) = (bytes.len(), digest(&bytes)?);
        let begun = self.request(Method::POST, "/v2/birds/logic/blobs/uploads/").send().await?;
        ensure!(begun.status() == StatusCode::ACCEPTED, "{}", begun.status());
        let place = begun.headers().get(header::LOCATION).context("no place")?.to_str()?;
        let place = place.strip_prefix(&self.base).unwrap_or(place);
        let sent = self.request(Method::PUT, &format!("{place}&digest={digest}")).body(bytes).send().await?;
        ensure!(sent.status() == StatusCode::CREATED, "{} {}", sent.status(), sent.text().await?);
        Ok(json!({ "mediaType": kind, "digest": digest, "size": size }))
    }

    async fn push(&self, tag: &str, layers: Vec<Value>) -> Result<()> {
        let config = self.blob("application/vnd.wasm.config.v0+json", b"{}".to_vec()).await?;
        let manifest =
            json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers });
        let path = format!("/v2/birds/logic/manifests/{tag}");
        let put = self.request(Method::PUT, &path).header(header::CONTENT_TYPE, MANIFEST);
        let put = put.body(manifest.to_string()).send().await?;
        ensure!(put.status() == StatusCode::CREATED, "{} {}", put.status(), put.text().await?);
        Ok(())
    }
}

/// By the tool that everyone has.
fn digest(bytes: &[u8]) -> Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), bytes)?;
    let told = std::process::Command::new("sha256sum").arg(file.path()).output()?.stdout;
    let told = String::from_utf8(told)?;
    Ok(format!("sha256:{}", told.split_whitespace().next().context("no digest")?))
}

/// What `corral deploy` says, and whether it did.
async fn deploy(host: &Host, reference: &str) -> Result<(bool, String)> {
    let deployed = Command::new(binary()?)
        .args(["deploy", "chat", reference])
        .current_dir(host.folder())
        .env("CORRAL_ADMIN__LISTEN", host.admin_address()?)
        .env("DOCKER_CONFIG", host.folder().join("docker"))
        .output()
        .await?;
    let said = String::from_utf8(deployed.stdout)? + &String::from_utf8(deployed.stderr)?;
    Ok((deployed.status.success(), said))
}

#[tokio::test]
async fn a_component_is_deployed_from_a_registry() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    let registry = Registry::start().await?;
    let name = registry.name();
    let pusher = Pusher::new(&registry, false)?;
    let two = pusher.blob(WASM, parrot(2)?).await?;
    pusher.push("2", vec![two.clone()]).await?;
    let (done, said) = deploy(&host, &format!("oci://{name}/birds/logic:2")).await?;
    assert!(done, "{said}");
    assert_eq!(ask(&host).await?, (2, 2));
    let older = pusher.blob(OLDER, parrot(3)?).await?;
    pusher.push("3", vec![older]).await?;
    assert!(deploy(&host, &format!("oci://{name}/birds/logic:3")).await?.0);
    assert_eq!(ask(&host).await?, (3, 3));

    let changed = pusher.blob(WASM, parrot(4)?).await?;
    let stored =
        changed["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:")).context("no digest")?;
    let blobs = registry.folder().join("data/docker/registry/v2/blobs/sha256");
    fs::write(blobs.join(&stored[..2]).join(stored).join("data"), parrot(5)?)?;
    pusher.push("changed", vec![changed]).await?;
    let text = pusher.blob("text/plain", b"hello".to_vec()).await?;
    pusher.push("text", vec![text]).await?;
    pusher.push("both", vec![two.clone(), two]).await?;
    for (reference, said) in [
        (format!("oci://{name}/birds/logic:text"), "no layer of Wasm"),
        (format!("oci://{name}/birds/logic:both"), "2 layers of Wasm"),
        (format!("oci://{name}/birds/logic:changed"), "digest"),
        (format!("oci://{name}/birds/logic:9"), "logic:9"),
        (format!("oci://{name}/birds/logic@{}", digest(b"other")?), "pulling oci://"),
        ("oci://127.0.0.1:1/birds/logic:1".to_owned(), "pulling oci://127.0.0.1:1"),
        ("oci://no reference".to_owned(), "pulling oci://no reference"),
    ] {
        let (done, told) = deploy(&host, &reference).await?;
        assert!(!done && told.contains(said), "{reference}: {told}");
    }
    assert_eq!(ask(&host).await?, (3, 3));
    Ok(())
}

#[tokio::test]
async fn a_spin_application_gives_the_component_of_the_applications_name() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    let registry = Registry::start().await?;
    let pusher = Pusher::new(&registry, false)?;
    let (two, three) = (pusher.blob(OLDER, parrot(2)?).await?, pusher.blob(OLDER, parrot(3)?).await?);
    let component = |id: &str, layer: &Value| {
        let source = json!({ "content_type": "application/wasm", "digest": layer["digest"] });
        json!({ "id": id, "metadata": {}, "source": source })
    };
    for (tag, ids) in [("birds", ["parrot", "chat"]), ("others", ["parrot", "heron"])] {
        let components = [component(ids[0], &two), component(ids[1], &three)];
        let lock =
            json!({ "spin_lock_version": 1, "metadata": {}, "triggers": [], "components": components });
        let lock = pusher.blob(SPIN, lock.to_string().into_bytes()).await?;
        pusher.push(tag, vec![two.clone(), three.clone(), lock]).await?;
    }
    let reference = |tag: &str| format!("oci://{}/birds/logic:{tag}", registry.name());
    let (done, said) = deploy(&host, &reference("birds")).await?;
    assert!(done, "{said}");
    assert_eq!(ask(&host).await?, (2, 3));
    let (done, said) = deploy(&host, &reference("others")).await?;
    assert!(!done && said.contains("parrot, heron"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_registry_gets_the_credentials_that_docker_keeps_for_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let host = Host::with(settings(&folder.path().join("logic.wasm"))?).await?;
    let registry = Registry::closed().await?;
    let name = registry.name();
    let pusher = Pusher::new(&registry, true)?;
    let two = pusher.blob(WASM, parrot(2)?).await?;
    pusher.push("2", vec![two]).await?;
    let reference = format!("oci://{name}/birds/logic:2");
    let (done, said) = deploy(&host, &reference).await?;
    assert!(!done && said.contains("pulling oci://"), "{said}");

    fs::create_dir(host.folder().join("docker"))?;
    let key = BASE64_STANDARD.encode(format!("{}:{}", KEY.0, KEY.1));
    let kept = json!({ "auths": { name.clone(): { "auth": key } } });
    fs::write(host.folder().join("docker/config.json"), kept.to_string())?;
    let (done, said) = deploy(&host, &reference).await?;
    assert!(done, "{said}");
    assert_eq!(ask(&host).await?, (2, 2));
    Ok(())
}
