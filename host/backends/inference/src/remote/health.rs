//! Finds out, again and again, how a server is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{select, time::sleep};

use super::{
    facts::{self, Counting, Description, Facts},
    failure::Failure,
    shared::{Shared, random},
    upstream::{State, Upstream},
};

/// However many requests fail, a server is not asked more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// How often in a row a server that works may be late to say how it is, and say nothing else either. One
/// that has much to do is, for half a minute and longer.
const MOST_LATE: u32 = 3;

/// Looks after one server for as long as it is polled: at the interval of the settings, and whenever
/// the server failed a request.
pub(super) async fn watch(shared: &Shared, upstream: &Upstream) {
    let interval = shared.config.remote.health_interval;
    let mut late = 0;
    loop {
        let (before, asked) = (upstream.state(), Instant::now());
        let found = look(shared, upstream, &before).await;
        let is_silent = matches!(found, Err(Failure::Late { .. })) && !upstream.was_heard_since(asked);
        late = if is_silent { late + 1 } else { 0 };
        let now = conclude(&before, found, late);
        if is_news(&before, &now) {
            tell(upstream, &shared.model, &now);
            // It may have another model than before.
            shared.counts.clear();
        }
        upstream.set(now);
        sleep(SHORTEST_PAUSE).await;
        select! {
            () = sleep(spread(interval)) => {}
            () = upstream.suspected() => {}
        }
    }
}

async fn look(shared: &Shared, upstream: &Upstream, before: &State) -> Result<Arc<Facts>, Failure> {
    let (client, model) = (&shared.client, &shared.model);
    let description = facts::describe(client, &upstream.address, model).await?;
    match before {
        State::Up(known) if known.description == description => Ok(Arc::clone(known)),
        State::Up(_) | State::Down(_) | State::Unknown => {
            let counting = facts::counting(client, &upstream.address, model).await?;
            Ok(Arc::new(Facts { description, counting }))
        }
    }
}

/// How a server is, by what was found out, and by how often in a row it was late.
fn conclude(before: &State, found: Result<Arc<Facts>, Failure>, late: u32) -> State {
    match (found, before) {
        (Ok(facts), _) => State::Up(facts),
        (Err(Failure::Late { .. }), State::Up(known)) if late <= MOST_LATE => State::Up(Arc::clone(known)),
        (Err(failure), _) => State::Down(failure.to_string()),
    }
}

fn is_news(before: &State, now: &State) -> bool {
    match (before, now) {
        (State::Up(before), State::Up(now)) => !Arc::ptr_eq(before, now),
        (State::Down(before), State::Down(now)) => before != now,
        (State::Unknown | State::Up(_) | State::Down(_), _) => true,
    }
}

/// Puts into the log how a server is now.
fn tell(upstream: &Upstream, model: &str, now: &State) {
    let server = &upstream.address;
    let facts = match now {
        State::Up(facts) => facts,
        State::Down(cause) => return tracing::warn!(%server, cause, "a model's server is down"),
        State::Unknown => return,
    };
    let Description { dialect, context_length, slots, others } = &facts.description;
    tracing::info!(%server, ?dialect, context_length, slots, "a model's server is up");
    if let Some(others) = others {
        let message = "the server does not list the model of inference.remote.model";
        tracing::warn!(%server, model, others, "{message}");
    }
    if facts.counting == Counting::None {
        let message = "the server counts no tokens: prompts are taken to be longer than they are";
        tracing::warn!(%server, "{message}");
    }
}

/// Up to a tenth more or less, so that hosts that started together do not ask together.
fn spread(interval: Duration) -> Duration {
    let tenths = 0.9 + (random() % 1000) as f64 / 5000.0;
    interval.mul_f64(tenths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::facts::Dialect;

    fn up() -> State {
        let description =
            Description { dialect: Dialect::Vllm, context_length: None, slots: 0, others: None };
        State::Up(Arc::new(Facts { description, counting: Counting::None }))
    }

    #[test]
    fn a_server_that_works_may_be_late_and_nothing_else() {
        let late = || Err(Failure::Late { what: "answer", within: Duration::from_secs(5) });
        let before = up();
        for times in 0..=MOST_LATE {
            assert!(!is_news(&before, &conclude(&before, late(), times)), "{times}");
        }
        assert!(matches!(conclude(&before, late(), MOST_LATE + 1), State::Down(_)));
        assert!(matches!(conclude(&State::Unknown, late(), 1), State::Down(_)));
        assert!(matches!(conclude(&State::Down("x".into()), late(), 1), State::Down(_)));
        for failure in [Failure::Failed("x".into()), Failure::Unfit("x".into())] {
            assert!(matches!(conclude(&before, Err(failure), 0), State::Down(_)));
        }
    }
}
