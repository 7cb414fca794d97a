//! A long prompt that comes while others get their answers: how long these stand still, and how long it waits itself.

use super::{
    answer::{Event, Question, Stream},
    milliseconds,
    plan::Plan,
    server::{self, Server},
    settle,
    table::Table,
    writer::Writer,
};
use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

const STREAMS: usize = 3;
/// Pieces of text that each stream has when the long prompt comes.
const UNDER_WAY: usize = 8;
/// More than any of them gets meanwhile.
const ENDLESS: u32 = 1_500;
/// Of the long prompt, which has about 1,500 tokens.
const SENTENCES: usize = 72;
const TOKENS: u32 = 8;

/// What a round was like.
struct Round {
    /// The longest time between two pieces of a stream, since the long prompt came.
    gap: Duration,
    /// Pieces that the streams got together until its first token.
    pieces: usize,
    /// Time to its first token.
    first: Duration,
    /// Its tokens.
    prompt: u32,
}

pub async fn compare(plan: &Plan) -> Result<()> {
    let servers = server::start(plan).await?;
    println!("interference, {STREAMS} streams under way when a long prompt comes:");
    let mut table = Table::new(&servers);
    for round in 0..plan.amount(3, 1) {
        for (side, server) in servers.iter().enumerate() {
            let round = Round::run(server, round).await?;
            settle().await;
            table.add("longest gap of the others, ms", side, milliseconds(round.gap));
            table.add("its first token, ms", side, milliseconds(round.first));
            table.add("pieces that the others got meanwhile", side, round.pieces as f64);
            table.add("its tokens", side, f64::from(round.prompt));
        }
    }
    table.print();
    Ok(())
}

impl Round {
    async fn run(server: &Server, number: u64) -> Result<Self> {
        let (over, is_over) = watch::channel(false);
        let (going, mut under_way) = mpsc::channel(STREAMS);
        let mut streams = JoinSet::new();
        for stream in 0..STREAMS as u64 {
            let message = Writer::new(number * 100 + stream).sentences(2);
            let stream =
                server.stream(&Question::new(&format!("stream-{stream}"), &message, ENDLESS)).await?;
            streams.spawn(pieces(stream, going.clone(), is_over.clone()));
        }
        for _ in 0..STREAMS {
            under_way.recv().await.context("no stream")?;
        }
        let message = Writer::new(number * 100 + 99).sentences(SENTENCES);
        let came = Instant::now();
        let answer = server.ask(&Question::new("newcomer", &message, TOKENS)).await;
        over.send_replace(true);
        let answer = answer?;
        let streams = streams.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        let until = came + answer.first;
        let gaps = streams.iter().flat_map(|pieces| gaps(pieces, came, until));
        let meanwhile = |at: &&Instant| (came..until).contains(*at);
        Ok(Self {
            gap: gaps.max().context("no gap")?,
            pieces: streams.iter().flatten().filter(meanwhile).count(),
            first: answer.first,
            prompt: answer.usage.prompt,
        })
    }
}

/// When each piece came, until the first one after it is `over`.
async fn pieces(
    mut stream: Stream,
    going: mpsc::Sender<()>,
    over: watch::Receiver<bool>,
) -> Result<Vec<Instant>> {
    let mut pieces = Vec::new();
    loop {
        let event = stream.next().await?;
        ensure!(matches!(event, Some(Event::Text(_))), "a stream ended before the long prompt was read");
        pieces.push(Instant::now());
        if pieces.len() == UNDER_WAY {
            going.send(()).await?;
        }
        if *over.borrow() && pieces.len() > UNDER_WAY {
            return Ok(pieces);
        }
    }
}

/// Times between pieces that fall, in part at least, between two moments.
fn gaps(pieces: &[Instant], from: Instant, until: Instant) -> impl Iterator<Item = Duration> {
    let pairs = pieces.iter().zip(&pieces[1..]);
    pairs
        .filter(move |(first, second)| **second > from && **first < until)
        .map(|(first, second)| *second - *first)
}
