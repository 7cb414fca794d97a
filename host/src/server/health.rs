//! Whether the host can do its work: every part is asked, within a bounded time, at most once a
//! second however often clients ask.

use futures_util::future::{BoxFuture, join_all};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How long a part may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer stands.
const FRESH: Duration = Duration::from_secs(1);

/// What a part is called.
pub type Name = Cow<'static, str>;

/// One part of the host that tells how it is.
pub struct Check {
    name: Name,
    /// Whether the host is ready only while this part works.
    required: bool,
    probe: Box<dyn Fn() -> BoxFuture<'static, State> + Send + Sync>,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It works.
    Ok,
    /// It will work; so much of it is there, from 0 to 1.
    Loading(f32),
    /// It is not wanted now.
    Unloaded,
    /// It does not work. The cause is for the log only.
    Down(String),
}

/// What `/readyz` says.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Whether requests can be answered.
    pub ready: bool,
    /// How each part is.
    pub checks: BTreeMap<Name, String>,
}

pub(super) struct Health {
    checks: RwLock<Vec<Arc<Check>>>,
    last: Mutex<Option<Asked>>,
}

struct Asked {
    at: Instant,
    states: Vec<(Name, State)>,
}

impl Check {
    /// A part, and how to ask it. The question should give up when dropped.
    pub fn new<F>(name: impl Into<Name>, probe: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = State> + Send + 'static,
    {
        Self { name: name.into(), required: true, probe: Box::new(move || Box::pin(probe())) }
    }

    /// The host is ready without this part too, and only tells how it is.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    async fn ask(&self) -> (Name, State) {
        let state = match tokio::time::timeout(PATIENCE, (self.probe)()).await {
            Ok(state) => state,
            Err(elapsed) => State::Down(elapsed.to_string()),
        };
        (self.name.clone(), state)
    }
}

impl State {
    /// The state that a ping tells.
    pub fn of<E: fmt::Display>(ping: Result<(), E>) -> Self {
        ping.map_or_else(|error| Self::Down(error.to_string()), |()| Self::Ok)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => formatter.write_str("ok"),
            Self::Loading(fraction) => write!(formatter, "loading {:.0}%", fraction * 100.0),
            Self::Unloaded => formatter.write_str("not loaded"),
            Self::Down(_) => formatter.write_str("down"),
        }
    }
}

impl Report {
    /// Adds something that keeps the host from its work.
    pub(super) fn holds(&mut self, name: &'static str, state: &str) {
        self.ready = false;
        self.checks.insert(name.into(), state.to_owned());
    }
}

impl Health {
    pub(super) fn new() -> Self {
        Self { checks: RwLock::default(), last: Mutex::default() }
    }

    pub(super) fn watch(&self, check: Check) {
        self.checks.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(check));
    }

    pub(super) async fn report(&self) -> Report {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner).clone();
        // Held over the questions on purpose: whoever asks meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        let states = match last.take() {
            Some(asked) if asked.stands(checks.len()) => {
                let states = asked.states.clone();
                *last = Some(asked);
                states
            }
            before => {
                let states = join_all(checks.iter().map(|check| check.ask())).await;
                tell_changes(before.as_ref(), &states);
                *last = Some(Asked { at: Instant::now(), states: states.clone() });
                states
            }
        };
        let lacking =
            checks.iter().zip(&states).any(|(check, (_, state))| check.required && *state != State::Ok);
        Report {
            ready: !lacking,
            checks: states.into_iter().map(|(name, state)| (name, state.to_string())).collect(),
        }
    }
}

impl Asked {
    /// Progress moves on, and parts are added, while the host loads.
    fn stands(&self, checks: usize) -> bool {
        let loading = self.states.iter().any(|(_, state)| matches!(state, State::Loading(_)));
        !loading && self.states.len() == checks && self.at.elapsed() < FRESH
    }
}

fn tell_changes(before: Option<&Asked>, states: &[(Name, State)]) {
    for (name, state) in states {
        let known = before.and_then(|asked| asked.states.iter().find(|(other, _)| other == name));
        match (known, state) {
            (Some((_, State::Down(_))), State::Down(_)) => {}
            (_, State::Down(cause)) => tracing::error!(part = %name, cause, "not ready"),
            (Some((_, State::Down(_))), State::Ok) => tracing::info!(part = %name, "works again"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[tokio::test]
    async fn parts_are_asked_once_a_second_and_not_for_long() {
        let asked = Arc::new(AtomicUsize::new(0));
        let health = Health::new();
        let count = asked.clone();
        health.watch(Check::new("sessions", move || {
            count.fetch_add(1, Relaxed);
            async { State::Ok }
        }));
        for _ in 0..50 {
            assert!(health.report().await.ready);
        }
        assert_eq!(asked.load(Relaxed), 1);
        health.watch(Check::new("vectors", std::future::pending));
        let began = Instant::now();
        let report = health.report().await;
        assert_eq!(began.elapsed().as_secs(), PATIENCE.as_secs());
        assert!(!report.ready);
        assert_eq!((&*report.checks["sessions"], &*report.checks["vectors"]), ("ok", "down"));
        assert_eq!(asked.load(Relaxed), 2);
    }

    #[tokio::test]
    async fn an_optional_part_is_told_of_and_does_not_hold_the_host_up() {
        let health = Health::new();
        health.watch(Check::new("sessions", || async { State::Ok }));
        health.watch(Check::new("vectors", || async { State::of(Err::<(), _>("refused")) }).optional());
        let report = health.report().await;
        assert!(report.ready);
        assert_eq!(&*report.checks["vectors"], "down");
    }

    #[tokio::test]
    async fn a_cause_stays_in_the_log() {
        let health = Health::new();
        health.watch(Check::new("model", || async { State::Loading(0.4) }));
        health.watch(Check::new("sessions", || async { State::of(Err::<(), _>("/secret/path is gone")) }));
        let report = health.report().await;
        assert_eq!((&*report.checks["model"], &*report.checks["sessions"]), ("loading 40%", "down"));
    }
}
