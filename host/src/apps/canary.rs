//! A canary: a generation that answers a share of the requests beside the one that serves.
//!
//! A session stays with one of the two as long as the share is the same, and when the share grows no session goes back.
//! Not here: which session a request is of (`server/session.rs`), and what ends a canary (`deploy`).

use super::{
    Config, digest,
    generation::{Generation, Serving},
    guard::{Guard, Settings, Side, Tally},
    shadow::Shadow,
};
use anyhow::ensure;
use corral_telemetry::Outcome;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::watch;

/// Which requests a canary answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// Percent of the sessions, 0 to 100.
    pub weight: f64,
    /// Requests with this header too, whichever session they are of.
    pub header: Option<Header>,
    /// Whether it also answers, unheard, the turns that the other answers.
    #[serde(default)]
    pub shadow: bool,
}

/// A header that sends a request to the canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its name, in small letters.
    pub name: String,
    /// SHA-256 of its value in hexadecimal digits: it may be someone's key.
    digest: String,
}

/// A generation on trial.
pub struct Canary {
    serving: Arc<Serving>,
    terms: Terms,
    guard: Arc<Mutex<Guard>>,
    verdict: watch::Sender<Option<String>>,
    shadow: Arc<Shadow>,
}

/// Who answers a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    /// The canary, or what serves.
    Known(bool),
    /// That depends on its session.
    BySession,
}

impl Terms {
    /// Refuses what an application cannot be tried with: only the host's own imports leave out what a shadow does.
    pub(super) fn check(&self, app: &Config) -> anyhow::Result<()> {
        ensure!(
            !self.shadow || app.spin.is_none(),
            "a Spin component cannot answer in the shadow: what it writes to its stores would stay; give it a weight"
        );
        Ok(())
    }

    /// What can be said without the request's session.
    pub fn choose(&self, headers: &HeaderMap) -> Choice {
        if self.header.as_ref().is_some_and(|header| header.is_in(headers)) || self.weight >= 100.0 {
            Choice::Known(true)
        } else if self.weight <= 0.0 {
            Choice::Known(false)
        } else {
            Choice::BySession
        }
    }

    /// Whether the canary of this number answers a session, or a client without one.
    pub fn takes(&self, number: u64, session: &str) -> bool {
        let mut hash = Sha256::new();
        hash.update(number.to_le_bytes());
        hash.update(session);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
        f64::from(u32::from_le_bytes([a, b, c, d])) / f64::from(u32::MAX) * 100.0 < self.weight
    }
}

impl Header {
    /// A header by its name and value.
    pub fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_ascii_lowercase(), digest: digest(value.as_bytes()) }
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        headers.get_all(&self.name).iter().any(|value| digest(value.as_bytes()) == self.digest)
    }
}

impl Canary {
    /// Begins a trial.
    pub(super) fn begin(generation: Arc<Generation>, terms: Terms, guard: Settings) -> Arc<Self> {
        let (serving, guard) = (Serving::begin(generation), Arc::new(Mutex::new(Guard::new(guard))));
        let (verdict, shadow) = (watch::Sender::new(None), Arc::new(Shadow::new()));
        Arc::new(Self { serving, terms, guard, verdict, shadow })
    }

    /// The same trial on other terms. What was observed goes on counting.
    pub(super) fn on(&self, terms: Terms) -> Arc<Self> {
        let (serving, guard) = (self.serving.clone(), self.guard.clone());
        let (verdict, shadow) = (self.verdict.clone(), self.shadow.clone());
        Arc::new(Self { serving, terms, guard, verdict, shadow })
    }

    /// What is tried.
    pub fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }

    /// Its generation's number.
    pub fn number(&self) -> u64 {
        self.serving.generation().record().number
    }

    /// Which requests it answers.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What it answers unheard.
    pub fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// How both sides did.
    pub fn tally(&self) -> Tally {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).tally()
    }

    /// A request has ended.
    pub fn observe(&self, side: Side, outcome: Outcome) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = guard.observe(Instant::now(), side, outcome) {
            self.verdict.send_if_modified(|verdict| verdict.replace(reason).is_none());
        }
    }

    /// What is wrong with it, once that is clear. None when the trial has ended otherwise.
    pub(super) fn verdict(&self) -> impl Future<Output = Option<String>> + Send + 'static {
        let mut verdict = self.verdict.subscribe();
        async move {
            let given = verdict.wait_for(Option::is_some).await.ok()?;
            given.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn terms(weight: f64) -> Terms {
        Terms { weight, ..Terms::default() }
    }

    #[test]
    fn a_share_is_what_it_says_and_grows_without_sending_anyone_back() {
        let sessions: Vec<_> = (0..20_000).map(|number| format!("session-{number}")).collect();
        let mut taken: Vec<&String> = Vec::new();
        for weight in [0.5, 10.0, 50.0, 90.0] {
            let now: Vec<_> = sessions.iter().filter(|session| terms(weight).takes(7, session)).collect();
            let share = now.len() as f64 / 200.0;
            // Five standard errors.
            let bound = 5.0 * (weight * (100.0 - weight) / 20_000.0).sqrt();
            assert!((share - weight).abs() < bound, "{share} % instead of {weight} %");
            assert!(taken.iter().all(|session| now.contains(session)));
            taken = now.into_iter().take(200).collect();
        }
        let another = sessions.iter().filter(|session| terms(50.0).takes(8, session));
        let both = another.filter(|session| terms(50.0).takes(7, session)).count();
        assert!((4_500..5_500).contains(&both), "another canary has another half: {both}");
    }

    #[test]
    fn a_header_leads_to_the_canary_whatever_the_share() {
        let header = Some(Header::new("X-Api-Key", "secret"));
        let terms = Terms { header, ..Terms::default() };
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-api-key", HeaderValue::from_static(value));
            terms.choose(&headers)
        };
        assert_eq!(with("secret"), Choice::Known(true));
        assert_eq!(with("other"), Choice::Known(false));
        assert!(!serde_json::to_string(&terms).unwrap().contains("secret"), "it may be someone's key");
    }

    #[test]
    fn all_and_nothing_need_no_session() {
        let headers = HeaderMap::new();
        assert_eq!(terms(100.0).choose(&headers), Choice::Known(true));
        assert_eq!(terms(0.0).choose(&headers), Choice::Known(false));
        assert_eq!(terms(50.0).choose(&headers), Choice::BySession);
    }
}
