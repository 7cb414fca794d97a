//! Where things are moved from and to: what a PLACE on the command line means.
//!
//! A place's name says which it is without passwords; two places with one name are the same.

use crate::config::{self, Config};
use anyhow::{Context, anyhow, bail};
use std::path::{self, Path, PathBuf};
use url::Url;

/// A store that can be opened.
#[derive(Debug)]
pub(super) struct Place<C> {
    /// What to call it, and what to tell it from others by.
    pub(super) name: String,
    pub(super) config: C,
    /// The embedded store's file, if it is that.
    pub(super) file: PathBuf,
}

/// A place of sessions. What a URL does not say is taken from the settings, but for passwords.
pub(super) fn sessions(text: &str, settings: &Config) -> anyhow::Result<Place<corral_sessions::Config>> {
    use corral_sessions::{Backend, Redis, Topology};
    let (config, file) = match Form::of(text)? {
        Form::Settings(other, label) => {
            let place = labelled(&other, label.as_deref())?;
            (place.sessions.clone(), place.file)
        }
        Form::Embedded(file) => (
            corral_sessions::Config { backend: Backend::Embedded, url: None, ..settings.sessions.clone() },
            file,
        ),
        Form::Url(url) if matches!(url.scheme(), "redis" | "rediss") => {
            let redis = Redis {
                topology: Topology::Standalone,
                nodes: Vec::new(),
                master: None,
                username: None,
                password_file: None,
                ..settings.sessions.redis.clone()
            };
            let url = Some(text.to_owned());
            let config =
                corral_sessions::Config { backend: Backend::Redis, url, redis, ..settings.sessions.clone() };
            (config, PathBuf::new())
        }
        Form::Url(url) => bail!("{}: sessions are in an embedded store or in Redis", named(&url)),
    };
    let name = match config.backend {
        Backend::Embedded => embedded(&file)?,
        Backend::Redis => {
            let redis = &config.redis;
            let first = server(config.url.as_deref().unwrap_or_default(), 6379)?;
            let further: Vec<_> =
                redis.nodes.iter().map(|node| server(node, 6379)).collect::<Result<_, _>>()?;
            let master = redis.master.iter().map(|master| format!("master {master}"));
            let parts =
                [first].into_iter().chain(further).chain(master).chain([format!("({})", redis.prefix)]);
            parts.collect::<Vec<_>>().join(" ")
        }
    };
    Ok(Place { name, config, file })
}

/// A place of passages. What a URL does not say is taken from the settings, but for tokens and, if it is
/// given, the collection.
pub(super) fn vectors(
    text: &str,
    settings: &Config,
    collection: Option<&str>,
) -> anyhow::Result<Place<corral_vectors::Config>> {
    use corral_vectors::{Backend, Chroma};
    let (config, file) = match Form::of(text)? {
        Form::Settings(other, label) => {
            let place = labelled(&other, label.as_deref())?;
            (place.vectors.clone(), place.file)
        }
        Form::Embedded(file) => {
            let config =
                corral_vectors::Config { backend: Backend::Embedded, url: None, ..settings.vectors.clone() };
            (config, file)
        }
        Form::Url(url) if matches!(url.scheme(), "http" | "https") => {
            let chroma = Chroma { token_file: None, ..settings.vectors.chroma.clone() };
            let url = Some(text.to_owned());
            let collection = collection.unwrap_or(&settings.vectors.collection).to_owned();
            let config = corral_vectors::Config {
                backend: Backend::Chroma,
                url,
                collection,
                chroma,
                ..settings.vectors.clone()
            };
            (config, PathBuf::new())
        }
        Form::Url(url) => bail!("{}: passages are in an embedded store or in ChromaDB", named(&url)),
    };
    let name = match config.backend {
        Backend::Embedded => format!("{} {}", embedded(&file)?, config.collection),
        Backend::Chroma => {
            let port =
                if config.url.as_deref().is_some_and(|url| url.starts_with("https:")) { 443 } else { 80 };
            let server = server(config.url.as_deref().unwrap_or_default(), port)?;
            let Chroma { tenant, database, .. } = &config.chroma;
            format!("{server} {tenant}/{database}/{}", config.collection)
        }
    };
    Ok(Place { name, config, file })
}

/// A source that would be made by opening it is none.
pub(super) fn require_source<C>(place: &Place<C>) -> anyhow::Result<()> {
    let missing =
        !place.file.as_os_str().is_empty() && place.name.starts_with(EMBEDDED) && !place.file.exists();
    if missing { bail!("{}: there is no such file", place.file.display()) } else { Ok(()) }
}

const EMBEDDED: &str = "embedded:";

/// How a place can be written.
enum Form {
    /// With the label of stores.
    Settings(Box<Config>, Option<String>),
    Embedded(PathBuf),
    Url(Url),
}

