//! Certificates: only one that can be verified is a success.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use stillme_rollback_core::{Outcome, Verdict};
use stillme_rollback_verify::{HealthUrl, HttpCheck, ReqwestTransport};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::run::{quick, verdict};
use crate::server::{Reply, Server, read_request};

struct TlsServer {
    port: u16,
    pem: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    /// A server with a certificate of its own for `name`, which always answers in the same way.
    async fn start(name: &str, reply: Reply) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, reply) = (acceptor.clone(), reply.clone());
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        read_request(&mut stream).await;
                        reply.play(&mut stream).await;
                    }
                });
            }
        });
        Self { port, pem: cert.pem(), task }
    }

    /// The verdict on it, under this name.
    async fn judged(&self, host: &str, trusted: Option<&str>) -> Verdict {
        judged(&format!("https://{host}:{}/", self.port), trusted).await
    }
}

/// The verdict of who trusts the system's roots and perhaps one more certificate.
async fn judged(url: &str, trusted: Option<&str>) -> Verdict {
    let transport = ReqwestTransport::new();
    let transport = match trusted {
        Some(pem) => transport.trusting(pem.as_bytes()).unwrap(),
        None => transport,
    };
    let strict = quick().fail_after(1).boot_grace(Duration::ZERO);
    let check = HttpCheck::builder(HealthUrl::parse(url).unwrap())
        .cadence(strict.timeout(Duration::from_secs(5)))
        .transport(Arc::new(transport))
        .build()
        .unwrap();
    verdict(&check, 20_000).await
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_certificate_that_is_trusted_passes_and_every_other_fails() {
    let server = TlsServer::start("localhost", Reply::status(200, "ok")).await;
    let trusted = server.judged("localhost", Some(&server.pem)).await;
    assert_eq!(trusted.outcome, Outcome::Pass, "{trusted}");

    let unknown = server.judged("localhost", None).await;
    assert_eq!(unknown.outcome, Outcome::Fail, "{unknown}");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");

    let other_name = server.judged("127.0.0.1", Some(&server.pem)).await;
    assert_eq!(other_name.outcome, Outcome::Fail, "{other_name}");
    assert!(other_name.to_string().contains("certificate"));
}

#[tokio::test]
async fn a_redirect_into_tls_verifies_the_certificate_there() {
    let tls = TlsServer::start("localhost", Reply::status(200, "ok")).await;
    let there = format!("https://localhost:{}/", tls.port);
    let plain = Server::always(Reply::redirect(&there)).await;
    let here = format!("http://localhost:{}/", plain.address.port());

    let trusted = judged(&here, Some(&tls.pem)).await;
    assert_eq!(trusted.outcome, Outcome::Pass, "{trusted}");
    let unknown = judged(&here, None).await;
    assert_eq!(unknown.outcome, Outcome::Fail, "{unknown}");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");
}

/// Kubernetes' probes follow it. Nothing behind it is verified, so the evidence says so.
#[tokio::test]
async fn a_redirect_out_of_tls_is_followed_and_told() {
    let plain = Server::always(Reply::status(200, "ok")).await;
    let there = format!("http://localhost:{}/", plain.address.port());
    let tls = TlsServer::start("localhost", Reply::redirect(&there)).await;

    let verdict = tls.judged("localhost", Some(&tls.pem)).await;
    assert_eq!(verdict.outcome, Outcome::Pass, "{verdict}");
    let evidence = &verdict.checks[0].evidence;
    assert!(evidence.contains(", leaving TLS on the way: 200 in "), "{evidence}");
    assert_eq!(plain.requests(), 3);
}
