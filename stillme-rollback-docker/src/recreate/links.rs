//! `Links` of the default bridge: shown as `/target:/self/alias`, asked for as `target:alias`.

use super::raw::{Object, set_strings, strings};

const KEY: &str = "Links";

/// Writes links as they are asked for. Engines list them in no order, so they are sorted.
pub(super) fn normalise(host: &mut Object) {
    let Some(links) = strings(host, KEY) else {
        return;
    };
    let mut links: Vec<_> = links.iter().map(|link| normalised(link)).collect();
    links.sort();
    links.dedup();
    set_strings(host, KEY, Some(links));
}

fn normalised(link: &str) -> String {
    let Some((target, alias)) = link.split_once(':') else {
        return link.trim_start_matches('/').to_owned();
    };
    let alias = alias.rsplit('/').next().unwrap_or(alias);
    format!("{}:{alias}", target.trim_start_matches('/'))
}
