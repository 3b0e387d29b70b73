//! A small proxy that can be pointed and that drains, and a user who never stops asking it.

#![allow(dead_code, reason = "each test program uses its part of it")]

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stillme_rollback_core::{Error, ErrorKind};
use stillme_rollback_docker::FnSwitch;
use stillme_rollback_docker::traffic::{PointLimits, Traffic, Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// The port on which the containers listen.
const PORT: u16 = 8080;

/// Forwards each connection to where it is pointed when the connection comes. Ends when dropped.
pub(crate) struct Router {
    pub(crate) port: u16,
    routes: Arc<Mutex<Routes>>,
    _serving: JoinSet<()>,
}

struct Routes {
    to: SocketAddr,
    /// Connections under way.
    busy: BTreeMap<SocketAddr, usize>,
}

impl Router {
    /// A router on a port of loopback that is pointed to a container's address.
    pub(crate) async fn before(port: u16, container: &Upstream) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let to = address(container).unwrap();
        let routes = Arc::new(Mutex::new(Routes { to, busy: BTreeMap::new() }));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&routes)));
        Self { port, routes, _serving: serving }
    }

    /// Its switch. `drains`: whether it really waits for requests under way.
    pub(crate) fn switch(&self, drains: bool) -> FnSwitch {
        let routes = || Arc::clone(&self.routes);
        let (shown, set, waited) = (routes(), routes(), routes());
        FnSwitch::new(
            "router/web",
            PORT,
            move |among: Vec<Upstream>| {
                let to = shown.lock().unwrap().to;
                async move { Ok(Traffic::to_host(&to.ip().to_string(), &among)) }
            },
            move |to: Upstream, _limits: PointLimits| {
                let set = Arc::clone(&set);
                async move {
                    let to = address(&to)?;
                    TcpStream::connect(to).await.map_err(|error| {
                        Error::new(ErrorKind::Rejected, "point router", "it does not accept")
                            .with_source(error)
                    })?;
                    set.lock().unwrap().to = to;
                    Ok(())
                }
            },
            move |from: Upstream, limit: Duration| {
                let waited = Arc::clone(&waited);
                async move {
                    // What does not run has no address, and no requests.
                    let Ok(from) = address(&from) else { return Ok(()) };
                    let end = Instant::now() + limit;
                    let busy = || waited.lock().unwrap().busy.get(&from).copied().unwrap_or(0);
                    while drains && busy() > 0 && Instant::now() < end {
                        sleep(Duration::from_millis(5)).await;
                    }
                    Ok(())
                }
            },
        )
    }
}

fn address(container: &Upstream) -> Result<SocketAddr, Error> {
    let address = container.addresses.values().next();
    let missing = || Error::new(ErrorKind::Rejected, "point router", "it has no address");
    address.map(|address| SocketAddr::new(*address, PORT)).ok_or_else(missing)
}

async fn serve(listener: TcpListener, routes: Arc<Mutex<Routes>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let routes = Arc::clone(&routes);
        // Where it goes and that it is under way is one decision: a drain must not come between.
        let to = {
            let mut routes = routes.lock().unwrap();
            let to = routes.to;
            *routes.busy.entry(to).or_default() += 1;
            to
        };
        connections.spawn(async move {
            let _ = forward(client, to).await;
            *routes.lock().unwrap().busy.get_mut(&to).unwrap() -= 1;
        });
    }
}

