//! Canaries from their first request to their end: promoted, rolled back, or ended by their guard.

use super::{App, Canary, Deployer, Error, Generation, Refusal, Shelf, Stage, Terms, blocking, to_its_end};
use std::sync::Arc;

impl Deployer {
    /// Has a canary answer another share of the requests.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::Busy`], [`Error::NoCanary`], and [`Error::Refused`] if the disk does not take it.
    pub async fn change_canary(&self, name: &str, terms: Terms, by: &str) -> Result<(), Error> {
        let (deployer, app, by) = (self.clone(), self.app(name)?.clone(), by.to_owned());
        to_its_end(async move {
            let shelf = app.shelf.try_lock().map_err(|_held| Error::Busy)?;
            let canary = app.canary().ok_or(Error::NoCanary)?;
            terms.check(app.config()).map_err(Stage::Verify.refuse())?;
            let (number, weight) = (canary.number(), terms.weight);
            let (shelf, told) = (shelf.clone(), terms.clone());
            blocking(Stage::Record, move || shelf.try_out(number, &told)).await?;
            app.try_out(canary.on(terms), deployer.0.settings.drain);
            tracing::info!(
                app = app.name(),
                generation = number,
                weight,
                by,
                "the canary's share was changed"
            );
            Ok(())
        })
        .await
    }

    /// Has a canary serve all requests.
    ///
    /// # Errors
    /// [`Error::NoSuchApp`], [`Error::Busy`], [`Error::NoCanary`], and [`Error::Refused`] if the disk does not take it.
    pub async fn promote(&self, name: &str, by: &str) -> Result<Arc<Generation>, Error> {
        let (deployer, app, by) = (self.clone(), self.app(name)?.clone(), by.to_owned());
        to_its_end(async move {
            let shelf = app.shelf.try_lock().map_err(|_held| Error::Busy)?;
            let canary = app.canary().ok_or(Error::NoCanary)?;
            let (number, shelf) = (canary.number(), shelf.clone());
            blocking(Stage::Record, move || {
                shelf.choose(number)?;
                shelf.end_canary()
            })
            .await?;
            app.promote(&canary, deployer.0.settings.drain);
            deployer.0.metrics.deployed(app.name(), "promoted");
            tracing::info!(app = app.name(), generation = number, by, "the canary was promoted");
            Ok(canary.serving().generation().clone())
        })
        .await
    }

    /// Ends the canaries that a restart has found, once there is something against them.
    pub(super) fn watch_canaries(&self) {
        for app in self.apps().iter() {
            if let Some(canary) = app.canary() {
                self.watch(app, &canary);
            }
        }
    }

    /// Begins a trial, which ends when its guard finds something.
    pub(super) fn try_out(&self, app: &Arc<App>, canary: Arc<Canary>) {
        self.watch(app, &canary);
        app.try_out(canary, self.0.settings.drain);
    }

    /// Ends a trial. What served goes on alone.
    pub(super) async fn end(
        &self,
        app: &Arc<App>,
        shelf: &Shelf,
        canary: &Canary,
        outcome: &'static str,
    ) -> Result<(), Refusal> {
        let shelf = shelf.clone();
        let forgotten = blocking(Stage::Record, move || shelf.end_canary()).await;
        if app.canary().is_some_and(|now| now.number() == canary.number()) {
            app.end_canary(self.0.settings.drain);
            self.0.metrics.deployed(app.name(), outcome);
        }
        forgotten
    }

    fn watch(&self, app: &Arc<App>, canary: &Arc<Canary>) {
        let (deployer, app, number, verdict) = (self.clone(), app.clone(), canary.number(), canary.verdict());
        tokio::spawn(async move {
            let Some(cause) = verdict.await else { return };
            let shelf = app.shelf.lock().await;
            let Some(canary) = app.canary().filter(|canary| canary.number() == number) else { return };
            tracing::error!(app = app.name(), generation = number, cause, "the canary is ended");
            app.note(format!("canary {number} was ended: {cause}"));
            if let Err(error) = deployer.end(&app, &shelf, &canary, "guarded").await {
                tracing::error!(app = app.name(), generation = number, %error, "it is on trial again after a restart");
            }
        });
    }
}
