//! What each takes in memory, beside what follows from the model's file and the settings.

use super::{
    answer::Question,
    plan::Plan,
    server::{self, Server},
    settle,
    table::Table,
    writer::Writer,
};
use anyhow::Result;
use e2e::Gguf;

/// Conversations that each server has had at last, of about 400 tokens each.
const CONVERSATIONS: u64 = 8;
const SENTENCES: usize = 20;

pub async fn compare(plan: &Plan) -> Result<()> {
    let gguf = Gguf::read(&plan.model)?;
    let weights = mebibytes(gguf.bytes);
    let cache = mebibytes(gguf.cache_bytes_per_token()? * u64::from(plan.n_ctx));
    let places = f64::from(plan.parallel);
    println!(
        "memory, MiB: the weights are {weights:.0}, a place of {} tokens is {cache:.1} at 16 bits;",
        plan.n_ctx
    );
    println!("with {places} places these are {:.0} together:", weights + places * cache);

    let alone = memory(&server::start(&Plan { parallel: 1, ..plan.clone() }).await?)?;
    let servers = server::start(plan).await?;
    let mut table = Table::new(&servers);
    let before = memory(&servers)?;
    for (side, server) in servers.iter().enumerate() {
        table.add("resident, one place", side, alone[side]);
        table.add(&format!("resident, {places} places"), side, before[side]);
        if plan.parallel > 1 {
            table.add("  a place, as measured", side, (before[side] - alone[side]) / (places - 1.0));
        }
        table.add("  beside weights and places", side, before[side] - weights - places * cache);
        converse(server, plan.amount(CONVERSATIONS, 2)).await?;
        let row = format!("resident after {} conversations", plan.amount(CONVERSATIONS, 2));
        table.add(&row, side, mebibytes(server.memory()?));
    }
    table.print();
    Ok(())
}

fn memory(servers: &[Server]) -> Result<Vec<f64>> {
    servers.iter().map(|server| server.memory().map(mebibytes)).collect()
}

async fn converse(server: &Server, conversations: u64) -> Result<()> {
    for conversation in 0..conversations {
        let message = Writer::new(conversation).sentences(SENTENCES);
        server.ask(&Question::new(&format!("conversation-{conversation}"), &message, 8)).await?;
    }
    settle().await;
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
