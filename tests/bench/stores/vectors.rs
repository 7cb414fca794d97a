//! Collections of several sizes, as one session's and as many sessions': filled, asked, counted, deleted.
//!
//! The Chroma store and the Python client use one collection of one server, and fill it in turns.
//! Not here: what passages look like (`passages.rs`).

mod passages;

use super::{ROUNDS, peer::Peer, table::Table, timed};
use anyhow::{Result, ensure};
use corral_vectors::{Backend, Config, Model, Vectors};
use passages::Passages;
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};

const SIDES: [&str; 3] = ["embedded", "Chroma", "chromadb-py"];
const SIZES: [usize; 3] = [1_000, 20_000, 100_000];
const BATCH: usize = 500;
const LIMIT: u32 = 4;
/// Words of a question.
const QUESTION: usize = 5;
/// How often a question is asked in a round, and how often a session is counted.
const QUERIES: usize = 5;
const COUNTS: usize = 2;
/// The longest that one collection of Chroma's may take to fill; what does not fit into that is said.
const FILL: Duration = Duration::from_secs(130);

/// A way to lay passages out: a name for the collection, and among how many sessions they are divided.
#[derive(Clone, Copy)]
struct Layout {
    collection: &'static str,
    sessions: usize,
}

const LAYOUTS: [Layout; 2] =
    [Layout { collection: "bench_one", sessions: 1 }, Layout { collection: "bench_many", sessions: 200 }];

/// The sides of one collection, and what is in it.
struct Bench {
    layout: Layout,
    embedded: Vectors,
    chroma: Vectors,
    python: Peer,
    passages: Passages,
    /// How many passages each session has in the embedded store, and in Chroma.
    embedded_holds: Vec<usize>,
    chroma_holds: Vec<usize>,
    /// Time that filling Chroma took so far, and may take.
    spent: Duration,
    fill: Duration,
}

/// Compares the back ends with each other and with the Python client; at the `whole` size, however long that takes.
pub async fn compare(whole: bool) -> Result<()> {
    let fill = if whole { Duration::MAX } else { FILL };
    let chroma = corral_services::Chroma::start().await?;
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("corral.db");
    for layout in LAYOUTS {
        let mut bench = Bench::open(layout, fill, &chroma.url(), &store).await?;
        for size in SIZES {
            bench.measure(size).await?;
        }
        bench.end().await?;
    }
    Ok(())
}

impl Bench {
    async fn open(layout: Layout, fill: Duration, url: &str, store: &Path) -> Result<Self> {
        let embedded = Config { collection: layout.collection.to_owned(), ..Config::default() };
        let chroma = Config { backend: Backend::Chroma, url: Some(url.to_owned()), ..embedded.clone() };
        let model = Model { name: "all-minilm-l6-v2".to_owned(), dimensions: passages::DIMENSIONS };
        let embedded = Vectors::open(&embedded, store, model.clone()).await?;
        let chroma = Vectors::open(&chroma, store, model).await?;
        // What makes the collection, if opening did not.
        chroma.count("nobody").await?;
        let mut python = Peer::start("vectors", url).await?;
        python.times(json!(["open", layout.collection])).await?;
        Ok(Self {
            layout,
            embedded,
            chroma,
            python,
            passages: Passages::new(),
            embedded_holds: vec![0; layout.sessions],
            chroma_holds: vec![0; layout.sessions],
            spent: Duration::ZERO,
            fill,
        })
    }

    /// Fills the collection up to a size, measures there, and prints.
    async fn measure(&mut self, size: usize) -> Result<()> {
        let mut table = Table::new(SIDES);
        let (begun, before) = (Instant::now(), self.spent);
        let each = size / self.layout.sessions;
        let mut turn = 0;
        while self.embedded_holds.iter().any(|held| *held < each) {
            for session in 0..self.layout.sessions {
                let count = BATCH.min(each - self.embedded_holds[session]);
                self.add(session, count, turn, &mut table).await?;
                turn += 1;
            }
        }
        println!(
            "vectors, {size} passages over {} session(s), filled in {:.0} s (Chroma {:.0} s):",
            self.layout.sessions,
            begun.elapsed().as_secs_f64(),
            (self.spent - before).as_secs_f64()
        );
        let in_chroma: usize = self.chroma_holds.iter().sum();
        if in_chroma < size {
            println!(
                "  Chroma holds only {in_chroma} of them: filling it is given {} s",
                self.fill.as_secs()
            );
        }
        for round in 0..ROUNDS {
            self.round(round, &mut table).await?;
        }
        table.print(in_chroma < size);
        Ok(())
    }

