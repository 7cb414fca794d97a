//! Metrics that are asked for at each scrape: how busy the model and the instances are, what waits to be stored.

use corral_inference::Load;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use std::fmt;

/// How busy the model is.
pub(super) struct Engine(Box<dyn Fn() -> Load + Send + Sync>);

/// Finished turns that wait for the session store.
pub(super) struct Sessions(Box<dyn Fn() -> usize + Send + Sync>);

/// Instances in use, by application.
pub(super) struct Instances(Box<dyn Fn() -> Vec<(String, u32)> + Send + Sync>);

impl Engine {
    pub(super) fn new(load: impl Fn() -> Load + Send + Sync + 'static) -> Self {
        Self(Box::new(load))
    }
}

impl Sessions {
    pub(super) fn new(waiting: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self(Box::new(waiting))
    }
}

impl Instances {
    pub(super) fn new(taken: impl Fn() -> Vec<(String, u32)> + Send + Sync + 'static) -> Self {
        Self(Box::new(taken))
    }
}

impl Collector for Engine {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let load = (self.0)();
        for (name, help, value) in [
            ("inference_queued", "Generations that wait for a slot", load.queued),
            ("inference_running", "Generations under way", load.running),
            ("inference_slots", "Generations that can run at once", load.slots),
            ("inference_kv_tokens", "Tokens in the key-value cache", load.kv_tokens),
            ("inference_kv_capacity_tokens", "Tokens that the key-value cache can hold", load.kv_capacity),
        ] {
            encode(&mut encoder, name, help, &ConstGauge::new(i64::from(value)))?;
        }
        for (name, help, value) in [
            ("inference_generated_tokens", "Tokens generated", load.generated_tokens),
            ("inference_prompt_tokens", "Tokens of prompts", load.prompt_tokens),
            ("inference_cached_tokens", "Tokens of prompts that came from the cache", load.cached_tokens),
        ] {
            encode(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        Ok(())
    }
}

impl Collector for Sessions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let waiting = i64::try_from((self.0)()).unwrap_or(i64::MAX);
        let help = "Finished turns that are not stored yet, and tried again";
        encode(&mut encoder, "sessions_waiting_turns", help, &ConstGauge::new(waiting))
    }
}

impl Collector for Instances {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut family = encoder.encode_descriptor("guest_instances", "Instances in use", None, kind)?;
        for (app, taken) in (self.0)() {
            let gauge = ConstGauge::new(i64::from(taken));
            gauge.encode(family.encode_family(&[("app", app.as_str())])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Engine")
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sessions")
    }
}

impl fmt::Debug for Instances {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instances")
    }
}

fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}
