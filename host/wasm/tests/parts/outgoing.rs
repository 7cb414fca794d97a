//! How many requests guests may have under way.

use corral_wasm::{
    guest::{
        Client, Web,
        outgoing::{AT_ONCE, Granted, Outgoing},
    },
    hosts::Allowed,
};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::Instant,
};
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpHooks as _};

/// A server that begins every answer, and ends it when it has read something more.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1 << 10];
                // A part of the request is enough to answer it.
                assert!(connection.read(&mut request).await.unwrap() > 0);
                connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await.unwrap();
                // Nothing, when the answer is not waited for any more.
                drop(connection.read(&mut request).await);
            });
        }
    });
    address
}

fn granted(web: &Web) -> Granted {
    Granted {
        hosts: [Allowed::parse("http://127.0.0.1:*").unwrap()].into(),
        component: None,
        web: web.clone(),
        inside: None,
        request_id: "1".into(),
        caller: Client::default(),
        deadline: Instant::now() + Duration::from_secs(60),
        record: Default::default(),
        depth: 0,
        places: Granted::places(),
    }
}

async fn send(granted: &Granted, address: SocketAddr) -> Result<Response<WasiBody>, Error> {
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(format!("http://{address}/")).body(empty).unwrap();
    let mut outgoing = Outgoing::Granted(Box::new(granted.clone()));
    let sending = outgoing.send_request(request, None, Box::new(async { Ok(()) }));
    Ok(Box::into_pin(sending).await?.0)
}

/// Whether a request finds a place soon.
async fn finds_a_place(granted: &Granted, address: SocketAddr) -> bool {
    let deadline = Instant::now() + Duration::from_millis(20);
    let hurried = Granted { deadline, ..granted.clone() };
    !matches!(send(&hurried, address).await, Err(Error::ConnectionLimitReached))
}

fn web(at_once: u32) -> Web {
    // Another test may have been earlier.
    drop(rustls::crypto::ring::default_provider().install_default());
    Web::bounded(at_once).unwrap()
}

#[tokio::test]
async fn a_guest_has_its_places_and_waits_for_one_of_them() {
    let (web, address) = (web(1_000), server().await);
    let (greedy, other) = (granted(&web), granted(&web));
    let mut answers = Vec::new();
    for _ in 0..AT_ONCE {
        answers.push(send(&greedy, address).await.unwrap());
    }
    assert!(!finds_a_place(&greedy, address).await);
    send(&other, address).await.unwrap();
    answers.pop();
    send(&greedy, address).await.unwrap();
}

#[tokio::test]
async fn all_guests_together_have_their_places() {
    let (web, address) = (web(2), server().await);
    let guests = [granted(&web), granted(&web), granted(&web)];
    let first = send(&guests[0], address).await.unwrap();
    let second = send(&guests[1], address).await.unwrap();
    assert!(!finds_a_place(&guests[2], address).await);
    drop(first);
    send(&guests[2], address).await.unwrap();
    drop(second);
}
