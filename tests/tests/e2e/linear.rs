//! Two hosts, one session, many writers, and a network to Redis that breaks at random: whoever looks sees one history
//! that only grows, with every acknowledged turn in it exactly once, in an order that contradicts nobody.

use anyhow::{Context, Result, bail, ensure};
use corral_services::{Fault, Proxy, Redis};
use e2e::{Client, Host, Reply, Settings};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// The same faults in the same order each time; what they hit differs.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const FAULTS: usize = 40;
const WRITERS: usize = 4;
const TURNS: usize = 6;
const BOUND: Duration = Duration::from_secs(120);

#[tokio::test]
async fn two_hosts_keep_one_history_however_redis_is_reached() -> Result<()> {
    let redis = Redis::start().await?;
    let proxies = [Proxy::to(redis.port()).await?, Proxy::to(redis.port()).await?];
    let (one, two) =
        tokio::try_join!(Host::with(settings(&proxies[0])?), Host::with(settings(&proxies[1])?))?;
    let clients = [one.client()?, two.client()?];
    let session = clients[0].session().await?;
    let record = Record::default();

    let writing = async {
        let writers = (0..WRITERS).map(|writer| write(writer, &clients, &session, &record));
        futures_util::future::try_join_all(writers).await
    };
    let reading = read(&clients, &session, &record);
    let all = async {
        tokio::select! {
            written = writing => written.map(|_| ()),
            failed = reading => failed,
            () = break_and_mend(&proxies) => Ok(()),
        }
    };
    tokio::time::timeout(BOUND, all).await.context("the writers do not come to an end")??;
    assert!(record.refusals.load(Ordering::SeqCst) > 0, "no fault did anything");

    proxies.iter().for_each(|proxy| proxy.set(Fault::None));
    for host in [&one, &two] {
        host.until_ready(true).await?;
        host.until_metric("corral_sessions_waiting_turns", 0.0).await?;
    }
    let history = said(&clients[0], &session).await?.context("not to be had without a fault")?;
    assert_eq!(said(&clients[1], &session).await?.as_ref(), Some(&history));
    record.agrees_with(&history)
}

/// Turns as cheap as they can be, and little patience with Redis, so that time-outs are among the faults.
fn settings(proxy: &Proxy) -> Result<Settings> {
    Ok(Settings::new()?
        .redis(proxy.port())
        .set("sessions.redis.connect_timeout", "300ms")
        .set("sessions.redis.timeout", "300ms")
        .set("apps.chat.config.system_prompt", "")
        .set("apps.chat.config.condense", "never")
        .set("apps.chat.config.retrieval_k", 0))
}

/// When each turn was begun and acknowledged, by a clock that all share.
#[derive(Default)]
struct Record {
    clock: AtomicUsize,
    /// Answers that a writer did not take for an acknowledgement.
    refusals: AtomicUsize,
    acknowledged: Mutex<HashMap<String, (usize, usize)>>,
}

impl Record {
    fn now(&self) -> usize {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn acknowledge(&self, message: String, begun: usize) {
        let turn = (begun, self.now());
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(message, turn);
    }

    fn turns(&self) -> HashMap<String, (usize, usize)> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every turn is there once, and none before one that was acknowledged before it was begun.
    fn agrees_with(&self, history: &[String]) -> Result<()> {
        let turns = self.turns();
        assert_eq!(turns.len(), WRITERS * TURNS);
        assert_eq!(history.len(), turns.len(), "{history:?}");
        let mut latest_begin = 0;
        for message in history {
            let (begun, acknowledged) = turns.get(message).with_context(|| format!("who said {message}?"))?;
            assert!(*acknowledged > latest_begin, "{message} is too late in {history:?}");
            latest_begin = latest_begin.max(*begun);
        }
        let mut distinct = history.to_vec();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), history.len(), "{history:?}");
        Ok(())
    }
}

/// Says one thing after the other, each until a host says that it is stored, to this host and to that.
async fn write(writer: usize, clients: &[Client; 2], session: &str, record: &Record) -> Result<()> {
    for turn in 0..TURNS {
        let message = format!("{writer}.{turn}");
        let body = json!({ "session_id": session, "message": message, "temperature": 0, "max_tokens": 1 });
        let begun = record.now();
        for attempt in writer.. {
            let request = clients[attempt % 2].post("/api/v1/chat/chat/text", &body);
            let reply = Reply::of(request.header("idempotency-key", &message)).await?;
            match reply.status {
                StatusCode::OK if reply.body["persisted"] != false => break,
                StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE => {
                    record.refusals.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => bail!("{message}: {other} {}", reply.body),
            }
        }
        record.acknowledge(message, begun);
    }
    Ok(())
}

/// Reads here and there, for ever: what was once there stays, in the same order, and what is acknowledged is there.
async fn read(clients: &[Client; 2], session: &str, record: &Record) -> Result<()> {
    let mut before: Vec<String> = Vec::new();
    for client in clients.iter().cycle() {
        let acknowledged = record.turns();
        if let Some(now) = said(client, session).await? {
            ensure!(now.starts_with(&before), "{before:?} became {now:?}");
            for message in acknowledged.keys() {
                ensure!(now.contains(message), "{message} was acknowledged and is not in {now:?}");
            }
            before = now;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Breaks the way of one host or the other to Redis, a bounded number of times, and then leaves it alone.
async fn break_and_mend(proxies: &[Proxy; 2]) {
    let mut random = Random(SEED);
    for _ in 0..FAULTS {
        let fault = match random.below(5) {
            0 => Fault::Refuse,
            1 => Fault::Reset,
            2 => Fault::Stall,
            3 => Fault::Slow(Duration::from_millis(20)),
            _ => Fault::Cut,
        };
        let proxy = &proxies[usize::from(random.below(2) == 1)];
        proxy.set(fault);
        tokio::time::sleep(Duration::from_millis(50 + random.below(350))).await;
        proxy.set(Fault::None);
        tokio::time::sleep(Duration::from_millis(random.below(200))).await;
    }
    std::future::pending().await
}

/// What was said, oldest first; none where the host cannot tell now.
async fn said(client: &Client, session: &str) -> Result<Option<Vec<String>>> {
    let stored = client.stored(session).await?;
    match stored.status {
        StatusCode::OK => {
            let history = stored.body["history"].as_array().context("no history")?;
            let said = |turn: &Value| turn["user"].as_str().map(str::to_owned).context("nobody said it");
            Ok(Some(history.iter().map(said).collect::<Result<_>>()?))
        }
        StatusCode::SERVICE_UNAVAILABLE => Ok(None),
        other => bail!("{other} {}", stored.body),
    }
}

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
