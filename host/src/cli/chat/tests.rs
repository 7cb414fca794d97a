//! The client against a host that speaks HTTP on loopback.

use super::client::{Client, Event, Trimmed};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread,
};

/// Answers one request with this, and gives the request's first line and body.
fn host(answer: String) -> (String, thread::JoinHandle<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = thread::spawn(move || {
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
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        socket.write_all(answer.as_bytes()).unwrap();
        (first.trim().into(), String::from_utf8(body).unwrap())
    });
    (address, asked)
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

async fn events(stream: &str) -> Vec<anyhow::Result<Event>> {
    let (address, asked) = host(response("200 OK", "content-type: text/event-stream\r\n", stream));
    let mut answer = Client::new(&address).unwrap().ask("some-id", "hello", None).await.unwrap();
    let mut events = Vec::new();
    loop {
        let event = answer.next().await;
        let last = matches!(event, Err(_) | Ok(Event::Done { .. } | Event::Failed { .. }));
        events.push(event);
        if last {
            break;
        }
    }
    let (first, body) = asked.join().unwrap();
    assert_eq!(first, "POST /api/v1/chat/chat/stream HTTP/1.1");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["session_id"], &body["message"]), (&"some-id".into(), &"hello".into()));
    events
}

#[tokio::test]
async fn an_answer_is_read_event_by_event() {
    let stream = ": ping\n\n\
        event: sources\ndata: {\"sources\":[{\"id\":\"a#0\",\"document_id\":\"a\",\"text\":\"t\",\"score\":0.5,\"metadata\":{}}]}\n\n\
        event: trimmed\ndata: {\"turns\":2,\"sources\":0,\"tokens\":9000}\n\n\
        event: unheard-of\ndata: {}\n\n\
        event: delta\ndata: {\"text\":\"Hal\"}\n\n\
        event: delta\ndata: {\"text\":\"lo\\n\"}\n\n\
        event: done\ndata: {\"finish_reason\":\"stop\",\"usage\":{},\"persisted\":false}\n\n";
    let events: Vec<_> = events(stream).await.into_iter().map(Result::unwrap).collect();
    let [Event::Sources { sources }, Event::Trimmed(trimmed), rest @ ..] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((sources[0].id.as_str(), sources[0].document_id.as_deref()), ("a#0", Some("a")));
    assert_eq!(trimmed.to_string(), "left out to fit the model: 2 earlier turns, 0 passages");
    let without = r#"{"turns":0,"sources":0,"tokens":9,"retrieval_unavailable":true}"#;
    let without: Trimmed = serde_json::from_str(without).unwrap();
    assert_eq!(without.to_string(), "documents could not be read");
    assert_eq!(
        rest,
        [
            Event::Delta { text: "Hal".into() },
            Event::Delta { text: "lo\n".into() },
            Event::Done {
                finish_reason: Some("stop".into()),
                usage: Some(serde_json::json!({})),
                persisted: false
            }
        ]
    );
    let line = serde_json::to_value(&rest[2]).unwrap();
    assert_eq!(
        line,
        serde_json::json!({ "event": "done", "finish_reason": "stop", "usage": {}, "persisted": false })
    );
}

#[tokio::test]
async fn an_answer_that_fails_or_breaks_off_is_told() {
    let failed = events("event: error\ndata: {\"detail\":\"model unavailable\"}\n\n").await;
    assert!(
        matches!(&failed[..], [Ok(Event::Failed { detail })] if detail == "model unavailable"),
        "{failed:?}"
    );
    let cut = events("event: delta\ndata: {\"text\":\"Hal\"}\n\n").await;
    assert!(cut[1].as_ref().unwrap_err().to_string().contains("ended in the middle"), "{cut:?}");
    let malformed = events("event: delta\ndata: nonsense\n\n").await;
    assert!(malformed[0].as_ref().unwrap_err().to_string().contains("malformed `delta`"), "{malformed:?}");
}

#[tokio::test]
async fn a_refusal_is_told_in_its_own_words() {
    let list = r#"{"detail":[{"type":"missing","loc":["body","message"],"msg":"Field required"}]}"#;
    let rows = [
        ("404 Not Found", "", r#"{"detail":"Session not found"}"#, "Session not found (404)"),
        ("422 Unprocessable Entity", "", list, "Field required (422)"),
        ("503 Service Unavailable", "retry-after: 7\r\n", r#"{"detail":"Busy"}"#, "Busy (try again in 7 s)"),
        ("500 Internal Server Error", "", "oops", "Internal Server Error (500)"),
    ];
    for (status, headers, body, expected) in rows {
        let (address, _asked) = host(response(status, headers, body));
        let error = Client::new(&address).unwrap().create_session().await.unwrap_err();
        assert_eq!(format!("{error:#}"), expected);
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&address).unwrap().create_session().await.unwrap_err().to_string();
    assert_eq!(error, format!("no host answers at {address}/; start one with `corral serve`"));
    let error = Client::new("127.0.0.1:3000").err().unwrap().to_string();
    assert!(error.contains("expected one such as http://127.0.0.1:3000"), "{error}");
}

#[tokio::test]
async fn a_base_path_is_kept_and_ids_are_escaped() {
    let (address, asked) =
        host(response("200 OK", "", r#"{"documents":[{"id":"d","chunks":3,"metadata":{}}]}"#));
    let documents = Client::new(&format!("{address}/behind/")).unwrap().documents("a b&c").await.unwrap();
    assert_eq!(documents[0].to_string(), "d (3 passages)");
    let (first, _) = asked.join().unwrap();
    assert_eq!(first, "GET /behind/api/v1/chat/documents?session_id=a+b%26c HTTP/1.1");
}
