//! Turns with passages that change every turn: Corral's own sessions against the usual layout on llama-server.
//!
//! Both get the same passages. Corral is given them as documents and finds them itself, which counts against it; storing
//! them beforehand counts for neither. Between turns is the time that a person needs to read.

mod messages;
mod session;

use super::{
    milliseconds,
    plan::Plan,
    server::{self, Program, Server},
    table::Table,
    writer::Writer,
};
use anyhow::Result;
use messages::Messages;
use session::Session;
use std::time::Duration;

/// Passages of a turn, as many as Corral brings along by default.
const PASSAGES: usize = 4;
/// Of a passage: about 100 tokens, which stay one passage when they are stored.
const SENTENCES: usize = 5;
/// The longest answer: some sentences.
const TOKENS: u32 = 96;
const READING: Duration = Duration::from_secs(2);

/// What is asked in a turn.
struct Ask {
    passages: Vec<String>,
    question: String,
}

/// What a turn was like.
struct Told {
    /// Time from the question to the first text.
    first: Duration,
    prompt: u32,
    computed: u32,
}

/// A conversation, kept by Corral or by the client.
enum Conversation<'s> {
    Session(Session<'s>),
    Messages(Messages<'s>),
}

pub async fn compare(plan: &Plan) -> Result<()> {
    let servers = server::start(plan).await?;
    let mut table = Table::new(&servers);
    let turns = plan.amount(10, 3);
    println!("grounded, {turns} turns with {PASSAGES} new passages each:");
    let mut conversations = Vec::new();
    for server in &servers {
        conversations.push(Conversation::begin(server).await?);
    }
    for turn in 1..=turns {
        let ask = Ask::new(turn);
        for (side, (conversation, server)) in conversations.iter_mut().zip(&servers).enumerate() {
            conversation.give(&ask.passages).await?;
            let before = server.processor_time()?;
            let told = conversation.ask(&ask.question).await?;
            tokio::time::sleep(READING).await;
            table.add("first token, ms, all turns", side, milliseconds(told.first));
            let processor = server.processor_time()? - before;
            table.add("processor ms a turn, reading included", side, milliseconds(processor));
            tell(turn, &told, side, &mut table);
        }
    }
    table.print();
    Ok(())
}

impl Ask {
    fn new(seed: u64) -> Self {
        let mut writer = Writer::new(seed);
        let passages = (0..PASSAGES).map(|_| writer.sentences(SENTENCES)).collect();
        Self { passages, question: writer.question() }
    }
}

impl<'s> Conversation<'s> {
    async fn begin(server: &'s Server) -> Result<Self> {
        Ok(match server.program() {
            Program::Corral(_) => Self::Session(Session::begin(&server.client).await?),
            Program::Llama(_) => Self::Messages(Messages::new(server)),
        })
    }

    /// Has these passages take the place of the last turn's.
    async fn give(&mut self, passages: &[String]) -> Result<()> {
        match self {
            Self::Session(session) => session.give(passages).await,
            Self::Messages(messages) => {
                messages.give(passages);
                Ok(())
            }
        }
    }

    async fn ask(&mut self, question: &str) -> Result<Told> {
        match self {
            Self::Session(session) => session.ask(question).await,
            Self::Messages(messages) => messages.ask(question).await,
        }
    }
}

fn tell(turn: u64, told: &Told, side: usize, table: &mut Table) {
    table.add("prompt tokens computed, all turns", side, f64::from(told.computed));
    table.add(&format!("  turn {turn:>2}: first token, ms"), side, milliseconds(told.first));
    table.add(&format!("  turn {turn:>2}: prompt tokens"), side, f64::from(told.prompt));
}
