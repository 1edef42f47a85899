//! The rig itself: etcd and one API server, and the ways to disturb them.

use crate::folder::Folder;
use crate::ports::{self, Port};
use crate::process::Server;
use crate::{Access, AuditLog, RigError, assets, audit, etcd, keys, until};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use rustix::process::Signal;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Seconds that a server may take to be ready on a busy machine; 3 are usual.
const START_SECONDS: u64 = 90;

/// etcd and kube-apiserver in a temporary folder. Methods that disturb others take `&mut self`: a rig that tests share
/// can't be disturbed.
pub struct KubeRig {
    // Dropped in this order: an API server without its etcd would only complain.
    api_server: Option<Server>,
    etcd: Server,
    admin: Access,
    namespaces: AtomicU32,
    folder: Folder,
    api_port: Port,
    etcd_port: Port,
    _peer_port: Port,
}

/// A rig that all tests of a binary share, started by the first that asks. It ends with the process.
pub async fn shared() -> Result<&'static KubeRig, RigError> {
    static RIG: OnceCell<KubeRig> = OnceCell::const_new();
    RIG.get_or_try_init(KubeRig::start).await
}

impl KubeRig {
    /// Starts both servers and waits until they are ready.
    pub async fn start() -> Result<Self, RigError> {
        let folder = Folder::new()?;
        let (api_port, etcd_port, peer_port) = (ports::take()?, ports::take()?, ports::take()?);
        let token = keys::token()?;
        folder.write("tokens.csv", &format!("{token},admin,admin,system:masters\n"))?;
        let signing = keys::signing_key()?;
        folder.write("service-accounts.key", &signing.private)?;
        folder.write("service-accounts.pub", &signing.public)?;
        folder.write("audit-policy.yaml", audit::POLICY)?;

        let etcd = start_etcd(folder.path(), etcd_port.number, peer_port.number).await?;
        let mut api_server = start_api_server(folder.path(), api_port.number, etcd_port.number)?;
        // Its certificate is there once it listens.
        let certificate = folder.path().join("certificates/apiserver.crt");
        let ca = wait_for_file(&mut api_server, &certificate).await?;
        let url = format!("https://127.0.0.1:{}", api_port.number);
        let admin = Access::new(folder.path(), "admin", &token, &url, &ca)?;
        let mut rig = Self {
            api_server: Some(api_server),
            etcd,
            admin,
            namespaces: AtomicU32::new(0),
            folder,
            api_port,
            etcd_port,
            _peer_port: peer_port,
        };
        rig.ready().await?;
        Ok(rig)
    }

    /// The administrator (group system:masters; RBAC doesn't bind it).
    pub fn admin(&self) -> &Access {
        &self.admin
    }

    /// Who asked what so far.
    pub fn audit(&self) -> AuditLog {
        AuditLog {
            path: self.folder.path().join("audit.log"),
        }
    }

    /// Where everything of this rig lies; gone with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Process ids of etcd and, while it runs, the API server.
    pub fn process_ids(&self) -> Vec<u32> {
        let servers = [Some(&self.etcd), self.api_server.as_ref()];
        servers.into_iter().flatten().map(Server::pid).collect()
    }

    /// Makes a namespace that no other test has, and tells its name.
    pub async fn namespace(&self, prefix: &str) -> Result<String, RigError> {
        let count = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{count}");
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(self.admin.client().await?)
            .create(&PostParams::default(), &namespace)
            .await?;
        Ok(name)
    }

