//! The TCP check.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use stillme_rollback_core::{ErrorKind, Outcome};
use stillme_rollback_verify::{Endpoint, Resolver, TcpCheck};
use tokio::net::TcpListener;

use crate::run::{quick, verdict};

fn check(endpoint: &str) -> TcpCheck {
    TcpCheck::builder(Endpoint::parse(endpoint).unwrap()).cadence(quick()).build().unwrap()
}

#[tokio::test]
async fn an_open_port_passes_and_a_closed_one_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().to_string();
    let open = verdict(&check(&endpoint), 20_000).await;
    assert_eq!(open.outcome, Outcome::Pass, "{open}");
    assert_eq!(open.checks[0].name, format!("TCP {endpoint}"));
    assert_eq!(open.checks[0].proof.unwrap().n, 3);

    drop(listener);
    let closed = verdict(&check(&endpoint), 1000).await;
    assert_eq!(closed.outcome, Outcome::Fail, "{closed}");
    assert!(closed.to_string().contains("can't connect"), "{closed}");
}

#[derive(Debug)]
struct Fixed(Vec<IpAddr>);

#[async_trait]
impl Resolver for Fixed {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn a_name_is_connected_to_at_the_addresses_that_were_judged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let named = |addresses: Vec<IpAddr>| {
        TcpCheck::builder(Endpoint::parse(&format!("db.internal:{port}")).unwrap())
            .cadence(quick())
            .resolver(Arc::new(Fixed(addresses)))
            .build()
            .unwrap()
    };
    let metadata = IpAddr::from([169, 254, 169, 254]);
    let fine = verdict(&named(vec![metadata, [127, 0, 0, 1].into()]), 20_000).await;
    assert_eq!(fine.outcome, Outcome::Pass, "{fine}");
    let denied = verdict(&named(vec![metadata]), 1000).await;
    assert_eq!(denied.outcome, Outcome::Inconclusive, "{denied}");
    assert!(denied.to_string().contains("not asked: 169.254.169.254"));
}

#[test]
fn a_denied_endpoint_makes_no_check() {
    let endpoint = Endpoint::parse("169.254.169.254:80").unwrap();
    let error = TcpCheck::builder(endpoint).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
