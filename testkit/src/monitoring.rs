//! A real Prometheus and a real Alertmanager, each in a temporary folder, as `hack/prometheus` and `hack/go-tool`
//! tell where they are.

use crate::folder::Folder;
use crate::ports::{self, Port};
use crate::process::Server;
use crate::{RigError, assets, until};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Seconds that a server may take to be ready on a busy machine; less than one is usual.
const START_SECONDS: u64 = 60;

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitoring {
    Prometheus,
    Alertmanager,
}

/// One that runs. It ends when dropped, and also when the process that started it is killed.
pub struct MonitoringServer {
    server: Server,
    port: Port,
    folder: Folder,
}

impl Monitoring {
    /// Starts it with these files in its folder, one of which is `config.yaml`, and flags beside the usual ones.
    pub async fn start(self, files: &[(&str, &str)], flags: &[&str]) -> Result<MonitoringServer, RigError> {
        let (folder, port) = (Folder::new()?, ports::take()?);
        for (name, text) in files {
            folder.write(name, text)?;
        }
        let address = format!("--web.listen-address=127.0.0.1:{}", port.number);
        let (name, program, own) = match self {
            Self::Prometheus => ("prometheus", assets::prometheus()?, "--storage.tsdb.path=data"),
            Self::Alertmanager => (
                "alertmanager",
                assets::go_tool("alertmanager")?,
                "--storage.path=data",
            ),
        };
        let mut arguments = vec!["--config.file=config.yaml", own, &address];
        if self == Self::Alertmanager {
            // Alone: no cluster.
            arguments.push("--cluster.listen-address=");
        }
        arguments.extend(flags);
        let server = Server::start(name, &program, arguments, folder.path())?;
        let mut running = MonitoringServer { server, port, folder };
        let ready = async || running.get("/-/ready").await.is_ok_and(|(code, _)| code == 200);
        if let Err(error) = until("it is ready", START_SECONDS, ready).await {
            running.server.check_alive()?;
            return Err(RigError::NotReady {
                server: name,
                seconds: START_SECONDS,
                last: error.to_string(),
                log: running.server.log_tail(),
            });
        }
        Ok(running)
    }
}

impl MonitoringServer {
    /// `host:port`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port.number)
    }

    /// Status code and body of one of its pages.
    pub async fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let authority = self.authority();
        let mut stream = TcpStream::connect(&authority).await?;
        // 1.0: the answer comes in one piece and ends with the connection.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let strange = || std::io::Error::other(format!("no HTTP: {answer}"));
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(strange)?;
        let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
        Ok((code.ok_or_else(strange)?, body.to_owned()))
    }

    /// Writes a file anew and has the configuration read again.
    pub fn reload(&self, name: &str, text: &str) -> Result<(), RigError> {
        self.folder.write(name, text)?;
        self.server.signal(Signal::HUP)
    }

    /// The end of what it said.
    pub fn log(&self) -> String {
        self.server.log_tail()
    }
}
