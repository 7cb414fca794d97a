//! One connection for all calls, made when it is needed and made anew when it is lost.
//!
//! Not here: where the servers are (`address.rs`), what is asked of them (`redis.rs`), and how long a
//! whole call may take (there, too).

use super::address::Servers;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisFuture, RedisResult,
    ScriptInvocation, ServerErrorKind, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
};
use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, sleep_until, timeout},
};

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Line(Arc<Shared>);

/// What can be asked. Each must be harmless when it is asked twice.
pub enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
    /// Of one node of a cluster: host and port.
    Node(&'a Cmd, &'a str, u16),
}

struct Shared {
    current: Mutex<Current>,
    /// Held while one call connects for all.
    connecting: AsyncMutex<Connecting>,
    /// How many attempts to connect have failed.
    failed: AtomicU64,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Which connection it is, so that a late failure of the one before does not take this one away.
    number: u64,
}

struct Connecting {
    servers: Servers,
    config: AsyncConnectionConfig,
    within: Duration,
    delays: ExponentialBackoff,
    not_before: Instant,
    last_error: Option<RedisError>,
}

impl Line {
    /// Connects only when something is asked.
    pub fn new(servers: Servers, connect_timeout: Duration, response_timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(Some(response_timeout));
        let connecting = Connecting {
            servers,
            config,
            // Finding the master takes a few steps more than connecting to it.
            within: connect_timeout * 2,
            delays: delays(),
            not_before: Instant::now(),
            last_error: None,
        };
        Self(Arc::new(Shared {
            current: Mutex::default(),
            connecting: AsyncMutex::new(connecting),
            failed: AtomicU64::new(0),
        }))
    }

    /// Asks, and once more if the connection was lost meanwhile: the first command after a server's
    /// restart fails, and the next one works.
    pub async fn ask<T: FromRedisValue>(&self, request: Request<'_>) -> RedisResult<T> {
        let (number, connection) = self.connection().await?;
        match self.attempt(&request, number, connection).await {
            Err(error) if is_lost(&error) => {
                let (number, connection) = self.connection().await?;
                self.attempt(&request, number, connection).await
            }
            answer => answer,
        }
    }

    async fn attempt<T: FromRedisValue>(
        &self,
        request: &Request<'_>,
        number: u64,
        mut connection: Connection,
    ) -> RedisResult<T> {
        let answer = match request {
            Request::Command(command) => command.query_async(&mut connection).await,
            Request::Pipeline(pipeline) => pipeline.query_async(&mut connection).await,
            Request::Script(script) => script.invoke_async(&mut connection).await,
            Request::Node(command, host, port) => connection.ask_node(command, host, *port).await,
        };
        if let Err(error) = &answer
            && is_lost(error)
        {
            self.discard(number);
        }
        answer
    }

    async fn connection(&self) -> RedisResult<(u64, Connection)> {
        if let Some(connection) = self.established() {
            return Ok(connection);
        }
        let failed = self.0.failed.load(Ordering::Acquire);
        let mut connecting = self.0.connecting.lock().await;
        if let Some(connection) = self.established() {
            return Ok(connection);
        }
        // The attempt that this call has waited for counts for it, too; else calls would connect one
        // after the other to a server that is away.
        if self.0.failed.load(Ordering::Acquire) != failed
            && let Some(error) = &connecting.last_error
        {
            return Err(error.clone());
        }
        sleep_until(connecting.not_before).await;
        match connecting.connect().await {
            Ok(connection) => {
                connecting.delays = delays();
                let mut current = self.current();
                current.number += 1;
                current.connection = Some(connection.clone());
                Ok((current.number, connection))
            }
            Err(error) => {
                let delay = connecting.delays.next().unwrap_or(LONGEST_DELAY);
                connecting.not_before = Instant::now() + delay;
                connecting.last_error = Some(error.clone());
                self.0.failed.fetch_add(1, Ordering::Release);
                Err(error)
            }
        }
    }

    fn established(&self) -> Option<(u64, Connection)> {
        let current = self.current();
        Some((current.number, current.connection.clone()?))
    }

    fn discard(&self, number: u64) {
        let mut current = self.current();
        if current.number == number {
            // Calls that still wait for an answer on it keep their clone.
            current.connection = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // No code panics while it holds the lock, so what is in there is whole.
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connecting {
    async fn connect(&mut self) -> RedisResult<Connection> {
        let config = &self.config;
        let servers = &mut self.servers;
        let connect = async {
            let mut connection = match servers {
                Servers::Standalone(client) => {
                    client.get_multiplexed_async_connection_with_config(config).await?
                }
                Servers::Sentinel(client) => client.get_async_connection_with_config(config).await?,
                Servers::Cluster(client) => {
                    return Ok(Connection::Cluster(client.get_async_connection().await?));
                }
            };
            // A server that wants a password, or still loads its data, takes connections all the same and
            // would fail the first call in some other way.
            let () = ::redis::cmd("PING").query_async(&mut connection).await?;
            Ok(Connection::Single(connection))
        };
        match timeout(self.within, connect).await {
            Ok(connection) => connection,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no connection in time").into()),
        }
    }
}

const LONGEST_DELAY: Duration = Duration::from_millis(500);

fn delays() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(20))
        .with_max_delay(LONGEST_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

/// Whether another connection may do better: this one broke or is silent, or it leads to a server that is
/// no master any more.
fn is_lost(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io
            | ErrorKind::Parse
            | ErrorKind::ClusterConnectionNotFound
            | ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
    )
}

/// Clones share it, and calls of all of them go through it at once.
#[derive(Clone)]
enum Connection {
    Single(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn ask_node<T: FromRedisValue>(&mut self, command: &Cmd, host: &str, port: u16) -> RedisResult<T> {
        let answer = match self {
            Self::Single(connection) => connection.req_packed_command(command).await?,
            Self::Cluster(connection) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port };
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await?
            }
        };
        Ok(redis::from_redis_value(answer)?)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Single(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Single(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Single(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
