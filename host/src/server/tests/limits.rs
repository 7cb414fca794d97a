//! What a client may not do.

use super::*;

#[tokio::test]
async fn a_silent_client_is_left() {
    let host = start(|config| config.header_timeout = MILLISECOND * 100, echo).await;
    for said in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        assert_eq!(host.send(said).await, "", "{said:?}");
    }
}

#[tokio::test]
async fn an_http2_client_that_asks_nothing_is_left_even_if_it_does_not_listen() {
    let host = start(|config| config.header_timeout = MILLISECOND * 100, echo).await;
    let mut stream = host.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frames = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut frames)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_finished_connection_is_not_kept_for_ever() {
    let host = start(|config| config.header_timeout = MILLISECOND * 100, echo).await;
    let answer = host.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn too_many_headers_are_431() {
    let host = start(|config| config.max_headers = bytesize::ByteSize::kib(8), echo).await;
    let answer =
        host.send(format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(9000))).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_body_announced_too_large_is_413_at_once() {
    let host = start(|config| config.max_body = bytesize::ByteSize::b(10), echo).await;
    let mut stream = host.connect().await;
    stream.write_all(b"POST /chat HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n").await.unwrap();
    let answer = until(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.ends_with(r#"{"detail":"The request is too large."}"#), "{answer}");
}

#[tokio::test]
async fn a_client_that_goes_on_sending_still_reads_its_413() {
    let host = start(|config| config.max_body = bytesize::ByteSize::b(10), echo).await;
    let size = 8 << 20;
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n");
    let answer = host.send([head.as_bytes(), &vec![b'x'; size]].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_413_whatever_the_guest_says() {
    let host = start(|config| config.max_body = bytesize::ByteSize::b(10), echo).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = host.send(format!("{head}8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(r#""code":"too_large""#), "{answer}");
    let answer = host.send(format!("{head}5\r\n12345\r\n5\r\n12345\r\n0\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("1234512345"), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let host = start(|config| config.body_timeout = MILLISECOND * 50, echo).await;
    let mut stream = host.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhello").await.unwrap();
    let answer = until(&mut stream, "}").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn the_time_that_a_guest_takes_is_not_the_clients() {
    let late = |request: Request<guest::body::Incoming>, context| {
        Box::pin(async move {
            tokio::time::sleep(MILLISECOND * 200).await;
            echo(request, context).await
        }) as Answered
    };
    let host = start(|config| config.body_timeout = MILLISECOND * 100, late).await;
    let body = vec![b'x'; 1 << 20];
    let head =
        format!("POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = host.send([head.as_bytes(), &body].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{}", &answer[..200]);
}

#[tokio::test]
async fn a_broken_body_is_400() {
    let host = start(|_| {}, echo).await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = host.send(format!("{head}zz\r\nhello\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_never_comes_is_504() {
    let never = |_, _| Box::pin(std::future::pending()) as Answered;
    let host = start(|config| config.request_timeout = MILLISECOND * 10, never).await;
    let answer = host.get("/").await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut() {
    let endless = |_, _| {
        let (sender, response) = streaming();
        Box::pin(async move {
            sender.send("begun").await.unwrap();
            std::mem::forget(sender);
            Ok(response)
        }) as Answered
    };
    let host = start(|config| config.request_timeout = MILLISECOND * 10, endless).await;
    let answer = host.get("/").await;
    assert!(answer.contains("begun") && !answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_client_that_never_reads_its_answer_is_left() {
    let large = |_, _| Box::pin(async { Ok(Response::new(whole(vec![b'x'; 64 << 20]))) }) as Answered;
    let change = |config: &mut Config| {
        config.header_timeout = MILLISECOND * 50;
        config.request_timeout = MILLISECOND * 50;
    };
    let host = start(change, large).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    let gone = async {
        while host.metrics.connections().get() > 0 {
            tokio::time::sleep(MILLISECOND * 10).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_its_answer() {
    const SIZE: usize = 24 << 20;
    let large = |_, _| Box::pin(async { Ok(Response::new(whole(vec![b'x'; SIZE]))) }) as Answered;
    let host = start(|config| config.header_timeout = MILLISECOND * 50, large).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let (mut piece, mut size) = (vec![0; 128 << 10], 0);
    while size < SIZE {
        let length = timeout(PATIENCE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert_ne!(length, 0, "cut after {size} bytes");
        size += length;
        tokio::time::sleep(MILLISECOND * 2).await;
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait() {
    let host = start(|config| config.max_connections = 1, echo).await;
    let mut first = host.connect().await;
    first.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    until(&mut first, "\r\n\r\n").await;
    let waiting = timeout(MILLISECOND * 100, host.get("/")).await;
    assert!(waiting.is_err(), "{waiting:?}");
    drop(first);
    assert!(host.get("/").await.starts_with("HTTP/1.1 200"));
}
