//! A server that answers nonsense: every call is unavailable, says what was wrong without repeating it,
//! and neither hangs nor fills the memory. What it is asked is looked at here too.

use crate::{collection_at, conformance::*, open};
use corral_vectors::{Chroma, Config, Error, Vectors};
use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const SECRET: &str = "what a person typed";

#[tokio::test]
async fn nonsense_is_unavailable_and_not_repeated() {
    let rows = |rest: &str| format!(r#"{{"ids": ["p/x"], {rest}}}"#);
    for answer in [
        SECRET.to_owned(),
        String::new(),
        format!("{{\"ids\": \"{SECRET}\"}}"),
        format!("[{{\"{SECRET}\": 1}}]"),
        "[".repeat(100_000),
        rows(r#""metadatas": [], "documents": [], "embeddings": []"#),
        rows(r#""metadatas": [null, null], "documents": ["a"], "embeddings": [[1.0, 0.0]]"#),
        rows(r#""documents": ["what a person typed"]"#),
        r#"{"ids": [["p/x", "p/y"]], "distances": [[0.5]]}"#.to_owned(),
        r#"{"ids": [["p/x"], ["p/y"]], "distances": [[0.5], [0.5]]}"#.to_owned(),
        r#"{"ids": [["p/x"]], "distances": [[1e999]]}"#.to_owned(),
    ] {
        let (config, _asked) = answering(move || Answer::Json(200, answer.clone())).await;
        unavailable(&open(&config, model()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn refusals_and_endless_answers_are_unavailable() {
    let message = format!(r#"{{"error": "InvalidArgumentError", "message": "{SECRET}"}}"#);
    for status in [301, 400, 401, 403, 404, 413, 429, 500, 503] {
        let message = message.clone();
        let (config, _asked) = answering(move || Answer::Json(status, message.clone())).await;
        unavailable(&open(&config, model()).await.unwrap()).await;
    }
    let (config, _asked) = answering(|| Answer::Endless).await;
    unavailable(&open(&config, model()).await.unwrap()).await;
}

#[tokio::test]
async fn a_refused_call_is_not_sent_again_and_a_failed_one_is() {
    for (status, times) in [(400, 1), (429, 4), (503, 4)] {
        let (config, asked) = answering(move || Answer::Json(status, "{}".to_owned())).await;
        let vectors = open(&config, model()).await.unwrap();
        vectors.count("p").await.unwrap_err();
        let gets = asked.lock().unwrap().iter().filter(|head| head.contains("/get ")).count();
        assert_eq!(gets, times, "after {status}");
    }
}

#[tokio::test]
async fn the_token_goes_into_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "s3cret\n").unwrap();
    for (header, expected) in
        [("x-chroma-token", "x-chroma-token: s3cret"), ("Authorization", "authorization: Bearer s3cret")]
    {
        let (config, asked) = answering(|| Answer::Json(200, r#"{"ids": []}"#.to_owned())).await;
        let chroma =
            Chroma { token_file: Some(file.clone()), token_header: header.to_owned(), ..Chroma::default() };
        let vectors = open(&Config { chroma, ..config }, model()).await.unwrap();
        assert_eq!(vectors.count("p").await.unwrap(), 0);
        let asked = asked.lock().unwrap();
        assert!(asked.iter().all(|head| head.lines().any(|line| line == expected)), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_at_once_is_asked_for_in_parts() {
    let (config, _asked) = answering_to(|body| {
        let asked: serde_json::Value = serde_json::from_str(body).unwrap();
        let empty = vec![];
        let ids = asked["ids"].as_array().unwrap_or(&empty);
        match ids.as_slice() {
            [] => Answer::Json(200, r#"{"ids": ["p/a", "p/b", "p/c"]}"#.to_owned()),
            [id] => Answer::Json(
                200,
                format!(r#"{{"ids": [{id}], "documents": [{id}], "metadatas": [{{"chat_id": "p"}}]}}"#),
            ),
            _ => Answer::Endless,
        }
    })
    .await;
    let vectors = open(&config, model()).await.unwrap();
    assert_eq!(ids(&all(&vectors, "p").await), ["a", "b", "c"]);
}

#[tokio::test]
async fn a_record_of_another_partition_is_not_given() {
    let row = r#"{"ids": ["p/x"], "documents": ["x"], "metadatas": [{"chat_id": "q"}], "embeddings": [[1.0, 0.0]]}"#;
    let (config, _asked) = answering(|| Answer::Json(200, row.to_owned())).await;
    let vectors = open(&config, model()).await.unwrap();
    assert_eq!(all(&vectors, "p").await, []);
    assert_eq!(vectors.records("p", vec!["x".to_owned()]).await.unwrap(), []);
    assert_eq!(vectors.remove("p", vec!["x".to_owned()]).await.unwrap(), 0);
}

enum Answer {
    Json(u16, String),
    Endless,
}

async fn answering(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Config, Arc<Mutex<Vec<String>>>) {
    answering_to(move |_| answer()).await
}

/// The address of a server that has a collection and gives this answer to each request about its records, and the heads
/// of the requests that it got.
async fn answering_to(
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Config, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = collection_at(&format!("http://{}", listener.local_addr().unwrap()));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (heads, answer) = (Arc::clone(&asked), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (heads, answer) = (Arc::clone(&heads), Arc::clone(&answer));
            // A client that has heard enough closes; that is no failure here.
            tokio::spawn(async move { drop(serve(connection, &heads, &*answer).await) });
        }
    });
    (config, asked)
}

async fn serve(
    mut connection: TcpStream,
    heads: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str) -> Answer + Sync),
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let end = loop {
        if let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&request[..end]).into_owned();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    while request.len() < end + 4 + length {
        connection.read_buf(&mut request).await?;
    }
    heads.lock().unwrap().push(head.clone());
    let answer = match head {
        head if head.contains("/pre-flight-checks") => {
            Answer::Json(200, r#"{"max_batch_size": 100}"#.to_owned())
        }
        head if head.starts_with("GET") && head.contains("/collections/tests-") => {
            Answer::Json(200, collection())
        }
        _ => answer(&String::from_utf8_lossy(&request[end + 4..])),
    };
    match answer {
        Answer::Json(status, body) => {
            let head = format!(
                "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            connection.write_all((head + &body).as_bytes()).await?;
            connection.shutdown().await
        }
        Answer::Endless => {
            connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await?;
            loop {
                connection.write_all(&[b' '; 1 << 16]).await?;
            }
        }
    }
}

fn collection() -> String {
    r#"{"id": "0000-1111", "dimension": 2, "configuration_json": {"hnsw": {"space": "cosine"}},
        "metadata": {"corral:model": "compass", "corral:dimensions": 2}}"#
        .to_owned()
}

async fn unavailable(vectors: &Vectors) {
    let calls = async {
        tokio::join!(
            Box::pin(async { vectors.query("p", vec![1.0, 0.0], 1).await.err() }),
            Box::pin(async { vectors.list("p", None, None, 1).await.err() }),
            Box::pin(async { vectors.records("p", vec!["x".to_owned()]).await.err() }),
            Box::pin(async { vectors.remove("p", vec!["x".to_owned()]).await.err() }),
        )
    };
    let (query, list, records, remove) = timeout(Duration::from_secs(30), calls).await.unwrap();
    let answers = [("query", query), ("list", list), ("records", records), ("remove", remove)];
    for (call, answer) in answers {
        match answer {
            Some(Error::Unavailable(cause)) => assert!(!cause.contains(SECRET), "{call}: {cause}"),
            other => panic!("{call}: {other:?}"),
        }
    }
}
