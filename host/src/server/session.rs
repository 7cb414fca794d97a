//! The session that a request is about: in its path, its query, its header, or its JSON body.
//!
//! Asked for only while that decides which generation answers; the body is handed on as it came.

use bytes::{Bytes, BytesMut};
use corral_wasm::guest::body::Incoming;
use futures_util::{StreamExt as _, stream};
use http::{Request, header::CONTENT_TYPE};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use serde::Deserialize;
use url::form_urlencoded;

/// A longer body is not read for it: a message with its session is shorter.
const LONGEST: usize = 256 << 10;
const PATH: &str = "/api/v1/chat/session/";
const NAME: &str = "session_id";
/// The gateway refuses a body that names another.
const HEADER: &str = "x-session-id";

/// Where a JSON body names a session. What else is in it is nobody's business here.
#[derive(Deserialize)]
struct Named {
    session_id: Option<String>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    session_id: Option<String>,
}

/// The session, if the request names one, and the request as it came.
pub(super) async fn of(request: Request<Incoming>) -> (Option<String>, Request<Incoming>) {
    if let Some(session) = in_address(&request).or_else(|| in_header(&request)) {
        return (Some(session), request);
    }
    let json = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !json.is_some_and(|kind| kind.contains("json")) || request.body().size_hint().lower() > LONGEST as u64
    {
        return (None, request);
    }
    let (parts, body) = request.into_parts();
    let (read, body) = beginning(body).await;
    (read.as_deref().and_then(in_body), Request::from_parts(parts, body))
}

fn in_address<B>(request: &Request<B>) -> Option<String> {
    let uri = request.uri();
    if let Some((_, session)) = uri.path().split_once(PATH) {
        return Some(session.to_owned());
    }
    let mut query = form_urlencoded::parse(uri.query()?.as_bytes());
    query.find_map(|(name, value)| (name == NAME).then(|| value.into_owned()))
}

fn in_header<B>(request: &Request<B>) -> Option<String> {
    request.headers().get(HEADER)?.to_str().ok().map(str::to_owned)
}

fn in_body(body: &[u8]) -> Option<String> {
    let named: Named = serde_json::from_slice(body).ok()?;
    named.session_id.or_else(|| named.metadata?.session_id)
}

/// The whole body, if it is not too long and comes without a fault; and the body again.
pub(super) async fn beginning(mut body: Incoming) -> (Option<Bytes>, Incoming) {
    let mut read = BytesMut::new();
    let mut frames: Vec<Result<Frame<Bytes>, _>> = Vec::new();
    let whole = loop {
        match body.frame().await {
            None => break true,
            Some(Ok(frame)) => {
                read.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                frames.push(Ok(frame));
                if read.len() > LONGEST {
                    break false;
                }
            }
            Some(Err(fault)) => {
                frames.push(Err(fault));
                break false;
            }
        }
    };
    let again = stream::iter(frames).chain(body.into_data_stream().map(|data| data.map(Frame::data)));
    (whole.then(|| read.freeze()), StreamBody::new(again).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    async fn told(uri: &str, body: &[u8]) -> (Option<String>, Bytes) {
        let bytes = Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {}).boxed_unsync();
        let request = Request::post(uri).header(CONTENT_TYPE, "application/json; charset=utf-8");
        let (session, request) = of(request.body(bytes).unwrap()).await;
        (session, request.into_body().collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_session_is_found_wherever_clients_name_it() {
        let some = Some("s-1".to_owned());
        for (uri, body) in [
            ("/api/v1/chat/session/s-1", ""),
            ("/shop/api/v1/chat/session/s-1", ""),
            ("/api/v1/chat/documents?limit=3&session_id=s-1", ""),
            ("/api/v1/chat/chat/text", r#"{"message": "x", "session_id": "s-1"}"#),
            ("/v1/chat/completions", r#"{"messages": [], "metadata": {"session_id": "s-1"}}"#),
        ] {
            let (session, again) = told(uri, body.as_bytes()).await;
            assert_eq!((session, &again[..]), (some.clone(), body.as_bytes()), "{uri}");
        }
    }

    #[tokio::test]
    async fn a_header_names_it_too() {
        let empty = Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync();
        let request = Request::post("/v1/chat/completions").header(HEADER, "s-1").body(empty).unwrap();
        assert_eq!(of(request).await.0.as_deref(), Some("s-1"));
    }

    #[tokio::test]
    async fn what_names_none_is_handed_on_as_it_came() {
        let long = [b"{\"message\": \"", vec![b'x'; 3 * LONGEST].as_slice(), b"\"}"].concat();
        for body in [&b"no JSON"[..], b"{\"session_id\": 3}", b"", &long] {
            let (session, again) = told("/api/v1/chat/chat/text", body).await;
            assert_eq!(session, None);
            assert_eq!(again, body);
        }
    }
}
