//! What the engine and its door cost: Corral beside llama.cpp's own server on the same model.
//!
//! Both have the same threads, context and batch, are asked by the same client, and take turns, so that what else the
//! machine does hits them alike; the figure that counts is the ratio of each pair. Without llama-server there are
//! Corral's figures alone. Not here: what a turn costs the host itself (`turn.rs`).

mod answer;
mod conversations;
mod grounded;
mod interference;
mod memory;
mod plan;
mod server;
mod speed;
mod table;
mod writer;

use anyhow::Result;
use plan::Plan;
use std::time::Duration;

/// What can be compared.
#[derive(Clone, Copy)]
pub enum Scenario {
    /// Several users at once.
    Speed,
    /// More conversations than there are places for.
    Conversations,
    /// A long prompt that comes while others get their answers.
    Interference,
    /// Questions with passages that change.
    Grounded,
    /// What it all takes in memory.
    Memory,
}

impl Scenario {
    pub const ALL: [Self; 5] =
        [Self::Speed, Self::Conversations, Self::Interference, Self::Grounded, Self::Memory];

    /// Compares, and prints a table. Each has servers of its own, so that none begins with another's memories.
    pub async fn compare(self) -> Result<()> {
        let plan = Plan::read()?;
        plan.print();
        match self {
            Self::Speed => speed::compare(&plan).await,
            Self::Conversations => conversations::compare(&plan).await,
            Self::Interference => interference::compare(&plan).await,
            Self::Grounded => grounded::compare(&plan).await,
            Self::Memory => memory::compare(&plan).await,
        }
    }
}

/// Lets a server end what a client no longer waits for, before another one is measured.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
