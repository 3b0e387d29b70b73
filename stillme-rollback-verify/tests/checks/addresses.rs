//! Where a check connects to, when names and redirects want it elsewhere.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::Outcome;
use stillme_rollback_verify::{
    AddressPolicy, HealthUrl, Host, HttpAnswer, HttpCheck, HttpRequest, HttpTransport, NoAnswer,
    Resolver,
};

use crate::run::{quick, verdict};
use crate::server::{Reply, Server};

const METADATA: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 169, 254));
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Answers well for a while, then with the metadata service: DNS rebinding.
#[derive(Debug)]
struct Rebinding {
    good: usize,
    asked: AtomicUsize,
}

impl Rebinding {
    fn after(good: usize) -> Arc<Self> {
        Arc::new(Self { good, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        assert_eq!(name, "web.internal");
        let n = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(vec![if n < self.good { LOOPBACK } else { METADATA }])
    }
}

/// Notes where it was sent, and answers from a list.
#[derive(Debug)]
struct Recorder {
    answers: Mutex<Vec<HttpAnswer>>,
    sent: Mutex<Vec<(String, Vec<IpAddr>)>>,
}

impl Recorder {
    /// The last answer is repeated.
    fn new(mut answers: Vec<HttpAnswer>) -> Arc<Self> {
        answers.reverse();
        Arc::new(Self { answers: Mutex::new(answers), sent: Mutex::default() })
    }
}

#[async_trait]
impl HttpTransport for Recorder {
    async fn get(&self, request: HttpRequest) -> Result<HttpAnswer, NoAnswer> {
        let url = request.url.expose().to_owned();
        self.sent.lock().unwrap().push((url, request.addresses));
        let mut answers = self.answers.lock().unwrap();
        Ok(match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop().unwrap(),
        })
    }
}

fn url(text: &str) -> HealthUrl {
    HealthUrl::parse(text).unwrap()
}

#[tokio::test]
async fn a_name_is_looked_up_once_a_try_and_every_redirect_goes_to_the_same_address() {
    let server = Server::start(|_, request| match request.split(' ').nth(1) {
        Some("/") => Reply::redirect("/ready"),
        _ => Reply::status(200, ""),
    })
    .await;
    let port = server.address.port();
    let resolver = Rebinding::after(3);
    let check = HttpCheck::builder(url(&format!("http://web.internal:{port}/")))
        .cadence(quick())
        .resolver(Arc::clone(&resolver) as Arc<dyn Resolver>)
        .build()
        .unwrap();
    let passed = verdict(&check, 20_000).await;
    assert_eq!(passed.outcome, Outcome::Pass, "{passed}");
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 3);
    assert_eq!(server.requests(), 6);

    // From now on the name means the metadata service: nobody is asked any more.
    let rebound = verdict(&check, 1000).await;
    assert_eq!(rebound.outcome, Outcome::Inconclusive, "{rebound}");
    assert!(rebound.to_string().contains("not asked: 169.254.169.254 is"), "{rebound}");
    assert_eq!(server.requests(), 6);
}

#[tokio::test]
async fn a_name_that_is_rebound_between_tries_gets_nothing() {
    let transport = Recorder::new(vec![HttpAnswer::new(200, "")]);
    let check = HttpCheck::builder(url("http://web.internal/"))
        .cadence(quick())
        .resolver(Rebinding::after(2))
        .transport(Arc::clone(&transport) as Arc<dyn HttpTransport>)
        .build()
        .unwrap();
    let verdict = verdict(&check, 1000).await;
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict}");
    let own = ("http://web.internal/".to_owned(), vec![LOOPBACK]);
    assert_eq!(*transport.sent.lock().unwrap(), [own.clone(), own]);
}

/// The name leads to the metadata service once the first look-up is over.
#[tokio::test]
async fn redirects_to_other_ports_and_schemes_go_to_the_address_that_was_judged() {
    let to = |location: &str| HttpAnswer::new(301, "").with_location(location);
    let transport = Recorder::new(vec![
        to("https://web.internal/a"),
        to("http://web.internal:8080/b"),
        HttpAnswer::new(200, ""),
    ]);
    let check = HttpCheck::builder(url("http://web.internal/"))
        .cadence(quick().successes(1))
        .resolver(Rebinding::after(1))
        .transport(Arc::clone(&transport) as Arc<dyn HttpTransport>)
        .build()
        .unwrap();
    let verdict = verdict(&check, 20_000).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    assert_eq!(
        *transport.sent.lock().unwrap(),
        [
            ("http://web.internal/".to_owned(), vec![LOOPBACK]),
            ("https://web.internal/a".to_owned(), vec![LOOPBACK]),
            ("http://web.internal:8080/b".to_owned(), vec![LOOPBACK]),
        ]
    );
}

#[tokio::test]
async fn a_host_that_is_allowed_for_the_check_is_asked() {
    let transport = Recorder::new(vec![HttpAnswer::new(200, "")]);
    let allowed = AddressPolicy::default().allow(Host::Ip(METADATA));
    let check = HttpCheck::builder(url("http://169.254.169.254/"))
        .cadence(quick().successes(1))
        .policy(allowed)
        .transport(Arc::clone(&transport) as Arc<dyn HttpTransport>)
        .build()
        .unwrap();
    assert_eq!(verdict(&check, 20_000).await.outcome, Outcome::Pass);
    assert_eq!(transport.sent.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn private_addresses_are_refused_where_only_public_ones_are_meant() {
    let local =
        HttpCheck::builder(url("http://127.0.0.1/")).policy(AddressPolicy::public_only()).build();
    assert!(local.is_err());
    let named = HttpCheck::builder(url("http://web.internal/"))
        .cadence(quick())
        .policy(AddressPolicy::public_only())
        .resolver(Rebinding::after(100))
        .build()
        .unwrap();
    let verdict = verdict(&named, 200).await;
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict}");
}

#[derive(Debug)]
struct OutOfFiles;

#[async_trait]
impl HttpTransport for OutOfFiles {
    async fn get(&self, _: HttpRequest) -> Result<HttpAnswer, NoAnswer> {
        Err(NoAnswer::OnThisSide("out of files".to_owned()))
    }
}

/// Fails only when the service does: this machine's own trouble undoes no rollback.
#[tokio::test]
async fn trouble_on_this_side_is_inconclusive() {
    let check = HttpCheck::builder(url("http://127.0.0.1/"))
        .cadence(quick().fail_after(1).boot_grace(Duration::ZERO))
        .transport(Arc::new(OutOfFiles))
        .build()
        .unwrap();
    let verdict = verdict(&check, 200).await;
    assert_eq!(verdict.outcome, Outcome::Inconclusive, "{verdict}");
    assert!(verdict.to_string().contains("out of files"));
}
