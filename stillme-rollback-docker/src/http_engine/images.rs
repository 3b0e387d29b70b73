//! Images: looked at raw, tagged by id, untagged only while the tag is what it was.

use serde::Deserialize;
use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, ImageRef, Printable, Result, Secret};

use super::containers;
use crate::engine::{Changed, ContainerFilter, ImageSummary};
use crate::http::{Call, Client, LIST_CAP, image_path};
use crate::names::ImageId;

pub(super) async fn inspect(client: &Client, image: &str) -> Result<Option<Secret<Value>>> {
    let path = format!("/images/{}/json", image_path(image));
    let call = Call::reading("inspect image", path).about("image", image);
    match client.call(&call).await {
        Ok(answer) => answer.json(&call).map(|value| Some(Secret::new(value))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: ImageId,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    repo_digests: Option<Vec<String>>,
    #[serde(default)]
    created: i64,
}

pub(super) async fn list(client: &Client, repository: &str) -> Result<Vec<ImageSummary>> {
    let filters = json!({ "reference": [familiar(repository)] });
    let call = Call::reading("list images", "/images/json")
        .about("repository", repository)
        .capped(LIST_CAP)
        .query("filters", filters.to_string());
    let listed: Vec<Listed> = client.call(&call).await?.json(&call)?;
    let is_of = |reference: &String| is_of_repository(reference, repository);
    let mut images: Vec<ImageSummary> = listed
        .into_iter()
        .map(|image| ImageSummary {
            id: image.id,
            tags: image.repo_tags.unwrap_or_default().into_iter().filter(is_of).collect(),
            digests: image.repo_digests.unwrap_or_default().into_iter().filter(is_of).collect(),
            created: image.created,
        })
        .filter(|image| !image.tags.is_empty() || !image.digests.is_empty())
        .collect();
    images.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    Ok(images)
}

/// Whether a listed `name:tag` or `name@digest` belongs to a repository. The engine's filter takes
/// patterns, so its answer is not the last word.
fn is_of_repository(reference: &str, repository: &str) -> bool {
    reference
        .parse::<ImageRef>()
        .is_ok_and(|image| familiar(image.repository()) == familiar(repository))
}

/// What the engine calls a repository in its lists: without the default registry and its `library/`.
pub(crate) fn familiar(repository: &str) -> &str {
    let name = ["docker.io/", "index.docker.io/"]
        .iter()
        .find_map(|registry| repository.strip_prefix(registry))
        .unwrap_or(repository);
    match name.strip_prefix("library/") {
        Some(official) if !official.contains('/') => official,
        _ => name,
    }
}

pub(super) async fn tag(client: &Client, id: &ImageId, tag: &ImageRef) -> Result<()> {
    let name = plain_tag(tag)?;
    let call = Call::posting("tag image", format!("/images/{id}/tag"))
        .about("tag", tag.as_str())
        .query("repo", tag.repository())
        .query("tag", name);
    client.call(&call).await.map(|_| ())
}

pub(super) async fn untag(client: &Client, tag: &ImageRef, expected: &ImageId) -> Result<Changed> {
    plain_tag(tag)?;
    let Some(image) = inspect(client, tag.as_str()).await? else {
        return Ok(Changed::Already);
    };
    let image = image.expose();
    if image["Id"] != expected.as_str() {
        return Err(Error::new(
            ErrorKind::Mismatch,
            "remove tag",
            format!("it names {} by now, not {}", short(image), expected.short()),
        )
        .with_context("tag", tag.as_str())
        .with_hint("nothing was touched"));
    }
    if is_last_reference(image) && is_used(client, expected).await? {
        return Err(Error::new(
            ErrorKind::Conflict,
            "remove tag",
            "it is the last reference of an image that a container uses",
        )
        .with_context("tag", tag.as_str())
        .with_hint(
            "nothing was touched; remove the container first, or give the image another tag",
        ));
    }
    let call = Call::deleting("remove tag", format!("/images/{}", image_path(tag.as_str())))
        .about("tag", tag.as_str())
        .query("noprune", "true")
        .query("force", "false");
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Changed::Already),
        Err(error) => Err(error),
    }
}

/// The tag of a reference that is one.
fn plain_tag(reference: &ImageRef) -> Result<&str> {
    match (reference.tag(), reference.digest()) {
        (Some(tag), None) => Ok(tag),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            "read tag",
            format!("`{}` is not `name:tag`", Printable(reference.as_str())),
        )
        .with_hint("nothing was touched")),
    }
}

fn short(image: &Value) -> String {
    let id = image["Id"].as_str().unwrap_or("an image without an id");
    ImageId::new(id).map_or_else(|_| id.to_owned(), |id| id.short().to_owned())
}

/// Whether the image has no other name than the one that led to it.
fn is_last_reference(image: &Value) -> bool {
    let tags = image["RepoTags"].as_array().map_or(0, Vec::len);
    let digests = image["RepoDigests"].as_array().map_or(0, Vec::len);
    // The digests of containerd's store are names of the same repository, and go with its last tag.
    tags <= 1 && digests <= 1
}

async fn is_used(client: &Client, id: &ImageId) -> Result<bool> {
    let containers = containers::list(client, &ContainerFilter::all()).await?;
    Ok(containers.iter().any(|container| container.image_id.as_ref() == Some(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_one_familiar_name() {
        for (repository, name) in [
            ("nginx", "nginx"),
            ("library/nginx", "nginx"),
            ("docker.io/library/nginx", "nginx"),
            ("index.docker.io/library/nginx", "nginx"),
            ("docker.io/team/app", "team/app"),
            ("team/app", "team/app"),
            ("library/team/app", "library/team/app"),
            ("localhost:5000/library/app", "localhost:5000/library/app"),
            ("registry.example/app", "registry.example/app"),
        ] {
            assert_eq!(familiar(repository), name);
        }
    }

    #[test]
    fn a_list_is_not_believed_to_be_of_the_repository() {
        assert!(is_of_repository("app:v1", "docker.io/library/app"));
        assert!(!is_of_repository("app-extra:v1", "app"));
        assert!(!is_of_repository("<none>:<none>", "app"));
    }
}
