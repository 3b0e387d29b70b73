//! TLS to an engine: who is talked to, and who is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use stillme_rollback_core::{Disposition, ErrorKind};
use stillme_rollback_docker::http::{Client, Limits};
use stillme_rollback_docker::{DockerEnv, Endpoint};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, and its key, both in DER and in PEM.
struct Leaf {
    cert: CertificateDer<'static>,
    cert_pem: String,
    key: KeyPair,
}

fn leaf(authority: &Authority, name: &str, usage: ExtendedKeyUsagePurpose) -> Leaf {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    let cert = params.signed_by(&key, authority).unwrap();
    Leaf { cert: cert.der().clone(), cert_pem: cert.pem(), key }
}

/// An engine behind TLS that knows its version, wants to know who calls, and listens on a port of its
/// own.
async fn engine(authority: &Authority, name: &str) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let leaf = leaf(authority, name, ExtendedKeyUsagePurpose::ServerAuth);
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf.cert], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that is refused is not worth a word: it says so itself.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let body = r#"{"ApiVersion":"1.47","Version":"27.0"}"#;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

fn write(folder: &Path, authority: &Authority, client: Option<&Leaf>) {
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    if let Some(client) = client {
        fs::write(folder.join("cert.pem"), &client.cert_pem).unwrap();
        fs::write(folder.join("key.pem"), client.key.serialize_pem()).unwrap();
    }
}

fn env(port: u16, folder: &TempDir) -> DockerEnv {
    let mut env = DockerEnv::default();
    env.host = Some(format!("tcp://localhost:{port}"));
    env.tls_verify = true;
    env.cert_path = Some(folder.path().to_owned());
    env
}

#[tokio::test]
async fn both_sides_know_who_they_talk_to() {
    let authority = authority();
    let port = engine(&authority, "localhost").await;
    let folder = TempDir::new().unwrap();
    let me = leaf(&authority, "me", ExtendedKeyUsagePurpose::ClientAuth);
    write(folder.path(), &authority, Some(&me));
    let client = Client::connect(&env(port, &folder)).await.unwrap();
    assert_eq!(client.api_version().to_string(), "1.47");
    assert!(matches!(client.endpoint(), Endpoint::Tls(..)));
}

#[tokio::test]
async fn another_authority_and_another_name_are_not_talked_to() {
    let (ours, theirs) = (authority(), authority());
    for (signed_by, name) in [(&theirs, "localhost"), (&ours, "other.example")] {
        let port = engine(signed_by, name).await;
        let folder = TempDir::new().unwrap();
        write(folder.path(), &ours, None);
        let error = Client::connect(&env(port, &folder)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.disposition(), Disposition::Permanent);
        assert!(error.hint().unwrap().contains("ca.pem"), "{error}");
    }
}

#[tokio::test]
async fn an_engine_that_does_not_know_us_is_an_error() {
    let authority = authority();
    let port = engine(&authority, "localhost").await;
    let folder = TempDir::new().unwrap();
    write(folder.path(), &authority, None);
    // It is the engine that refuses: we have what we need, and TLS is agreed on from our side.
    let endpoint = Endpoint::resolve(&env(port, &folder)).unwrap();
    let error = Client::connect_to(endpoint, Limits::default()).await.unwrap_err();
    assert_eq!(error.operation(), "ask the engine for its version", "{error:?}");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_found_before_anything_is_sent() {
    let authority = authority();
    let folder = TempDir::new().unwrap();
    let me = leaf(&authority, "me", ExtendedKeyUsagePurpose::ClientAuth);
    write(folder.path(), &authority, Some(&me));
    let other = KeyPair::generate().unwrap();
    fs::write(folder.path().join("key.pem"), other.serialize_pem()).unwrap();
    let error = Endpoint::resolve(&env(1, &folder)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
