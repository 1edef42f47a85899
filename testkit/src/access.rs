//! One identity's way to the API server: a kubeconfig, a client, kubectl, Helm.

use crate::{Helm, Ran, Relay, RigError, assets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// An identity with its kubeconfig file, good while the rig stands.
#[derive(Clone, Debug)]
pub struct Access {
    user: String,
    kubeconfig: PathBuf,
    server: String,
}

impl Access {
    pub(crate) fn new(
        folder: &Path,
        user: &str,
        token: &str,
        server: &str,
        ca_pem: &[u8],
    ) -> Result<Self, RigError> {
        let kubeconfig = folder.join(format!("{}.kubeconfig", user.replace(':', "_")));
        let ca = STANDARD.encode(ca_pem);
        let text = format!(
            "\
apiVersion: v1
kind: Config
current-context: evenkeel
contexts:
  - name: evenkeel
    context: {{cluster: evenkeel, user: \"{user}\"}}
clusters:
  - name: evenkeel
    cluster:
      server: {server}
      certificate-authority-data: {ca}
users:
  - name: \"{user}\"
    user: {{token: \"{token}\"}}
"
        );
        std::fs::write(&kubeconfig, text).map_err(RigError::file("could not write", &kubeconfig))?;
        Ok(Self {
            user: user.to_owned(),
            kubeconfig,
            server: server.to_owned(),
        })
    }

    /// The same identity by way of a relay, which can be cut.
    pub async fn relayed(&self) -> Result<(Self, Relay), RigError> {
        let address = self.server.trim_start_matches("https://");
        let relay = Relay::to(address).await?;
        let server = format!("https://{}", relay.address());
        let text = std::fs::read_to_string(&self.kubeconfig)
            .map_err(RigError::file("could not read", &self.kubeconfig))?;
        let kubeconfig = self.kubeconfig.with_extension("relayed.kubeconfig");
        std::fs::write(&kubeconfig, text.replace(&self.server, &server))
            .map_err(RigError::file("could not write", &kubeconfig))?;
        let access = Self {
            user: self.user.clone(),
            kubeconfig,
            server,
        };
        Ok((access, relay))
    }

    /// As the audit log and RBAC name it.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A new client; it belongs to the runtime that it was made in.
    pub async fn client(&self) -> Result<Client, RigError> {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Runs kubectl as this identity.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Ran, RigError> {
        self.kubectl_with(args, "").await
    }

    /// Runs kubectl as this identity, with `input` on its stdin (for `-f -`).
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> Result<Ran, RigError> {
        let mut command = Command::new(assets()?.join("kubectl"));
        command
            .env("KUBECONFIG", &self.kubeconfig)
            // Its discovery cache and preferences live and die with the rig.
            .env("HOME", self.folder());
        Ran::of("kubectl", &mut command, args, input).await
    }

    /// Runs Helm as this identity.
    pub async fn helm(&self, helm: Helm, args: &[&str]) -> Result<Ran, RigError> {
        let mut command = helm.command(self.folder())?;
        command.env("KUBECONFIG", &self.kubeconfig);
        Ran::of(helm.name(), &mut command, args, "").await
    }

    fn folder(&self) -> &Path {
        self.kubeconfig.parent().unwrap_or(Path::new("."))
    }
}
