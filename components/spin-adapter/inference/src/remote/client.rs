//! Requests to the server: with the token, to this address alone, and with answers of bounded size.
//!
//! Not here: what most refusals mean (`refusal`), how events are read (`sse`).

use super::{
    address::{Address, Part},
    failure::{Failure, SOON},
    refusal::refusal,
};
use crate::Error;
use corral_spin_platform::http::{self as platform, Http, Method, Piece, Request};
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// The largest answer that is read whole: vectors of 256 texts, each value in a dozen bytes, take two MiB.
const ANSWER_BYTES: usize = 64 << 20;
/// The largest refusal that is read.
const REFUSAL_BYTES: usize = 64 << 10;
/// The time for the head of a stream: a full server may have it wait for its turn.
const OPENING: Duration = Duration::from_secs(120);
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// The server.
pub(crate) struct Client {
    http: Arc<dyn Http>,
    address: Address,
    token: Option<String>,
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    /// When to come back, if the server is full.
    pub retry_after: Duration,
    pub body: Vec<u8>,
}

/// How a server begins to answer.
pub(crate) enum Opening {
    /// It takes the request.
    Stream(platform::Answer),
    /// It does not.
    Refusal(Answer),
}

impl Client {
    pub fn new(http: Arc<dyn Http>, address: Address, token: Option<&str>) -> Self {
        Self { http, address, token: token.map(|token| format!("Bearer {token}")) }
    }

    /// Asks for something, `within` a time in all.
    pub fn get(&self, part: Part<'_>, within: Duration) -> Result<Answer, Failure> {
        let end = Instant::now() + within;
        whole(self.send(Method::Get, part, &[], within)?, end)
    }

    /// Asks for something, `within` a time in all.
    pub fn post(&self, part: Part<'_>, body: &impl Serialize, within: Duration) -> Result<Answer, Failure> {
        let end = Instant::now() + within;
        whole(self.send(Method::Post, part, &written(body)?, within)?, end)
    }

    /// Asks for a stream.
    pub fn stream(&self, part: Part<'_>, body: &impl Serialize) -> Result<Opening, Failure> {
        let answer = self.send(Method::Post, part, &written(body)?, OPENING)?;
        match answer.status {
            200..300 => Ok(Opening::Stream(answer)),
            _ => whole(answer, Instant::now() + OPENING).map(Opening::Refusal),
        }
    }

    fn send(
        &self,
        method: Method,
        part: Part<'_>,
        body: &[u8],
        within: Duration,
    ) -> Result<platform::Answer, Failure> {
        let mut headers = vec![("user-agent", concat!("corral/", env!("CARGO_PKG_VERSION")).to_owned())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        headers.extend(self.token.iter().map(|token| ("authorization", token.clone())));
        let request = Request { method, url: &self.address.api(part), headers: &headers, body };
        Ok(self.http.send(&request, within)?)
    }
}

impl Answer {
    /// What a success says.
    pub fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::malformed(what, self.body.len(), &error))
    }
}

/// The answer, if it is none that refuses.
pub(crate) fn accepted(answer: Answer, context: u32) -> Result<Answer, Failure> {
    if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer, context)) }
}

/// Why the server refused a request, in the words of whoever set the variables.
pub(crate) fn refused(answer: &Answer, context: u32) -> Failure {
    let unfit =
        |what: &str| Failure::Unfit(format!("the server answered {}: {what}", answer.status.as_u16()));
    match answer.status.as_u16() {
        401 | 403 => unfit("it wants another token than that of corral_token"),
        404 if code(&answer.body).as_deref() == Some("model_not_found") => {
            Failure::Refused(Error::NoSuchModel)
        }
        404 => unfit("what is at corral_url does not speak OpenAI's protocol, or does not know the model"),
        300..=399 => unfit("redirections are not followed; corral_url has to name its own address"),
        _ => refusal(answer, context),
    }
}

fn code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("error")?.get("code")?.as_str().map(str::to_owned)
}

fn written(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|error| Failure::Failed(format!("writing a request: {error}")))
}

fn whole(mut answer: platform::Answer, end: Instant) -> Result<Answer, Failure> {
    let status = StatusCode::from_u16(answer.status)
        .map_err(|error| Failure::Failed(format!("the server's status: {error}")))?;
    let retry_after = retry_after(answer.header("retry-after"));
    let most = if status.is_success() { ANSWER_BYTES } else { REFUSAL_BYTES };
    let mut body = Vec::new();
    loop {
        match answer.body.read(end.saturating_duration_since(Instant::now()))? {
            Piece::Bytes(bytes) if body.len() + bytes.len() > most => {
                return Err(Failure::Failed(format!("the answer is longer than {most} bytes")));
            }
            Piece::Bytes(bytes) => body.extend(bytes),
            Piece::Nothing => return Err(Failure::Failed("no answer in time".to_owned())),
            Piece::End => return Ok(Answer { status, retry_after, body }),
        }
    }
}

/// Only seconds are understood; a date asks for trust in the server's clock.
fn retry_after(value: Option<&str>) -> Duration {
    let seconds = value.and_then(|value| value.trim().parse().ok());
    seconds.map_or(SOON, |seconds| Duration::from_secs(seconds).clamp(SOON, LONGEST_RETRY))
}
