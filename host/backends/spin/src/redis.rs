//! Redis servers that components name: connections that are kept for the next one who opens the same address.
//!
//! A connection has one user at a time, and one that has been changed (another database, a subscription, a
//! transaction) is not given to anybody else.

use crate::PATIENCE;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError,
    ServerErrorKind, Value, aio::MultiplexedConnection, cmd,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// Connections that are kept without a user, for one address.
const IDLE: usize = 16;

/// A connection without a user for longer than this is asked whether it still lives.
const FRESH: Duration = Duration::from_secs(1);

/// Addresses that connections are kept for.
const ADDRESSES: usize = 64;

/// What may leave a connection other than it was found, or waiting. After one of these it is closed, not kept.
const STATEFUL: [&str; 22] = [
    "ASKING",
    "AUTH",
    "BLPOP",
    "BRPOP",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "QUIT",
    "READONLY",
    "READWRITE",
    "REPLICAOF",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "WATCH",
];

/// A server's address that was understood.
#[derive(Clone)]
pub struct Address {
    text: String,
    client: Client,
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may hold a password.
        out.write_str("Address")
    }
}

/// Why a command was not done, or it is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address of a Redis server. Carries why; the address may hold a password.
    #[error("expected an address such as redis://HOST:6379: {0}")]
    Address(#[source] RedisError),
    /// A value of another type than the command is for.
    #[error("{0}")]
    WrongType(#[source] RedisError),
    /// The server has refused or not answered.
    #[error("{0}")]
    Server(#[source] RedisError),
    /// No connection or no answer in time.
    #[error("no answer from Redis within {PATIENCE:?}")]
    Late,
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedReturnType => Self::WrongType(error),
            ErrorKind::Server(ServerErrorKind::ResponseError)
                if error.detail().is_some_and(|detail| detail.contains("not an integer")) =>
            {
                Self::WrongType(error)
            }
            _ if error.code() == Some("WRONGTYPE") => Self::WrongType(error),
            _ => Self::Server(error),
        }
    }
}

impl Address {
    /// Understands `redis://…` and `rediss://…`.
    ///
    /// # Errors
    /// [`Error::Address`]
    pub fn parse(text: &str) -> Result<Self, Error> {
        let client = Client::open(text).map_err(Error::Address)?;
        Ok(Self { text: text.to_owned(), client })
    }

    /// As [`parse`](Self::parse), but no socket of this machine, which `unix://localhost/…` names: a guest that may reach
    /// every port of a host may not reach its files.
    ///
    /// # Errors
    /// [`Error::Address`]
    pub fn on_network(text: &str) -> Result<Self, Error> {
        let address = Self::parse(text)?;
        match address.client.get_connection_info().addr() {
            ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. } => Ok(address),
            _ => {
                let why = "it is not on the network";
                Err(Error::Address((ErrorKind::InvalidClientConfig, why).into()))
            }
        }
    }
}

/// Connections without a user, by address. Clones share them.
#[derive(Clone, Default)]
pub struct Pool(Arc<Mutex<Idle>>);

/// The connections of each address, and since when they have no user.
type Idle = BTreeMap<String, Vec<(Instant, MultiplexedConnection)>>;

/// A connection in use. Dropping it gives it back.
pub struct Connection {
    pool: Pool,
    address: String,
    connection: Option<MultiplexedConnection>,
    /// Whether nobody else may have it after this.
    spoilt: bool,
}

impl Pool {
    /// A connection to the server, one that is there or a new one.
    ///
    /// # Errors
    /// [`Error::Server`], [`Error::Late`]
    pub async fn open(&self, address: &Address) -> Result<Connection, Error> {
        let connection = match self.idle(&address.text).await {
            Some(connection) => connection,
            None => {
                let settings = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                let made = address.client.get_multiplexed_async_connection_with_config(&settings);
                timeout(PATIENCE, made).await.map_err(|_elapsed| Error::Late)??
            }
        };
        let (pool, address) = (self.clone(), address.text.clone());
        Ok(Connection { pool, address, connection: Some(connection), spoilt: false })
    }

    /// A connection that was kept and still answers.
    async fn idle(&self, address: &str) -> Option<MultiplexedConnection> {
        loop {
            let (since, mut connection) = self.with(|idle| idle.get_mut(address).and_then(Vec::pop))?;
            if since.elapsed() < FRESH {
                return Some(connection);
            }
            let ping = cmd("PING");
            if let Ok(Ok(_)) = timeout(FRESH, ping.query_async::<Value>(&mut connection)).await {
                return Some(connection);
            }
        }
    }

    fn keep(&self, address: &str, connection: MultiplexedConnection) {
        self.with(|idle| {
            if idle.len() >= ADDRESSES && !idle.contains_key(address) {
                idle.pop_first();
            }
            let kept = idle.entry(address.to_owned()).or_default();
            if kept.len() < IDLE {
                kept.push((Instant::now(), connection));
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Idle) -> T) -> T {
        // Whoever panicked with it left it as it was.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connection {
    /// Has the server do a command.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::Server`], [`Error::Late`]
    pub async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, Error> {
        Ok(redis::from_redis_value(self.value(command).await?).map_err(RedisError::from)?)
    }

    /// As [`ask`](Self::ask), and whatever it says.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::Server`], [`Error::Late`]
    pub async fn value(&mut self, command: &Cmd) -> Result<Value, Error> {
        let name = command.args_iter().next();
        if let Some(redis::Arg::Simple(name)) = name {
            self.spoilt |= STATEFUL.iter().any(|stateful| stateful.as_bytes().eq_ignore_ascii_case(name));
        }
        // A guest that is stopped while it waits leaves an answer on its way: nobody else may find it.
        let before = std::mem::replace(&mut self.spoilt, true);
        let Some(connection) = &mut self.connection else { return Err(Error::Late) };
        let answered = timeout(PATIENCE, command.query_async::<Value>(connection)).await;
        match answered {
            Ok(Ok(value)) => {
                self.spoilt = before;
                Ok(value)
            }
            Ok(Err(error)) => {
                self.spoilt = before || error.is_io_error() || error.is_timeout();
                Err(error.into())
            }
            Err(_elapsed) => Err(Error::Late),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.spoilt
        {
            self.pool.keep(&self.address, connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_the_machine_is_not_on_the_network() {
        for address in ["redis://localhost", "rediss://user:word@redis.example:6380/1"] {
            assert!(Address::on_network(address).is_ok(), "{address}");
        }
        for address in
            ["unix://localhost/run/x.sock", "redis+unix://localhost/run/x.sock", "unix:///run/x.sock"]
        {
            assert!(Address::parse(address).is_ok(), "{address}");
            assert!(matches!(Address::on_network(address), Err(Error::Address(_))), "{address}");
        }
    }
}
