//! A server on loopback that speaks OpenAI's protocol: of the kind, and with the answers, that a test
//! says.

#![expect(clippy::unwrap_used, reason = "a test whose server does not work has failed")]

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    header::{CONTENT_TYPE, HeaderMap},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

/// What happens at once has happened after that.
const MOMENT: Duration = Duration::from_millis(50);

/// What a server does with a question. The default of everything else is its kind's.
type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

/// Which server it plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    LlamaServer,
    Vllm,
    /// OpenAI's protocol and nothing else.
    Plain,
}

/// A request that it got.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// What it answers.
pub enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    Stream(Feed),
    /// A stream whose head waits for its first piece.
    Late(Feed),
}

/// The server. Dropping it closes its connections and its port.
pub struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

struct Shared {
    kind: Kind,
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
    /// It does not say how it is.
    is_mute: AtomicBool,
}

impl Stub {
    /// A server that answers every question with "Hi".
    pub async fn start(kind: Kind) -> Self {
        Self::start_at(kind, "127.0.0.1:0".parse().unwrap()).await
    }

    /// As `start`, where another one was, which may take a moment to go.
    pub async fn start_at(kind: Kind, address: SocketAddr) -> Self {
        let listener = loop {
            match TcpListener::bind(address).await {
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => sleep(MOMENT).await,
                listener => break listener.unwrap(),
            }
        };
        let address = listener.local_addr().unwrap();
        let script: Script = Box::new(|_| Reply::events(&[text("Hi"), end("stop"), usage(3, 1, 1)]));
        let shared = Arc::new(Shared {
            kind,
            seen: Mutex::default(),
            script: Mutex::new(script),
            is_mute: AtomicBool::default(),
        });
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, _serving: serving }
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers questions in this way from now on.
    pub fn answer(&self, script: impl FnMut(&Seen) -> Reply + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// Lets whoever asks how it is wait from now on.
    pub fn mute(&self) {
        self.shared.is_mute.store(true, Relaxed);
    }

    /// Answers questions with streams that the test feeds.
    pub fn feeds(&self) -> Feeds {
        self.fed(Reply::Stream)
    }

    /// As `feeds`, and not even the head comes before the first piece.
    pub fn late_feeds(&self) -> Feeds {
        self.fed(Reply::Late)
    }

    fn fed(&self, reply: fn(Feed) -> Reply) -> Feeds {
        let (feeders, received) = mpsc::unbounded_channel();
        self.answer(move |_| {
            let (sender, rest) = mpsc::unbounded_channel();
            feeders.send(Feeder(sender)).unwrap();
            reply(Feed { first: None, rest })
        });
        received
    }

    /// The bodies of the questions that it got.
    pub fn questions(&self) -> Vec<Value> {
        self.requests("completions").into_iter().map(|seen| seen.body).collect()
    }

    /// The requests whose path ends so.
    pub fn requests(&self, path: &str) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().iter().filter(|seen| seen.path.ends_with(path)).cloned().collect()
    }
}

impl Reply {
    /// A stream with all of these events.
    pub fn events(events: &[Value]) -> Self {
        let lines: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        Self::stream(format!("{lines}data: [DONE]\n\n"))
    }

    /// A stream with just this in it.
    pub fn stream(body: impl Into<Vec<u8>>) -> Self {
        Self::Whole {
            status: 200,
            headers: vec![("content-type", "text/event-stream".into())],
            body: body.into(),
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".into())];
        Self::Whole { status, headers, body: body.to_string().into() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A chunk of a chat with this text.
pub fn text(text: &str) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [
        {"index": 0, "delta": {"content": text}, "finish_reason": null}]})
}

/// The chunk of a chat that says why it ended.
pub fn end(reason: &str) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// The chunk that says what it took.
pub fn usage(prompt: u32, cached: u32, completion: u32) -> Value {
    json!({"object": "chat.completion.chunk", "choices": [], "usage": {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached}}})
}

type Piece = Result<Bytes, std::io::Error>;

/// Feeds a stream.
pub struct Feeder(mpsc::UnboundedSender<Piece>);

