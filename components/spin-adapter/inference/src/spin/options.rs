//! What of an answer's options Spin's `llm` can be told, and what it cannot.

use crate::{Error, Options, input::Settings};
use corral_spin_platform::llm::Parameters;

/// More than any vocabulary has, and a number that every engine takes.
const NO_BOUND: u32 = 1 << 20;
/// Spin's own default.
const REPEAT_LAST: u32 = 64;

/// Refuses, by name, what would be passed over.
pub fn check(options: &Options, settings: &Settings) -> Result<(), Error> {
    let refused = [
        // Without chance there is nothing to seed.
        ("seed", options.seed.is_some() && settings.temperature > 0.0 && settings.top_p > 0.0),
        // A host's default is no request.
        ("min_p", options.min_p.is_some_and(|value| value > 0.0)),
        ("frequency_penalty", settings.frequency_penalty != 0.0),
        ("presence_penalty", settings.presence_penalty != 0.0),
        ("logit_bias", !options.biases.is_empty()),
        ("a grammar or JSON schema", options.constraint.is_some()),
        ("log-probabilities", options.log_probabilities.is_some()),
        ("an adapter", options.adapter.is_some()),
    ];
    match refused.into_iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((name, _)) => Err(Error::InvalidArgument(format!(
            "{name}: Spin's llm cannot be asked for that; a server that can is named in the variable corral_url"
        ))),
    }
}

/// In Spin's words.
pub fn parameters(settings: &Settings) -> Parameters {
    Parameters {
        max_tokens: settings.max_tokens,
        repeat_penalty: settings.repeat_penalty,
        repeat_penalty_last_n: REPEAT_LAST,
        // Its engine takes a `top_p` of 0 for no bound; here it means the likeliest token.
        temperature: if settings.top_p > 0.0 { settings.temperature } else { 0.0 },
        top_k: if settings.top_k == 0 { NO_BOUND } else { settings.top_k },
        top_p: settings.top_p,
    }
}
