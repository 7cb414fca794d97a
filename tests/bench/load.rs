//! A bounded load over kept connections.

use anyhow::Result;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, task::JoinSet};

/// Connections at once.
pub const CONNECTIONS: usize = 64;

const TIME: Duration = Duration::from_secs(2);
const SINGLE: u32 = 2_000;

/// What came of a load.
pub struct Answered {
    /// Requests a second.
    pub rate: f64,
    /// What each took, in seconds.
    pub seconds: Vec<f64>,
}

/// How many requests are answered a second.
pub async fn requests_per_second(address: SocketAddr, path: &'static str) -> Result<f64> {
    Ok(under(CONNECTIONS, TIME, address, path).await?.rate)
}

/// So many connections ask for a path over and over.
pub async fn under(
    connections: usize,
    time: Duration,
    address: SocketAddr,
    path: &'static str,
) -> Result<Answered> {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(until(address, path, begun + time));
    }
    let mut seconds = Vec::new();
    while let Some(client) = clients.join_next().await {
        seconds.append(&mut client??);
    }
    Ok(Answered { rate: seconds.len() as f64 / begun.elapsed().as_secs_f64(), seconds })
}

/// Seconds for one request when there is no other.
pub async fn latency(address: SocketAddr, path: &'static str) -> Result<f64> {
    let mut sender = connect(address).await?;
    let begun = Instant::now();
    for _ in 0..SINGLE {
        get(&mut sender, path).await?;
    }
    Ok(begun.elapsed().as_secs_f64() / f64::from(SINGLE))
}

async fn until(address: SocketAddr, path: &'static str, end: Instant) -> Result<Vec<f64>> {
    let mut sender = connect(address).await?;
    let mut seconds = Vec::new();
    let mut asked = Instant::now();
    while asked < end {
        get(&mut sender, path).await?;
        seconds.push(asked.elapsed().as_secs_f64());
        asked = Instant::now();
    }
    Ok(seconds)
}

async fn connect(address: SocketAddr) -> Result<http1::SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn get(sender: &mut http1::SendRequest<Empty<Bytes>>, path: &str) -> Result<()> {
    let request = Request::get(path).header("host", "localhost").body(Empty::new())?;
    sender.ready().await?;
    sender.send_request(request).await?.into_body().collect().await?;
    Ok(())
}
