//! A thin client of the Hugging Face hub: what a file is, and its bytes from any place on.
//!
//! The hub's own crate, `hf-hub` 1.0, neither resumes a download nor checks its hash, and brings some 280
//! crates along; what is needed here is one HEAD and one GET.

use super::catalogue::Digest;
use crate::{cli::http, config};
use anyhow::{Context, anyhow, bail};
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, LOCATION, RANGE},
    redirect::Policy,
};
use std::time::Duration;

/// The most redirects within the hub before a file is found, renamed repositories included.
const REDIRECTS: usize = 5;

/// The hub.
pub(super) struct Hub {
    /// Follows redirects, to wherever the hub keeps large files.
    follow: Client,
    /// Follows none: what a file is stands in the hub's own answer.
    stay: Client,
    endpoint: Url,
    token: Option<String>,
}

/// One file in the hub.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) repository: String,
    pub(super) revision: String,
    pub(super) path: String,
}

/// What the hub says of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Facts {
    /// Known for large files.
    pub(super) sha256: Option<Digest>,
    pub(super) size: Option<u64>,
}

/// Bytes of a file.
pub(super) struct Download {
    /// Where in the file they start.
    pub(super) start: u64,
    pub(super) response: Response,
}

impl Hub {
    pub(super) fn new(config: config::Hub) -> anyhow::Result<Self> {
        let endpoint = Url::parse(&config.endpoint).ok().filter(|url| !url.cannot_be_a_base());
        let endpoint = endpoint.ok_or_else(|| anyhow!("HF_ENDPOINT={:?} is no address", config.endpoint))?;
        let client = |policy| {
            let client =
                http::client(endpoint.as_str()).redirect(policy).read_timeout(Duration::from_secs(30));
            client.build().context("preparing TLS; are ca-certificates installed?")
        };
        Ok(Self {
            follow: client(Policy::limited(10))?,
            stay: client(Policy::none())?,
            endpoint,
            token: config.token,
        })
    }

    /// Looks a file up.
    pub(super) async fn facts(&self, remote: &Remote) -> anyhow::Result<Facts> {
        let mut url = self.url(remote)?;
        for _ in 0..REDIRECTS {
            let response = self.send(self.request(&self.stay, Method::HEAD, url.clone())).await?;
            let headers = response.headers();
            let sha256 = text(headers, "x-linked-etag").and_then(|etag| etag.trim_matches('"').parse().ok());
            let next = text(headers, LOCATION.as_str()).and_then(|to| url.join(to).ok());
            match next {
                // A renamed repository: the answer is elsewhere in the hub.
                Some(next) if sha256.is_none() && next.origin() == url.origin() => url = next,
                _ if response.status().is_success() || response.status().is_redirection() => {
                    let length = if response.status().is_success() { CONTENT_LENGTH.as_str() } else { "" };
                    let size = text(headers, "x-linked-size").or_else(|| text(headers, length));
                    return Ok(Facts { sha256, size: size.and_then(|size| size.parse().ok()) });
                }
                _ => return Err(self.refused(remote, &response)),
            }
        }
        bail!("{} redirects in circles", self.url(remote)?)
    }

    /// Begins to read a file at an offset. The hub may choose to begin at 0 all the same.
    ///
    /// None if the file has nothing from there on.
    pub(super) async fn download(&self, remote: &Remote, offset: u64) -> anyhow::Result<Option<Download>> {
        let mut request = self.request(&self.follow, Method::GET, self.url(remote)?);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = self.send(request).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = text(response.headers(), CONTENT_RANGE.as_str()).unwrap_or_default();
                if !range.starts_with(&format!("bytes {offset}-")) {
                    bail!("asked for the file from byte {offset} on, the hub sent {range:?}");
                }
                Ok(Some(Download { start: offset, response }))
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(None),
            status if status.is_success() => Ok(Some(Download { start: 0, response })),
            _ => Err(self.refused(remote, &response)),
        }
    }

    fn url(&self, remote: &Remote) -> anyhow::Result<Url> {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let (repository, path) = (parts(&remote.repository), parts(&remote.path));
        if repository.len() != 2
            || repository.iter().chain(&path).any(|part| matches!(part.as_str(), "" | "." | ".."))
        {
            bail!("{}/{}: expected OWNER/REPO and a file in it", remote.repository, remote.path);
        }
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // One segment for the revision: a branch may have a slash in its name.
            segments.pop_if_empty().extend(repository).push("resolve").push(&remote.revision).extend(path);
        }
        Ok(url)
    }

    fn request(&self, client: &Client, method: Method, url: Url) -> RequestBuilder {
        let request = client.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(reqwest::Error::without_url);
        response.with_context(|| format!("asking {}", self.endpoint))
    }

    fn refused(&self, remote: &Remote, response: &Response) -> anyhow::Error {
        let Remote { repository, revision, path } = remote;
        let page = format!("{}{repository}", self.endpoint);
        let detail =
            text(response.headers(), "x-error-message").map(|text| format!(" ({text})")).unwrap_or_default();
        match (response.status().as_u16(), &self.token) {
            (401, None) => anyhow!(
                "the hub wants to know who asks for {repository}{detail}: there may be no such repository, or it \
                 is gated. If {page} exists, accept its terms there, make a token, and set HF_TOKEN to it"
            ),
            (401, Some(_)) => anyhow!("the hub does not accept the token in HF_TOKEN{detail}"),
            (403, _) => anyhow!(
                "{repository} is gated and this token may not read it{detail}: accept its terms at {page} with the \
                 account that the token in HF_TOKEN belongs to"
            ),
            (404, _) => {
                anyhow!("{repository} has no {path} at {revision}{detail}; {page}/tree/main lists its files")
            }
            (429, _) => anyhow!("the hub asks to slow down{detail}; try again in some minutes"),
            (status, _) => anyhow!("the hub answered {status}{detail}"),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
