//! What a connection may take: headers, time, and their number.

use anyhow::{Context, Result};
use e2e::{Host, Settings};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

async fn connect(host: &Host) -> Result<TcpStream> {
    let address = host.url().strip_prefix("http://").context("the address")?;
    Ok(TcpStream::connect(address).await?)
}

async fn answer(stream: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes))
        .await
        .context("the host kept the connection")??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn a_client_that_never_finishes_its_headers_is_cut_off() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.header_timeout", "500ms")).await?;
    let mut stream = connect(&host).await?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await?;
    let answer = answer(&mut stream).await?;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_never_finishes_its_body_is_cut_off() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.body_timeout", "500ms")).await?;
    let mut stream = connect(&host).await?;
    let head = "POST /api/v1/chat/chat/text HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await?;
    let answer = answer(&mut stream).await?;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn headers_too_large_are_431() -> Result<()> {
    let host = Host::with(Settings::new()?.set("server.max_headers", "16 KiB")).await?;
    let mut stream = connect(&host).await?;
    let head = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(20_000));
    stream.write_all(head.as_bytes()).await?;
    let answer = answer(&mut stream).await?;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn connections_are_not_bounded_by_what_a_shell_lets_a_process_open() -> Result<()> {
    let host = Host::with_few_files(Settings::new()?, 128).await?;
    let mut open = Vec::new();
    for _ in 0..200 {
        let mut stream = connect(&host).await?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await?;
        open.push(stream);
    }
    // All are taken, also the last one, and operators and stores find room beside them.
    let mut last = open.pop().context("no connection")?;
    last.write_all(b"Connection: close\r\n\r\n").await?;
    let answer = answer(&mut last).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(host.metric("corral_http_connections").await?.is_some_and(|connections| connections >= 199.0));
    host.client()?.session().await?;
    Ok(())
}
