//! Fetching from a hub that speaks HTTP on loopback, with the faults that real ones have.

use super::{
    catalogue::Digest,
    fetch::{Expected, Trust, fetch},
    folder,
    hub::{Hub, Remote},
    verify::{State, verdicts},
};
use crate::config;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use indicatif::ProgressBar;
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

type Body = UnsyncBoxBody<Bytes, io::Error>;

const PATH: &str = "/owner/models/resolve/main/model.gguf";

/// One file, and how the hub misbehaves.
#[derive(Default)]
struct Stub {
    content: Vec<u8>,
    /// The hash that the hub gives for it.
    etag: Option<String>,
    /// How many answers break off after how many bytes.
    cuts: AtomicUsize,
    cut_after: usize,
    /// Sends the whole file whatever is asked for.
    ignores_ranges: bool,
    /// Wants this token, and refuses all others with this status.
    token: Option<(&'static str, StatusCode)>,
    /// The ranges that were asked for.
    asked: Mutex<Vec<Option<String>>>,
}

impl Stub {
    fn of(content: &[u8]) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// Serves until the test's runtime ends. Gives its address.
    async fn serve(self: &Arc<Self>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stub = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let stub = Arc::clone(&stub);
                let service = hyper::service::service_fn(move |request| {
                    let response = stub.answer(&request);
                    async move { Ok::<_, io::Error>(response) }
                });
                // A cut connection ends in an error, which is what was wanted.
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        format!("http://{address}")
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let header = |name| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        if let Some((token, status)) = self.token
            && header("authorization") != Some(format!("Bearer {token}"))
        {
            return empty(status);
        }
        match request.uri().path() {
            "/owner/renamed/resolve/main/model.gguf" => moved(PATH),
            // Where the hub keeps the bytes themselves.
            PATH if request.method() == Method::HEAD => {
                let mut response = moved("http://elsewhere.invalid/blob");
                if let Some(etag) = &self.etag {
                    response.headers_mut().insert("x-linked-etag", format!("\"{etag}\"").parse().unwrap());
                    response.headers_mut().insert("x-linked-size", self.content.len().into());
                }
                response
            }
            PATH => moved("/blob"),
            "/blob" => self.blob(header("range")),
            _ => empty(StatusCode::NOT_FOUND),
        }
    }

