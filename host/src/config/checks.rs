//! What one setting's type cannot say: values that make no sense, and settings that contradict another.

use super::Config;
use crate::apps::{PLAIN_NAME, is_plain};
use bytesize::ByteSize;
use std::{collections::BTreeMap, fmt::Display, time::Duration};

/// The largest linear memory that a pooled component may have.
const MAX_MEMORY: ByteSize = ByteSize::mib(64);

/// A setting that cannot be used.
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) message: String,
}

/// Everything that is wrong, so that it can be mended at once.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Problems::default();
    listeners(config, &mut found);
    server(&config.server, &mut found);
    stores(config, &mut found);
    models(config, &mut found);
    deploy(&config.deploy, &mut found);
    apps(config, &mut found);
    found.0
}

/// What is wrong if there is nothing to serve. An application that was written for Spin brings its own.
pub(super) fn no_application(config: &Config) -> Option<Problem> {
    let message = "no application; the runtime.toml that comes with Corral has [apps.chat]".into();
    config.apps.is_empty().then(|| Problem { key: "apps".into(), value: None, message })
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn unless(&mut self, fine: bool, key: &str, value: impl Display, message: &str) {
        if !fine {
            self.add(key, Some(value.to_string()), message);
        }
    }

    fn add(&mut self, key: &str, value: Option<String>, message: &str) {
        self.0.push(Problem { key: key.into(), value, message: message.into() });
    }

    fn not_zero(&mut self, values: &[(&str, u64)]) {
        for (key, value) in values {
            self.unless(*value > 0, key, value, "expected at least 1");
        }
    }

    fn some_time(&mut self, times: &[(&str, Duration)]) {
        for (key, time) in times {
            self.unless(!time.is_zero(), key, "\"0s\"", "expected a time above zero");
        }
    }

    fn not_empty(&mut self, texts: &[(&str, &str)]) {
        for (key, text) in texts {
            self.unless(!text.trim().is_empty(), key, "\"\"", "expected a text that is not empty");
        }
    }
}

fn listeners(config: &Config, found: &mut Problems) {
    let (public, admin) = (config.server.listen, config.admin.listen);
    if public == admin && public.port() != 0 {
        let message = "the same address as server.listen; the operators' listener needs its own";
        found.add("admin.listen", Some(format!("\"{admin}\"")), message);
    }
}

fn server(server: &crate::server::Config, found: &mut Problems) {
    found.not_zero(&[
        ("server.max_connections", server.max_connections as u64),
        ("server.max_body", server.max_body.as_u64()),
    ]);
    // Less than this, and ordinary browsers are refused.
    let headers = server.max_headers;
    found.unless(
        headers >= ByteSize::kib(8),
        "server.max_headers",
        quoted(headers),
        "expected at least \"8 KiB\"",
    );
    found.some_time(&[
        ("server.header_timeout", server.header_timeout),
        ("server.body_timeout", server.body_timeout),
        ("server.request_timeout", server.request_timeout),
    ]);
}

fn stores(config: &Config, found: &mut Problems) {
    found.not_empty(&[
        ("store.path", &config.store.path.to_string_lossy()),
        ("wasm.cache", &config.wasm.cache.to_string_lossy()),
    ]);
    let warm = config.wasm.warm_memory;
    found.unless(warm <= MAX_MEMORY, "wasm.warm_memory", quoted(warm), "expected at most \"64 MiB\"");
    let places = config.places();
    for (index, place) in places.iter().enumerate() {
        if let Some(label) = place.label.filter(|label| !is_plain(label)) {
            found.add(&format!("stores.{label}"), None, PLAIN_NAME);
        }
        sessions(&place.table("sessions"), place.sessions, found);
        vectors(&place.table("vectors"), place.vectors, found);
        let shared = places[..index].iter().find_map(|other| Some((place.shared_with(other)?, other)));
        if let Some((table, other)) = shared {
            let message =
                format!("not apart from [{}]: it is the same place, or a part of it", other.table(table));
            found.add(&place.table(table), None, &message);
        }
    }
}

fn sessions(table: &str, config: &corral_sessions::Config, found: &mut Problems) {
    let key = |name: &str| format!("{table}.{name}");
    let expire_after = config.expire_after;
    found.unless(
        expire_after >= Duration::from_secs(1),
        &key("expire_after"),
        quoted(humantime::format_duration(expire_after)),
        "expected at least \"1s\"",
    );
    use corral_sessions::{Backend, Topology};
    let redis = &config.redis;
    match config.backend {
        Backend::Embedded => {}
        Backend::Redis => {
            let message = "missing; the redis back end needs it, such as \"redis://127.0.0.1:6379\"";
            if config.url.is_none() {
                found.add(&key("url"), None, message);
            }
            let unnamed = redis.topology == Topology::Sentinel && redis.master.is_none();
            if unnamed {
                found.add(&key("redis.master"), None, "missing; it is the name that the sentinels watch");
            }
        }
    }
    found.some_time(&[
        (&key("redis.connect_timeout"), redis.connect_timeout),
        (&key("redis.timeout"), redis.timeout),
    ]);
}

