//! A server elsewhere, which says what it was asked.

use anyhow::Result;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::{net::TcpListener, task::JoinHandle};

/// Running until it is dropped.
pub struct Upstream {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Upstream {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = count.clone();
                let counted = service_fn(move |request| {
                    count.fetch_add(1, Relaxed);
                    answer(request)
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), counted));
            }
        });
        Ok(Self { address, asked, task })
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// `127.0.0.1:PORT`
    pub fn authority(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let kitchen = request.headers().get("x-kitchen").cloned();
    let asked = format!("{} {}", request.method(), request.uri());
    let body = request.into_body().collect().await?.to_bytes();
    let mut response =
        Response::new(Full::from(format!("upstream: {asked}: {}", String::from_utf8_lossy(&body))));
    if let Some(kitchen) = kitchen {
        response.headers_mut().insert("x-kitchen", kitchen);
    }
    Ok(response)
}
