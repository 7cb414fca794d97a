//! Metrics that are asked for at each scrape: how busy the models and the applications are, what waits to be stored.

use corral_inference::Load;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use std::fmt;

/// How busy the models are, by name.
pub(super) struct Models(Box<dyn Fn() -> Vec<(String, Load)> + Send + Sync>);

/// Finished turns that wait for the session store.
pub(super) struct Sessions(Box<dyn Fn() -> usize + Send + Sync>);

/// What is known of an application while it serves.
pub struct Hosting {
    /// Its name.
    pub app: String,
    /// Instances in use.
    pub instances: u32,
    /// The number of the generation that serves.
    pub generation: u64,
    /// Replaced generations whose last requests still run.
    pub draining: usize,
    /// The number of the generation on trial; 0 is none.
    pub canary: u64,
}

/// The applications.
pub(super) struct Apps(Box<dyn Fn() -> Vec<Hosting> + Send + Sync>);

impl Models {
    pub(super) fn new(loads: impl Fn() -> Vec<(String, Load)> + Send + Sync + 'static) -> Self {
        Self(Box::new(loads))
    }
}

impl Sessions {
    pub(super) fn new(waiting: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self(Box::new(waiting))
    }
}

impl Apps {
    pub(super) fn new(told: impl Fn() -> Vec<Hosting> + Send + Sync + 'static) -> Self {
        Self(Box::new(told))
    }
}

/// A number of each model's.
type Number = (&'static str, &'static str, fn(&Load) -> u64);

const GAUGES: [Number; 7] = [
    ("inference_queued", "Generations that wait for a slot", |load| load.queued.into()),
    ("inference_running", "Generations under way", |load| load.running.into()),
    ("inference_slots", "Generations that can run at once", |load| load.slots.into()),
    ("inference_kv_tokens", "Tokens in the key-value cache", |load| load.kv_tokens.into()),
    ("inference_kv_capacity_tokens", "Tokens that the key-value cache can hold", |load| {
        load.kv_capacity.into()
    }),
    ("inference_cache_bytes", "States of conversations without a slot, in memory", |load| load.cache_bytes),
    ("inference_spilled_bytes", "States of conversations without a slot, on the disk", |load| {
        load.spilled_bytes
    }),
];

const COUNTERS: [Number; 4] = [
    ("inference_steps", "Steps computed, each for all that was under way", |load| load.steps),
    ("inference_generated_tokens", "Tokens generated", |load| load.generated_tokens),
    ("inference_prompt_tokens", "Tokens of prompts", |load| load.prompt_tokens),
    ("inference_cached_tokens", "Tokens of prompts that came from the cache", |load| load.cached_tokens),
];

impl Collector for Models {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let models = (self.0)();
        for number in GAUGES {
            let gauge = |value| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            by_model(&mut encoder, number, &models, gauge)?;
        }
        for number in COUNTERS {
            by_model(&mut encoder, number, &models, ConstCounter::new)?;
        }
        Ok(())
    }
}

fn by_model<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, of): Number,
    models: &[(String, Load)],
    metric: impl Fn(u64) -> M,
) -> fmt::Result {
    let kind = metric(0).metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (model, load) in models {
        metric(of(load)).encode(family.encode_family(&[("model", model.as_str())])?)?;
    }
    Ok(())
}

impl Collector for Sessions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let waiting = i64::try_from((self.0)()).unwrap_or(i64::MAX);
        let help = "Finished turns that are not stored yet, and tried again";
        encode(&mut encoder, "sessions_waiting_turns", help, &ConstGauge::new(waiting))
    }
}

/// A number of each application's.
type Count = (&'static str, &'static str, fn(&Hosting) -> u64);

const COUNTS: [Count; 4] = [
    ("guest_instances", "Instances in use", |hosting| hosting.instances.into()),
    ("app_generation", "The number of the generation that serves", |hosting| hosting.generation),
    ("app_draining_generations", "Replaced generations whose last requests still run", |hosting| {
        hosting.draining as u64
    }),
    ("app_canary_generation", "The generation that answers a share of the requests; 0 is none", |hosting| {
        hosting.canary
    }),
];

impl Collector for Apps {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let apps = (self.0)();
        for (name, help, of) in COUNTS {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for hosting in &apps {
                let gauge = ConstGauge::new(i64::try_from(of(hosting)).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("app", hosting.app.as_str())])?)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Models")
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sessions")
    }
}

impl fmt::Debug for Apps {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Apps")
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
