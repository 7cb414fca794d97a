//! What happens to answers under way when the host stops.

use super::*;

/// A server whose one answer goes on as the sender says.
async fn talking() -> (Host, TcpStream, mpsc::Sender<&'static str>) {
    let (handed, mut senders) = mpsc::channel(1);
    let answer = move |_, _| {
        let (sender, response) = streaming();
        let handed = handed.clone();
        Box::pin(async move {
            handed.send(sender).await.unwrap();
            Ok(response)
        }) as Answered
    };
    let host = start(|config| config.drain_timeout = MILLISECOND * 500, answer).await;
    let mut stream = host.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let sender = senders.recv().await.unwrap();
    sender.send("first ").await.unwrap();
    until(&mut stream, "first").await;
    (host, stream, sender)
}

#[tokio::test]
async fn a_running_answer_finishes_while_nobody_new_comes_in() {
    let (host, mut stream, sender) = talking().await;
    let idle = host.connect().await;
    host.stop.drain();
    let ready = exchange(host.admin, b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains(r#""server":"draining""#), "{ready}");
    assert!(TcpStream::connect(host.address).await.is_err());
    sender.send("last").await.unwrap();
    drop(sender);
    let answer = rest(&mut stream).await;
    assert!(answer.contains("last") && answer.ends_with("0\r\n\r\n"), "{answer}");
    host.stopped().await;
    drop(idle);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_cut() {
    let (host, mut stream, _sender) = talking().await;
    let began = std::time::Instant::now();
    host.stop.drain();
    let answer = rest(&mut stream).await;
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
    assert!(began.elapsed() >= MILLISECOND * 400, "{:?}", began.elapsed());
    host.stopped().await;
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let (host, mut stream, _sender) = talking().await;
    host.stop.drain();
    host.stop.now();
    let began = std::time::Instant::now();
    rest(&mut stream).await;
    host.stopped().await;
    assert!(began.elapsed() < MILLISECOND * 400, "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_first_signal_drains_and_the_second_ends() {
    let stop = Stop::on_signals().unwrap();
    let signal = |name: &str| {
        let process = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args([name, &process]).status().unwrap().success());
    };
    signal("-TERM");
    timeout(PATIENCE, stop.draining()).await.unwrap();
    assert!(timeout(MILLISECOND * 50, stop.ended()).await.is_err());
    signal("-INT");
    timeout(PATIENCE, stop.ended()).await.unwrap();
    timeout(PATIENCE, stop.insisted()).await.unwrap();
}