    /// Adds passages to a session in both stores; Chroma gets them from its two clients in turns.
    async fn add(&mut self, session: usize, count: usize, turn: usize, table: &mut Table) -> Result<()> {
        const OPERATION: &str = "fill, for each 1,000";
        let (name, first, items) = (session_name(session), self.passages.number(), self.passages.some(count));
        let for_each = 1_000.0 / count as f64;
        let (seconds, ()) = timed(self.embedded.upsert(&name, items.clone())).await?;
        table.add(OPERATION, 0, vec![seconds * for_each]);
        self.embedded_holds[session] += count;
        if self.spent > self.fill {
            return Ok(());
        }
        let (side, seconds) = if turn.is_multiple_of(2) {
            (1, timed(self.chroma.upsert(&name, items)).await?.0)
        } else {
            let texts: Vec<_> = items.into_iter().map(|item| item.text).collect();
            (2, self.python.times(json!(["upsert", name, first, texts])).await?.iter().sum())
        };
        table.add(OPERATION, side, vec![seconds * for_each]);
        self.chroma_holds[session] += count;
        self.spent += Duration::from_secs_f64(seconds);
        Ok(())
    }

    /// Every operation on each side.
    async fn round(&mut self, round: usize, table: &mut Table) -> Result<()> {
        let asked: Vec<_> =
            (0..QUERIES).map(|time| (round * QUERIES + time) % self.layout.sessions).collect();
        let names: Vec<_> = asked.iter().copied().map(session_name).collect();
        for (side, vectors) in [&self.embedded, &self.chroma].into_iter().enumerate() {
            table.add("query, k = 4", side, queries(vectors, &names, &mut self.passages).await?);
        }
        table.add("query, k = 4", 2, self.python.times(json!(["query", names, LIMIT])).await?);

        for (side, vectors) in [&self.embedded, &self.chroma].into_iter().enumerate() {
            table.add("search by words too", side, searches(vectors, &names, &mut self.passages).await?);
        }

        let held = [self.embedded_holds[asked[0]], self.chroma_holds[asked[0]]];
        for (side, vectors) in [&self.embedded, &self.chroma].into_iter().enumerate() {
            for _ in 0..COUNTS {
                let (seconds, count) = timed(vectors.count(&names[0])).await?;
                ensure!(count as usize == held[side], "{} counts {count} of {}", SIDES[side], held[side]);
                table.add("count", side, vec![seconds]);
            }
        }
        table.add("count", 2, self.python.times(json!(["count", names[0], COUNTS])).await?);
        self.extra(table).await
    }

    /// Adds a session to those that are there, and deletes it.
    async fn extra(&mut self, table: &mut Table) -> Result<()> {
        let (first, items) = (self.passages.number(), self.passages.some(BATCH));
        let texts: Vec<_> = items.iter().map(|item| item.text.clone()).collect();
        let sides = [&self.embedded, &self.chroma];
        for (side, vectors) in sides.into_iter().enumerate() {
            let (seconds, ()) = timed(vectors.upsert("extra", items.clone())).await?;
            table.add("upsert 500", side, vec![seconds]);
        }
        table.add("upsert 500", 2, self.python.times(json!(["upsert", "extra-py", first, texts])).await?);
        for (side, vectors) in sides.into_iter().enumerate() {
            let (seconds, deleted) = timed(vectors.delete_partition("extra")).await?;
            ensure!(deleted as usize == BATCH, "{} deleted {deleted}", SIDES[side]);
            table.add("delete 500", side, vec![seconds]);
        }
        table.add("delete 500", 2, self.python.times(json!(["delete", "extra-py"])).await?);
        Ok(())
    }

    /// Deletes a whole session, and prints what that takes.
    async fn end(self) -> Result<()> {
        let sides = [(&self.embedded, self.embedded_holds[0]), (&self.chroma, self.chroma_holds[0])];
        for ((vectors, held), side) in sides.into_iter().zip(SIDES) {
            let begun = Instant::now();
            let deleted = vectors.delete_partition(&session_name(0)).await;
            let seconds = begun.elapsed().as_secs_f64();
            match deleted {
                Ok(deleted) => println!("  {side}: deleting {deleted} at once takes {seconds:.2} s"),
                Err(error) => println!("  {side}: deleting {held} at once: {error} ({seconds:.2} s)"),
            }
        }
        Ok(())
    }
}

/// Asks in each of the sessions once.
async fn queries(vectors: &Vectors, sessions: &[String], passages: &mut Passages) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for session in sessions {
        let (seconds, hits) = timed(vectors.query(session, passages.embedding(), LIMIT)).await?;
        ensure!(hits.len() == LIMIT as usize, "{} hits", hits.len());
        all.push(seconds);
    }
    Ok(all)
}

/// Asks with words, too; the Python client has nothing of the kind.
async fn searches(vectors: &Vectors, sessions: &[String], passages: &mut Passages) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for session in sessions {
        let (embedding, words) = (passages.embedding(), passages.words(QUESTION));
        let (seconds, matches) = timed(vectors.search(session, embedding, &words, LIMIT)).await?;
        ensure!(matches.len() == LIMIT as usize, "{} matches", matches.len());
        all.push(seconds);
    }
    Ok(all)
}

fn session_name(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}
