//! What clients and guests get to see, and the log line that is left.

use super::*;
use corral_telemetry::{self as telemetry, Format};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::sync::{Mutex, OnceLock};
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Lines {
    /// The log line of a request, when it is there.
    async fn of(&self, request: &str) -> serde_json::Value {
        let written = async {
            loop {
                let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
                let mut lines =
                    text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
                if let Some(line) = lines.find(|line| line["request_id"] == request) {
                    return line;
                }
                tokio::time::sleep(MILLISECOND).await;
            }
        };
        timeout(PATIENCE, written).await.unwrap()
    }
}

/// The log of all tests: what is logged before a thread has a log of its own is lost to every one.
fn listen() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let begin = || {
        let lines = Lines::default();
        let config = telemetry::Config { format: Format::Json, filter: None };
        let log = telemetry::log::subscriber(&config, lines.clone(), false).unwrap();
        tracing::dispatcher::set_global_default(log).unwrap();
        tracing::callsite::rebuild_interest_cache();
        lines
    };
    LINES.get_or_init(begin).clone()
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let host = start(|_| {}, echo).await;
    for path in ["/", "/nowhere", "/livez", "/readyz"] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let answer = host.send(format!("{head}x-request-id: job-7\r\n\r\n")).await;
        assert_eq!(header(&answer, "x-request-id"), Some("job-7"), "{path}");
        let answer = host.send(format!("{head}x-request-id: two words\r\n\r\n")).await;
        assert!(Uuid::parse_str(header(&answer, "x-request-id").unwrap()).is_ok(), "{path}");
    }
}

