//! The proxy breaks connections in the way that each fault says.

use anyhow::Result;
use corral_services::{Fault, Proxy};
use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SHORT: Duration = Duration::from_millis(300);

/// A server that sends back what it gets and counts the bytes, and a proxy before it.
async fn echo() -> Result<(Proxy, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counter = counter.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                    counter.fetch_add(length, Ordering::SeqCst);
                    stream.write_all(&bytes[..length]).await?;
                }
                io::Result::Ok(())
            });
        }
    });
    Ok((Proxy::to(port).await?, seen))
}

async fn connect(proxy: &Proxy) -> Result<TcpStream> {
    Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await?)
}

async fn ask(stream: &mut TcpStream) -> io::Result<[u8; 5]> {
    stream.write_all(b"heron").await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn was_reset(result: io::Result<[u8; 5]>) -> bool {
    result.is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
    })
}

#[tokio::test]
async fn without_a_fault_everything_passes_to_the_end() -> Result<()> {
    let (proxy, _) = echo().await?;
    let mut stream = connect(&proxy).await?;
    assert_eq!(&ask(&mut stream).await?, b"heron");
    stream.shutdown().await?;
    assert_eq!(stream.read(&mut [0; 8]).await?, 0);
    Ok(())
}

#[tokio::test]
async fn refuse_resets_open_and_new_connections_until_it_ends() -> Result<()> {
    let (proxy, seen) = echo().await?;
    let mut open = connect(&proxy).await?;
    ask(&mut open).await?;
    proxy.set(Fault::Refuse);
    assert!(was_reset(open.read_exact(&mut [0; 5]).await.map(|_| [0; 5])));
    assert!(was_reset(ask(&mut connect(&proxy).await?).await));
    assert_eq!(seen.load(Ordering::SeqCst), 5);
    proxy.set(Fault::None);
    assert_eq!(&ask(&mut connect(&proxy).await?).await?, b"heron");
    Ok(())
}

#[tokio::test]
async fn reset_lets_some_bytes_of_a_new_connection_pass() -> Result<()> {
    let (proxy, seen) = echo().await?;
    let mut open = connect(&proxy).await?;
    ask(&mut open).await?;
    proxy.set(Fault::Reset);
    assert!(was_reset(open.read_exact(&mut [0; 5]).await.map(|_| [0; 5])));
    let mut stream = connect(&proxy).await?;
    let mut answers = 0;
    while ask(&mut stream).await.is_ok() {
        answers += 1;
    }
    assert!((1..1000).contains(&answers), "{answers}");
    assert!(seen.load(Ordering::SeqCst) >= 5 * (answers + 1));
    Ok(())
}

#[tokio::test]
async fn stall_holds_everything_back_and_passes_it_on_afterwards() -> Result<()> {
    let (proxy, seen) = echo().await?;
    let mut open = connect(&proxy).await?;
    ask(&mut open).await?;
    proxy.set(Fault::Stall);
    let mut new = connect(&proxy).await?;
    {
        let both = async { tokio::join!(ask(&mut open), ask(&mut new)) };
        tokio::pin!(both);
        assert!(tokio::time::timeout(SHORT, &mut both).await.is_err());
        assert_eq!(seen.load(Ordering::SeqCst), 5);
        proxy.set(Fault::None);
        let (open, new) = both.await;
        assert_eq!((&open?, &new?), (b"heron", b"heron"));
    }
    Ok(())
}

#[tokio::test]
async fn slow_delays_each_chunk() -> Result<()> {
    let (proxy, _) = echo().await?;
    let mut stream = connect(&proxy).await?;
    proxy.set(Fault::Slow(SHORT));
    let asked = ask(&mut stream);
    tokio::pin!(asked);
    assert!(tokio::time::timeout(SHORT, &mut asked).await.is_err());
    assert_eq!(&asked.await?, b"heron");
    Ok(())
}

#[tokio::test]
async fn cut_lets_the_server_act_and_the_client_not_know() -> Result<()> {
    let (proxy, seen) = echo().await?;
    let mut stream = connect(&proxy).await?;
    ask(&mut stream).await?;
    proxy.set(Fault::Cut);
    assert!(was_reset(ask(&mut stream).await));
    assert_eq!(seen.load(Ordering::SeqCst), 10);
    Ok(())
}

#[tokio::test]
async fn nobody_behind_the_proxy_is_a_reset() -> Result<()> {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
    let proxy = Proxy::to(nobody).await?;
    assert!(was_reset(ask(&mut connect(&proxy).await?).await));
    Ok(())
}
