//! Both checks keep the contract of verifiers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::testing::conformance::{VerifierCase, check_verifier};
use stillme_rollback_verify::{
    All, Endpoint, HealthUrl, HttpAnswer, HttpCheck, HttpRequest, HttpTransport, NoAnswer, TcpCheck,
};
use tokio::net::TcpListener;

use crate::run::{quick, run};
use crate::server::{Reply, Server};

/// A service that stays bad has all this time to become good.
const SHORT: Duration = Duration::from_millis(400);

fn http(url: &str) -> HttpCheck {
    HttpCheck::builder(HealthUrl::parse(url).unwrap()).cadence(quick()).build().unwrap()
}

fn tcp(endpoint: &str) -> TcpCheck {
    TcpCheck::builder(Endpoint::parse(endpoint).unwrap()).cadence(quick()).build().unwrap()
}

/// An address of loopback at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A machine that can't even ask.
#[derive(Debug)]
struct OutOfFiles;

#[async_trait]
impl HttpTransport for OutOfFiles {
    async fn get(&self, _: HttpRequest) -> Result<HttpAnswer, NoAnswer> {
        Err(NoAnswer::OnThisSide(String::from("out of files")))
    }
}

#[tokio::test]
async fn the_http_check() {
    let good = Server::always(Reply::status(200, "ok")).await;
    check_verifier(VerifierCase::passing(Arc::new(http(&good.url("/"))), run())).await;
    let bad = Server::always(Reply::status(503, "no")).await;
    let case = VerifierCase::failing(Arc::new(http(&bad.url("/"))), run());
    check_verifier(case.within(SHORT)).await;
    let gone = http(&format!("http://{}/", nobody().await));
    check_verifier(VerifierCase::failing(Arc::new(gone), run()).within(SHORT)).await;
    let blind = HttpCheck::builder(HealthUrl::parse(&good.url("/")).unwrap())
        .cadence(quick())
        .transport(Arc::new(OutOfFiles))
        .build()
        .unwrap();
    check_verifier(VerifierCase::blind(Arc::new(blind), run()).within(SHORT)).await;
}

#[tokio::test]
async fn the_tcp_check() {
    let good = Server::always(Reply::nothing()).await;
    let check = tcp(&good.address.to_string());
    check_verifier(VerifierCase::passing(Arc::new(check), run())).await;
    let check = tcp(&nobody().await);
    check_verifier(VerifierCase::failing(Arc::new(check), run()).within(SHORT)).await;
}

#[tokio::test]
async fn all_of_several() {
    let good = Server::always(Reply::status(200, "ok")).await;
    let both = || All::new().with("http", http(&good.url("/")));
    let passing = both().with("tcp", tcp(&good.address.to_string()));
    check_verifier(VerifierCase::passing(Arc::new(passing), run())).await;
    let failing = both().with("tcp", tcp(&nobody().await));
    check_verifier(VerifierCase::failing(Arc::new(failing), run()).within(SHORT)).await;
    check_verifier(VerifierCase::blind(Arc::new(All::new()), run())).await;
}
