//! Several users at once: tokens a second, and how long they wait for the first.

use super::{
    answer::{Answer, Question},
    milliseconds,
    plan::Plan,
    server::{self, Server},
    settle,
    table::Table,
    writer::Writer,
};
use anyhow::{Context, Result};
use e2e::statistics::quantile;
use futures_util::future::try_join_all;
use std::time::{Duration, Instant};

const USERS: [usize; 5] = [1, 2, 4, 8, 16];
/// Answers in a round, where the users are fewer.
const ANSWERS: usize = 4;
const TOKENS: u32 = 64;

/// What a round was like.
struct Round {
    took: Duration,
    /// What processors spent on it.
    processor: Duration,
    answers: Vec<Answer>,
}

pub async fn compare(plan: &Plan) -> Result<()> {
    let servers = server::start(plan).await?;
    println!("speed, answers of {TOKENS} tokens to questions of about 60:");
    let mut table = Table::new(&servers);
    for users in USERS {
        for round in 0..plan.amount(3, 1) {
            for (side, server) in servers.iter().enumerate() {
                Round::run(server, users, round).await?.tell(users, side, &mut table)?;
                settle().await;
            }
        }
    }
    table.print();
    Ok(())
}

impl Round {
    /// Each user asks as soon as the last answer has come.
    async fn run(server: &Server, users: usize, round: u64) -> Result<Self> {
        let (begun, before) = (Instant::now(), server.processor_time()?);
        let answers = (0..users).map(|user| async move {
            let mut answers = Vec::new();
            for time in 0..ANSWERS.div_ceil(users) {
                let seed = round * 10_000 + (users * 100 + user * 10 + time) as u64;
                let message = Writer::new(seed).sentences(3);
                answers.push(server.ask(&Question::new(&format!("user-{seed}"), &message, TOKENS)).await?);
            }
            anyhow::Ok(answers)
        });
        let answers = try_join_all(answers).await?.into_iter().flatten().collect();
        Ok(Self { took: begun.elapsed(), processor: server.processor_time()? - before, answers })
    }

    fn tell(&self, users: usize, side: usize, table: &mut Table) -> Result<()> {
        // What was really generated: an answer may be shorter than it was asked to be.
        let tokens: u32 = self.answers.iter().map(|answer| answer.usage.completion).sum();
        let computed: u32 = self.answers.iter().map(|answer| answer.usage.computed()).sum();
        let first: Vec<_> = self.answers.iter().map(|answer| milliseconds(answer.first)).collect();
        let mut add = |what: &str, value: f64| table.add(&format!("{users:>2} users: {what}"), side, value);
        add("tokens/s", f64::from(tokens) / self.took.as_secs_f64());
        add("first token, ms, p50", quantile(&first, 0.5).context("no answers")?);
        add("first token, ms, p95", quantile(&first, 0.95).context("no answers")?);
        // Where one user's prompt may serve another's, what is common to all is computed less often.
        add("prompt tokens computed", f64::from(computed) / self.answers.len() as f64);
        add("processor ms a token of answer", milliseconds(self.processor) / f64::from(tokens));
        Ok(())
    }
}
