//! Redis, where the manifest allows its address.

use super::{asked, refused, spin};
use anyhow::Result;
use corral_services::Redis;
use e2e::{Host, Settings};
use serde_json::json;

#[tokio::test]
async fn every_call_does_on_a_real_server_what_it_says() -> Result<()> {
    let redis = Redis::start().await?;
    let spin = spin()?;
    let spin = spin.variable("redis_port", &redis.port().to_string());
    let host = Host::spin(&spin, &Settings::new()?).await?;
    let address = redis.url();
    let answer = asked(&host, &format!("/kitchen/redis?address={address}&prefix=a:")).await?;
    assert_eq!(answer["got"], "Eureka!", "{answer}");
    assert_eq!(answer["nothing"], json!(null));
    assert_eq!(answer["counts"], json!([1, 2]));
    assert_eq!((&answer["added"], &answer["removed"]), (&json!(2), &json!(1)));
    assert_eq!(answer["members"], json!(["b"]));
    assert_eq!(answer["range"], json!([{ "binary": "Eure" }]));
    assert_eq!(answer["nil"], json!(["nil"]));
    assert_eq!(answer["number"], json!([{ "int64": 7 }]));
    assert_eq!(answer["status"], json!([{ "status": "PONG" }]));
    assert_eq!(answer["wrong"], "Error::TypeError");
    assert!(answer["unknown"].as_str().is_some_and(|error| error.contains("unknown command")), "{answer}");
    assert_eq!(answer["deleted"], 3);

    // Another address, another port, another scheme, no address at all.
    for address in ["redis://localhost:1", "redis://127.0.0.1:1", "http://127.0.0.1", "nonsense", ""] {
        let told = refused(&host, &format!("/kitchen/redis?address={address}&prefix=a:")).await?;
        assert!(told.contains("InvalidAddress"), "{address}: {told}");
    }
    Ok(())
}
