//! What the tests of the store in Redis share.

use corral_services::Redis;
use corral_sessions::{Backend, Config, Error, Sessions};
use redis::aio::MultiplexedConnection;
use std::{path::Path, time::Duration};
use tokio::time::{sleep, timeout};

pub const HOUR: Duration = Duration::from_secs(3600);

pub fn config(server: &Redis) -> Config {
    config_of(&server.url())
}

pub fn config_of(url: &str) -> Config {
    Config { backend: Backend::Redis, url: Some(url.to_owned()), ..Config::default() }
}

pub async fn open(config: &Config) -> Sessions {
    Sessions::open(config, Path::new("unused")).await.unwrap()
}

/// Another client of the same server.
pub async fn client(server: &Redis) -> MultiplexedConnection {
    client_with(server, None).await
}

/// Another client that trusts this authority.
pub async fn client_with(server: &Redis, ca_file: Option<&Path>) -> MultiplexedConnection {
    let client = match ca_file {
        None => redis::Client::open(server.url()).unwrap(),
        Some(path) => {
            let root_cert = Some(std::fs::read(path).unwrap());
            let certificates = redis::TlsCertificates { client_tls: None, root_cert };
            redis::Client::build_with_tls(server.url(), certificates).unwrap()
        }
    };
    client.get_multiplexed_async_connection().await.unwrap()
}

pub fn key(id: &str) -> String {
    format!("session:{id}")
}

pub fn side_key(id: &str) -> String {
    format!("turns:{{session:{id}}}")
}

pub async fn text(client: &mut MultiplexedConnection, key: &str) -> String {
    redis::cmd("GET").arg(key).query_async(client).await.unwrap()
}

/// Milliseconds; -1 without one, -2 without the key.
pub async fn time_to_live(client: &mut MultiplexedConnection, key: &str) -> i64 {
    redis::cmd("PTTL").arg(key).query_async(client).await.unwrap()
}

/// The cause of a call that failed because the store was unavailable.
pub fn cause<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Unavailable(cause)) => cause,
        other => panic!("{other:?}"),
    }
}

/// Calls again while the store is unavailable.
pub async fn eventually<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> T {
    let calls = async {
        loop {
            match call().await {
                Ok(answer) => return answer,
                Err(Error::Unavailable(_)) => sleep(Duration::from_millis(50)).await,
                Err(other) => panic!("{other}"),
            }
        }
    };
    timeout(Duration::from_secs(60), calls).await.expect("the store did not come back")
}
