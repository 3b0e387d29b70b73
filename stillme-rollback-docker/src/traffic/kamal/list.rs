//! What `kamal-proxy list` prints: a table with a head, in colours.

use crate::traffic::{Traffic, Upstream};

/// A service that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) service: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) target: String,
    pub(super) state: String,
    pub(super) tls: bool,
}

impl Row {
    /// Where its traffic goes, if its containers take requests on this port.
    pub(super) fn traffic(&self, port: u16, among: &[Upstream]) -> Traffic {
        if self.state != "running" {
            return Traffic::Elsewhere(format!("nowhere: the service is {}", self.state));
        }
        let here = self.target.strip_suffix(&format!(":{port}"));
        match here.filter(|host| !host.contains(',')) {
            Some(host) => match Traffic::to_host(host, among) {
                Traffic::Elsewhere(_) => Traffic::Elsewhere(self.target.clone()),
                to => to,
            },
            None => Traffic::Elsewhere(self.target.clone()),
        }
    }
}

/// The rows, or `None` if that is no such table. Cells stand below their heads; one may be empty.
pub(super) fn read(printed: &str) -> Option<Vec<Row>> {
    let plain = without_colours(printed);
    let mut lines = plain.lines();
    let head = lines.next()?;
    let column = |name: &str| {
        let start = head.find(name)?;
        let next = head[start + name.len()..].find(|c: char| c != ' ');
        Some((start, next.map(|next| start + name.len() + next)))
    };
    let cell = |line: &str, (start, end): (usize, Option<usize>)| {
        let end = end.unwrap_or(line.len()).min(line.len());
        line.get(start.min(end)..end).unwrap_or_default().trim().to_owned()
    };
    let columns =
        (column("Service")?, column("Host")?, column("Target")?, column("State")?, column("TLS")?);
    // Older versions have no paths.
    let path = column("Path");
    let rows = lines.filter(|line| !line.trim().is_empty()).map(|line| Row {
        service: cell(line, columns.0),
        host: cell(line, columns.1),
        path: path.map(|path| cell(line, path)).unwrap_or_default(),
        target: cell(line, columns.2),
        state: cell(line, columns.3),
        tls: cell(line, columns.4) == "yes",
    });
    Some(rows.collect())
}

/// A text without the terminal's escapes: `ESC [ … m`.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = escape.split_once('m').map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    plain
}
