//! The images in a compose file's text, edited in place: remarks, order and quoting of all else stay.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use stillme_rollback_core::Result;
use yaml_edit::Document;

use super::super::names::ServiceName;
use super::unsupported;

const WAY_OUT: &str = "choose --sticky override or --sticky env";

/// The text with these services' images.
///
/// # Errors
/// `Unsupported` if it does not define one of them.
pub(super) fn set_images(text: &str, images: &BTreeMap<ServiceName, String>) -> Result<String> {
    let (bom, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    // Its error may cite the text.
    let document = Document::from_str(text)
        .map_err(|_| unsupported("the compose file can't be edited in place", WAY_OUT))?;
    let services = document
        .get_mapping("services")
        .ok_or_else(|| unsupported("the compose file defines no services", WAY_OUT))?;
    for (name, image) in images {
        let service = services.get_mapping(name.as_str()).ok_or_else(|| {
            unsupported(format!("the compose file does not define `{name}` itself"), WAY_OUT)
        })?;
        service.set("image", image.as_str());
    }
    Ok(format!("{bom}{document}"))
}

#[cfg(test)]
mod tests {
    use super::super::super::yaml;
    use super::*;

    fn edited(text: &str) -> Result<String> {
        let web = ServiceName::new("web").unwrap();
        set_images(text, &BTreeMap::from([(web, "app:v1".to_owned())]))
    }

    #[test]
    fn only_the_image_changes() {
        for (before, after) in [
            (
                "# top\nservices:\n  web:\n    image: app:v2 # why\n    ports: ['1:1']\n",
                "# top\nservices:\n  web:\n    image: app:v1 # why\n    ports: ['1:1']\n",
            ),
            (
                "services:\n  web: {image: app:v2, ports: [1]}\n",
                "services:\n  web: {image: app:v1, ports: [1]}\n",
            ),
            (
                "{\"services\": {\"web\": {\"image\": \"app:v2\"}}}",
                "{\"services\": {\"web\": {\"image\": \"app:v1\"}}}",
            ),
        ] {
            assert_eq!(edited(before).unwrap(), after);
        }
    }

    /// However it is spelled, the text after it means the same but for the image.
    #[test]
    fn all_else_means_the_same() {
        for text in [
            "services:\n  web:\n    image: \"app:${TAG:-v2}\"\n    environment: {A: 'x # y'}\n",
            "x: &b\n  image: app:v2\n  restart: always\nservices:\n  web:\n    <<: *b\n    ports: [1]\n",
            "services:\n  web:\n    image: &img app:v2\n    command: [a]\n",
            "services:\r\n  web:\r\n    image: app:v2\r\n    restart: always\r\n",
            "services:\n  web:\n    image: >-\n      app:v2\n    restart: always\n",
            "services:\n  web:\n    restart: always\n",
            "\u{feff}services:\n  web:\n    image: app@sha256:0123\n",
        ] {
            let mut expected = yaml::parse(text.trim_start_matches('\u{feff}')).unwrap();
            expected["services"]["web"]["image"] = "app:v1".into();
            let after = edited(text).unwrap();
            assert_eq!(
                yaml::parse(after.trim_start_matches('\u{feff}')).unwrap(),
                expected,
                "{after}"
            );
        }
    }

    #[test]
    fn what_it_can_not_edit_it_refuses() {
        for text in
            ["", "services: {}", "services:\n  db:\n    image: x\n", "- a\n", "services: *x\n"]
        {
            assert!(edited(text).is_err(), "{text:?}");
        }
    }
}
