//! How the host is told to stop: first kindly, then at once.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Tells everyone who holds a clone to stop.
#[derive(Clone, Default)]
pub struct Stop {
    drain: CancellationToken,
    now: CancellationToken,
    insisted: CancellationToken,
}

impl Stop {
    /// SIGTERM or SIGINT drains; a second one ends at once.
    pub fn on_signals() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        let stop = Self::default();
        tokio::spawn(stop.clone().obey(terminate, interrupt));
        Ok(stop)
    }

    /// No new work; what is under way may finish.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Everything ends.
    pub fn now(&self) {
        self.drain.cancel();
        self.now.cancel();
    }

    /// Whether new work is refused.
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Until new work is refused.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Until everything ends.
    pub async fn ended(&self) {
        self.now.cancelled().await;
    }

    /// Until a second signal has come.
    pub async fn insisted(&self) {
        self.insisted.cancelled().await;
    }

    async fn obey(self, mut terminate: Signal, mut interrupt: Signal) {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping; another signal ends at once");
        self.drain();
        either(&mut terminate, &mut interrupt).await;
        tracing::warn!("ending at once");
        self.now();
        self.insisted.cancel();
    }
}

async fn either(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}
