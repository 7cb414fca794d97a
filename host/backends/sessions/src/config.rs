//! The `[sessions]` part of the settings, and showing it without its passwords.
//!
//! Not here: what a store makes of its settings (`redis/address.rs`), and reading files (the host).

use serde::Deserialize;
use std::{fmt, path::PathBuf, time::Duration};
use url::Url;

/// The `[sessions]` part of the settings.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where sessions are kept.
    pub backend: Backend,
    /// Address of the server, `redis://host:6379/0` or `rediss://…`; the embedded store has none.
    pub url: Option<String>,
    /// How long a session lives after it was last read or written.
    #[serde(with = "humantime_serde")]
    pub expire_after: Duration,
    /// What the back end `redis` needs beside the address.
    pub redis: Redis,
}

/// The kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A SQLite file on this machine.
    Embedded,
    /// A Redis or Valkey server, which several hosts and other programs may share.
    Redis,
}

/// The `[sessions.redis]` part of the settings.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// How the servers are set up.
    pub topology: Topology,
    /// Further addresses of sentinels or of a cluster, beside `url`: `host:port`.
    pub nodes: Vec<String>,
    /// The name by which the sentinels know the master.
    pub master: Option<String>,
    /// The ACL user; the one in the address if this is not set.
    pub username: Option<String>,
    /// A file that holds the password, read when the store is opened; the one in the address if this
    /// is not set.
    pub password_file: Option<PathBuf>,
    /// Certificates (PEM) that are trusted for `rediss://`; the system's if this is not set.
    pub ca_file: Option<PathBuf>,
    /// What the keys of sessions begin with.
    pub prefix: String,
    /// How long connecting may take.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// How long one command may take.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

/// How Redis servers are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// One server at `url`.
    Standalone,
    /// Sentinels at `url` and `nodes`, which know the master.
    Sentinel,
    /// A cluster, of which `url` and `nodes` are a part.
    Cluster,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::Embedded,
            url: None,
            expire_after: Duration::from_secs(3600),
            redis: Redis::default(),
        }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            topology: Topology::Standalone,
            nodes: Vec::new(),
            master: None,
            username: None,
            password_file: None,
            ca_file: None,
            prefix: "session:".to_owned(),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, url, expire_after, redis } = self;
        formatter
            .debug_struct("Config")
            .field("backend", backend)
            .field("url", &url.as_deref().map(redacted))
            .field("expire_after", expire_after)
            .field("redis", redis)
            .finish()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Named one by one, so that a new setting stops the build until someone says how it is shown.
        let Self {
            topology,
            nodes,
            master,
            username,
            password_file,
            ca_file,
            prefix,
            connect_timeout,
            timeout,
        } = self;
        formatter
            .debug_struct("Redis")
            .field("topology", topology)
            .field("nodes", &nodes.iter().map(|node| redacted(node)).collect::<Vec<_>>())
            .field("master", master)
            .field("username", username)
            .field("password_file", password_file)
            .field("ca_file", ca_file)
            .field("prefix", prefix)
            .field("connect_timeout", connect_timeout)
            .field("timeout", timeout)
            .finish()
    }
}

/// An address without its password, and nothing at all of one that cannot be understood.
pub fn redacted(address: &str) -> String {
    if !address.contains(['@', '?', '#']) {
        return address.to_owned();
    }
    match Url::parse(address) {
        Ok(mut url) if url.has_host() => {
            let hidden = url.password().is_none() || url.set_password(Some("***")).is_ok();
            url.set_query(None);
            url.set_fragment(None);
            if hidden { url.to_string() } else { "***".to_owned() }
        }
        _ => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_without_passwords() {
        let config = Config {
            url: Some("rediss://corral:s3cret@sessions.example:6380/1?password=s3cret".to_owned()),
            redis: Redis {
                nodes: vec!["redis://:s3cret@other:1".to_owned(), "x:s3cret@other:1".to_owned()],
                ..Redis::default()
            },
            ..Config::default()
        };
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("rediss://corral:***@sessions.example:6380/1"), "{shown}");
    }

    #[test]
    fn the_servers_settings_are_read_with_defaults_and_unknown_ones_refused() {
        let config: Config = serde_json::from_str(
            r#"{"backend": "redis", "url": "redis://a", "redis": {"topology": "cluster", "timeout": "150ms"}}"#,
        )
        .unwrap();
        assert_eq!((config.backend, config.redis.topology), (Backend::Redis, Topology::Cluster));
        assert_eq!(config.redis.timeout, Duration::from_millis(150));
        assert_eq!(config.redis.prefix, "session:");
        assert!(serde_json::from_str::<Config>(r#"{"redis": {"password": "x"}}"#).is_err());
    }
}
