//! etcd's own API, as far as tests need it: plain HTTP on loopback.

use crate::RigError;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[derive(Deserialize)]
struct StatusAnswer {
    header: Header,
}

#[derive(Deserialize)]
struct Header {
    /// A 64-bit number, which JSON of protobuf writes as a string.
    revision: String,
}

pub(crate) async fn healthy(port: u16) -> bool {
    call(port, "GET", "/health", "")
        .await
        .is_ok_and(|body| body.contains("\"health\":\"true\""))
}

/// Makes etcd forget all revisions before the current one.
pub(crate) async fn compact(port: u16) -> Result<(), RigError> {
    let status = call(port, "POST", "/v3/maintenance/status", "{}").await?;
    let status: StatusAnswer =
        serde_json::from_str(&status).map_err(|e| RigError::Etcd(format!("{e}: {status}")))?;
    let body = format!(r#"{{"revision":"{}","physical":true}}"#, status.header.revision);
    call(port, "POST", "/v3/kv/compaction", &body).await.map(drop)
}

/// HTTP 1.0: the server closes after its answer, so the answer is all that comes.
async fn call(port: u16, method: &str, path: &str, body: &str) -> Result<String, RigError> {
    let failed = |e: std::io::Error| RigError::Etcd(e.to_string());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(failed)?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(RigError::Etcd(format!("{status}: {body}")))
    }
}
