use serde_json::json;
use stillme_rollback_core::{ErrorKind, Evidence};
use stillme_rollback_docker::Engine as _;
use stillme_rollback_docker::images::{LocalImage, protecting_tag};
use stillme_rollback_docker::names::{LABEL_FROM, LABEL_RUN};
use stillme_rollback_docker::versions::{Wanted, history, resolve};

use crate::real::{Testbed, testbed};

fn run() -> stillme_rollback_core::RunId {
    stillme_rollback_core::RunId::from_parts(std::time::SystemTime::UNIX_EPOCH, 7)
}

async fn resolved(bed: &Testbed, text: &str) -> stillme_rollback_core::Result<String> {
    let history = history(&bed.engine, &bed.name("web"), &[]).await.unwrap();
    let wanted: Wanted = text.parse().unwrap();
    let release = resolve(&bed.engine, &history, &wanted).await?;
    Ok(release.version.to_string())
}

#[tokio::test]
async fn a_tag_and_a_digest_lead_to_an_image_and_nothing_is_guessed() {
    let Some(bed) = testbed().await else { return };
    let (v1, id1) = bed.image("v1", &[]).await;
    let (v2, id2) = bed.image("v2", &[]).await;
    bed.create(&bed.name("web"), bed.body(&v2)).await;
    let known = history(&bed.engine, &bed.name("web"), &[]).await.unwrap();
    assert_eq!(known.running.version.as_str(), id2.as_str());
    assert_eq!(known.running.image.as_ref(), Some(&v2));
    assert_eq!(known.repository.as_deref(), Some(bed.repository()));
    assert_eq!(known.releases.len(), 1);
    assert_eq!(known.releases[0].evidence, [Evidence::LocalImage]);

    for text in ["v1", "tag:v1", id1.as_str(), v1.as_str(), &format!("digest:{id1}")] {
        assert_eq!(resolved(&bed, text).await.unwrap(), id1.as_str(), "{text}");
    }
    assert_eq!(resolved(&bed, "v2").await.unwrap(), id2.as_str());
    for text in ["previous", "v0", &format!("sha256:{}", "0".repeat(64))] {
        let error = resolved(&bed, text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.hint().unwrap().contains(v1.as_str()), "the candidates: {error}");
        assert!(error.hint().unwrap().contains("nothing was touched"), "{error}");
    }
}

#[tokio::test]
async fn another_services_image_is_not_gone_back_to() {
    let (Some(bed), Some(other)) = (testbed().await, testbed().await) else { return };
    let (v1, _) = bed.image("v1", &[]).await;
    let (theirs, their_id) = other.image("v9", &["ENV OTHER=1"]).await;
    bed.create(&bed.name("web"), bed.body(&v1)).await;
    for text in [theirs.as_str(), their_id.as_str()] {
        let error = resolved(&bed, text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    }
}

/// The engine alone tells what a run did: its label on the new container, its name on the old one.
#[tokio::test]
async fn what_a_run_put_aside_is_what_ran_before() {
    let Some(bed) = testbed().await else { return };
    let (v1, id1) = bed.image("v1", &[]).await;
    let (v2, _) = bed.image("v2", &[]).await;
    let web = bed.name("web");
    let old = bed.create(&web.aside(&run()).unwrap(), bed.body(&v1)).await;
    let mut body = bed.body(&v2);
    body["Labels"][LABEL_RUN] = json!(run().to_string());
    body["Labels"][LABEL_FROM] = json!(old.as_str());
    bed.create(&web, body).await;
    // Its tag moves to another image: the container still says what it ran.
    let (moved, _) = bed.image("v1", &["ENV MOVED=1"]).await;
    assert_eq!(moved, v1);

    let known = history(&bed.engine, &web, &[]).await.unwrap();
    let previous = known.previous.clone().unwrap();
    assert_eq!(previous.version.as_str(), id1.as_str());
    assert_eq!(previous.image.as_ref(), Some(&v1));
    let instance = web.aside(&run()).unwrap().to_string();
    assert_eq!(previous.evidence, [Evidence::Kept { instance }, Evidence::LeftBy { run: run() }]);
    assert_eq!(resolved(&bed, "previous").await.unwrap(), id1.as_str());
    assert_ne!(resolved(&bed, "v1").await.unwrap(), id1.as_str(), "the tag is what it is now");
    // Without a name by now, and still what is meant when its id is said.
    assert_eq!(resolved(&bed, id1.as_str()).await.unwrap(), id1.as_str());
}

#[tokio::test]
async fn a_missing_container_is_said_to_be_missing() {
    let Some(bed) = testbed().await else { return };
    let error = history(&bed.engine, &bed.name("web"), &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// An image of another architecture is an image all the same, until it is asked whether it fits.
#[tokio::test]
async fn an_image_of_another_machine_is_found_out_before_anything_is_touched() {
    let Some(bed) = testbed().await else { return };
    let info = bed.engine.info().await.unwrap();
    let (v1, id1) = bed.image("v1", &[]).await;
    let own = LocalImage::find(&bed.engine, v1.as_str()).await.unwrap().unwrap();
    own.check_fit(&info, None).unwrap();
    let foreign = bed.foreign_image("v0", "s390x").await;
    let foreign = LocalImage::find(&bed.engine, foreign.as_str()).await.unwrap().unwrap();
    let error = foreign.check_fit(&info, Some(&own)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("linux/s390x"), "{error}");

    let tag = protecting_tag(&id1, &bed.name("web")).unwrap();
    bed.engine.tag_image(&id1, &tag).await.unwrap();
    bed.engine.untag_image(&v1, &id1).await.unwrap();
    assert!(LocalImage::find(&bed.engine, tag.as_str()).await.unwrap().is_some());
    bed.engine.untag_image(&tag, &id1).await.unwrap();
}
