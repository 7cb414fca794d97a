//! Guessing ahead: answers that quote their prompt, and answers that do not, with guesses and without.

use super::{
    answer::Question,
    milliseconds,
    plan::Plan,
    server::{self, Server},
    settle,
    table::Table,
    writer::Writer,
};
use anyhow::Result;
use std::time::Instant;

const GUESSES: u32 = 8;
const TOKENS: u32 = 96;

/// What is asked for.
const KINDS: [(&str, &str); 2] = [
    ("quoting", "Repeat the following text word for word, without any change."),
    ("telling", "Write a story in which the following takes place."),
];

pub async fn compare(plan: &Plan) -> Result<()> {
    let servers = server::start_guessing(plan, GUESSES).await?;
    println!("lookup, answers of {TOKENS} tokens to one user, {GUESSES} guesses at a time and none:");
    let mut table = Table::new(&servers);
    for round in 0..plan.amount(6, 2) {
        for (kind, task) in KINDS {
            let text = Writer::new(1_000 + round).sentences(6);
            let message = format!("{task}\n\n{text}");
            for (side, server) in servers.iter().enumerate() {
                measure(server, kind, &message, &mut table, side).await?;
                settle().await;
            }
        }
    }
    table.print();
    Ok(())
}

async fn measure(server: &Server, kind: &str, message: &str, table: &mut Table, side: usize) -> Result<()> {
    let (begun, before) = (Instant::now(), server.processor_time()?);
    let answer = server.ask(&Question::new("lookup", message, TOKENS)).await?;
    let tokens = f64::from(answer.usage.completion);
    table.add(&format!("{kind}: tokens/s"), side, tokens / (begun.elapsed() - answer.first).as_secs_f64());
    let processor = server.processor_time()? - before;
    table.add(&format!("{kind}: processor ms a token of answer"), side, milliseconds(processor) / tokens);
    Ok(())
}
