//! Bodies go out as they are written.

use anyhow::{Context, Result};
use e2e::{Host, Settings, Spin};
use reqwest::{Response, StatusCode};
use std::time::Instant;

/// The body's text, and how many times apart its pieces came.
pub async fn trickled(mut response: Response) -> Result<(String, usize)> {
    assert_eq!(response.status(), StatusCode::OK);
    let (mut text, mut times) = (String::new(), Vec::new());
    while let Some(piece) = response.chunk().await? {
        text.push_str(std::str::from_utf8(&piece)?);
        times.push(Instant::now());
    }
    let first = *times.first().context("no piece")?;
    times.dedup_by_key(|at| at.duration_since(first).as_millis() / 50);
    Ok((text, times.len()))
}

#[tokio::test]
async fn a_body_comes_piece_by_piece() -> Result<()> {
    let host = Host::spin(&Spin::new()?.only(&["trickle"]), &Settings::new()?).await?;
    let (text, apart) = trickled(host.client()?.get("/trickle").send().await?).await?;
    assert_eq!(text, "line 0\nline 1\nline 2\nline 3\nline 4\n");
    assert!(apart > 2, "it came in {apart} heaps");
    Ok(())
}
