//! `fermyon:spin/redis`.

use crate::fermyon::spin::redis as spin;
use corral_spin_platform::redis::{Error, Redis, Value};
use std::cell::RefCell;

/// A server, and the connection to it while it works.
pub struct SpinRedis {
    address: String,
    connection: RefCell<Option<spin::Connection>>,
}

impl SpinRedis {
    /// Connects when something is asked.
    pub fn new(address: String) -> Self {
        Self { address, connection: RefCell::default() }
    }

    fn ask(
        connection: &spin::Connection,
        command: &str,
        arguments: &[spin::RedisParameter],
    ) -> Result<Vec<Value>, Error> {
        let values = connection.execute(command, arguments).map_err(Error::from)?;
        Ok(values.into_iter().map(Value::from).collect())
    }
}

impl Redis for SpinRedis {
    fn execute(&self, command: &str, arguments: &[Vec<u8>]) -> Result<Vec<Value>, Error> {
        let arguments: Vec<_> =
            arguments.iter().map(|argument| spin::RedisParameter::Binary(argument.clone())).collect();
        // One that is older than this call may be lost without anybody having noticed.
        let known = self.connection.take();
        if let Some(connection) = known
            && let Ok(values) = Self::ask(&connection, command, &arguments)
        {
            self.connection.replace(Some(connection));
            return Ok(values);
        }
        let connection = spin::Connection::open(&self.address).map_err(Error::from)?;
        let values = Self::ask(&connection, command, &arguments)?;
        self.connection.replace(Some(connection));
        Ok(values)
    }
}

impl From<spin::RedisResult> for Value {
    fn from(value: spin::RedisResult) -> Self {
        match value {
            spin::RedisResult::Nil => Self::Nil,
            spin::RedisResult::Status(text) => Self::Status(text),
            spin::RedisResult::Int64(number) => Self::Integer(number),
            spin::RedisResult::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<spin::Error> for Error {
    fn from(error: spin::Error) -> Self {
        match error {
            spin::Error::InvalidAddress => Self::InvalidAddress,
            spin::Error::TooManyConnections => Self::TooManyConnections,
            spin::Error::TypeError => Self::Other("a value of another type".to_owned()),
            spin::Error::Other(cause) => Self::Other(cause),
        }
    }
}
