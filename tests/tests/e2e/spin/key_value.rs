//! Key-value stores: the application's own, in a file or in Redis.

use super::{asked, refused, spin};
use anyhow::Result;
use corral_services::Redis;
use e2e::{Host, Settings};
use serde_json::json;

async fn done(host: &Host, what: &str) -> Result<serde_json::Value> {
    asked(host, &format!("/kitchen/key-value?{what}")).await
}

#[tokio::test]
async fn what_a_component_keeps_is_there_after_a_restart() -> Result<()> {
    let host = Host::spin(&spin()?, &Settings::new()?).await?;
    assert_eq!(done(&host, "do=get&key=bird").await?, json!(null));
    assert_eq!(done(&host, "do=exists&key=bird").await?, json!(false));
    done(&host, "do=set&key=bird&value=heron").await?;
    done(&host, "do=set&key=bird&value=crane").await?;
    done(&host, "do=set&key=other&value=x").await?;
    assert_eq!(done(&host, "do=get&key=bird").await?, json!("crane"));
    assert_eq!(done(&host, "do=keys").await?, json!(["bird", "other"]));
    done(&host, "do=delete&key=other").await?;
    done(&host, "do=delete&key=never-there").await?;
    // A store of another name is another one.
    assert_eq!(done(&host, "do=keys&store=shared").await?, json!([]));
    let told = refused(&host, "/kitchen/key-value?store=private").await?;
    assert!(told.contains("AccessDenied"), "{told}");

    let folder = host.kill().await?;
    let host = Host::spin_within(folder, &spin()?, &Settings::new()?).await?;
    assert_eq!(done(&host, "do=keys").await?, json!(["bird"]));
    assert_eq!(done(&host, "do=exists&key=bird").await?, json!(true));
    Ok(())
}

#[tokio::test]
async fn a_store_is_in_redis_where_the_runtime_configuration_says_so() -> Result<()> {
    let redis = Redis::start().await?;
    let spin = spin()?
        .without_runtime("key_value_store")
        .runtime("key_value_store.shared.type", "redis")
        .runtime("key_value_store.shared.url", redis.url());
    let one = Host::spin(&spin, &Settings::new()?).await?;
    done(&one, "do=set&key=bird&value=heron&store=shared").await?;
    let other = Host::spin(&spin, &Settings::new()?).await?;
    assert_eq!(done(&other, "do=get&key=bird&store=shared").await?, json!("heron"));
    assert_eq!(done(&other, "do=keys&store=shared").await?, json!(["bird"]));
    assert_eq!(done(&other, "do=keys").await?, json!([]), "only that store");
    Ok(())
}
