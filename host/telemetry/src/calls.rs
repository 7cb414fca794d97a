//! How long components wait for what they import.

use super::metrics::Buckets;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, histogram::Histogram},
};
use std::time::Instant;

/// The time of calls to `corral:host`, by interface and function.
#[derive(Clone)]
pub struct Calls(pub(super) Family<Call, Histogram, Buckets>);

/// Those of one interface.
pub struct Interface<'a> {
    calls: &'a Calls,
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Call {
    interface: &'static str,
    function: &'static str,
}

impl Calls {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self(Family::new_with_constructor(Buckets))
    }

    /// Those of one interface.
    pub fn of(&self, name: &'static str) -> Interface<'_> {
        Interface { calls: self, name }
    }
}

impl Interface<'_> {
    /// Times one call. A call that is given up is not counted.
    pub async fn time<T>(&self, function: &'static str, call: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = call.await;
        let call = Call { interface: self.name, function };
        self.calls.0.get_or_create(&call).observe(begun.elapsed().as_secs_f64());
        answer
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self::new()
    }
}