/// The feeders of the streams that were asked for.
pub type Feeds = mpsc::UnboundedReceiver<Feeder>;

/// A stream that is fed.
pub struct Feed {
    first: Option<Piece>,
    rest: mpsc::UnboundedReceiver<Piece>,
}

impl Feeder {
    pub fn raw(&self, bytes: &[u8]) {
        self.0.send(Ok(Bytes::copy_from_slice(bytes))).unwrap();
    }

    pub fn event(&self, event: &Value) {
        self.raw(format!("data: {event}\n\n").as_bytes());
    }

    /// Breaks the connection, after what was fed has left.
    pub async fn cut(self) {
        sleep(MOMENT).await;
        let _ = self.0.send(Err(std::io::Error::other("cut")));
    }

    /// Waits until whoever asked is gone.
    pub async fn abandoned(&self) {
        timeout(Duration::from_secs(10), self.0.closed()).await.unwrap();
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = match self.first.take() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => self.rest.poll_recv(context),
        };
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| exchange(request, &shared));
            // A client that has heard enough closes; that is no failure here.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

async fn exchange(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Either<Full<Bytes>, Feed>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let seen = Seen { path: head.uri.path().into(), headers: head.headers, body };
    shared.seen.lock().unwrap().push(seen.clone());
    let reply = match seen.path.as_str() {
        "/v1/chat/completions" | "/v1/completions" => (shared.script.lock().unwrap())(&seen),
        "/v1/models" if shared.is_mute.load(Relaxed) => std::future::pending().await,
        _ => usual(shared.kind, &seen),
    };
    let reply = match reply {
        Reply::Late(mut feed) => {
            feed.first = feed.rest.recv().await;
            Reply::Stream(feed)
        }
        reply => reply,
    };
    Ok(match reply {
        Reply::Whole { status, headers, body } => {
            let builder =
                headers.iter().fold(Response::builder().status(status), |builder, (name, value)| {
                    builder.header(*name, value)
                });
            builder.body(Either::Left(Full::from(body))).unwrap()
        }
        Reply::Stream(feed) | Reply::Late(feed) => {
            let builder = Response::builder().header(CONTENT_TYPE, "text/event-stream; charset=utf-8");
            builder.body(Either::Right(feed)).unwrap()
        }
    })
}

/// What servers of this kind say of themselves. A word is a token, and a message has two more.
fn usual(kind: Kind, seen: &Seen) -> Reply {
    let words = |text: &Value| text.as_str().unwrap_or_default().split_whitespace().count();
    let chat = |messages: &Value| {
        let messages =
            messages.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap());
        messages.map(|content| format!("<s> {content} </s> ")).collect::<String>()
    };
    let reply = match (kind, seen.path.as_str()) {
        (Kind::LlamaServer, "/v1/models") => {
            let model = json!({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}});
            json!({"object": "list", "data": [model]})
        }
        (Kind::LlamaServer, "/props") => {
            json!({"default_generation_settings": {"n_ctx": 1024, "params": {}}, "total_slots": 2})
        }
        (Kind::LlamaServer, "/apply-template") => json!({"prompt": chat(&seen.body["messages"])}),
        (Kind::LlamaServer, "/tokenize") => json!({"tokens": vec![7; words(&seen.body["content"])]}),
        (Kind::Vllm, "/v1/models") => {
            json!({"object": "list", "data": [{"id": "m", "owned_by": "vllm", "max_model_len": 512}]})
        }
        (Kind::Vllm, "/tokenize") => {
            let count = match &seen.body["messages"] {
                Value::Null => words(&seen.body["prompt"]),
                messages => words(&chat(messages).into()),
            };
            json!({"count": count, "max_model_len": 512, "tokens": vec![7; count]})
        }
        (Kind::Plain, "/v1/models") => {
            json!({"object": "list", "data": [{"id": "m", "owned_by": "someone"}]})
        }
        _ => return Reply::json(404, &json!({"error": {"message": "not found", "code": 404}})),
    };
    Reply::json(200, &reply)
}
