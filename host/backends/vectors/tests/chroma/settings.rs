//! Settings that cannot work are refused by their name.

use crate::{collection_at, conformance::model, open};
use corral_vectors::{Chroma, Config, Error};
use std::{fs, path::PathBuf, time::Duration};

#[tokio::test]
async fn wrong_settings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    };
    let url = |url: &str| collection_at(url);
    let with = |chroma: Chroma| Config { chroma, ..url("http://127.0.0.1:9") };
    let missing = || Some(PathBuf::from("/nonexistent/file"));
    for (key, config) in [
        ("vectors.url", Config { url: None, ..url("") }),
        ("vectors.url", url("127.0.0.1:8000")),
        ("vectors.url", url("redis://127.0.0.1")),
        ("vectors.url", url("http://user:secret@127.0.0.1")),
        ("vectors.url", url("http://127.0.0.1/?token=secret")),
        ("vectors.chroma.tenant", with(Chroma { tenant: "..".to_owned(), ..Chroma::default() })),
        ("vectors.chroma.database", with(Chroma { database: String::new(), ..Chroma::default() })),
        ("vectors.chroma.batch", with(Chroma { batch: 0, ..Chroma::default() })),
        ("vectors.chroma.timeout", with(Chroma { timeout: Duration::ZERO, ..Chroma::default() })),
        ("vectors.chroma.token_file", with(Chroma { token_file: missing(), ..Chroma::default() })),
        ("vectors.chroma.token_file", with(Chroma { token_file: file("empty", " \n"), ..Chroma::default() })),
        ("vectors.chroma.token_file", with(Chroma { token_file: file("two", "a\nb"), ..Chroma::default() })),
        ("vectors.chroma.ca_file", with(Chroma { ca_file: missing(), ..Chroma::default() })),
        (
            "vectors.chroma.ca_file",
            with(Chroma { ca_file: file("ca", "no certificate"), ..Chroma::default() }),
        ),
        (
            "vectors.chroma.token_header",
            with(Chroma {
                token_file: file("token", "t"),
                token_header: "a b".to_owned(),
                ..Chroma::default()
            }),
        ),
    ] {
        let Some(Error::InvalidArgument(cause)) = open(&config, model()).await.err() else {
            panic!("{config:?}")
        };
        assert!(cause.starts_with(&format!("{key}: ")) && !cause.contains("secret"), "{cause}");
    }
}

#[test]
fn settings_are_read_with_defaults_and_unknown_ones_refused() {
    let read = |text: &str| serde_json::from_str::<Config>(text);
    let config =
        read(r#"{"backend": "chroma", "url": "http://chroma", "chroma": {"timeout": "3s"}}"#).unwrap();
    assert_eq!((config.chroma.timeout, config.chroma.batch), (Duration::from_secs(3), 500));
    assert_eq!(config.chroma.token_header, "x-chroma-token");
    assert!(config.required);
    assert!(read(r#"{"chroma": {"tokn_file": "x"}}"#).is_err());
}

/// There is no server with a certificate here: what counts is that nothing panics, and that it says so.
#[tokio::test]
async fn an_address_with_tls_is_tried() {
    let vectors = open(&collection_at("https://127.0.0.1:9"), model()).await.unwrap();
    let answer = vectors.ping().await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
}
