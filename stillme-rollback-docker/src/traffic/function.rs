//! A traffic switch made of three functions.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::Result;

use super::{PointLimits, Traffic, TrafficSwitch, Upstream};

type Answer<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;
type Confirm = Box<dyn Fn(Vec<Upstream>) -> Answer<Traffic> + Send + Sync>;
type Point = Box<dyn Fn(Upstream, PointLimits) -> Answer<()> + Send + Sync>;
type Drain = Box<dyn Fn(Upstream, Duration) -> Answer<()> + Send + Sync>;

/// The [`TrafficSwitch`] of a proxy that this library does not know: three functions, under the contract
/// of the trait.
///
/// ```
/// use std::net::SocketAddr;
/// use std::sync::{Arc, RwLock};
/// use std::time::Duration;
///
/// use stillme_rollback_core::{Error, ErrorKind};
/// use stillme_rollback_docker::traffic::{FnSwitch, PointLimits, Traffic, Upstream};
///
/// // What the proxy of this process forwards to.
/// let target: Arc<RwLock<SocketAddr>> = Arc::new(RwLock::new(([10, 0, 0, 2], 8080).into()));
/// let (shown, set) = (Arc::clone(&target), target);
/// let switch = FnSwitch::new(
///     "router/web",
///     8080,
///     move |among: Vec<Upstream>| {
///         let host = shown.read().map(|target| target.ip().to_string()).unwrap_or_default();
///         async move { Ok(Traffic::to_host(&host, &among)) }
///     },
///     move |to: Upstream, _limits: PointLimits| {
///         let address = to.addresses.values().next().copied();
///         let pointed = match (address, set.write()) {
///             (Some(address), Ok(mut target)) => {
///                 *target = (address, 8080).into();
///                 Ok(())
///             }
///             _ => Err(Error::new(ErrorKind::Rejected, "point traffic", "it has no address")),
///         };
///         async move { pointed }
///     },
///     // It forwards short requests alone: they are over before anything is stopped.
///     |_from: Upstream, _limit: Duration| async { Ok(()) },
/// );
/// # let _ = switch;
/// ```
pub struct FnSwitch {
    name: String,
    port: u16,
    confirm: Confirm,
    point: Point,
    drain: Drain,
}

impl FnSwitch {
    /// The switch of this name, for a service that takes the proxy's requests on `port`, with what does
    /// [`confirm`](TrafficSwitch::confirm), [`point`](TrafficSwitch::point) and
    /// [`drain`](TrafficSwitch::drain).
    pub fn new<C, P, D>(
        name: impl Into<String>,
        port: u16,
        confirm: impl Fn(Vec<Upstream>) -> C + Send + Sync + 'static,
        point: impl Fn(Upstream, PointLimits) -> P + Send + Sync + 'static,
        drain: impl Fn(Upstream, Duration) -> D + Send + Sync + 'static,
    ) -> Self
    where
        C: Future<Output = Result<Traffic>> + Send + 'static,
        P: Future<Output = Result<()>> + Send + 'static,
        D: Future<Output = Result<()>> + Send + 'static,
    {
        Self {
            name: name.into(),
            port,
            confirm: Box::new(move |among| Box::pin(confirm(among))),
            point: Box::new(move |to, limits| Box::pin(point(to, limits))),
            drain: Box::new(move |from, limit| Box::pin(drain(from, limit))),
        }
    }
}

impl fmt::Debug for FnSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnSwitch")
            .field("name", &self.name)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl TrafficSwitch for FnSwitch {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn port(&self) -> u16 {
        self.port
    }

    async fn confirm(&self, among: &[Upstream]) -> Result<Traffic> {
        (self.confirm)(among.to_vec()).await
    }

    async fn point(&self, to: &Upstream, limits: PointLimits) -> Result<()> {
        (self.point)(to.clone(), limits).await
    }

    async fn drain(&self, from: &Upstream, limit: Duration) -> Result<()> {
        (self.drain)(from.clone(), limit).await
    }
}
