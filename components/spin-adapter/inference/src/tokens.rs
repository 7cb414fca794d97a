//! Where a chat ends.

/// Whether a chat waits for the assistant's message or ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It waits.
    Open,
    /// It is a finished transcript.
    #[cfg(test)]
    Closed,
}
