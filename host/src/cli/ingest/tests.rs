//! The client against a host that speaks HTTP on loopback, and is busy at times.

use super::client::{Client, Error, Patience};
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

const PATIENCE: Patience =
    Patience { first: Duration::from_millis(1), longest: Duration::from_millis(1), times: 3 };

/// Gives these answers, one a connection, and then the requests' first lines.
fn host(answers: Vec<String>) -> (Client, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
        let answered = answers.into_iter().map(|answer| {
            let (mut socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.to_lowercase().strip_prefix("content-length:") {
                    Some(value) => length = value.trim().parse().unwrap(),
                    None if line.trim().is_empty() => break,
                    None => {}
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            socket.write_all(answer.as_bytes()).unwrap();
            first.trim().to_owned()
        });
        answered.collect()
    });
    (Client::new(&address, PATIENCE).unwrap(), asked)
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

const STORED: &str = r#"{"documents": [{"id": "a", "chunks": 3}]}"#;

#[tokio::test]
async fn a_busy_host_and_a_broken_connection_are_tried_again() {
    let (client, asked) = host(vec![
        response("503 Service Unavailable", "retry-after: 0\r\n", r#"{"detail": "busy"}"#),
        String::new(),
        response("429 Too Many Requests", "", "{}"),
        response("200 OK", "", STORED),
    ]);
    let passages = client.store("s", &json!({ "id": "a", "text": "text" })).await.unwrap();
    assert_eq!(passages, 3);
    assert_eq!(asked.join().unwrap(), vec!["POST /api/v1/chat/documents HTTP/1.1"; 4]);
}

#[tokio::test]
async fn a_host_that_stays_busy_is_given_up() {
    let busy = || response("503 Service Unavailable", "", r#"{"detail": "busy"}"#);
    let (client, asked) = host(vec![busy(), busy(), busy(), busy()]);
    let error = client.store("s", &json!({})).await.unwrap_err();
    assert!(matches!(&error, Error::Passing { detail, .. } if detail == "busy (503)"), "{error}");
    assert_eq!(asked.join().unwrap().len(), 4);
}

#[tokio::test]
async fn a_refusal_is_the_documents_and_a_missing_session_is_everybodys() {
    let mistake = r#"{"detail": [{"msg": "String should have at least 1 character"}]}"#;
    let (client, _) = host(vec![
        response("422 Unprocessable Entity", "", mistake),
        response("404 Not Found", "", r#"{"detail": "Session not found"}"#),
    ]);
    let refused = client.store("s", &json!({})).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(why) if why.contains("at least 1 character")), "{refused}");
    let missing = client.documents("s").await.unwrap_err();
    assert!(matches!(&missing, Error::Host(why) if why == "Session not found (404)"), "{missing}");
}

#[tokio::test]
async fn deleting_what_is_gone_is_done() {
    let (client, asked) = host(vec![response("404 Not Found", "", "{}"), response("204 No Content", "", "")]);
    client.delete("s p", "a%3Ab (0001)").await.unwrap();
    client.delete("s p", "a").await.unwrap();
    let asked = asked.join().unwrap();
    assert_eq!(asked[0], "DELETE /api/v1/chat/documents/a%253Ab%20(0001)?session_id=s+p HTTP/1.1");
}

#[tokio::test]
async fn an_address_is_shown_without_its_password() {
    let client = Client::new("http://me:s3cret@127.0.0.1:1", PATIENCE).unwrap();
    let error = client.documents("s").await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1") && error.contains("corral serve"), "{error}");
    assert!(!error.contains("s3cret"), "{error}");
    assert!(Client::new("localhost:3000", PATIENCE).is_err());
}
