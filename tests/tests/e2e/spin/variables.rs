//! Where a variable's value comes from, and where it does not go.

use super::{asked, refused, spin};
use anyhow::Result;
use e2e::{Host, Settings, Spin};

async fn greeting(spin: &Spin) -> Result<String> {
    let host = Host::spin(spin, &Settings::new()?).await?;
    let said = asked(&host, "/kitchen/variables?name=greeting").await?;
    Ok(said.as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_runtime_configuration_comes_before_the_environment_and_that_before_dotenv() -> Result<()> {
    // runtime-config.toml says who; the manifest's default says how.
    assert_eq!(greeting(&spin()?).await?, "Hello, Ada!");
    let dotenv = "SPIN_VARIABLE_WHO=Dot\nSPIN_VARIABLE_GREETING=Hi\n";
    let both = spin()?.environment("SPIN_VARIABLE_WHO", "Env").dotenv(dotenv);
    assert_eq!(greeting(&both).await?, "Hi, Ada!");
    let without = both.without_runtime("variables_provider");
    assert_eq!(greeting(&without).await?, "Hi, Env!");
    assert_eq!(greeting(&without.variable("who", "Cli")).await?, "Hi, Cli!");
    Ok(())
}

#[tokio::test]
async fn a_component_sees_its_own_variables_alone_and_secrets_are_in_no_log() -> Result<()> {
    let secret = "s3cret-of-nobody-else";
    let settings = Settings::new()?.set("log.filter", "trace");
    let host = Host::spin(&spin()?.environment("SPIN_VARIABLE_API_KEY", secret), &settings).await?;
    assert_eq!(asked(&host, "/kitchen/variables?name=api_key").await?, secret);
    for (name, error) in [("who", "Undefined"), ("nothing", "Undefined"), ("Not-A-Name", "InvalidName")] {
        let told = refused(&host, &format!("/kitchen/variables?name={name}")).await?;
        assert!(told.contains(error), "{name}: {told}");
    }
    let log = host.log()?;
    assert!(!log.is_empty() && !log.contains(secret));
    Ok(())
}

#[tokio::test]
async fn a_required_variable_without_a_value_is_named_before_anything_serves() -> Result<()> {
    let Err(error) = Host::spin(&spin()?.without_runtime("variables_provider"), &Settings::new()?).await
    else {
        anyhow::bail!("it started");
    };
    let error = format!("{error:#}");
    assert!(error.contains("variables.who") && error.contains("SPIN_VARIABLE_WHO"), "{error}");
    Ok(())
}
