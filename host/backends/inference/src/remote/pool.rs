//! The servers together: one of them for each request, and another one when that fails.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::{sync::watch, time::sleep};

use super::{
    choice::choose,
    failure::Failure,
    recent::Recent,
    shared::random,
    upstream::{State, Turn, Upstream},
};
use crate::{Error, Owner, Status};

/// Owners whose server is remembered, at least.
const OWNERS: usize = 4096;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// All servers.
pub(super) struct Pool {
    upstreams: Vec<Arc<Upstream>>,
    /// Told whenever the state of one changes.
    changes: watch::Sender<()>,
    /// Which server has an owner's conversation in its cache.
    favourites: Mutex<Recent<Owner, usize>>,
    retries: u32,
    /// How long one that failed is asked last.
    rest: Duration,
}

impl Pool {
    pub fn new(
        upstreams: Vec<Arc<Upstream>>,
        changes: watch::Sender<()>,
        retries: u32,
        rest: Duration,
    ) -> Self {
        Self { upstreams, changes, favourites: Mutex::new(Recent::new(OWNERS)), retries, rest }
    }

    /// Waits until one works, or all were asked.
    pub async fn settled(&self) {
        let mut changes = self.changes.subscribe();
        while !self.is_settled() {
            // The sender is kept here, so it is not gone.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// How they are together.
    pub fn status(&self) -> Status {
        if self.is_up() {
            return Status::Ready;
        }
        match self.is_settled() {
            true => Status::Down(self.troubles()),
            false => Status::Loading { fraction: 0.0 },
        }
    }

    /// What all servers that work have room for, so that a prompt fits whichever gets it; `unknown`
    /// stands for those that do not tell.
    pub fn context_length(&self, unknown: u32) -> Result<u32, Error> {
        let facts = self.upstreams.iter().filter_map(|upstream| upstream.facts());
        let lengths = facts.map(|facts| facts.description.context_length.unwrap_or(unknown));
        lengths.min().ok_or_else(|| self.all_down())
    }

    /// Answers at once that the servers tell of.
    pub fn slots(&self) -> u32 {
        let facts = self.upstreams.iter().filter_map(|upstream| upstream.facts());
        facts.fold(0, |slots, facts| slots.saturating_add(facts.description.slots))
    }

    /// A way through the servers for one request.
    pub fn attempts<'a>(&'a self, owner: Option<&'a Owner>) -> Attempts<'a> {
        let pauses = ExponentialBuilder::new()
            .with_min_delay(SHORTEST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .without_max_times()
            .build();
        Attempts { pool: self, owner, tried: Vec::new(), left: self.retries, pauses }
    }

    /// Remembers which server has the owner's conversation now.
    pub fn remember(&self, owner: Option<&Owner>, turn: &Turn) {
        if let Some(owner) = owner {
            let mut favourites = self.favourites.lock().unwrap_or_else(PoisonError::into_inner);
            favourites.insert(owner.clone(), turn.index);
        }
    }

    fn favourite(&self, owner: &Owner) -> Option<usize> {
        self.favourites.lock().unwrap_or_else(PoisonError::into_inner).get(owner)
    }

    fn is_up(&self) -> bool {
        self.upstreams.iter().any(|upstream| matches!(upstream.state(), State::Up(_)))
    }

    fn is_settled(&self) -> bool {
        self.is_up() || !self.upstreams.iter().any(|upstream| matches!(upstream.state(), State::Unknown))
    }

    fn all_down(&self) -> Error {
        Error::Unavailable(format!("no server of the model works: {}", self.troubles()))
    }

    fn troubles(&self) -> String {
        let trouble = |upstream: &Arc<Upstream>| match upstream.state() {
            State::Down(cause) => Some(format!("{}: {cause}", upstream.address)),
            State::Unknown => Some(format!("{}: not asked yet", upstream.address)),
            State::Up(_) => None,
        };
        self.upstreams.iter().filter_map(trouble).collect::<Vec<_>>().join("; ")
    }
}

/// One request's way through the servers.
pub(super) struct Attempts<'a> {
    pool: &'a Pool,
    owner: Option<&'a Owner>,
    tried: Vec<usize>,
    left: u32,
    pauses: ExponentialBackoff,
}

impl Attempts<'_> {
    /// The server to ask now.
    pub fn turn(&mut self) -> Result<Turn, Error> {
        let facts: Vec<_> = self.pool.upstreams.iter().map(|upstream| upstream.facts()).collect();
        let all = self.pool.upstreams.iter().zip(&facts).enumerate();
        let up = all.filter(|(_, (_, facts))| facts.is_some());
        let candidates: Vec<_> =
            up.map(|(index, (upstream, _))| upstream.candidate(index, self.tried.contains(&index))).collect();
        let favourite = self.owner.and_then(|owner| self.pool.favourite(owner));
        let chosen = choose(&candidates, favourite, random());
        let turn = chosen.and_then(|index| {
            let (upstream, facts) = (self.pool.upstreams.get(index)?, facts.get(index)?.clone()?);
            Some(upstream.turn(index, facts))
        });
        turn.ok_or_else(|| self.pool.all_down())
    }

    /// Waits a moment and returns if the request may be asked for once more.
    pub async fn failed(&mut self, turn: Turn, failure: Failure) -> Result<(), Error> {
        turn.upstream.failed(&failure, self.pool.rest);
        self.tried.push(turn.index);
        drop(turn);
        if self.left == 0 || !self.may_help(&failure) {
            return Err(failure.into());
        }
        self.left -= 1;
        sleep(self.pauses.next().unwrap_or(LONGEST_PAUSE)).await;
        Ok(())
    }

    /// Whether asking again can give something else.
    fn may_help(&self, failure: &Failure) -> bool {
        let untried = |(index, upstream): (usize, &Arc<Upstream>)| {
            upstream.facts().is_some() && !self.tried.contains(&index)
        };
        match failure {
            Failure::Refused(_) | Failure::Overflow { .. } => false,
            // The same server would say the same, and one that is full said when to come back. One that is
            // late would have the request at the end of its queue.
            Failure::Busy { .. } | Failure::Late { .. } | Failure::Unfit(_) => {
                self.pool.upstreams.iter().enumerate().any(untried)
            }
            Failure::Failed(_) => true,
        }
    }
}
