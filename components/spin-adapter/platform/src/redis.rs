//! Commands to a Redis server, the shape of `fermyon:spin/redis@2.0.0`.

/// Sends commands.
pub trait Redis {
    /// The answer to a command, its lists flattened into one, as Spin does it.
    ///
    /// A command may be sent twice, where the connection was lost.
    fn execute(&self, command: &str, arguments: &[Vec<u8>]) -> Result<Vec<Value>, Error>;
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A simple string, such as `OK`.
    Status(String),
    /// A whole number.
    Integer(i64),
    /// A string.
    Binary(Vec<u8>),
}

/// Why there is no answer, as Spin has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address is none, or none that the manifest allows.
    #[error("the address of redis_url is none, or is not in allowed_outbound_hosts")]
    InvalidAddress,
    /// Spin has no place for another connection.
    #[error("too many connections")]
    TooManyConnections,
    /// The server's words, or the network's.
    #[error("{0}")]
    Other(String),
}