async fn forward(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Asks every 5 ms on a new connection, whatever became of the others.
pub(crate) struct Prober {
    tries: Arc<Mutex<Vec<Option<Answer>>>>,
    _asking: JoinSet<()>,
}

/// What came of a try: the version that answered well, or why it failed.
type Answer = Result<String, String>;

const EVERY: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(3);

impl Prober {
    /// Begins to ask.
    pub(crate) fn start(port: u16) -> Self {
        let tries = Arc::new(Mutex::new(Vec::new()));
        let mut asking = JoinSet::new();
        asking.spawn(probe(port, Arc::clone(&tries)));
        Self { tries, _asking: asking }
    }

    /// Waits until a version has answered so often in all, for at most 20 s.
    pub(crate) async fn served(&self, version: &str, count: usize) {
        let is_it =
            |one: &&Option<Answer>| matches!(one, Some(Ok(answered)) if answered == version);
        let waiting = async {
            while self.tries.lock().unwrap().iter().filter(is_it).count() < count {
                sleep(EVERY).await;
            }
        };
        timeout(Duration::from_secs(20), waiting).await.unwrap();
    }

    /// Waits for the answers to all that was asked so far, and tells them: how many each version gave,
    /// and each failure.
    pub(crate) async fn tally(&self) -> Tally {
        let asked = self.tries.lock().unwrap().len();
        let all = async {
            while self.tries.lock().unwrap()[..asked].iter().any(Option::is_none) {
                sleep(EVERY).await;
            }
        };
        timeout(LIMIT * 2, all).await.unwrap();
        let mut tally = Tally::default();
        for answer in self.tries.lock().unwrap()[..asked].iter().flatten() {
            match answer {
                Ok(version) => *tally.served.entry(version.clone()).or_default() += 1,
                Err(why) => tally.failed.push(why.clone()),
            }
        }
        tally
    }
}

/// What came of all tries.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) served: BTreeMap<String, usize>,
    pub(crate) failed: Vec<String>,
}

async fn probe(port: u16, tries: Arc<Mutex<Vec<Option<Answer>>>>) {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut asked = JoinSet::new();
    loop {
        clock.tick().await;
        while asked.try_join_next().is_some() {}
        let index = {
            let mut tries = tries.lock().unwrap();
            tries.push(None);
            tries.len() - 1
        };
        let tries = Arc::clone(&tries);
        asked.spawn(async move {
            let answer = match timeout(LIMIT, ask(port)).await {
                Ok(Ok(answer)) => read(&answer),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("no answer within 3 s".to_owned()),
            };
            tries.lock().unwrap()[index] = Some(answer);
        });
    }
}

async fn ask(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A request that is told slowly, so that whoever has it waits for the rest.
pub(crate) struct UnderWay {
    finish: Arc<tokio::sync::Notify>,
    telling: JoinSet<io::Result<String>>,
}

impl UnderWay {
    /// At whom traffic goes to now.
    pub(crate) async fn begin(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        // Connections are taken in their order: with a later one answered, this one has its way.
        ask(port).await.unwrap();
        let finish = Arc::new(tokio::sync::Notify::new());
        let mut telling = JoinSet::new();
        telling.spawn(tell(stream, Arc::clone(&finish)));
        Self { finish, telling }
    }

    /// Tells the rest, and whether it is answered well.
    pub(crate) async fn is_answered(&mut self) -> bool {
        self.finish.notify_one();
        let told = timeout(LIMIT, self.telling.join_next()).await.unwrap().unwrap().unwrap();
        told.is_ok_and(|answer| read(&answer).is_ok())
    }
}

async fn tell(mut stream: TcpStream, finish: Arc<tokio::sync::Notify>) -> io::Result<String> {
    loop {
        tokio::select! {
            () = finish.notified() => break,
            // A server gives up a client that is silent.
            () = sleep(Duration::from_millis(500)) => stream.write_all(b"More: 1\r\n").await?,
        }
    }
    stream.write_all(b"Host: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &str) -> Answer {
    let body = answer
        .strip_prefix("HTTP/1.1 200 ")
        .and_then(|rest| rest.split_once("\r\n\r\n"))
        .and_then(|(_, body)| serde_json::from_str::<serde_json::Value>(body).ok());
    let version = body.as_ref().and_then(|body| body["version"].as_str());
    version.map(str::to_owned).ok_or_else(|| format!("not a whole good answer: {answer:?}"))
}
