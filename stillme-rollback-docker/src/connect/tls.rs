//! Certificates: `ca.pem`, and `cert.pem` with `key.pem` if the engine wants to know who calls.

use std::path::Path;
use std::sync::Arc;

use stillme_rollback_core::{Error, ErrorKind, Result};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// TLS with the certificates of a folder. Only its own authority is trusted, as by the docker
/// command.
pub(super) fn from_folder(folder: &Path) -> Result<Arc<ClientConfig>> {
    let authority = folder.join("ca.pem");
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&authority)? {
        roots.add(certificate).map_err(|error| unusable(&authority, error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&authority, "there is no certificate in it"));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(folder, error))?
        .with_root_certificates(roots);
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let config = if cert.exists() || key.exists() {
        let private = PrivateKeyDer::from_pem_file(&key)
            .map_err(|error| unusable(&key, pem_reason(&error)))?;
        builder
            .with_client_auth_cert(certificates(&cert)?, private)
            .map_err(|error| unusable(&cert, error))?
    } else {
        builder.with_no_client_auth()
    };
    Ok(Arc::new(config))
}

/// The refusal of TLS that talks to anybody.
pub(super) fn unverified(what: &str) -> Error {
    Error::new(
        ErrorKind::Rejected,
        "find engine",
        format!("{what} asks for TLS that does not verify the engine: anybody on the way could take it over"),
    )
    .with_hint("nothing was contacted; set DOCKER_TLS_VERIFY=1 and give the authority as ca.pem")
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(path, pem_reason(&error)))
}

/// What is wrong with a file, without citing it: it may be a key.
fn pem_reason(error: &tokio_rustls::rustls::pki_types::pem::Error) -> String {
    use tokio_rustls::rustls::pki_types::pem::Error as Pem;
    match error {
        Pem::Io(io) => io.to_string(),
        _ => "it is no PEM file of the right kind".to_owned(),
    }
}

fn unusable(path: &Path, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let kind = if path.exists() { ErrorKind::Corrupt } else { ErrorKind::NotFound };
    Error::new(kind, "find engine", "a certificate or key can't be used")
        .with_context("file", path.display().to_string())
        .with_hint("nothing was contacted; DOCKER_CERT_PATH names the folder with ca.pem, cert.pem and key.pem")
        .with_source(why)
}
