//! The way to an API server: kubeconfig files and contexts as kubectl has them.

use std::path::PathBuf;
use std::time::Duration;

use kube_client::config::{KubeConfigOptions, Kubeconfig};
use kube_client::{Client, Config};
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use crate::http_cluster::HttpCluster;
use crate::names::Namespace;

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Where the way to an API server is read, and what it may start on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access {
    /// The kubeconfig files, merged: the first to say something wins.
    pub files: Vec<PathBuf>,
    /// Files that need not be there, as with kubectl those of the environment.
    pub may_be_missing: bool,
    /// The context; `None`: the current one.
    pub context: Option<String>,
    /// The programs that a kubeconfig may start to get credentials (`aws`, `gke-gcloud-auth-plugin`), by the
    /// name it calls them. All others are refused: a kubeconfig is often somebody else's file.
    pub exec_plugins: Vec<String>,
}

impl Access {
    /// What kubectl would read: the files of `KUBECONFIG`, or the one in the home folder.
    pub fn from_env() -> Self {
        let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let mut files: Vec<_> =
            std::env::split_paths(&named).filter(|path| !path.as_os_str().is_empty()).collect();
        if files.is_empty() {
            files.extend(std::env::home_dir().map(|home| home.join(".kube/config")));
        }
        Self { files, may_be_missing: true, ..Self::default() }
    }

    /// Only this file, which must be there.
    pub fn of_file(file: impl Into<PathBuf>) -> Self {
        Self { files: vec![file.into()], ..Self::default() }
    }

    /// The same with another context.
    #[must_use]
    pub fn with_context(mut self, context: Option<String>) -> Self {
        self.context = context;
        self
    }

    /// The same with programs that may be started for credentials.
    #[must_use]
    pub fn allowing(mut self, exec_plugins: Vec<String>) -> Self {
        self.exec_plugins = exec_plugins;
        self
    }

    /// Connects: reads the files, and makes a client. Nothing is asked of the server yet. Inside of a pod,
    /// where there is no file, its service account is used.
    ///
    /// # Errors
    /// `InvalidInput` for a file or context that can't be used, `PermissionDenied` for a program that is not
    /// allowed. Nothing was touched.
    pub async fn connect(&self) -> Result<Connected> {
        let mut config = match self.read()? {
            Some(kubeconfig) => self.of_kubeconfig(kubeconfig).await?,
            None => Config::incluster().map_err(|error| {
                let paths: Vec<_> =
                    self.files.iter().map(|path| path.display().to_string()).collect();
                unusable("there is no kubeconfig, and this is no pod of a cluster")
                    .with_context("looked for", Printable(&paths.join(", ")).to_string())
                    .with_hint("nothing was touched; name one with --kubeconfig or KUBECONFIG")
                    .with_source(error)
            })?,
        };
        // Each attempt has an intent in the journal, and each call a limit of its own.
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_LIMIT);
        let namespace = Namespace::new(config.default_namespace.clone())?;
        let server = config.cluster_url.to_string();
        let client = Client::try_from(config)
            .map_err(|error| unusable("its credentials can't be used").with_source(error))?;
        Ok(Connected { cluster: HttpCluster::new(client), namespace, server })
    }

    fn read(&self) -> Result<Option<Kubeconfig>> {
        let mut merged: Option<Kubeconfig> = None;
        for path in &self.files {
            if self.may_be_missing && !path.exists() {
                continue;
            }
            let about = |error| {
                unusable("it can't be read")
                    .with_context("file", Printable(&path.display().to_string()).to_string())
                    .with_hint("nothing was touched")
                    .with_source(error)
            };
            let next = Kubeconfig::read_from(path).map_err(about)?;
            merged = Some(match merged {
                Some(before) => before.merge(next).map_err(about)?,
                None => next,
            });
        }
        Ok(merged)
    }

    async fn of_kubeconfig(&self, kubeconfig: Kubeconfig) -> Result<Config> {
        let mut options = KubeConfigOptions::default();
        options.context.clone_from(&self.context);
        let known: Vec<_> = kubeconfig.contexts.iter().map(|known| known.name.clone()).collect();
        let config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| {
                unusable("the context can't be used")
                    .with_context("contexts", Printable(&known.join(", ")).to_string())
                    .with_hint("nothing was touched; choose one with --context")
                    .with_source(error)
            })?;
        if let Some(exec) = &config.auth_info.exec {
            let program = exec.command.as_deref().unwrap_or_default();
            if !self.exec_plugins.iter().any(|allowed| allowed == program) {
                return Err(Error::new(
                    ErrorKind::PermissionDenied,
                    "read kubeconfig",
                    "it wants to start a program to get credentials, which is not allowed",
                )
                .with_context("program", Printable(program).to_string())
                .with_hint(format!(
                    "nothing was touched and nothing started; if you trust it: --allow-exec-plugin {}",
                    Printable(program)
                )));
            }
        }
        if config.auth_info.auth_provider.is_some() {
            return Err(unusable("it has an auth-provider, which kubectl gave up in 1.26")
                .with_hint("nothing was touched; use an exec plugin or a token"));
        }
        Ok(config)
    }
}

/// A server, and what its kubeconfig says of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connected {
    /// The server.
    pub cluster: HttpCluster,
    /// The namespace of the context.
    pub namespace: Namespace,
    /// Its address, for people.
    pub server: String,
}

fn unusable(why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "read kubeconfig", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users:
- {name: plain, user: {token: canary}}
- {name: plugin, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: /opt/evil, interactiveMode: Never}}}
contexts:
- {name: plain, context: {cluster: c, user: plain, namespace: prod}}
- {name: plugin, context: {cluster: c, user: plugin}}
current-context: plain
"#;

    async fn connect(name: &str, context: Option<&str>, allowed: &[&str]) -> Result<Connected> {
        let folder =
            std::env::temp_dir().join(format!("stillme-connect-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("config");
        std::fs::write(&file, CONFIG).unwrap();
        let access = Access::of_file(&file)
            .with_context(context.map(str::to_owned))
            .allowing(allowed.iter().map(|name| (*name).to_owned()).collect());
        let connected = access.connect().await;
        std::fs::remove_dir_all(&folder).unwrap();
        connected
    }

    #[tokio::test]
    async fn the_context_says_where() {
        let connected = connect("plain", None, &[]).await.unwrap();
        assert_eq!(connected.namespace.as_str(), "prod");
        assert!(connected.server.starts_with("https://127.0.0.1:1"));
        assert!(!format!("{connected:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_program_is_started_only_if_it_is_allowed_by_name() {
        let error = connect("refused", Some("plugin"), &["evil"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("--allow-exec-plugin /opt/evil"), "{error}");
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let error = connect("context", Some("nowhere"), &[]).await.unwrap_err();
        assert!(error.to_string().contains("contexts: plain, plugin"), "{error}");
        let error = Access::of_file("/nowhere/config").connect().await.unwrap_err();
        assert!(error.to_string().contains("/nowhere/config"), "{error}");
    }
}
