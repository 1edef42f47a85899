//! A way to the API server that can be cut: the server goes on, this one client can't reach it.

use crate::RigError;
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes TCP connections on to one address, while it isn't cut. Ends when dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    open: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// On a free port of the loopback address, open.
    pub(crate) async fn to(server: &str) -> Result<Self, RigError> {
        let server: SocketAddr = server
            .parse()
            .map_err(std::io::Error::other)
            .map_err(RigError::run("a relay"))?;
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(RigError::run("a relay"))?;
        let address = listener.local_addr().map_err(RigError::run("a relay"))?;
        let (open, state) = watch::channel(true);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, state.clone()));
            }
        });
        Ok(Self {
            address,
            open,
            accepting,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections and accepts none that lasts.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Passes connections on again.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut open: watch::Receiver<bool>) {
    if !*open.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = open.wait_for(|open| !open) => {}
    }
}
