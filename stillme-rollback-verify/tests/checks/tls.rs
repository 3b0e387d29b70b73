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
use crate::server::{Reply, read_request};

struct TlsServer {
    port: u16,
    pem: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    /// A server with a certificate of its own for `name`.
    async fn for_name(name: &str) -> Self {
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
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        read_request(&mut stream).await;
                        Reply::status(200, "ok").play(&mut stream).await;
                    }
                });
            }
        });
        Self { port, pem: cert.pem(), task }
    }

    /// The verdict on it, from who trusts the system's roots and perhaps one more certificate.
    async fn judged(&self, host: &str, trusted: Option<&str>) -> Verdict {
        let url = format!("https://{host}:{}/", self.port);
        let transport = ReqwestTransport::new();
        let transport = match trusted {
            Some(pem) => transport.trusting(pem.as_bytes()).unwrap(),
            None => transport,
        };
        let strict = quick().fail_after(1).boot_grace(Duration::ZERO);
        let check = HttpCheck::builder(HealthUrl::parse(&url).unwrap())
            .cadence(strict.timeout(Duration::from_secs(5)))
            .transport(Arc::new(transport))
            .build()
            .unwrap();
        verdict(&check, 20_000).await
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_certificate_that_is_trusted_passes_and_every_other_fails() {
    let server = TlsServer::for_name("localhost").await;
    let trusted = server.judged("localhost", Some(&server.pem)).await;
    assert_eq!(trusted.outcome, Outcome::Pass, "{trusted}");

    let unknown = server.judged("localhost", None).await;
    assert_eq!(unknown.outcome, Outcome::Fail, "{unknown}");
    assert!(unknown.to_string().contains("certificate"), "{unknown}");

    let other_name = server.judged("127.0.0.1", Some(&server.pem)).await;
    assert_eq!(other_name.outcome, Outcome::Fail, "{other_name}");
    assert!(other_name.to_string().contains("certificate"));
}