    /// The identity of a ServiceAccount (made if it isn't there), by a token of an hour from the TokenRequest API.
    /// It may do what RBAC grants it, which is nothing at first.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<Access, RigError> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin.client().await?, namespace);
        let account = ServiceAccount {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..ServiceAccount::default()
        };
        if accounts.get_opt(name).await?.is_none() {
            accounts.create(&PostParams::default(), &account).await?;
        }
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer: TokenRequest = accounts
            .create_subresource("token", name, &PostParams::default(), &request)
            .await?;
        let token = answer.status.and_then(|s| s.token);
        let token = token.ok_or(RigError::NoToken)?;
        let certificate = self.folder.path().join("certificates/apiserver.crt");
        let ca = std::fs::read(&certificate).map_err(RigError::file("could not read", &certificate))?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let url = format!("https://127.0.0.1:{}", self.api_port.number);
        Access::new(self.folder.path(), &user, &token, &url, &ca)
    }

    /// Freezes the API server (SIGSTOP): connections stay open, nothing answers.
    pub fn pause(&mut self) -> Result<(), RigError> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen API server go on.
    pub fn resume(&mut self) -> Result<(), RigError> {
        self.signal(Signal::CONT)
    }

    /// Kills the API server (SIGKILL); its port refuses connections and stays reserved. etcd goes on.
    pub fn kill_api_server(&mut self) {
        self.api_server = None;
    }

    /// Stops the API server in good order (SIGTERM): watches are closed, running requests finished.
    pub async fn stop_api_server(&mut self) -> Result<(), RigError> {
        self.signal(Signal::TERM)?;
        let Some(mut server) = self.api_server.take() else {
            return Ok(());
        };
        let ended = async {
            while !server.has_ended() {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        // What is still there after that is killed when `server` is dropped.
        let _ = tokio::time::timeout(Duration::from_mins(1), ended).await;
        Ok(())
    }

    /// Starts the API server again after [`Self::kill_api_server`] or [`Self::stop_api_server`]: same port, same
    /// certificate, same data.
    pub async fn start_api_server(&mut self) -> Result<(), RigError> {
        if self.api_server.is_none() {
            let server = start_api_server(self.folder.path(), self.api_port.number, self.etcd_port.number)?;
            self.api_server = Some(server);
        }
        self.ready().await
    }

    /// Makes etcd forget all history. The API server goes on serving watches from its own memory; after
    /// [`Self::kill_api_server`] and [`Self::start_api_server`] a watch from an older resourceVersion is answered
    /// with 410 Gone.
    pub async fn compact(&mut self) -> Result<(), RigError> {
        etcd::compact(self.etcd_port.number).await
    }

    /// Waits for a server to end by itself, and tells which and why.
    pub async fn ended(&mut self) -> Result<(), RigError> {
        loop {
            self.etcd.check_alive()?;
            if let Some(server) = &mut self.api_server {
                server.check_alive()?;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), RigError> {
        match &self.api_server {
            Some(server) => server.signal(signal),
            None => Ok(()),
        }
    }

    /// Waits until the API server serves what tests rely on: RBAC's own roles (part of /readyz), namespace default.
    async fn ready(&mut self) -> Result<(), RigError> {
        let client = self.admin.client().await?;
        let Some(server) = &mut self.api_server else {
            return Ok(());
        };
        let mut last = String::new();
        let polling = async {
            loop {
                server.check_alive()?;
                match probe(&client).await {
                    Ok(()) => return Ok(()),
                    Err(e) => last = e.to_string(),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(START_SECONDS), polling).await {
            Ok(result) => result,
            Err(_) => Err(RigError::NotReady {
                server: "kube-apiserver",
                seconds: START_SECONDS,
                last,
                log: server.log_tail(),
            }),
        }
    }
}

async fn probe(client: &Client) -> Result<(), kube::Error> {
    let request = http::Request::get("/readyz").body(Vec::new());
    client
        .request_text(request.map_err(kube::Error::HttpError)?)
        .await?;
    Api::<Namespace>::all(client.clone())
        .get("default")
        .await
        .map(drop)
}

async fn wait_for_file(server: &mut Server, path: &Path) -> Result<Vec<u8>, RigError> {
    let mut ended = None;
    until("the API server's certificate", START_SECONDS, || {
        ended = server.check_alive().err();
        // It is there before all of it is.
        let whole =
            std::fs::read_to_string(path).is_ok_and(|text| text.ends_with("-----END CERTIFICATE-----\n"));
        let done = ended.is_some() || whole;
        async move { done }
    })
    .await?;
    match ended {
        Some(error) => Err(error),
        None => std::fs::read(path).map_err(RigError::file("could not read", path)),
    }
}

async fn start_etcd(folder: &Path, port: u16, peer_port: u16) -> Result<Server, RigError> {
    let url = format!("http://127.0.0.1:{port}");
    let peer = format!("http://127.0.0.1:{peer_port}");
    let arguments = [
        "--data-dir=etcd".to_owned(),
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        "--log-level=warn".to_owned(),
        // Its data doesn't outlive the machine, and tests run on slow disks.
        "--unsafe-no-fsync".to_owned(),
    ];
    let mut server = Server::start("etcd", &assets()?.join("etcd"), arguments, folder)?;
    let mut ended = None;
    let waited = until("etcd to be healthy", START_SECONDS, || {
        ended = server.check_alive().err();
        let done = ended.is_some();
        async move { done || etcd::healthy(port).await }
    })
    .await;
    match (ended, waited) {
        (Some(error), _) | (None, Err(error)) => Err(error),
        (None, Ok(())) => Ok(server),
    }
}

fn start_api_server(folder: &Path, port: u16, etcd_port: u16) -> Result<Server, RigError> {
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        // Otherwise it looks for a network interface, which a sandbox may not have.
        "--advertise-address=127.0.0.1".to_owned(),
        "--cert-dir=certificates".to_owned(),
        "--token-auth-file=tokens.csv".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--service-account-key-file=service-accounts.pub".to_owned(),
        "--service-account-signing-key-file=service-accounts.key".to_owned(),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // It would wait for a controller that makes each namespace's default account.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--audit-policy-file=audit-policy.yaml".to_owned(),
        "--audit-log-path=audit.log".to_owned(),
        // Never rotated: the reader wants all of it.
        "--audit-log-maxsize=100000".to_owned(),
        // History is forgotten when a test says so, not by the clock.
        "--etcd-compaction-interval=0".to_owned(),
        "--profiling=false".to_owned(),
    ];
    Server::start(
        "kube-apiserver",
        &assets()?.join("kube-apiserver"),
        arguments,
        folder,
    )
}
