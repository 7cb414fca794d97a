//! An application while it serves: the generation that requests begin with, and those kept to return to.
//!
//! Not here: how a generation is made (`workshop`), and what a deployment is (`deploy`).

use super::{
    Config, Route,
    canary::Canary,
    generation::{Generation, Serving},
    shelf::Shelf,
};
use arc_swap::{ArcSwap, ArcSwapOption};
use corral_wasm::guest::slots::Slots;
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
    canary: ArcSwapOption<Canary>,
    draining: Mutex<Vec<Arc<Serving>>>,
    kept: Mutex<Vec<Arc<Generation>>>,
    /// What happened last without an operator.
    note: Mutex<Option<String>>,
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
            canary: ArcSwapOption::empty(),
            draining: Mutex::default(),
            kept: Mutex::new(kept),
            note: Mutex::default(),
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

    /// What answers a share of the requests beside it.
    pub fn canary(&self) -> Option<Arc<Canary>> {
        self.canary.load_full()
    }

    /// Replaced generations whose last requests still run.
    pub fn draining(&self) -> Vec<Arc<Serving>> {
        lock(&self.draining).clone()
    }

    /// Generations that can be returned to, the one that serves included, oldest first.
    pub fn kept(&self) -> Vec<Arc<Generation>> {
        lock(&self.kept).clone()
    }

    /// What happened last without an operator, for them to read.
    pub fn last_note(&self) -> Option<String> {
        lock(&self.note).clone()
    }

    pub(super) fn note(&self, note: String) {
        *lock(&self.note) = Some(note);
    }

    /// The highest number that was used.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Relaxed)
    }

    /// Keeps `generation`, and at most `most` altogether. What was only tried goes before what has `served`, and that
    /// the oldest first. Whether one had to go.
    pub(super) fn keep(&self, generation: Arc<Generation>, most: usize, served: &[u64]) -> bool {
        self.newest.fetch_max(generation.record().number, Relaxed);
        let serving = self.serving().generation().record().number;
        let canary = self.canary().map(|canary| canary.number());
        let mut kept = lock(&self.kept);
        kept.push(generation);
        let before = kept.len();
        while kept.len() > most.max(1) {
            // The newest is about to serve, and who serves now has requests to come until then.
            let wanted = |number| number == serving || Some(number) == canary;
            let others = kept[..kept.len() - 1].iter().map(|kept| kept.record().number).enumerate();
            let mut others: Vec<_> = others.filter(|(_, number)| !wanted(*number)).collect();
            others.sort_by_key(|(_, number)| served.contains(number));
            let Some((place, _)) = others.first() else { break };
            kept.remove(*place);
        }
        kept.len() < before
    }

    /// Has requests from now on begin with `generation`. Those under way have `patience` to finish with theirs, and
    /// those of a canary too, which ends.
    pub(super) fn publish(self: &Arc<Self>, generation: Arc<Generation>, patience: Duration) {
        let replaced = self.serving.swap(Serving::begin(generation));
        self.retire(replaced, patience);
        self.end_canary(patience);
    }

    /// Has a canary answer its share of the requests from now on. One that did before ends.
    pub(super) fn try_out(self: &Arc<Self>, canary: Arc<Canary>, patience: Duration) {
        if let Some(before) = self.canary.swap(Some(canary.clone()))
            && before.number() != canary.number()
        {
            self.retire(before.serving().clone(), patience);
        }
    }

    /// Has all requests from now on begin with the canary, which is one no more.
    pub(super) fn promote(self: &Arc<Self>, canary: &Canary, patience: Duration) {
        let replaced = self.serving.swap(canary.serving().clone());
        self.canary.store(None);
        self.retire(replaced, patience);
    }

    /// Ends the trial of a canary, if there is one.
    pub(super) fn end_canary(self: &Arc<Self>, patience: Duration) {
        if let Some(ended) = self.canary.swap(None) {
            self.retire(ended.serving().clone(), patience);
        }
    }

    fn retire(self: &Arc<Self>, replaced: Arc<Serving>, patience: Duration) {
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

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it left it as it was.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
