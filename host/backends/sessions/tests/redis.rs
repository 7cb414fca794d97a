//! The store in Redis keeps what every store promises, and what a server has to beyond that.
//!
//! Each test has servers of its own, so that it may look at every key and break what it likes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its parts too")]

mod conformance;

mod redis {
    mod access;
    mod documents;
    mod expiry;
    mod movement;
    mod others;
    mod outage;
    mod outbox;
    pub mod support;
    mod topology;
}

use corral_services::Redis;
use corral_sessions::Sessions;
use redis::support;
use std::time::Duration;

conformance::suite!(new_store);

async fn new_store(expire_after: Duration) -> (Sessions, Redis) {
    let server = Redis::start().await.unwrap();
    let mut config = support::config(&server);
    config.expire_after = expire_after;
    (support::open(&config).await, server)
}
