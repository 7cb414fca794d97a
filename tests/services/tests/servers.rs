//! Servers start, die, come back with what they held, and leave nothing behind.

use anyhow::{Result, bail};
use corral_services::{Chroma, LlamaServer, Redis, python};
use std::{net::Ipv4Addr, path::Path, process::Command, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn ask(port: u16, line: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn up(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
}

#[tokio::test]
async fn redis_keeps_what_it_holds_through_a_kill() -> Result<()> {
    let mut redis = Redis::start().await?;
    assert_eq!(ask(redis.port(), "SET bird heron").await?, "+OK\r\n");
    redis.kill().await?;
    assert!(!up(redis.port()).await);
    redis.restart().await?;
    assert_eq!(ask(redis.port(), "GET bird").await?, "$5\r\nheron\r\n");
    Ok(())
}

#[tokio::test]
async fn a_paused_redis_is_silent_until_it_is_resumed() -> Result<()> {
    let redis = Redis::start().await?;
    redis.pause().await?;
    let asked = ask(redis.port(), "PING");
    tokio::pin!(asked);
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut asked).await.is_err());
    redis.resume().await?;
    assert_eq!(asked.await?, "+PONG\r\n");
    Ok(())
}

#[tokio::test]
async fn redis_takes_arguments_and_an_error_shows_its_log() -> Result<()> {
    let redis = Redis::start_with(&["--requirepass", "heron"]).await?;
    assert!(ask(redis.port(), "GET bird").await?.starts_with("-NOAUTH"));
    let error = Redis::start_with(&["--no-such-thing", "1"]).await.err().map(|error| format!("{error:#}"));
    assert!(error.as_ref().is_some_and(|error| error.contains("no-such-thing")), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn a_sentinel_watches_a_redis() -> Result<()> {
    let redis = Redis::start().await?;
    let sentinel = Redis::sentinel(redis.port(), "corral").await?;
    let answer = ask(sentinel.port(), "SENTINEL GET-MASTER-ADDR-BY-NAME corral").await?;
    assert!(answer.contains(&redis.port().to_string()), "{answer}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_a_server_whose_test_panics() -> Result<()> {
    let seen = tokio::spawn(async {
        let redis = Redis::start().await?;
        anyhow::Ok((redis.port(), redis.folder().to_owned()))
    });
    let (port, folder) = seen.await??;
    assert!(!up(port).await && !folder.exists());
    let panicking = tokio::spawn(async {
        let redis = Redis::start().await.map(|redis| (redis.port(), redis.folder().to_owned(), redis));
        let (port, folder, _redis) = redis.unwrap_or_else(|error| panic!("{error:#}"));
        std::panic::panic_any((port, folder));
    });
    let error = panicking.await.err().map(tokio::task::JoinError::into_panic);
    let left = error.and_then(|left| left.downcast::<(u16, std::path::PathBuf)>().ok());
    let (port, folder) = *left.ok_or_else(|| anyhow::anyhow!("no panic"))?;
    assert!(!up(port).await && !folder.exists());
    Ok(())
}

/// What the interpreter says about a collection that it makes, or made.
fn collection(port: u16) -> Result<String> {
    let script = "import chromadb, sys\n\
        birds = chromadb.HttpClient('127.0.0.1', int(sys.argv[1])).get_or_create_collection('birds')\n\
        birds.upsert(ids=[sys.argv[2]], embeddings=[[1, 0]], documents=['heron'])\n\
        print(sorted(birds.get()['ids']))";
    let told =
        Command::new(python()?).args(["-c", script, &port.to_string(), &uuid()]).current_dir("/").output()?;
    anyhow::ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?)
}

fn uuid() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default().trim().to_owned()
}

#[tokio::test]
async fn chroma_keeps_what_it_holds_through_a_kill() -> Result<()> {
    let mut chroma = Chroma::start().await?;
    let first = collection(chroma.port())?;
    assert_eq!(first.matches('-').count(), 4, "{first}");
    chroma.pause().await?;
    chroma.resume().await?;
    chroma.kill().await?;
    assert!(!up(chroma.port()).await);
    chroma.restart().await?;
    let second = collection(chroma.port())?;
    assert_eq!(second.matches('-').count(), 8, "{second}");
    assert!(chroma.folder().join("data").is_dir());
    let (port, folder) = (chroma.port(), chroma.folder().to_owned());
    drop(chroma);
    assert!(!up(port).await && !Path::new(&folder).exists());
    Ok(())
}

#[tokio::test]
async fn a_llama_server_that_does_not_start_says_why() -> Result<()> {
    let script = ["-c", "echo no such model; exit 1"].map(str::to_owned);
    let Err(error) = LlamaServer::start(Path::new("/bin/sh"), &script).await else { bail!("it started") };
    assert!(format!("{error:#}").contains("no such model"), "{error:#}");
    let Err(error) = LlamaServer::start(Path::new("llama-server"), &[]).await else { bail!("it started") };
    assert!(format!("{error:#}").contains("absolute path"), "{error:#}");
    Ok(())
}
