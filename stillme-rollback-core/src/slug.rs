//! A target's name as a file name: readable, safe on every file system, and unique.

use crate::fingerprint::Fingerprint;
use crate::target::Target;

/// How much of a target's name is kept. The rest is for the hash.
const READABLE: usize = 40;

/// `web-1a2b3c4d`: the name in lower case with everything odd as `-`, and the first eight digits of
/// the SHA-256 of platform, scope and name.
///
/// Two targets whose names look alike still differ in the hash, and no name can lead out of a folder.
pub(crate) fn slug(target: &Target) -> String {
    // No part can hold a NUL, so no two targets have the same text here.
    let identity = [target.platform(), target.scope(), target.name()].join("\0");
    let hash = Fingerprint::of_bytes(identity.as_bytes());
    let name: String = target
        .name()
        .chars()
        .take(READABLE)
        .map(|c| match c.to_ascii_lowercase() {
            c @ ('a'..='z' | '0'..='9') => c,
            _ => '-',
        })
        .collect();
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "target" } else { name };
    format!("{name}-{}", &hash.as_str()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scope: &str, name: &str) -> String {
        slug(&Target::new("docker", scope, name).unwrap())
    }

    #[test]
    fn a_slug_is_a_plain_file_name() {
        for (name, start) in [
            ("web", "web-"),
            ("Shop_Front.2", "shop-front-2-"),
            ("../../etc/passwd", "etc-passwd-"),
            ("...", "target-"),
            (&"x".repeat(255), &format!("{}-", "x".repeat(40))),
        ] {
            let slug = of("e", name);
            assert!(slug.starts_with(start), "{name}: {slug}");
            assert_eq!(slug.len(), start.len() + 8, "{slug}");
        }
    }

    #[test]
    fn targets_that_look_alike_differ() {
        let alike =
            [of("e", "a.b"), of("e", "a-b"), of("e", "A-b"), of("f", "a-b"), of("e:a", "b")];
        for (index, one) in alike.iter().enumerate() {
            assert!(!alike[index + 1..].contains(one), "{one}");
        }
    }
}
