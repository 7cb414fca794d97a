//! Conversations of several lengths: made, appended to, read whole, and read by their end.

use super::{ROUNDS, peer::Peer, table::Table, timed};
use anyhow::{Context, Result, ensure};
use corral_sessions::{Backend, Config, Record, Session, Sessions, Turn};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

const SIDES: [&str; 3] = ["embedded", "Redis", "redis-py"];
const TURNS: [u32; 3] = [10, 100, 1_000];
/// How often an operation is done in a round.
const TIMES: usize = 20;
/// Fewer, because each makes the session longer.
const APPENDS: usize = 5;
/// The newest turns that are asked for.
const LAST: u32 = 8;

const WHEN: &str = "2026-01-31T08:15:30.123456Z";
const EXPIRE_AFTER: Duration = Duration::from_secs(3600);

/// One way to keep sessions.
enum Side {
    Corral(Sessions),
    Python(Box<Peer>),
}

#[derive(Clone, Copy)]
enum Operation {
    Create,
    All,
    Last,
    Append,
}

/// Compares the back ends with each other and with redis-py.
pub async fn compare() -> Result<()> {
    let redis = corral_services::Redis::start().await?;
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("corral.db");
    let on_redis = Config { backend: Backend::Redis, url: Some(redis.url()), ..Config::default() };
    let mut sides = [
        Side::Corral(Sessions::open(&Config::default(), &store).await?),
        Side::Corral(Sessions::open(&on_redis, &store).await?),
        Side::Python(Box::new(Peer::start("sessions", &redis.url()).await?)),
    ];
    for turns in TURNS {
        let mut table = Table::new(SIDES);
        for _ in 0..ROUNDS {
            round(&mut sides, turns, &mut table).await?;
        }
        println!("sessions of {turns} turns, each {} bytes:", turn().user.len() + turn().ai.len());
        table.print(false);
    }
    Ok(())
}

/// Every operation on each side, on new sessions.
async fn round(sides: &mut [Side], turns: u32, table: &mut Table) -> Result<()> {
    let mut ids = Vec::new();
    for side in &mut *sides {
        // One of its own for each side: two of them write to the same Redis.
        let id = uuid::Uuid::new_v4().to_string();
        side.seed(&id, turns).await?;
        ids.push(id);
    }
    for operation in [Operation::Create, Operation::All, Operation::Last, Operation::Append] {
        for (index, (side, id)) in sides.iter_mut().zip(&ids).enumerate() {
            let seconds = side.times(operation, id).await?;
            table.add(operation.name(), index, seconds);
        }
    }
    Ok(())
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::All => "get, all turns",
            Self::Last => "get, the last 8",
            Self::Append => "append",
        }
    }
}

impl Side {
    /// Stores a session with that many turns.
    async fn seed(&mut self, id: &str, turns: u32) -> Result<()> {
        match self {
            Self::Corral(sessions) => sessions.import(&record(id, turns)).await?,
            Self::Python(peer) => {
                let turn = turn();
                peer.times(json!(["seed", id, turns, turn.user, turn.ai])).await?;
            }
        }
        Ok(())
    }

    /// Does it several times, and gives the seconds of each.
    async fn times(&mut self, operation: Operation, id: &str) -> Result<Vec<f64>> {
        match self {
            Self::Corral(sessions) => corral(sessions, operation, id).await,
            Self::Python(peer) => python(peer, operation, id).await,
        }
    }
}

async fn corral(sessions: &Sessions, operation: Operation, id: &str) -> Result<Vec<f64>> {
    let times = if matches!(operation, Operation::Append) { APPENDS } else { TIMES };
    let mut all = Vec::new();
    for _ in 0..times {
        all.push(match operation {
            Operation::Create => timed(sessions.create()).await?.0,
            Operation::All => read(sessions, id, None).await?,
            Operation::Last => read(sessions, id, Some(LAST)).await?,
            Operation::Append => {
                let (turn, turn_id) = (turn(), uuid::Uuid::new_v4().to_string());
                timed(sessions.append(id, turn, &turn_id)).await?.0
            }
        });
    }
    Ok(all)
}

async fn read(sessions: &Sessions, id: &str, last: Option<u32>) -> Result<f64> {
    let (seconds, session) = timed(sessions.get(id, last)).await?;
    let session = session.context("no such session")?;
    ensure!(session.history.len() == last.unwrap_or(session.turns) as usize, "a history is not whole");
    Ok(seconds)
}

async fn python(peer: &mut Peer, operation: Operation, id: &str) -> Result<Vec<f64>> {
    let turn = turn();
    peer.times(match operation {
        Operation::Create => json!(["create", TIMES]),
        Operation::All => json!(["all", id, TIMES]),
        Operation::Last => json!(["last", id, TIMES, LAST]),
        Operation::Append => json!(["append", id, APPENDS, turn.user, turn.ai]),
    })
    .await
}

/// About as long as people and models write.
fn turn() -> Turn {
    Turn {
        user: "What does the almanac say about the tides at Westerhever in late spring?".to_owned(),
        ai: "It says that the tides there are high in late spring, above all after a new moon. ".repeat(5),
    }
}

fn record(id: &str, turns: u32) -> Record {
    let session = Session {
        id: id.to_owned(),
        created_at: WHEN.to_owned(),
        last_updated: WHEN.to_owned(),
        history: (0..turns).map(|_| turn()).collect(),
        turns,
        metadata: BTreeMap::new(),
    };
    let turn_ids = (0..turns).map(|number| Some(format!("turn-{number}"))).collect();
    Record { session, turn_ids, expires_in: EXPIRE_AFTER }
}
