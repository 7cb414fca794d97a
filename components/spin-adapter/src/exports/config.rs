//! `corral:host/config`: the application's variables, but for those that are this component's own.

use crate::{
    Adapter, corral::host::config::Guest, imports::variables::SpinVariables, log::log, settings::OWN,
};
use corral_spin_platform::variables::Variables;

impl Guest for Adapter {
    fn get(key: String) -> Option<String> {
        if OWN.contains(&key.as_str()) {
            return None;
        }
        match SpinVariables.get(&key) {
            Ok(value) => value,
            Err(error) => {
                // Going on with a default would be going on with another system prompt, say. This ends the request.
                log(format_args!("{key}: {error}"));
                panic!("a variable cannot be read");
            }
        }
    }
}
