//! The listeners by real sockets; a closure stands in for the applications.

mod admin;
mod answers;
mod limits;
mod shutdown;

use super::{Application, Config, Server, Stop, admin as settings};
use bytes::Bytes;
use corral_telemetry::Metrics;
use corral_wasm::guest;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
const MILLISECOND: Duration = Duration::from_millis(1);

type Answered = BoxFuture<'static, Result<Response<guest::Body>, guest::Failure>>;

/// A server and what is around it.
struct Host {
    address: SocketAddr,
    admin: SocketAddr,
    stop: Stop,
    door: Arc<super::Door>,
    metrics: Arc<Metrics>,
    run: JoinHandle<()>,
    folder: TempDir,
}

struct Scripted<F>(F);

impl<F> Application for Scripted<F>
where
    F: Fn(Request<guest::body::Incoming>, guest::Context) -> Answered + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "chat"
    }

    fn digest(&self) -> &str {
        "0123456789abcdef0123456789abcdef"
    }

    fn answer(self: Arc<Self>, request: Request<guest::body::Incoming>, context: guest::Context) -> Answered {
        (self.0)(request, context)
    }
}

/// A server whose door is still closed.
async fn closed(change: impl FnOnce(&mut Config)) -> Host {
    let folder = tempfile::tempdir().unwrap();
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut config = Config { listen: loopback, ..Config::default() };
    change(&mut config);
    let admin = settings::Config { listen: loopback, token_file: folder.path().join("admin-token") };
    let (metrics, stop) = (Arc::new(Metrics::new()), Stop::default());
    let server = Server::bind(&config, &admin, metrics.clone(), stop.clone()).await.unwrap();
    let (address, admin, door) = (server.address(), server.admin_address(), server.door());
    Host { address, admin, stop, door, metrics, run: tokio::spawn(server.run()), folder }
}

/// A server that answers everything but `/nowhere` as the closure does.
async fn start<F>(change: impl FnOnce(&mut Config), answer: F) -> Host
where
    F: Fn(Request<guest::body::Incoming>, guest::Context) -> Answered + Send + Sync + 'static,
{
    let host = closed(change).await;
    let application = Arc::new(Scripted(answer));
    host.door.open(Box::new(move |_, path| (path != "/nowhere").then(|| application.clone() as _)));
    host
}

/// Answers with what it was sent.
fn echo(request: Request<guest::body::Incoming>, _: guest::Context) -> Answered {
    Box::pin(async {
        match request.into_body().collect().await {
            Ok(body) => Ok(Response::new(whole(body.to_bytes()))),

            Err(_) => Ok(Response::builder().status(418).body(guest::Body::default()).unwrap()),
        }
    })
}

/// A body that is there at once.
fn whole(body: impl Into<Bytes>) -> guest::Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}

/// A response whose body is whatever is sent to the other end.
fn streaming() -> (mpsc::Sender<&'static str>, Response<guest::Body>) {
    let (sender, receiver) = mpsc::channel::<&'static str>(8);
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), receiver))
    });
    (sender, Response::new(StreamBody::new(frames).boxed_unsync()))
}

impl Host {
    /// Sends a whole request on a connection of its own; gives all that comes back.
    async fn send(&self, request: impl AsRef<[u8]>) -> String {
        exchange(self.address, request.as_ref()).await
    }

    /// A request without a body.
    async fn get(&self, path: &str) -> String {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stopped(self) {
        timeout(PATIENCE, self.run).await.unwrap().unwrap();
    }
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    rest(&mut stream).await
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// Reads until `wanted` was seen.
async fn until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        let mut piece = [0; 1024];
        let length = timeout(PATIENCE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert_ne!(length, 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    seen
}

/// The value of a header of a raw response.
fn header<'a>(response: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = response.split_once("\r\n\r\n")?;
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
    Some(line[name.len() + 1..].trim())
}
