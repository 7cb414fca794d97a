//! One connection: HTTP/1 or HTTP/2, its header limits, its end.

use super::{Config, Stop, socket::Socket};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto,
};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, sleep_until},
};

/// Requests of one HTTP/2 connection at once.
const STREAMS: u32 = 100;
/// The smallest buffer that hyper accepts.
const SMALLEST_BUFFER: usize = 8192;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    headers: u32,
    header_timeout: Duration,
}

/// What a connection is busy with.
///
/// hyper knows no bound for a client that says nothing after connecting, keeps an HTTP/2
/// connection idle, or never reads its answer; this does.
pub(super) struct Activity {
    requests: Mutex<Requests>,
    /// Whether something written has not left the process yet.
    unsent: AtomicBool,
    patience: Duration,
    peer: Option<SocketAddr>,
}

struct Requests {
    /// When each request under way has to be over.
    open: BTreeSet<(Instant, u64)>,
    next: u64,
    /// When the last one has to have left the process.
    last_end: Instant,
    idle_since: Instant,
}

/// A request under way, until dropped.
pub(super) struct Busy {
    activity: Arc<Activity>,
    key: (Instant, u64),
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    AskAgain(Instant),
    Idle,
    Stuck,
}

impl Limits {
    pub(super) fn of(config: &Config) -> Self {
        let headers = u32::try_from(config.max_headers.as_u64()).unwrap_or(u32::MAX);
        Self { headers, header_timeout: config.header_timeout }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let buffer = usize::try_from(self.headers).unwrap_or(usize::MAX).max(SMALLEST_BUFFER);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(buffer)
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(self.headers)
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(self.header_timeout)
            .keep_alive_timeout(self.header_timeout);
        builder
    }
}

impl Activity {
    fn new(patience: Duration, peer: Option<SocketAddr>) -> Self {
        let now = Instant::now();
        let requests = Requests { open: BTreeSet::new(), next: 0, last_end: now + patience, idle_since: now };
        Self { requests: Mutex::new(requests), unsent: AtomicBool::new(false), patience, peer }
    }

    /// Where the connection comes from, if the system still knows.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// A request that has to be over, body and all, at `end`.
    pub(super) fn begin(self: &Arc<Self>, end: Instant) -> Busy {
        let mut requests = self.lock();
        let key = (end, requests.next);
        requests.next = requests.next.wrapping_add(1);
        requests.open.insert(key);
        requests.last_end = requests.last_end.max(end);
        Busy { activity: self.clone(), key }
    }

    /// Something is being written.
    pub(super) fn sending(&self) {
        self.unsent.store(true, Relaxed);
    }

    /// All that was written is gone.
    pub(super) fn sent(&self) {
        if self.unsent.swap(false, Relaxed) {
            self.lock().idle_since = Instant::now();
        }
    }

    fn verdict(&self, now: Instant) -> Verdict {
        let requests = self.lock();
        let unsent = self.unsent.load(Relaxed).then_some(requests.last_end);
        match requests.open.first().map(|(end, _)| *end).or(unsent) {
            Some(end) if end <= now => Verdict::Stuck,
            Some(end) => Verdict::AskAgain(end.min(now + self.patience)),
            None => {
                // Answers to pings go out too; once no answer can be left, they do not count.
                let idle = requests.idle_since.min(requests.last_end) + self.patience;
                if idle <= now { Verdict::Idle } else { Verdict::AskAgain(idle) }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut requests = self.activity.lock();
        requests.open.remove(&self.key);
        requests.idle_since = Instant::now();
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<A, F, B>(stream: TcpStream, answer: A, limits: Limits, stop: Stop)
where
    A: Fn(Request<Incoming>, Arc<Activity>) -> F,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let peer = stream.peer_addr().ok();
    let activity = Arc::new(Activity::new(limits.header_timeout, peer));
    let service = service_fn(|request| {
        let response = answer(request, activity.clone());
        async { Ok::<_, Infallible>(response.await) }
    });
    let builder = limits.builder();
    let mut connection = pin!(builder.serve_connection(Socket::new(stream, activity.clone()), service));
    tokio::select! {
        ended = connection.as_mut() => return tell(ended),
        () = stop.draining() => {}
        () = until_idle(&activity) => {}
        () = until_stuck(&activity) => return tracing::debug!("a client did not take its answer"),
        () = stop.ended() => return,
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = connection => tell(ended),
        () = until_deaf(&activity) => {}
        () = until_stuck(&activity) => {}
        () = stop.ended() => {}
    }
}

async fn until_idle(activity: &Activity) {
    until(activity, &Verdict::Idle).await;
}

async fn until_stuck(activity: &Activity) {
    until(activity, &Verdict::Stuck).await;
}

/// A client that was asked to leave, has nothing under way, and stays.
async fn until_deaf(activity: &Activity) {
    sleep(activity.patience).await;
    until_idle(activity).await;
}

async fn until(activity: &Activity, wanted: &Verdict) {
    loop {
        let now = Instant::now();
        match activity.verdict(now) {
            verdict if verdict == *wanted => return,
            Verdict::AskAgain(at) => sleep_until(at).await,
            Verdict::Idle | Verdict::Stuck => sleep_until(now + activity.patience).await,
        }
    }
}

fn tell(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_stuck_connections_are_told_apart() {
        let patience = Duration::from_secs(10);
        let activity = Arc::new(Activity::new(patience, None));
        let start = activity.lock().idle_since;
        assert_eq!(activity.verdict(start), Verdict::AskAgain(start + patience));
        let end = start + Duration::from_secs(300);
        let busy = activity.begin(end);
        assert_eq!(activity.verdict(start + patience), Verdict::AskAgain(start + patience * 2));
        assert_eq!(activity.verdict(end), Verdict::Stuck);
        drop(busy);
        assert_eq!(activity.verdict(Instant::now() + patience), Verdict::Idle);
        activity.sending();
        let again = Verdict::AskAgain(start + patience * 2);
        assert_eq!(activity.verdict(start + patience), again, "the answer is not gone yet");
        assert_eq!(activity.verdict(end), Verdict::Stuck);
        activity.sent();
        assert_eq!(activity.verdict(Instant::now() + patience), Verdict::Idle);
    }

    #[test]
    fn pings_do_not_keep_a_connection_that_asks_nothing() {
        let patience = Duration::from_secs(10);
        let activity = Arc::new(Activity::new(patience, None));
        let start = activity.lock().idle_since;
        let ping = |at: Instant| {
            activity.sending();
            activity.sent();
            activity.lock().idle_since = at;
            activity.verdict(at)
        };
        assert_eq!(ping(start + patience), Verdict::AskAgain(start + patience * 2));
        assert_eq!(ping(start + patience * 2), Verdict::Idle);
    }
}
