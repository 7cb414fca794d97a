//! What becomes of what a request does beside answering: a trial that nobody sees stores nothing, and tells nobody.

use tokio::sync::mpsc::UnboundedSender;

/// For one request.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// Whether nothing of it is stored, deleted or cached.
    pub discarded: bool,
    /// Whether it reaches no other host, whatever it was granted.
    pub inward: bool,
    /// Who hears of the answers that it stores, or would.
    pub answers: Option<UnboundedSender<String>>,
}

impl Effects {
    /// An answer is to be stored.
    pub fn tell(&self, answer: &str) {
        if let Some(answers) = &self.answers {
            // Nobody may wait for it any more.
            drop(answers.send(answer.to_owned()));
        }
    }
}
