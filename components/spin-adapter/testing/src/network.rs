//! Real requests over HTTP, waited for as a component does.

use corral_spin_platform::http::{Answer, Body, Http, Lost, Method, Piece, Request};
use std::time::Duration;
use tokio::{
    runtime::{Handle, Runtime},
    time::timeout,
};

/// The network. Not to be used on a thread that runs futures.
pub struct Network {
    client: reqwest::Client,
    runtime: Runtime,
}

impl Network {
    /// A client of its own.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        // Without certificates: nothing here is encrypted.
        Self { client: client.tls_certs_only([]).build().unwrap(), runtime: runtime.unwrap() }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl Http for Network {
    fn send(&self, request: &Request<'_>, within: Duration) -> Result<Answer, Lost> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
        };
        let headers = request.headers.iter();
        let sent = headers
            .fold(self.client.request(method, request.url), |sent, (name, value)| sent.header(*name, value));
        let body = request.body.to_vec();
        let handle = self.runtime.handle();
        let answer = waited(handle, async move { timeout(within, sent.body(body).send()).await });
        let answer =
            answer.map_err(|_elapsed| Lost::Timeout)?.map_err(|error| Lost::Broken(error.to_string()))?;
        let headers = answer.headers().iter();
        let headers =
            headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: Box::new(Rest { answer: Some(answer), handle: handle.clone() }),
        })
    }
}

struct Rest {
    answer: Option<reqwest::Response>,
    handle: Handle,
}

impl Body for Rest {
    fn read(&mut self, within: Duration) -> Result<Piece, Lost> {
        let mut answer = self.answer.take().expect("read after its end");
        let (piece, answer) = waited(&self.handle, async move {
            let piece = timeout(within, answer.chunk()).await;
            (piece, answer)
        });
        self.answer = Some(answer);
        match piece {
            Err(_) => Ok(Piece::Nothing),
            Ok(Err(error)) => Err(Lost::Broken(error.to_string())),
            Ok(Ok(None)) => Ok(Piece::End),
            Ok(Ok(Some(bytes))) => Ok(Piece::Bytes(bytes.to_vec())),
        }
    }
}

/// By a channel, and not by `block_on`: the adapter runs futures of its own on this thread.
fn waited<T: Send + 'static>(handle: &Handle, work: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    handle.spawn(async move { sender.send(work.await).ok() });
    receiver.recv().unwrap()
}
