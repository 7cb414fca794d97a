//! More conversations than places: each client sends its whole history again, and the clients take turns.

use super::{
    answer::{Answer, Question, message_of},
    milliseconds,
    plan::Plan,
    server::{self, Server},
    table::Table,
    writer::Writer,
};
use anyhow::Result;
use serde_json::Value;

const CLIENTS: usize = 8;
const TOKENS: u32 = 16;
const SYSTEM: &str = "You are a helpful, honest assistant. Answer briefly and to the point.";

/// A client's conversation with a server.
struct Conversation {
    name: String,
    messages: Vec<Value>,
}

pub async fn compare(plan: &Plan) -> Result<()> {
    let servers = server::start(plan).await?;
    let turns = plan.amount(10, 3);
    println!(
        "conversations, {CLIENTS} clients on {} places, {turns} turns each, one client after the other:",
        plan.parallel
    );
    let mut table = Table::new(&servers);
    let mut clients: Vec<Vec<_>> =
        (0..CLIENTS).map(|client| servers.iter().map(|_| Conversation::new(client)).collect()).collect();
    for turn in 1..=turns {
        for (client, conversations) in clients.iter_mut().enumerate() {
            let said = Writer::new((turn * CLIENTS + client) as u64).sentences(2);
            for (side, (conversation, server)) in conversations.iter_mut().zip(&servers).enumerate() {
                let before = server.processor_time()?;
                let answer = conversation.turn(server, &said).await?;
                // In the first turn nothing can be there already.
                if turn > 1 {
                    table.add("first token, ms, from turn 2 on", side, milliseconds(answer.first));
                    let processor = server.processor_time()? - before;
                    table.add("processor ms a turn, from turn 2 on", side, milliseconds(processor));
                    tell(turn, &answer, side, &mut table);
                }
            }
        }
    }
    table.print();
    Ok(())
}

impl Conversation {
    fn new(client: usize) -> Self {
        Self { name: format!("client-{client}"), messages: vec![message_of("system", SYSTEM)] }
    }

    async fn turn(&mut self, server: &Server, said: &str) -> Result<Answer> {
        self.messages.push(message_of("user", said));
        let (conversation, messages) = (self.name.clone(), self.messages.clone());
        let question = Question { conversation, messages, max_tokens: TOKENS, endless: true, slot: None };
        let answer = server.ask(&question).await?;
        self.messages.push(message_of("assistant", &answer.text));
        Ok(answer)
    }
}

fn tell(turn: usize, answer: &Answer, side: usize, table: &mut Table) {
    table.add("prompt tokens computed, from turn 2 on", side, f64::from(answer.usage.computed()));
    table.add(&format!("  turn {turn:>2}: first token, ms"), side, milliseconds(answer.first));
    table.add(&format!("  turn {turn:>2}: prompt tokens"), side, f64::from(answer.usage.prompt));
}
