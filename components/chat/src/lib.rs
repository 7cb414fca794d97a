//! The default chat logic: the session's documents are searched, the model is asked, the pair is stored.
//!
//! The steps of a turn are the crate `corral-logic`'s. What is decided here: what is searched for (`condense.rs`), what
//! happens while documents cannot be searched (`retrieval.rs`), and what operators may set (`settings.rs`).

mod condense;
mod retrieval;
mod settings;
#[cfg(test)]
mod tests;

use corral_logic::{Conversation, Defaults, Error, Host, Logic, Prompt, Reply, Turn, unavailable};
use settings::Settings;

struct Chat;

impl Logic for Chat {
    fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
        let settings = Settings::read(|key| host.setting(key)).map_err(|wrong| unavailable(&wrong))?;
        let defaults = Defaults { model: settings.model.clone(), answer_tokens: settings.answer_tokens };
        let conversation = Conversation::with(host, turn, defaults)?;
        let found = retrieval::passages(&conversation, &settings)?;
        conversation.answer(Prompt {
            system: settings.system_prompt,
            retrieval_unavailable: found.is_none(),
            passages: found.unwrap_or_default(),
        })
    }
}

corral_logic::export!(Chat);
