use stillme_rollback_core::{ErrorKind, ImageRef};
use stillme_rollback_docker::Engine as _;
use stillme_rollback_docker::engine::Changed;

use crate::real::testbed;

#[tokio::test]
async fn images_of_a_repository_are_listed_with_their_tags() {
    let Some(bed) = testbed().await else { return };
    let (v1, id1) = bed.image("v1", &[]).await;
    let (_, id2) = bed.image("v2", &[]).await;
    assert_ne!(id1, id2);
    bed.engine.tag_image(&id1, &v1.with_tag("stable").unwrap()).await.unwrap();
    let images = bed.engine.list_images(bed.repository()).await.unwrap();
    let mut tags: Vec<(&str, Vec<String>)> = images
        .iter()
        .map(|image| {
            let mut tags = image.tags.clone();
            tags.sort();
            (image.id.as_str(), tags)
        })
        .collect();
    tags.sort_by_key(|(_, tags)| std::cmp::Reverse(tags.len()));
    let tag = |tag: &str| format!("{}:{tag}", bed.repository());
    assert_eq!(
        tags,
        [(id1.as_str(), vec![tag("stable"), tag("v1")]), (id2.as_str(), vec![tag("v2")])]
    );
    assert!(bed.engine.list_images("rbtest-no-such-repository").await.unwrap().is_empty());
}

#[tokio::test]
async fn an_image_is_found_by_id_and_by_reference() {
    let Some(bed) = testbed().await else { return };
    let (v1, id) = bed.image("v1", &["LABEL a=b"]).await;
    for image in [v1.as_str(), id.as_str()] {
        let found = bed.engine.inspect_image(image).await.unwrap().unwrap();
        assert_eq!(found.expose()["Id"], id.as_str());
        assert_eq!(found.expose()["Config"]["Labels"]["a"], "b");
    }
    let missing = v1.with_tag("v0").unwrap();
    assert!(bed.engine.inspect_image(missing.as_str()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_tag_is_removed_only_while_it_is_what_was_meant() {
    let Some(bed) = testbed().await else { return };
    let (v1, id1) = bed.image("v1", &[]).await;
    let (_, id2) = bed.image("v2", &[]).await;
    let kept: ImageRef = v1.with_tag("kept").unwrap();
    let engine = &bed.engine;
    assert_eq!(engine.untag_image(&kept, &id1).await.unwrap(), Changed::Already);
    engine.tag_image(&id2, &kept).await.unwrap();
    let error = engine.untag_image(&kept, &id1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    assert_eq!(engine.untag_image(&kept, &id2).await.unwrap(), Changed::Yes);
    assert!(engine.inspect_image(id2.as_str()).await.unwrap().is_some());

    // The last name of an image that a container uses, running or not.
    let id = bed.create(&bed.name("web"), bed.body(&v1)).await;
    let error = engine.untag_image(&v1, &id1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(engine.inspect_image(v1.as_str()).await.unwrap().is_some());
    engine.remove_container(&id, false).await.unwrap();
    assert_eq!(engine.untag_image(&v1, &id1).await.unwrap(), Changed::Yes);
}

#[tokio::test]
async fn only_a_tag_is_a_tag() {
    let Some(bed) = testbed().await else { return };
    let (v1, id) = bed.image("v1", &[]).await;
    let digest: ImageRef = format!("{}@{id}", v1.repository()).parse().unwrap();
    for error in [
        bed.engine.tag_image(&id, &digest).await.unwrap_err(),
        bed.engine.untag_image(&digest, &id).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
