//! The documents' own copy of the model, on a thread that lets others go first.
//!
//! Documents are background work: where cores are few, their batches would take up to half of what generation has. So
//! their thread has a lower priority. It cannot share the model with the queries, for a query that waited for such a
//! thread would wait for everything that the thread lets go first. The documents' copy is loaded with the first of
//! them: a host that embeds none does without.

use crate::model::{Model, Trial};
use crate::{Config, Error, priority, queue::Queue, worker};

/// Works until the queue is closed. `trial` is of the queries' model.
pub fn run(config: &Config, trial: &Trial, queue: &Queue) {
    priority::lower();
    let mut copy = None;
    worker::run(
        |texts| {
            let model = match &mut copy {
                Some(model) => model,
                None => copy.insert(load(config, trial)?),
            };
            model.embed(texts)
        },
        queue,
    );
}

/// The files may have changed since the start, and vectors of two models must not meet.
fn load(config: &Config, trial: &Trial) -> Result<Model, Error> {
    let mut model = Model::load(config)?;
    if !trial.agrees(&model.try_out()?) {
        let folder = config.model.display();
        return Err(Error::Load(format!(
            "the model in {folder} has changed since the start: restart the host"
        )));
    }
    Ok(model)
}
