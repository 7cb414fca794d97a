//! Chat logic: the passages nearest to the question are quoted to the model, which answers as `system_prompt` says.

use corral_logic::{Conversation, Error, Host, Logic, Prompt, Reply, Search, Turn, setting};

/// What every conversation begins with, unless `[apps.NAME.config]` has another `system_prompt`.
const SYSTEM_PROMPT: &str = "You are a helpful assistant. Answer briefly.";

struct Starter;

impl Logic for Starter {
    fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
        let conversation = Conversation::open(host, turn)?;
        let host = conversation.host();
        let system = host.setting("system_prompt").unwrap_or_else(|| SYSTEM_PROMPT.to_owned());
        let limit = setting(host, "passages", "a whole number")?.unwrap_or(4);
        let passages = conversation.search(conversation.message(), &Search { limit, ..Search::default() })?;
        conversation.answer(Prompt { passages, ..Prompt::system(system) })
    }
}

corral_logic::export!(Starter);

#[cfg(test)]
mod tests {
    use super::*;
    use corral_logic::testing::{Fake, hit, pair, turn};
    use std::rc::Rc;

    #[test]
    fn the_model_is_given_the_conversation_and_the_passages() -> Result<(), Error> {
        let mut fake = Fake::with(vec![pair("Hi", "Hello")]).says(&["It is ", "blue."]);
        fake.hits = vec![hit("crane#0", "The crane is blue.", 0.25)];
        let host = Rc::new(fake);
        let mut reply = Starter::answer(host.clone(), turn("Which colour does the crane have?"))?;
        while !reply.next(8)?.is_empty() {}

        let asked = host.asked.borrow();
        let (messages, _) = &asked[0];
        assert_eq!(messages[0].content, SYSTEM_PROMPT);
        assert!(messages[3].content.contains("> The crane is blue."), "{messages:?}");
        let stored = pair("Which colour does the crane have?", "It is blue.");
        assert_eq!(host.appended.borrow()[0].0, stored);
        Ok(())
    }
}
