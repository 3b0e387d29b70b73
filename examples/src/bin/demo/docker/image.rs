//! An image of the test service FROM scratch: no registry is needed.

use std::time::Duration;

use serde_json::{Value, json};
use stillme_rollback_docker::http::Call;
use stillme_rollback_docker::{HttpEngine, ImageId};

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
    // The label first: so that what a build leaves that was cut off has it, too.
    let dockerfile = format!(
        "FROM scratch\nLABEL {label}={value}\nCOPY service /service\nEXPOSE 8080\nENTRYPOINT [\"/service\"]\nENV VERSION={}\n{knobs}",
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

/// The ids of the images with a label that no other image builds on, tagged or not.
pub(super) async fn labelled(
    engine: &HttpEngine,
    label: &str,
    value: &str,
) -> Result<Vec<ImageId>, Failure> {
    let filters = json!({"label": [format!("{label}={value}")]}).to_string();
    let call = Call::reading("list images", "/images/json").query("filters", filters);
    let images: Vec<Value> = serde_json::from_slice(engine.client().call(&call).await?.body())?;
    images.iter().map(|image| Ok(image["Id"].as_str().unwrap_or_default().parse()?)).collect()
}

/// Removes an image with all of its tags, and what it alone builds on.
pub(super) async fn remove(engine: &HttpEngine, image: &ImageId) -> Result<(), Failure> {
    let call = Call::deleting("remove image", format!("/images/{}", image.as_str()));
    engine.client().call(&call.query("force", "true")).await?;
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
