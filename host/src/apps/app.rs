//! An application while it serves: the generation that requests begin with, and those kept to return to.
//!
//! Not here: how a generation is made (`workshop`), and what a deployment is (`deploy`).

use super::{
    Config, Route,
    generation::{Generation, Serving},
    shelf::Shelf,
};
use crate::guest::slots::Slots;
use arc_swap::ArcSwap;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How often a generation that was replaced is asked whether its last request has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// A loaded application.
pub struct App {
    name: String,
    route: Route,
    config: Config,
    slots: Arc<Slots>,
    serving: ArcSwap<Serving>,
    draining: Mutex<Vec<Arc<Serving>>>,
    kept: Mutex<Vec<Arc<Generation>>>,
    /// The highest number that was used, also by what cannot be returned to.
    newest: AtomicU64,
    /// Held while something is deployed: one at a time.
    pub(super) shelf: tokio::sync::Mutex<Shelf>,
}

impl App {
    /// Serves `current` from the first request on. `kept` are all that can be returned to, oldest first; `newest` is
    /// the highest number that was used.
    pub(super) fn new(
        name: &str,
        config: &Config,
        slots: Arc<Slots>,
        shelf: Shelf,
        current: Arc<Generation>,
        kept: Vec<Arc<Generation>>,
        newest: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            route: Route::new(config.host.as_deref(), &config.route),
            config: config.clone(),
            slots,
            serving: ArcSwap::new(Serving::begin(current)),
            draining: Mutex::default(),
            kept: Mutex::new(kept),
            newest: AtomicU64::new(newest),
            shelf: tokio::sync::Mutex::new(shelf),
        })
    }

    /// Its name in runtime.toml.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// Its settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The places of its instances, which its generations share.
    pub fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }

    /// What a request begins with, and goes on with to its end.
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.load_full()
    }

    /// Replaced generations whose last requests still run.
    pub fn draining(&self) -> Vec<Arc<Serving>> {
        lock(&self.draining).clone()
    }

    /// Generations that can be returned to, the one that serves included, oldest first.
    pub fn kept(&self) -> Vec<Arc<Generation>> {
        lock(&self.kept).clone()
    }

    /// The highest number that was used.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Relaxed)
    }

    /// Keeps `generation`, and at most `most` altogether. Whether one had to go for it.
    pub(super) fn keep(&self, generation: Arc<Generation>, most: usize) -> bool {
        self.newest.fetch_max(generation.record().number, Relaxed);
        let serving = self.serving().generation().record().number;
        let mut kept = lock(&self.kept);
        kept.push(generation);
        let before = kept.len();
        while kept.len() > most.max(1) {
            // The newest is about to serve, and who serves now has requests to come until then.
            let Some(oldest) = kept.iter().position(|kept| kept.record().number != serving) else { break };
            if oldest + 1 == kept.len() {
                break;
            }
            kept.remove(oldest);
        }
        kept.len() < before
    }

    /// Has requests from now on begin with `generation`. Those under way have `patience` to finish with theirs.
    pub(super) fn publish(self: &Arc<Self>, generation: Arc<Generation>, patience: Duration) {
        let replaced = self.serving.swap(Serving::begin(generation));
        lock(&self.draining).push(replaced.clone());
        tokio::spawn(retire(self.clone(), replaced, patience));
    }
}

/// Waits for the last request of what was replaced, and ends what still runs when the time is over.
async fn retire(app: Arc<App>, replaced: Arc<Serving>, patience: Duration) {
    let until = Instant::now() + patience;
    loop {
        // First of all: a request that has just been led to it may not run yet.
        tokio::time::sleep(PAUSE).await;
        if replaced.requests() == 0 || Instant::now() >= until {
            break;
        }
    }
    let requests = replaced.requests();
    if requests > 0 {
        let generation = replaced.generation().record().number;
        tracing::warn!(app = app.name(), generation, requests, "ending what is not finished in time");
        replaced.program().retired.cancel();
    }
    lock(&app.draining).retain(|draining| !Arc::ptr_eq(draining, &replaced));
}

fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    // Whoever panicked with it left the list as it was.
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