fn vectors(table: &str, config: &corral_vectors::Config, found: &mut Problems) {
    let key = |name: &str| format!("{table}.{name}");
    use corral_vectors::Backend;
    let chroma = &config.chroma;
    match config.backend {
        Backend::Embedded => {}
        Backend::Chroma => {
            let message = "missing; the chroma back end needs it, such as \"http://127.0.0.1:8000\"";
            if config.url.is_none() {
                found.add(&key("url"), None, message);
            }
        }
    }
    found.not_empty(&[
        (&key("collection"), &config.collection),
        (&key("chroma.tenant"), &chroma.tenant),
        (&key("chroma.database"), &chroma.database),
        (&key("chroma.token_header"), &chroma.token_header),
    ]);
    found.not_zero(&[(&key("chroma.batch"), chroma.batch as u64)]);
    found.some_time(&[
        (&key("chroma.connect_timeout"), chroma.connect_timeout),
        (&key("chroma.timeout"), chroma.timeout),
    ]);
}

fn models(config: &Config, found: &mut Problems) {
    let embedding = &config.embedding;
    found.not_zero(&[
        ("embedding.threads", embedding.threads as u64),
        ("embedding.queue", embedding.queue as u64),
    ]);
    found.not_empty(&[
        ("embedding.model", &embedding.model.to_string_lossy()),
        ("embedding.runtime", &embedding.runtime.to_string_lossy()),
    ]);
    inference("inference", &config.inference, found);
    for (name, model) in &config.inference.models {
        let key = format!("inference.models.{name}");
        found.unless(
            model.models.is_empty(),
            &format!("{key}.models"),
            "…",
            "a further model has none of its own",
        );
        inference(&key, model, found);
    }
}

fn inference(table: &str, config: &corral_inference::Config, found: &mut Problems) {
    let key = |name: &str| format!("{table}.{name}");
    found.not_zero(&[
        (&key("n_batch"), config.n_batch.into()),
        (&key("n_ubatch"), config.n_ubatch.into()),
        (&key("n_ctx"), config.n_ctx.into()),
        (&key("parallel"), config.parallel.into()),
        (&key("queue"), config.queue as u64),
    ]);
    found.not_empty(&[(&key("model"), &config.model.to_string_lossy())]);
    found.some_time(&[(&key("cache_age"), config.cache_age)]);
    let layers = config.n_gpu_layers;
    found.unless(layers >= -1, &key("n_gpu_layers"), layers, "expected -1 (all), 0 (none) or a number");
    let (batch, parallel) = (config.n_batch, config.parallel);
    let tokens = u64::from(config.n_ctx) * u64::from(parallel);
    let message = format!("more than the whole cache holds (n_ctx × parallel = {tokens} tokens)");
    found.unless(tokens == 0 || u64::from(batch) <= tokens, &key("n_batch"), batch, &message);
    let message = format!("expected at least {}, which is {parallel}", key("parallel"));
    found.unless(batch == 0 || batch >= parallel, &key("n_batch"), batch, &message);
    sampling(&key("defaults"), &config.defaults, found);
}

fn sampling(table: &str, defaults: &corral_inference::Sampling, found: &mut Problems) {
    found.not_zero(&[(&format!("{table}.max_tokens"), defaults.max_tokens.into())]);
    let rows = [
        ("temperature", defaults.temperature, 0.0..=f32::MAX, "expected 0 or more"),
        ("top_p", defaults.top_p, 0.0..=1.0, "expected a number from 0 to 1"),
        ("min_p", defaults.min_p, 0.0..=1.0, "expected a number from 0 to 1"),
        ("repeat_penalty", defaults.repeat_penalty, f32::MIN_POSITIVE..=f32::MAX, "expected more than 0"),
    ];
    for (name, value, range, message) in rows {
        found.unless(range.contains(&value), &format!("{table}.{name}"), value, message);
    }
}

fn deploy(deploy: &crate::apps::Deploy, found: &mut Problems) {
    found.not_zero(&[
        ("deploy.keep", deploy.keep as u64),
        ("deploy.compile_memory", deploy.compile_memory.as_u64()),
    ]);
    found.some_time(&[
        ("deploy.drain", deploy.drain),
        ("deploy.compile_timeout", deploy.compile_timeout),
        ("deploy.guard.window", deploy.guard.window),
    ]);
}

fn apps(config: &Config, found: &mut Problems) {
    let mut routes = BTreeMap::new();
    for (name, app) in &config.apps {
        if !is_plain(name) {
            found.add(&format!("apps.{name}"), None, PLAIN_NAME);
        }
        let key = |setting: &str| format!("apps.{name}.{setting}");
        let limits = &app.limits;
        let memory = limits.memory;
        found.unless(
            memory.as_u64() > 0 && memory <= MAX_MEMORY,
            &key("limits.memory"),
            quoted(memory),
            "expected more than 0, and at most \"64 MiB\"",
        );
        found.some_time(&[(&key("limits.cpu"), limits.cpu)]);
        found.not_zero(&[(&key("limits.output"), limits.output.as_u64())]);
        for model in &app.models {
            let known =
                config.inference.model_name() == *model || config.inference.models.contains_key(model);
            found.unless(known, &key("models"), quoted(model), "expected the name of a model in [inference]");
        }
        if let Some(label) = app.store.as_ref().filter(|label| !config.stores.contains_key(*label)) {
            found.add(&key("store"), Some(quoted(label)), "expected a label of [stores], or none");
        }
        found.not_zero(&[(&key("limits.instances"), limits.instances.into())]);
        let route = quoted(&app.route);
        found.unless(app.route.starts_with('/'), &key("route"), &route, "expected a path that starts with /");
        let host = app.host.as_ref().map(|host| host.to_ascii_lowercase());
        if let Some(other) = routes.insert((host, &app.route), name) {
            found.add(&key("route"), Some(route), &format!("application {other} has this route already"));
        }
    }
}

fn quoted(value: impl Display) -> String {
    format!("\"{value}\"")
}
