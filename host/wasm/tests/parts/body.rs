//! When an answer's body lets its guest go on, and when it stops it.

use corral_wasm::guest::{
    Body, Guest,
    body::{Bounds, Guarded, announced},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_LENGTH};
use http_body_util::{BodyExt as _, Empty, Full, combinators::UnsyncBoxBody};
use std::time::Duration;
use tokio::{sync::oneshot, time::Instant};

/// One that says nothing of its end, as a guest's never does before it is read.
fn open(text: &'static str) -> Body {
    let body = Full::new(text.into()).map_err(|never| match never {});
    // Adds no frame, and does not know that.
    UnsyncBoxBody::new(body.with_trailers(std::future::ready(None)))
}

/// Whether a guest ends what it does after its answer, of which so many frames are read.
async fn goes_on(body: Body, announced: Option<u64>, frames: usize) -> bool {
    let (answered, rest) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let guest = tokio::spawn(async move {
        rest.await.unwrap();
        end.send(()).unwrap();
        Ok(())
    });
    let bounds = Bounds { deadline: Instant::now() + Duration::from_secs(60), output: 1 << 10, announced };
    let mut body = Guarded::new(body, Guest::running(guest), bounds);
    for _ in 0..frames {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    answered.send(()).unwrap();
    ended.await.is_ok()
}

#[tokio::test]
async fn a_guest_goes_on_after_an_answer_whose_body_nobody_reads() {
    let none = |method: Method, status| announced(&method, status, &HeaderMap::new());
    for known in [
        none(Method::HEAD, StatusCode::OK),
        none(Method::POST, StatusCode::NO_CONTENT),
        none(Method::GET, StatusCode::NOT_MODIFIED),
    ] {
        assert_eq!(known, Some(0));
        assert!(goes_on(open("unread"), known, 0).await);
    }
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    assert!(goes_on(empty, none(Method::GET, StatusCode::OK), 0).await);
}

#[tokio::test]
async fn a_guest_goes_on_after_as_much_as_its_head_announces() {
    let length = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("5"))]);
    let known = announced(&Method::GET, StatusCode::OK, &length);
    assert!(goes_on(open("hello"), known, 1).await);
    assert!(!goes_on(open("hell"), known, 1).await);
}

#[tokio::test]
async fn a_guest_is_stopped_when_its_client_leaves() {
    assert!(!goes_on(open("hello"), None, 0).await);
    assert!(!goes_on(open("hello"), None, 1).await);
}
