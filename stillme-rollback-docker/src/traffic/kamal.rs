//! kamal-proxy, through its own command.
//!
//! What is known here of its command line, its list and its state file is that of version 0.9.2, read and
//! run.

mod list;
mod options;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, ExecOutput, Printable, Result};
use tokio::time::{Instant, sleep};

use self::list::Row;
use super::{PointLimits, Traffic, TrafficSwitch, Upstream};
use crate::engine::Engine;
use crate::names::{ContainerId, ContainerName, malformed};
use crate::scene;

const PROGRAM: &str = "kamal-proxy";
/// The home of the proxy's image, whose user has it without the engine knowing.
const HOME: &str = "/home/kamal-proxy";
/// Where a proxy keeps its state, in its home.
const STATE: &str = ".config/kamal-proxy/kamal-proxy.state";
/// How long a command may take that only shows something.
const LOOK: Duration = Duration::from_secs(10);
/// How long the proxy itself waits for a container that is ready by then. A deploy whose caller is gone
/// takes effect no later, within the time that a run waits for late effects.
const DEPLOY: &str = "8s";
/// Enough for the settings of hundreds of services.
const OUTPUT: usize = 1024 * 1024;
/// Between two looks at whether the proxy still drains.
const PAUSE: Duration = Duration::from_millis(100);

/// A service of a kamal-proxy that runs as a container on the same engine.
///
/// - **confirm** reads `kamal-proxy list`. It is the container only if it is the service's one target, on
///   this port, and the service is not paused or stopped.
/// - **point** runs `kamal-proxy deploy`, by exec and without a shell. The proxy first asks the container's
///   health path itself, refuses it if it is not healthy, and answers once the requests under way on the
///   other one are finished; after the time for that it cuts them, and open websockets at once.
/// - **drain** waits until no command runs in the proxy any more: a deploy whose caller was killed goes on.
///
/// `kamal-proxy deploy` forgets each option that is not given again: host names, TLS, limits, the health
/// path. So they are read from the proxy's state file, and given again as they are. What this version can't
/// give again is refused, and so is a service with several targets, readers, or a rollout under way. Where the
/// proxy's image has no `cat` to read the file with, [`with_options`](Self::with_options) names the options.
///
/// Afterwards the target is the container's id, which the engine's DNS knows on networks that somebody made;
/// on the network `bridge` it does not, and the proxy refuses.
#[derive(Clone, Debug)]
pub struct KamalProxy {
    engine: Arc<dyn Engine>,
    service: Service,
    options: Options,
}

/// Which service of which proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Service {
    proxy: ContainerName,
    name: String,
    port: u16,
}

/// Where a deploy's options are known from.
#[derive(Clone, Debug)]
enum Options {
    /// Of this path, or where the proxy keeps it by itself.
    StateFile(Option<String>),
    Given(Vec<String>),
}

impl KamalProxy {
    /// The service `service` of the proxy in the container `proxy`, whose containers take requests on
    /// `port`.
    ///
    /// # Errors
    /// `InvalidInput` for a service's name that is none.
    pub fn new(
        engine: Arc<dyn Engine>,
        proxy: &ContainerName,
        service: &str,
        port: u16,
    ) -> Result<Self> {
        Self::named(engine, &format!("kamal:{proxy}/{service}:{port}"))
    }

    /// The same, from the name that plans have of it: `kamal:CONTAINER/SERVICE:PORT`.
    ///
    /// # Errors
    /// `InvalidInput` for anything else.
    pub fn named(engine: Arc<dyn Engine>, name: &str) -> Result<Self> {
        Ok(Self { engine, service: name.parse()?, options: Options::StateFile(None) })
    }

    /// The same service, of a proxy that keeps its state in another file of its container.
    #[must_use]
    pub fn with_state_file(mut self, path: impl Into<String>) -> Self {
        self.options = Options::StateFile(Some(path.into()));
        self
    }

    /// The same service, with these options of `kamal-proxy deploy` (`--host=example.com`, `--tls`)
    /// instead of those in the proxy's state file. All that it was deployed with have to be given: what is
    /// missing is lost. A host name, a path or TLS that is seen to be missing is refused.
    #[must_use]
    pub fn with_options(mut self, options: impl IntoIterator<Item = String>) -> Self {
        self.options = Options::Given(options.into_iter().collect());
        self
    }

    /// The proxy's container, and what the engine shows of it.
    async fn proxy(&self) -> Result<(ContainerId, Value)> {
        let proxy = &self.service.proxy;
        let found = self.engine.inspect_container(&proxy.into()).await?;
        let found = found.map(|found| found.expose().clone());
        let running = |found: &Value| found["State"]["Status"].as_str().is_some_and(scene::is_up);
        match found.filter(running) {
            Some(found) => Ok((crate::inspect::id(&found)?, found)),
            None => Err(self.error(ErrorKind::Unavailable, "find proxy", "it does not run")),
        }
    }

    /// Runs a command in the proxy's container.
    async fn run(&self, command: &[String], limit: Duration) -> Result<ExecOutput> {
        let (id, _) = self.proxy().await?;
        self.engine.exec(&id, command, limit, OUTPUT).await
    }