    fn blob(&self, range: Option<String>) -> Response<Body> {
        self.asked.lock().unwrap().push(range.clone());
        let offset = range.filter(|_| !self.ignores_ranges);
        let start = offset
            .map_or(0, |range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
        if start > 0 && start >= self.content.len() {
            return empty(StatusCode::RANGE_NOT_SATISFIABLE);
        }
        let rest = self.content[start..].to_vec();
        let cut =
            self.cuts.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        let response = Response::builder().header("content-length", rest.len());
        let response = match start {
            0 => response,
            _ => response.status(StatusCode::PARTIAL_CONTENT).header(
                "content-range",
                format!("bytes {start}-{}/{}", self.content.len() - 1, self.content.len()),
            ),
        };
        let body = if cut { broken(&rest[..self.cut_after.min(rest.len())]) } else { full(rest) };
        response.body(body).unwrap()
    }
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Some bytes, and then the connection is lost.
fn broken(bytes: &[u8]) -> Body {
    let pieces = [Ok(Frame::data(Bytes::copy_from_slice(bytes))), Err(io::Error::other("cut"))];
    // The pause lets the first piece reach the client.
    let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((pieces.next()?, pieces))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn empty(status: StatusCode) -> Response<Body> {
    Response::builder().status(status).body(full("")).unwrap()
}

fn moved(to: &str) -> Response<Body> {
    Response::builder().status(StatusCode::FOUND).header("location", to).body(full("")).unwrap()
}

fn remote(repository: &str) -> Remote {
    Remote { repository: repository.into(), revision: "main".into(), path: "model.gguf".into() }
}

/// Fetches from the stub into a folder.
async fn bring(
    stub: &Arc<Stub>,
    token: Option<&str>,
    place: &Path,
    expected: Expected,
) -> anyhow::Result<Trust> {
    let hub = Hub::new(config::Hub { endpoint: stub.serve().await, token: token.map(str::to_owned) })?;
    fetch(&hub, &remote("owner/models"), place, expected, Duration::from_millis(1)).await
}

fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn digest(bytes: &[u8]) -> Digest {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    fs::write(&file, bytes).unwrap();
    folder::hash(&file, &ProgressBar::hidden()).unwrap()
}

fn place(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("models/model.gguf")
}

#[test]
fn the_hash_is_sha_256() {
    assert_eq!(
        digest(b"abc").to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[tokio::test]
async fn a_download_that_is_cut_goes_on_where_it_stopped() {
    let content = content();
    let stub = Arc::new(Stub {
        etag: Some(digest(&content).to_string()),
        cuts: 2.into(),
        cut_after: 400_000,
        ..Stub::of(&content)
    });
    let folder = tempfile::tempdir().unwrap();
    let trust = bring(&stub, None, &place(&folder), Expected::default()).await.unwrap();
    assert_eq!(trust, Trust::Hub);
    assert_eq!(fs::read(place(&folder)).unwrap(), content);
    let asked = stub.asked.lock().unwrap().clone();
    assert_eq!(asked, [None, Some("bytes=400000-".into()), Some("bytes=800000-".into())]);
    assert_eq!(folder::pinned(&place(&folder)).unwrap(), Some(digest(&content)));
    assert!(!folder::beside(&place(&folder), "part").exists());
}

#[tokio::test]
async fn an_earlier_part_is_used_and_a_hub_without_ranges_starts_over() {
    let content = content();
    for ignores_ranges in [false, true] {
        let stub =
            Arc::new(Stub { etag: Some(digest(&content).to_string()), ignores_ranges, ..Stub::of(&content) });
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("models")).unwrap();
        fs::write(folder::beside(&place(&folder), "part"), &content[..1000]).unwrap();
        bring(&stub, None, &place(&folder), Expected::default()).await.unwrap();
        assert_eq!(fs::read(place(&folder)).unwrap(), content);
        assert_eq!(*stub.asked.lock().unwrap(), [Some("bytes=1000-".into())]);
    }
}

#[tokio::test]
async fn a_connection_that_gives_nothing_is_given_up() {
    let content = content();
    let stub =
        Arc::new(Stub { etag: Some(digest(&content).to_string()), cuts: 100.into(), ..Stub::of(&content) });
    let folder = tempfile::tempdir().unwrap();
    let error = bring(&stub, None, &place(&folder), Expected::default()).await.unwrap_err();
    assert!(format!("{error:#}").contains("reading from the hub"), "{error:#}");
    assert_eq!(stub.asked.lock().unwrap().len(), 5);
    assert!(!place(&folder).exists());
}

#[tokio::test]
async fn a_wrong_checksum_leaves_nothing_behind() {
    let stub = Arc::new(Stub { etag: Some(digest(b"another file").to_string()), ..Stub::of(&content()) });
    let folder = tempfile::tempdir().unwrap();
    let error = bring(&stub, None, &place(&folder), Expected::default()).await.unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("try again"), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("models")).unwrap().count(), 0);
}

#[tokio::test]
async fn the_hub_must_not_contradict_the_catalogue() {
    let stub = Arc::new(Stub { etag: Some(digest(b"another file").to_string()), ..Stub::of(&content()) });
    let folder = tempfile::tempdir().unwrap();
    let expected = Expected { sha256: Some(digest(&content())), size: Some(content().len() as u64) };
    let error = bring(&stub, None, &place(&folder), expected).await.unwrap_err().to_string();
    assert!(error.contains("another file than the catalogue"), "{error}");
    assert!(stub.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_file_without_a_known_hash_is_pinned_as_it_came() {
    let stub = Arc::new(Stub::of(b"small"));
    let folder = tempfile::tempdir().unwrap();
    let trust = bring(&stub, None, &place(&folder), Expected::default()).await.unwrap();
    assert_eq!(trust, Trust::FirstUse);
    let state = || verdicts(&folder.path().join("models"), &[]).unwrap()[0].state;
    assert_eq!(state(), State::Good);
    fs::write(place(&folder), b"smell").unwrap();
    assert_eq!(state(), State::Damaged);
    fs::remove_file(folder::beside(&place(&folder), "sha256")).unwrap();
    assert_eq!(state(), State::Unpinned);
}

#[tokio::test]
async fn a_gated_model_says_what_to_do() {
    let rows = [
        (StatusCode::UNAUTHORIZED, None, "set HF_TOKEN"),
        (StatusCode::UNAUTHORIZED, Some("wrong"), "does not accept the token in HF_TOKEN"),
        (StatusCode::FORBIDDEN, Some("wrong"), "accept its terms at"),
    ];
    for (status, token, expected) in rows {
        let stub = Arc::new(Stub { token: Some(("right", status)), ..Stub::of(b"x") });
        let folder = tempfile::tempdir().unwrap();
        let error = bring(&stub, token, &place(&folder), Expected::default()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let stub = Arc::new(Stub { token: Some(("right", StatusCode::FORBIDDEN)), ..Stub::of(b"x") });
    let folder = tempfile::tempdir().unwrap();
    bring(&stub, Some("right"), &place(&folder), Expected::default()).await.unwrap();
}

#[tokio::test]
async fn a_renamed_repository_is_followed_and_an_unknown_one_is_told() {
    let stub = Arc::new(Stub { etag: Some(digest(b"x").to_string()), ..Stub::of(b"x") });
    let hub = Hub::new(config::Hub { endpoint: stub.serve().await, token: None }).unwrap();
    assert_eq!(hub.facts(&remote("owner/renamed")).await.unwrap().sha256, Some(digest(b"x")));
    let error = hub.facts(&remote("owner/nothing")).await.unwrap_err().to_string();
    assert!(error.contains("owner/nothing has no model.gguf at main"), "{error}");
    for repository in ["owner", "owner/..", "a/b/c", "/models"] {
        assert!(
            hub.facts(&remote(repository)).await.unwrap_err().to_string().contains("expected OWNER/REPO")
        );
    }
}

#[test]
fn a_catalogue_model_that_is_here_in_part_is_missing_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("all-minilm-l6-v2")).unwrap();
    fs::write(folder.path().join("all-minilm-l6-v2/config.json"), "{}").unwrap();
    let verdicts = verdicts(folder.path(), &[]).unwrap();
    let count = |state| verdicts.iter().filter(|verdict| verdict.state == state).count();
    assert_eq!((count(State::Missing), count(State::Damaged)), (4, 1));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let error = verdicts(Path::new("nowhere"), &["llama".into()]).unwrap_err().to_string();
    assert!(error.contains("llama-2-7b-chat"), "{error}");
}
