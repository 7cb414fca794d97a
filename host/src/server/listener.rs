//! Accepts connections, as many at once as may be.

use super::{
    Stop,
    connection::{self, Activity, Limits},
};
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use prometheus_client::metrics::gauge::Gauge;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;

/// How long to wait when the system has no place for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// A bound address.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
    places: Arc<Semaphore>,
}

/// An open connection, counted until dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    counted: Option<Gauge>,
}

impl Listener {
    pub(super) async fn bind(address: SocketAddr, limits: Limits, places: usize) -> anyhow::Result<Self> {
        let attempt = || format!("listening on {address}");
        let socket = TcpListener::bind(address).await.with_context(attempt)?;
        let address = socket.local_addr().with_context(attempt)?;
        let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
        Ok(Self { socket, address, limits, places })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop and every connection has ended.
    pub(super) async fn run<A, F, B>(self, answer: A, stop: Stop, gauge: Option<Gauge>)
    where
        A: Fn(Request<Incoming>, Arc<Activity>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
    {
        let connections = TaskTracker::new();
        loop {
            let (stream, permit) = tokio::select! {
                biased;
                () = stop.draining() => break,
                accepted = self.accept() => accepted,
            };
            let place = Place::take(permit, gauge.clone());
            let served = connection::serve(stream, answer.clone(), self.limits, stop.clone());
            connections.spawn(async move {
                served.await;
                drop(place);
            });
        }
        drop(self.socket);
        connections.close();
        connections.wait().await;
    }

    async fn accept(&self) -> (TcpStream, OwnedSemaphorePermit) {
        loop {
            // First a place, then a connection: without a place it waits in the kernel's backlog.
            let permit = self.places.clone().acquire_owned().await;
            match (self.socket.accept().await, permit) {
                (Ok((stream, _peer)), Ok(permit)) => return (stream, permit),
                (Err(error), _) => {
                    tracing::warn!(%error, address = %self.address, "no connection could be accepted");
                    tokio::time::sleep(BREATH).await;
                }
                // Invariant: the semaphore is never closed.
                (Ok(_), Err(closed)) => tracing::error!(%closed, "connections are no longer counted"),
            }
        }
    }
}

impl Place {
    fn take(permit: OwnedSemaphorePermit, counted: Option<Gauge>) -> Self {
        if let Some(gauge) = &counted {
            gauge.inc();
        }
        Self { _permit: permit, counted }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gauge) = &self.counted {
            gauge.dec();
        }
    }
}
