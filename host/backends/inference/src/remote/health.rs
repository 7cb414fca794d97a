//! Finds out, again and again, how a server is.

use std::{sync::Arc, time::Duration};

use tokio::{select, time::sleep};

use super::{
    facts::{self, Counting, Description, Facts},
    failure::Failure,
    shared::{Shared, random},
    upstream::{State, Upstream},
};

/// However many requests fail, a server is not asked more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);

/// Looks after one server for as long as it is polled: at the interval of the settings, and whenever
/// the server failed a request.
pub(super) async fn watch(shared: &Shared, upstream: &Upstream) {
    let interval = shared.config.remote.health_interval;
    loop {
        let before = upstream.state();
        let now = match look(shared, upstream, &before).await {
            Ok(facts) => State::Up(facts),
            Err(failure) => State::Down(failure.to_string()),
        };
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
