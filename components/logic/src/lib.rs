//! Chat logic for Corral: what is read of a conversation, what the model is asked, what is answered and stored.
//!
//! A logic implements [`Logic`], mostly in three steps: open the [`Conversation`], search its documents, answer.
//!
//! ```
//! use corral_logic::{Conversation, Error, Host, Logic, Prompt, Reply, Search, Turn};
//!
//! struct Pirate;
//!
//! impl Logic for Pirate {
//!     fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error> {
//!         let conversation = Conversation::open(host, turn)?;
//!         let passages = conversation.search(conversation.message(), &Search::default())?;
//!         conversation.answer(Prompt { passages, ..Prompt::system("Answer as a pirate would.") })
//!     }
//! }
//!
//! corral_logic::export!(Pirate);
//! ```
//!
//! The crate keeps the contract's promises (`wit/chat/turns.wit`): the order of events, the prompt within the model's
//! context by exact counts, the pair stored once just before `done`, what is left out told. All of the host is behind
//! [`Host`]; [`testing::Fake`] takes its place in tests.

#[allow(missing_docs, clippy::missing_safety_doc, reason = "generated")]
pub mod bindings;
mod budget;
mod conversation;
mod exported;
mod failure;
mod host;
mod prompt;
mod reply;
mod search;
mod setting;
pub mod testing;

pub use bindings::{
    corral::host::{config, embedding, inference, sessions, vectors},
    exports::corral::chat::turns::Options as TurnOptions,
    exports::corral::chat::turns::{Done, Error, Event, Source, Span, Trimmed, Turn},
};
pub use conversation::{Conversation, Defaults, TURNS_READ};
pub use exported::Exported;
pub use failure::{log, unavailable};
pub use host::{Generation, Host, Imports};
pub use prompt::{Prompt, message, quoted};
pub use reply::Reply;
pub use search::{Search, Unsearched};
pub use setting::setting;

/// Decides how a turn is answered.
pub trait Logic {
    /// Begins to answer. What is wrong before the first event is told here, so that the client gets a status for it.
    fn answer<H: Host>(host: H, turn: Turn) -> Result<Reply<H>, Error>;
}
