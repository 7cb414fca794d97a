//! What the stores cost: each back end, and the Python clients of the service that Corral replaces.
//!
//! All sides take turns in one run, round by round, so that what else the machine does hits them alike. Not
//! here: what the Python side does (`peers.py`).

pub mod sessions;
pub mod vectors;

mod peer;
mod table;

use std::time::Instant;

/// Each is a median over as many rounds.
const ROUNDS: usize = 5;

/// Does an operation, and gives its seconds with what it gave.
fn timed<'o, T: 'o, E: 'o>(
    operation: impl Future<Output = Result<T, E>> + 'o,
) -> impl Future<Output = Result<(f64, T), E>> + 'o {
    // The stores' futures are large.
    let operation = Box::pin(operation);
    async {
        let begun = Instant::now();
        let given = operation.await?;
        Ok((begun.elapsed().as_secs_f64(), given))
    }
}