    /// What the proxy lists of the service.
    async fn row(&self) -> Result<Option<Row>> {
        let ended = self.run(&words([PROGRAM, "list"]), LOOK).await?;
        if ended.code != 0 {
            let why = said(&ended);
            return Err(self.error(ErrorKind::Unavailable, "list services of proxy", why));
        }
        let listed = String::from_utf8_lossy(ended.output.expose()).into_owned();
        let rows = list::read(&listed).ok_or_else(|| {
            self.error(
                ErrorKind::Corrupt,
                "list services of proxy",
                "this version of it lists them in a way that is not known here",
            )
        })?;
        Ok(rows.into_iter().find(|row| row.service == self.service.name))
    }

    /// The options that the service was deployed with.
    async fn options(&self) -> Result<Vec<String>> {
        let path = match &self.options {
            Options::StateFile(Some(path)) => path.clone(),
            Options::StateFile(None) => format!("{}/{STATE}", home(&self.proxy().await?.1)),
            Options::Given(options) => {
                if let Some(missing) =
                    self.row().await?.and_then(|row| options::missing(options, &row))
                {
                    let why = format!("{missing} is not among its options, and would be lost");
                    return Err(self.error(ErrorKind::Rejected, "deploy to proxy", why));
                }
                return Ok(options.clone());
            }
        };
        let read = self.run(&words(["cat", &path]), LOOK).await;
        let hint = "nothing was touched; give the options that it was deployed with, or the path of the proxy's state file";
        let ended = match read {
            Ok(ended) if ended.code == 0 => ended,
            Ok(ended) => {
                let why = format!("its settings can't be read: {}", said(&ended));
                let error = self.error(ErrorKind::Rejected, "read settings of proxy", why);
                return Err(error.with_hint(hint));
            }
            Err(error) if error.kind() == ErrorKind::Rejected => return Err(error.with_hint(hint)),
            Err(error) => return Err(error),
        };
        let state = serde_json::from_slice(ended.output.expose()).unwrap_or(Value::Null);
        options::of(&state, &self.service.name, &path).map_err(|why| {
            self.error(ErrorKind::Rejected, "read settings of proxy", why).with_hint(hint)
        })
    }

    fn error(&self, kind: ErrorKind, what: &'static str, why: impl Into<String>) -> Error {
        Error::new(kind, what, why).with_context("proxy", self.service.to_string())
    }
}

#[async_trait]
impl TrafficSwitch for KamalProxy {
    fn name(&self) -> String {
        self.service.to_string()
    }

    fn port(&self) -> u16 {
        self.service.port
    }

    async fn confirm(&self, among: &[Upstream]) -> Result<Traffic> {
        Ok(match self.row().await? {
            None => Traffic::Elsewhere(format!("nowhere: it has no service {}", self.service.name)),
            Some(row) => row.traffic(self.service.port, among),
        })
    }

    async fn point(&self, to: &Upstream, limits: PointLimits) -> Result<()> {
        if self.confirm(std::slice::from_ref(to)).await? == Traffic::To(to.id.clone()) {
            return Ok(());
        }
        let target = format!("--target={}:{}", to.id.short(), self.service.port);
        let drain = format!("--drain-timeout={}s", limits.drain.as_secs());
        let deploy = format!("--deploy-timeout={DEPLOY}");
        let fixed = [PROGRAM, "deploy", &self.service.name, &target, &deploy, &drain];
        let mut command = words(fixed);
        command.extend(self.options().await?);
        let ended = self.run(&command, limits.whole).await?;
        if ended.code == 0 {
            return Ok(());
        }
        let why = said(&ended);
        let kind = if refuses(&why) { ErrorKind::Rejected } else { ErrorKind::Internal };
        Err(self.error(kind, "deploy to proxy", why))
    }

    async fn drain(&self, _from: &Upstream, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            let (_, proxy) = self.proxy().await?;
            let busy = proxy["ExecIDs"].as_array().is_some_and(|running| !running.is_empty());
            if !busy || Instant::now() >= end {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }
}

/// Whether what a failed deploy printed says that nothing was changed.
fn refuses(said: &str) -> bool {
    ["failed to become healthy", "conflict with another service", "unknown flag", "unknown command"]
        .iter()
        .any(|known| said.contains(known))
}

/// The home of a container's user, as far as its settings say it.
fn home(container: &Value) -> &str {
    let env = container.pointer("/Config/Env").and_then(Value::as_array);
    let said = env.into_iter().flatten().filter_map(Value::as_str);
    said.filter_map(|entry| entry.strip_prefix("HOME=")).next_back().unwrap_or(HOME)
}

/// What a command printed, for people.
fn said(ended: &ExecOutput) -> String {
    let text = String::from_utf8_lossy(ended.output.expose());
    let text: String = text.trim().chars().take(300).collect();
    let text = text.strip_prefix("Error: ").unwrap_or(&text);
    if text.is_empty() {
        return format!("exit code {}", ended.code);
    }
    Printable(text).to_string()
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kamal:{}/{}:{}", self.proxy, self.name, self.port)
    }
}

impl FromStr for Service {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = || {
            let (proxy, rest) = text.strip_prefix("kamal:")?.split_once('/')?;
            let (name, port) = rest.rsplit_once(':')?;
            let port = port.parse().ok().filter(|port| *port > 0)?;
            // A name that began with a dash would be an option of the command.
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric());
            let proxy = ContainerName::new(proxy).ok()?;
            (is_name && name.chars().all(plain)).then(|| Self {
                proxy,
                name: name.to_owned(),
                port,
            })
        };
        parts().ok_or_else(|| malformed("proxy", text, "kamal:CONTAINER/SERVICE:PORT"))
    }
}

#[cfg(test)]
mod tests;
