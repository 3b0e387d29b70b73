//! An image of the test service FROM scratch: no registry is needed.

use std::time::Duration;

use stillme_rollback_docker::HttpEngine;
use stillme_rollback_docker::http::Call;

use crate::stage::{Failure, Version};

const LIMIT: Duration = Duration::from_secs(60);

/// Builds the image of a version, whose knobs are the image's own environment.
pub(super) async fn build(
    engine: &HttpEngine,
    tag: &str,
    version: &Version,
    (label, value): (&str, &str),
    service: &[u8],
) -> Result<(), Failure> {
    let knobs: String =
        version.knobs.iter().map(|(name, value)| format!("ENV {name}={value}\n")).collect();
    let dockerfile = format!(
        "FROM scratch\nCOPY service /service\nENV VERSION={}\n{knobs}LABEL {label}={value}\nEXPOSE 8080\nENTRYPOINT [\"/service\"]\n",
        version.name
    );
    let call = Call::posting("build image", "/build")
        .query("t", tag)
        .query("q", "true")
        .query("rm", "true")
        .query("forcerm", "true")
        .body("application/x-tar", context(&dockerfile, service)?)
        .within(LIMIT);
    let answer = engine.client().call(&call).await?;
    // The engine answers 200 and tells of a failure in the stream behind it.
    let text = String::from_utf8_lossy(answer.body());
    if text.contains("\"error\"") {
        return Err(format!("the image {tag} can't be built: {text}").into());
    }
    Ok(())
}

fn context(dockerfile: &str, service: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, mode, content) in
        [("Dockerfile", 0o644, dockerfile.as_bytes()), ("service", 0o755, service)]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(content.len())?);
        header.set_mode(mode);
        tar.append_data(&mut header, name, content)?;
    }
    Ok(tar.into_inner()?)
}
