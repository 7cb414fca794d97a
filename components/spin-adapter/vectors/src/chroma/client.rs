//! Requests to a ChromaDB server: how they are sent, tried again and bounded.
//!
//! The answer is not trusted: it has a largest size and is read into types, and what does not fit is described without
//! being repeated. All requests may be sent twice: none adds to what is there.
//!
//! Not here: what the requests are (`collection.rs`, `records.rs`).

use crate::{Error, Model};
use corral_spin_platform::http::{Answer, Http, Lost, Method, Piece, Request};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    cell::Cell,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a call may take, all its requests and retries included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const ANSWER_BYTES: usize = 64 << 20;
/// The largest refusal that is read: it says which, and is not repeated at length.
const REFUSAL_BYTES: usize = 64 << 10;
/// Between one attempt and the next.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(450)];

thread_local! {
    /// When the call that is under way on this thread has to end: a component does one thing at a time.
    static END: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address, such as `http://chroma.example:8000`.
    pub url: String,
    /// The tenant.
    pub tenant: String,
    /// The database in it.
    pub database: String,
    /// Name of the collection.
    pub collection: String,
    /// The token, if it wants one.
    pub token: Option<String>,
    /// The header that the token is sent in. `authorization` sends it after `Bearer`.
    pub token_header: String,
}

pub struct Client {
    http: Arc<dyn Http>,
    base: String,
    token: Option<(String, String)>,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is no such collection, or no such server behind the address.
    #[error("ChromaDB answered 404: check chroma_url, chroma_tenant and chroma_database")]
    Missing,
    /// Worth trying again at once.
    #[error("{0}")]
    Transient(String),
    /// The server will say the same again. The message may quote what was sent.
    #[error("ChromaDB answered {status} {code}")]
    Refused { status: u16, code: String, message: String },
    /// Asking for less may help.
    #[error("ChromaDB's answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
    /// No answer in time, or one that means nothing.
    #[error("{0}")]
    Broken(String),
    /// The collection is there, and another model's.
    #[error(
        "the collection holds embeddings of {stored}, and here they are {given}: name another in chroma_collection"
    )]
    OtherModel { stored: Model, given: Model },
    /// There is no collection of that name, and none is to be made.
    #[error("ChromaDB has no collection {0:?}")]
    NoCollection(String),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

/// From now on the time of a call runs.
pub fn begin() {
    END.set(Some(Instant::now() + PATIENCE));
}

impl Client {
    pub fn new(http: Arc<dyn Http>, settings: &Settings) -> Result<Self, Error> {
        let base = settings.url.trim_end_matches('/');
        let plain = base.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@'));
        if !plain || !(base.starts_with("http://") || base.starts_with("https://")) {
            // The address is not repeated: someone may have put a password in it.
            return Err(Error::InvalidArgument(
                "chroma_url: expected the server's address, such as \"http://127.0.0.1:8000\"".to_owned(),
            ));
        }
        for (key, value) in [("chroma_tenant", &settings.tenant), ("chroma_database", &settings.database)] {
            if matches!(value.as_str(), "" | "." | "..") {
                return Err(Error::InvalidArgument(format!("{key} = {value:?}: expected a name")));
            }
        }
        let header = settings.token_header.to_ascii_lowercase();
        let token = settings.token.as_deref().map(|token| match header.as_str() {
            "authorization" => format!("Bearer {token}"),
            _ => token.to_owned(),
        });
        Ok(Self { http, base: base.to_owned(), token: token.map(|token| (header, token)) })
    }

    /// The path is below `/api/v2`, in segments that need not be encoded.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        read(&self.send(Method::Get, path, &[])?)
    }

    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        read(&self.send(Method::Post, path, &written(body)?)?)
    }

    /// The answer says nothing.
    pub async fn put(&self, path: &[&str], body: &impl Serialize) -> Result<(), Failure> {
        self.send(Method::Put, path, &written(body)?).map(drop)
    }

    fn send(&self, method: Method, path: &[&str], body: &[u8]) -> Result<Vec<u8>, Failure> {
        let url = path.iter().fold(format!("{}/api/v2", self.base), |url, part| url + "/" + &encoded(part));
        let mut pauses = PAUSES.into_iter();
        loop {
            match (self.attempt(method, &url, body), pauses.next()) {
                (Err(Failure::Transient(_)), Some(pause)) if left() > pause => sleep(pause),
                (done, _) => return done,
            }
        }
    }

    fn attempt(&self, method: Method, url: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut headers = vec![("accept", "application/json".to_owned())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers.extend(self.token.iter().map(|(name, token)| (name.as_str(), token.clone())));
        let request = Request { method, url, headers: &headers, body };
        let answer = self.http.send(&request, left()).map_err(unanswered)?;
        match answer.status {
            200..300 => whole(answer, ANSWER_BYTES),
            status => Err(refusal(status, &whole(answer, REFUSAL_BYTES).unwrap_or_default())),
        }
    }
}

fn left() -> Duration {
    END.get().map_or(PATIENCE, |end| end.saturating_duration_since(Instant::now()))
}

fn written(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|error| Failure::Broken(format!("writing a request: {error}")))
}

fn whole(mut answer: Answer, most: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        match answer.body.read(left()).map_err(unanswered)? {
            Piece::Bytes(bytes) if body.len() + bytes.len() > most => return Err(Failure::TooLarge),
            Piece::Bytes(bytes) => body.extend(bytes),
            Piece::Nothing => return Err(unanswered(Lost::Timeout)),
            Piece::End => return Ok(body),
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    // serde's message would quote what it found.
    serde_json::from_slice(body).map_err(|error| {
        let (kind, line, column) = (error.classify(), error.line(), error.column());
        Failure::Broken(format!(
            "ChromaDB's answer of {} bytes is not the JSON that was expected \
             ({kind:?} error in line {line}, column {column})",
            body.len()
        ))
    })
}

fn unanswered(lost: Lost) -> Failure {
    match lost {
        Lost::Timeout => Failure::Broken(format!("no answer within {PATIENCE:?}")),
        Lost::Broken(cause) => Failure::Transient(cause),
    }
}

fn refusal(status: u16, body: &[u8]) -> Failure {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        error: String,
        message: String,
    }
    if status == 404 {
        return Failure::Missing;
    }
    let Refusal { error, message } = serde_json::from_slice(body).unwrap_or_default();
    let code: String = error.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    match status {
        409 | 429 | 500.. => Failure::Transient(format!("ChromaDB answered {status} {code}")),
        _ => {
            let message = message.chars().filter(|char| !char.is_control()).take(300).collect();
            Failure::Refused { status, code, message }
        }
    }
}

/// A part of a path: what is not plain is written by its bytes.
fn encoded(part: &str) -> String {
    part.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}
