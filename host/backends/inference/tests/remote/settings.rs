//! Settings that cannot work are refused by their name.

use std::{fs, path::PathBuf, time::Duration};

use corral_inference::{Config, Error, Remote, RemoteConfig};

#[tokio::test]
async fn wrong_settings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    };
    let base = || RemoteConfig {
        urls: vec!["http://127.0.0.1:9/v1".into()],
        model: Some("m".into()),
        ..RemoteConfig::default()
    };
    let url = |url: &str| RemoteConfig { urls: vec![url.into()], ..base() };
    let missing = || Some(PathBuf::from("/nonexistent/file"));
    for (key, remote) in [
        ("urls", RemoteConfig { urls: Vec::new(), ..base() }),
        ("urls", url("127.0.0.1:8080/v1")),
        ("urls", url("redis://127.0.0.1")),
        ("urls", url("http://user:secret@127.0.0.1/v1")),
        ("urls", url("http://127.0.0.1/v1?key=secret")),
        ("model", RemoteConfig { model: None, ..base() }),
        ("model", RemoteConfig { model: Some(" ".into()), ..base() }),
        ("key_file", RemoteConfig { key_file: missing(), ..base() }),
        ("key_file", RemoteConfig { key_file: file("empty", " \n"), ..base() }),
        ("key_file", RemoteConfig { key_file: file("two", "a\nb"), ..base() }),
        ("ca_file", RemoteConfig { ca_file: missing(), ..base() }),
        ("ca_file", RemoteConfig { ca_file: file("ca", "no certificate"), ..base() }),
        ("connect_timeout", RemoteConfig { connect_timeout: Duration::ZERO, ..base() }),
        ("first_token_timeout", RemoteConfig { first_token_timeout: Duration::ZERO, ..base() }),
        ("idle_timeout", RemoteConfig { idle_timeout: Duration::ZERO, ..base() }),
        ("health_interval", RemoteConfig { health_interval: Duration::ZERO, ..base() }),
        ("retries", RemoteConfig { retries: 11, ..base() }),
        ("context_length", RemoteConfig { context_length: Some(15), ..base() }),
    ] {
        let config = Config { remote, ..Config::default() };
        let Err(Error::InvalidArgument(cause)) = Remote::start(&config).map(drop) else {
            panic!("{key} was accepted: {:?}", config.remote);
        };
        assert!(cause.starts_with(&format!("inference.remote.{key}: ")), "{cause}");
        assert!(cause.contains("expected") || key.ends_with("file") || cause.contains("key_file"), "{cause}");
        assert!(!cause.contains("secret"), "{cause}");
    }
    let config = Config { remote: base(), n_ctx: 1, ..Config::default() };
    assert!(matches!(Remote::start(&config), Err(Error::InvalidArgument(cause)) if cause.contains("n_ctx")));
    assert!(Remote::start(&Config { remote: base(), ..Config::default() }).is_ok());
}

#[test]
fn settings_are_read_as_they_are_written() {
    let text = serde_json::json!({
        "backend": "openai",
        "remote": {"urls": ["http://127.0.0.1:8080/v1"], "model": "m", "idle_timeout": "5s", "retries": 0},
    });
    let config: Config = serde_json::from_value(text).unwrap();
    assert_eq!(config.backend, corral_inference::Backend::Openai);
    assert_eq!((config.remote.idle_timeout, config.remote.retries), (Duration::from_secs(5), 0));
    let unknown = serde_json::json!({"remote": {"url": "http://127.0.0.1:8080/v1"}});
    assert!(serde_json::from_value::<Config>(unknown).is_err());
}
