//! `wasi:http/outgoing-handler`, waited for here: everything in the contract is synchronous.

mod body;

use crate::wasi::{
    clocks::monotonic_clock::subscribe_duration,
    http::{
        outgoing_handler::handle,
        types::{
            ErrorCode, Fields, IncomingResponse, Method as Verb, OutgoingRequest, RequestOptions, Scheme,
        },
    },
    io::poll::{Pollable, poll},
};
use corral_spin_platform::http::{Answer, Http, Lost, Method, Request};
use std::time::{Duration, Instant};

/// Spin's outbound HTTP.
pub struct Outgoing;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

impl Http for Outgoing {
    fn send(&self, request: &Request<'_>, within: Duration) -> Result<Answer, Lost> {
        let end = Instant::now() + within;
        let prepared = prepared(request)?;
        let body = prepared.body().map_err(|()| broken("a request without a body"))?;
        let future = handle(prepared, Some(options(within))).map_err(|error| lost(&error))?;
        body::write(body, request.body, end)?;
        if !wait(&future.subscribe(), end) {
            return Err(Lost::Timeout);
        }
        let response = match future.get() {
            Some(Ok(Ok(response))) => response,
            Some(Ok(Err(error))) => return Err(lost(&error)),
            Some(Err(())) | None => return Err(broken("an answer that was taken already")),
        };
        let (status, headers) = (response.status(), headers(&response));
        Ok(Answer { status, headers, body: Box::new(body::Rest::of(response)?) })
    }
}

fn prepared(request: &Request<'_>) -> Result<OutgoingRequest, Lost> {
    let (scheme, rest) =
        request.url.split_once("://").ok_or_else(|| broken("an address without a scheme"))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()))
        .collect();
    headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    // A token with a line break in it, for instance.
    let fields = Fields::from_list(&headers).map_err(|_refused| broken("a header that is none"))?;
    let prepared = OutgoingRequest::new(fields);
    let verb = match request.method {
        Method::Get => Verb::Get,
        Method::Post => Verb::Post,
        Method::Put => Verb::Put,
    };
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    prepared
        .set_method(&verb)
        .and_then(|()| prepared.set_scheme(Some(&scheme)))
        .and_then(|()| prepared.set_authority(Some(authority)))
        .and_then(|()| prepared.set_path_with_query(Some(if path.is_empty() { "/" } else { path })))
        .map_err(|()| broken("an address that is none"))?;
    Ok(prepared)
}

/// What a host does not know of these it leaves out; the clock here counts in any case.
fn options(within: Duration) -> RequestOptions {
    let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).ok();
    let options = RequestOptions::new();
    let _ = options.set_connect_timeout(nanoseconds(CONNECT.min(within)));
    let _ = options.set_first_byte_timeout(nanoseconds(within));
    options
}

fn headers(response: &IncomingResponse) -> Vec<(String, String)> {
    let entries = response.headers().entries().into_iter();
    let text =
        |(name, value): (String, Vec<u8>)| Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?));
    entries.filter_map(text).collect()
}

/// Whether something is there before the time is up.
fn wait(thing: &Pollable, end: Instant) -> bool {
    let left = end.saturating_duration_since(Instant::now());
    let clock = subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
    poll(&[thing, &clock]).contains(&0)
}

/// By the code's name alone; what it carries may quote an address.
fn lost(error: &ErrorCode) -> Lost {
    match error {
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Lost::Timeout,
        ErrorCode::HttpRequestDenied | ErrorCode::HttpRequestUriInvalid => {
            broken("Spin denies the request: is the address in allowed_outbound_hosts?")
        }
        other => {
            let name = format!("{other:?}");
            broken(name.split('(').next().unwrap_or_default())
        }
    }
}

fn broken(cause: &str) -> Lost {
    Lost::Broken(cause.to_owned())
}