impl Form {
    fn of(text: &str) -> anyhow::Result<Self> {
        if let Some(file) = text.strip_prefix(EMBEDDED) {
            if file.is_empty() {
                bail!("{EMBEDDED} what? Expected a store's file, such as {EMBEDDED}.corral/corral.db");
            }
            return Ok(Self::Embedded(file.into()));
        }
        // A password has no '/', but a path that looks like an address may end as a file does.
        if text.contains("://") {
            let scheme = text.split("://").next().unwrap_or_default();
            let url = Url::parse(text).ok().filter(Url::has_host);
            // The rest of it may be a password.
            return Ok(Self::Url(url.ok_or_else(|| anyhow!("{scheme}://… is no address that can be read"))?));
        }
        let (file, label) = match text.rsplit_once('#') {
            Some((file, label)) if file.ends_with(".toml") => (file, Some(label.to_owned())),
            Some(_) | None => (text, None),
        };
        if file.ends_with(".toml") {
            let file = Path::new(file);
            let settings =
                std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            // Without the environment: it would change both places alike.
            return Ok(Self::Settings(Box::new(Config::parse(file, &settings, [])?), label));
        }
        bail!(
            "{text:?} is no place; expected a settings file (*.toml), embedded:FILE, redis://HOST:PORT or http://HOST:PORT"
        )
    }
}

fn labelled<'a>(settings: &'a Config, label: Option<&str>) -> anyhow::Result<config::Place<'a>> {
    let found = settings.places().into_iter().find(|place| place.label == label);
    found.with_context(|| format!("there is no [stores.{}] in these settings", label.unwrap_or_default()))
}

fn embedded(file: &Path) -> anyhow::Result<String> {
    // A file that does not exist yet has no links to follow.
    let file = file.canonicalize().or_else(|_| path::absolute(file));
    let file = file.with_context(|| "finding the store's file".to_owned())?;
    Ok(format!("{EMBEDDED}{}", file.display()))
}

/// An address's server and path, without who logs in.
fn server(text: &str, port: u16) -> anyhow::Result<String> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("redis://{text}") };
    let url = Url::parse(&with_scheme).ok().filter(Url::has_host);
    let url =
        url.ok_or_else(|| anyhow!("an address in the settings cannot be read; expected SCHEME://HOST:PORT"))?;
    let host = match url.host_str().unwrap_or_default() {
        "localhost" | "[::1]" => "127.0.0.1",
        host => host,
    };
    // TLS or not, and an unnamed database or the first: it is the same data.
    let kind = if url.scheme().starts_with("redis") { "redis" } else { "http" };
    let path = match url.path().trim_end_matches('/') {
        "" if kind == "redis" => "/0",
        path => path,
    };
    Ok(format!("{kind}://{host}:{}{path}", url.port().unwrap_or(port)))
}

fn named(url: &Url) -> String {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        sessions(text, &Config::default()).unwrap().name
    }

    #[test]
    fn a_place_is_told_by_what_it_holds_and_never_with_its_password() {
        assert_eq!(name("redis://me:s3cret@localhost"), "redis://127.0.0.1:6379/0 (session:)");
        assert_eq!(name("rediss://127.0.0.1:6379/0"), name("redis://:other@localhost/"));
        assert_ne!(name("redis://127.0.0.1/1"), name("redis://127.0.0.1/0"));
        assert_eq!(name("embedded:a/b.db"), name("embedded:./a/b.db"));
        let vectors = |text, collection| vectors(text, &Config::default(), collection).unwrap().name;
        assert_eq!(
            vectors("http://u:s3cret@localhost:8000/", None),
            "http://127.0.0.1:8000 default_tenant/default_database/chat_documents"
        );
        assert_ne!(vectors("http://a", Some("one")), vectors("http://a", Some("two")));
        // It names the server's collection, and must not make an empty source of a file.
        assert_eq!(vectors("embedded:a", Some("one")), vectors("embedded:a", None));
    }

    #[test]
    fn what_is_no_place_is_refused_without_its_password() {
        for text in
            ["http://:s3cret@localhost", "redis://s3cret@:x", "redis://:s3cret", "/tmp/x", "embedded:"]
        {
            let error = sessions(text, &Config::default()).unwrap_err();
            assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
        }
        let error = vectors("redis://:s3cret@localhost", &Config::default(), None).unwrap_err();
        assert!(error.to_string().contains("ChromaDB") && !error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn a_settings_file_is_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("other.toml");
        let settings = "[sessions]\nbackend = 'redis'\nurl = 'redis://:s3cret@redis.example/3'\n\
                        [store]\npath = 'kept.db'\n\
                        [apps.chat]\ngateway = 'g.wasm'\nlogic = 'l.wasm'\nroute = '/'\n";
        std::fs::write(&file, settings).unwrap();
        let text = file.to_str().unwrap();
        assert_eq!(name(text), "redis://redis.example:6379/3 (session:)");
        let place = vectors(text, &Config::default(), None).unwrap();
        assert_eq!(place.file, folder.path().join("kept.db"));
        assert!(require_source(&place).is_err());

        let settings = format!("{settings}[stores.sales.sessions]\nexpire_after = '2h'\n");
        std::fs::write(&file, settings).unwrap();
        let place = sessions(&format!("{text}#sales"), &Config::default()).unwrap();
        assert_eq!(place.file, folder.path().join("sales.db"));
        let numbered = folder.path().join("host#1.toml");
        std::fs::copy(&file, &numbered).unwrap();
        assert_eq!(name(numbered.to_str().unwrap()), "redis://redis.example:6379/3 (session:)");
        let error = sessions(&format!("{text}#sale"), &Config::default()).unwrap_err();
        assert_eq!(error.to_string(), "there is no [stores.sale] in these settings");
    }
}
