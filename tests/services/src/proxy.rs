//! A TCP proxy that breaks connections in the ways that networks and servers do.

use anyhow::{Context, Result, bail, ensure};
use std::{net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What goes wrong, from the moment on that it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections are accepted and reset at once, open ones too.
    Refuse,
    /// Open connections are reset, and each new one after it has passed some bytes.
    Reset,
    /// Connections are accepted, and nothing is passed on. What came meanwhile goes on when the fault ends.
    Stall,
    /// Each chunk is this late.
    Slow(Duration),
    /// The request is passed on; when the answer comes, the connection is reset instead. The client cannot know
    /// whether the server did what it was asked.
    Cut,
}

/// A proxy in front of a loopback port. Dropping it closes its connections.
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A proxy to a port, without a fault.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for a proxy")?;
        let own = listener.local_addr()?.port();
        let (fault, faults) = watch::channel(Fault::None);
        Ok(Self { port: own, fault, task: tokio::spawn(serve(listener, port, faults)) })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says what goes wrong from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, port: u16, faults: watch::Receiver<Fault>) {
    // Aborted with this task.
    let mut connections = JoinSet::new();
    for number in 0_usize.. {
        let Ok((client, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        connections.spawn(connection(client, port, faults.clone(), 64 + number * 397 % 1024));
    }
}

/// `allowance` is how many bytes pass before [`Fault::Reset`].
async fn connection(mut client: TcpStream, port: u16, mut faults: watch::Receiver<Fault>, allowance: usize) {
    let _delays = client.set_nodelay(true);
    // What was set before is no change to this connection.
    let fault = faults.wait_for(|fault| *fault != Fault::Stall).await.map(|fault| *fault);
    if fault.is_err() || fault.is_ok_and(|fault| fault == Fault::Refuse) {
        return reset(client);
    }
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return reset(client) };
    let _delays = server.set_nodelay(true);
    let passed = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let requests = Pipe { faults: faults.clone(), allowance, answers: false };
        let answers = Pipe { faults: faults.clone(), allowance, answers: true };
        let both = async {
            tokio::try_join!(requests.pass(from_client, to_server), answers.pass(from_server, to_client))
        };
        tokio::select! {
            both = both => both.is_ok(),
            () = broken(faults) => false,
        }
    };
    if !passed {
        reset(client);
        reset(server);
    }
}

/// Ends when a fault is set that open connections do not survive.
async fn broken(mut faults: watch::Receiver<Fault>) {
    while faults.changed().await.is_ok() {
        if matches!(*faults.borrow_and_update(), Fault::Refuse | Fault::Reset) {
            return;
        }
    }
}

fn reset(connection: TcpStream) {
    let _closed = connection.set_zero_linger();
}

/// One direction of a connection.
struct Pipe {
    faults: watch::Receiver<Fault>,
    allowance: usize,
    answers: bool,
}

impl Pipe {
    /// Passes on all there is; an error resets the connection.
    async fn pass(mut self, mut from: tcp::ReadHalf<'_>, mut to: tcp::WriteHalf<'_>) -> Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut chunk).await?;
            self.suffer(length).await?;
            if length == 0 {
                return Ok(to.shutdown().await?);
            }
            to.write_all(&chunk[..length]).await?;
        }
    }

    /// What the fault does to a chunk.
    async fn suffer(&mut self, length: usize) -> Result<()> {
        let fault = *self.faults.wait_for(|fault| *fault != Fault::Stall).await?;
        match fault {
            Fault::None | Fault::Stall => {}
            Fault::Slow(late) => tokio::time::sleep(late).await,
            Fault::Refuse => bail!("refused"),
            Fault::Cut => ensure!(!self.answers, "cut"),
            Fault::Reset => {
                ensure!(length < self.allowance, "reset");
                self.allowance -= length;
            }
        }
        Ok(())
    }
}
