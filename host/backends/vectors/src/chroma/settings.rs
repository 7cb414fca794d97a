//! The settings of a ChromaDB server, checked, and the HTTP client that they make.

use crate::{Config, Error};
use reqwest::{
    Certificate,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::fs;
use url::Url;

pub struct Settings {
    pub base: Url,
    pub tenant: String,
    pub database: String,
    pub batch: usize,
    token: HeaderMap,
    authorities: Option<(PathBuf, Vec<Certificate>)>,
    connect_timeout: Duration,
    timeout: Duration,
}

impl Settings {
    /// Reads the files that the settings name.
    pub async fn read(config: &Config) -> Result<Self, Error> {
        let chroma = &config.chroma;
        for (key, value) in [("tenant", &chroma.tenant), ("database", &chroma.database)] {
            if matches!(value.as_str(), "" | "." | "..") {
                return Err(refused(&format!("chroma.{key}"), format!("{value:?}: expected a name")));
            }
        }
        for (key, value) in [("connect_timeout", chroma.connect_timeout), ("timeout", chroma.timeout)] {
            if value.is_zero() {
                return Err(refused(&format!("chroma.{key}"), "expected more than no time"));
            }
        }
        if chroma.batch == 0 {
            return Err(refused("chroma.batch", "0: expected at least 1"));
        }
        Ok(Self {
            base: address(config.url.as_deref())?,
            tenant: chroma.tenant.clone(),
            database: chroma.database.clone(),
            batch: chroma.batch,
            token: token(chroma.token_file.as_deref(), &chroma.token_header).await?,
            authorities: authorities(chroma.ca_file.as_deref()).await?,
            connect_timeout: chroma.connect_timeout,
            timeout: chroma.timeout,
        })
    }

    /// No proxy and no redirection: the token goes to the address that is configured and nowhere else.
    pub fn client(&self) -> Result<reqwest::Client, Error> {
        // reqwest takes the process's provider of cryptography, and panics if there is none. Only the
        // first installation counts; a further one changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .user_agent(concat!("corral/", env!("CARGO_PKG_VERSION")))
            .default_headers(self.token.clone())
            .connect_timeout(self.connect_timeout)
            .timeout(self.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(16)
            .pool_idle_timeout(Duration::from_secs(30));
        let client = match &self.authorities {
            Some((_, certificates)) => client.tls_certs_only(certificates.iter().cloned()),
            None if self.base.scheme() == "https" => client,
            // Without TLS no certificates: a small container may have none, and building would fail.
            None => client.tls_certs_only([]),
        };
        client.build().map_err(|error| match &self.authorities {
            Some((path, _)) => refused("chroma.ca_file", format!("using {}: {error}", path.display())),
            None => refused("url", format!("preparing connections: {error}")),
        })
    }
}

fn address(url: Option<&str>) -> Result<Url, Error> {
    let expected = "expected the server's address, such as \"http://127.0.0.1:8000\"";
    let Some(url) = url else {
        return Err(refused("url", format!("missing for the chroma back end: {expected}")));
    };
    // The address is not repeated: someone may have put a password in it.
    let url = Url::parse(url).map_err(|error| refused("url", format!("{error}: {expected}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("url", format!("scheme {:?}: {expected}", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("url", "has a user in it: use vectors.chroma.token_file"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused("url", format!("has more than a path: {expected}")));
    }
    Ok(url)
}

async fn token(file: Option<&Path>, header: &str) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    let Some(path) = file else {
        return Ok(headers);
    };
    let name = HeaderName::from_bytes(header.as_bytes())
        .map_err(|error| refused("chroma.token_header", format!("{header:?}: {error}")))?;
    let text =
        fs::read_to_string(path).await.map_err(|error| unreadable("chroma.token_file", path, &error))?;
    let token = match (&name, text.trim()) {
        (_, "") => return Err(refused("chroma.token_file", format!("{}: is empty", path.display()))),
        (name, token) if name == "authorization" => format!("Bearer {token}"),
        (_, token) => token.to_owned(),
    };
    let mut value = HeaderValue::from_str(&token)
        .map_err(|error| refused("chroma.token_file", format!("{}: {error}", path.display())))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}

async fn authorities(file: Option<&Path>) -> Result<Option<(PathBuf, Vec<Certificate>)>, Error> {
    let Some(path) = file else {
        return Ok(None);
    };
    let pem = fs::read(path).await.map_err(|error| unreadable("chroma.ca_file", path, &error))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(Some((path.to_owned(), certificates))),
        Ok(_) => Err(refused("chroma.ca_file", format!("{}: holds no certificate", path.display()))),
        Err(error) => Err(refused("chroma.ca_file", format!("{}: {error}", path.display()))),
    }
}

fn unreadable(key: &str, path: &Path, error: &std::io::Error) -> Error {
    refused(key, format!("reading {}: {error}", path.display()))
}

fn refused(key: &str, cause: impl fmt::Display) -> Error {
    Error::InvalidArgument(format!("vectors.{key}: {cause}"))
}