#[tokio::test]
async fn the_guest_hears_names_and_deadline() {
    let tell = |request: Request<guest::body::Incoming>, context: guest::Context| {
        let told =
            ["x-request-id", "traceparent"].map(|name| request.headers()[name].to_str().unwrap().to_owned());
        assert_eq!(told[0], context.request_id);
        assert!(context.deadline > tokio::time::Instant::now());
        let body = whole(told.join(" "));
        Box::pin(async { Ok(Response::builder().header("x-request-id", "forged").body(body).unwrap()) })
            as Answered
    };
    let host = start(|_| {}, tell).await;
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let answer = host
        .send(format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: a\r\n{trace}\r\n\r\n"))
        .await;
    assert_eq!(header(&answer, "x-request-id"), Some("a"));
    assert!(answer.contains("a 00-0af7651916cd43dd8448eb211c80319c-"), "{answer}");
    assert!(!answer.contains("b7ad6b7169203331"), "{answer}");
}

#[tokio::test]
async fn nothing_is_answered_before_the_door_opens_but_health() {
    let host = closed(|_| {}).await;
    host.door.watch(super::super::health::Check::new("model", || async {
        super::super::health::State::Loading(0.4)
    }));
    let answer = host.get("/api/v1/chat/session").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_eq!(header(&answer, "retry-after"), Some("5"));
    assert!(host.get("/livez").await.starts_with("HTTP/1.1 200"));
    let ready = host.get("/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(
        ready.ends_with(r#"{"checks":{"apps":"loading","model":"loading 40%"},"ready":false}"#),
        "{ready}"
    );
}

#[tokio::test]
async fn the_host_answers_what_no_application_does() {
    let host = start(|_| {}, echo).await;
    assert!(host.get("/nowhere").await.ends_with(r#"{"detail":"Not Found"}"#));
    assert!(host.get("/readyz").await.ends_with(r#"{"checks":{},"ready":true}"#));
    let wrong = host.send("POST /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(wrong.starts_with("HTTP/1.1 405"), "{wrong}");
    assert_eq!(header(&wrong, "allow"), Some("GET, HEAD"));
    let nameless = host.send("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(nameless.starts_with("HTTP/1.1 400"), "{nameless}");
    let tunnel = host.send("CONNECT x:80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(tunnel.starts_with("HTTP/1.1 405"), "{tunnel}");
}

#[tokio::test]
async fn http2_is_understood_too() {
    let host = start(|_| {}, echo).await;
    let io = TokioIo::new(host.connect().await);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://x/chat").body(Full::new(Bytes::from("hello"))).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert!(response.headers().contains_key("x-request-id"));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
}

#[tokio::test]
async fn one_line_a_request_without_what_was_said() {
    let lines = listen();
    let answer = |_, context: guest::Context| {
        context.record.generation(&corral_inference::Usage {
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 3,
            queue_ms: 5,
            first_token_ms: 20,
            total_ms: 50,
        });
        Box::pin(async { Ok(Response::new(whole("typed back"))) }) as Answered
    };
    let host = start(|_| {}, answer).await;
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let path = "/api/v1/chat/session/3f0c6a1e-4f8e-4c5a-9a51-d2c6f8f2b8aa?q=typed";
    host.send(format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: seen\r\n{trace}\r\ncontent-length: 5\r\n\r\ntyped"
    ))
    .await;
    let line = lines.of("seen").await;
    for (field, expected) in [
        ("message", json!("answered")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("app", json!("chat")),
        ("digest", json!("0123456789ab")),
        ("method", json!("POST")),
        ("route", json!("/api/v1/chat/session/{id}")),
        ("status", json!(200)),
        ("queue_ms", json!(5)),
        ("first_token_ms", json!(20)),
        ("prompt_tokens", json!(10)),
        ("cached_tokens", json!(4)),
        ("completion_tokens", json!(3)),
        ("bytes_out", json!(10)),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert!(line["total_ms"].is_u64(), "{line}");
    assert!(!line.to_string().contains("typed"), "{line}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_answer_and_the_log_says_so() {
    let lines = listen();
    let (told, mut dropped) = mpsc::channel::<&'static str>(1);
    let answer = move |request: Request<guest::body::Incoming>, _| {
        let (sender, response) = streaming();
        let told = told.clone();
        Box::pin(async move {
            if request.uri().path() == "/before" {
                let _held = told;
                return std::future::pending().await;
            }
            tokio::spawn(async move {
                while sender.send("more ").await.is_ok() {
                    tokio::time::sleep(MILLISECOND).await;
                }
                told.send("stopped").await
            });
            Ok(response)
        }) as Answered
    };
    let host = start(|_| {}, answer).await;

    let mut stream = host.connect().await;
    stream.write_all(b"GET /during HTTP/1.1\r\nhost: x\r\nx-request-id: during\r\n\r\n").await.unwrap();
    until(&mut stream, "more").await;
    drop(stream);
    assert_eq!(timeout(PATIENCE, dropped.recv()).await.unwrap(), Some("stopped"));
    let line = lines.of("during").await;
    assert_eq!((&line["message"], &line["status"]), (&"client left".into(), &200.into()));

    let mut stream = host.connect().await;
    stream.write_all(b"GET /before HTTP/1.1\r\nhost: x\r\nx-request-id: before\r\n\r\n").await.unwrap();
    tokio::time::sleep(MILLISECOND * 20).await;
    drop(stream);
    let line = lines.of("before").await;
    assert_eq!((&line["message"], &line["status"]), (&"client left".into(), &499.into()));
}

#[tokio::test]
async fn a_guest_runs_on_to_its_end_after_the_announced_length() {
    let (told, mut ended) = mpsc::channel::<&'static str>(1);
    let answer = move |_, _| {
        let (sender, mut response) = streaming();
        response.headers_mut().insert("content-length", 5.into());
        let told = told.clone();
        Box::pin(async move {
            tokio::spawn(async move {
                sender.send("hello").await.unwrap();
                tokio::time::sleep(MILLISECOND * 50).await;
                // Only a body that is still held can hear this.
                sender.send("").await.unwrap();
                told.send("ended").await
            });
            Ok(response)
        }) as Answered
    };
    let lines = listen();
    let host = start(|_| {}, answer).await;
    let answer =
        host.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: whole\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "{answer}");
    assert_eq!(timeout(PATIENCE, ended.recv()).await.unwrap(), Some("ended"));
    assert_eq!(lines.of("whole").await["message"], "answered");
}
