//! How things are said: text for people, one JSON object a line for programs.
//!
//! In JSON every line on stdout has a `type`: `plan`, those of the events, `report`, `run`,
//! `version`, `journal`, `error`.

use serde::Serialize;
use serde_json::{Value, json};
use stillme_rollback_core::report::Report;
use stillme_rollback_core::{EndState, Plan, Printable, Release, Target, chain};

use crate::cli::Output;
use crate::exit::Failure;
use crate::io::Io;

/// Says a plan.
pub(crate) fn plan(io: &mut Io, output: Output, plan: &Plan) {
    match output {
        Output::Text => io.say(plan.to_string().trim_end()),
        Output::Json => {
            let fingerprint = plan.fingerprint();
            io.say(json!({"type": "plan", "fingerprint": fingerprint, "plan": plan}));
        }
    }
}

/// Says a run's report.
pub(crate) fn report(io: &mut Io, output: Output, report: &Report) {
    match output {
        Output::Text => io.say(report.to_string().trim_end()),
        Output::Json => io.say(typed("report", report)),
    }
}

/// Says that there is nothing to do.
pub(crate) fn already_there(io: &mut Io, output: Output, target: &Target, release: &Release) -> u8 {
    let state = EndState::AlreadyThere;
    match output {
        Output::Text => io.say(format_args!(
            "NOTHING TO DO: {target} already runs {release}; nothing was touched"
        )),
        Output::Json => io.say(json!({
            "type": "report", "state": state, "exit_code": state.exit_code(),
            "target": target, "to": release, "reason": "it already runs that release",
        })),
    }
    state.exit_code()
}

/// Says why a command failed, and gives its exit code.
pub(crate) fn failure(io: &mut Io, output: Output, failure: &Failure) -> u8 {
    let lines = chain(&failure.error);
    if output == Output::Json {
        let state = failure.is_refusal().then_some(EndState::Refused);
        io.say(json!({
            "type": "error", "state": state, "exit_code": failure.code,
            "kind": format!("{:?}", failure.error.kind()), "message": lines[0],
            "causes": lines[1..], "untouched": failure.untouched,
        }));
    }
    let word = if failure.is_refusal() { "refused: " } else { "" };
    io.note(format_args!("rollback: {word}{}", safe(&lines[0])));
    for cause in &lines[1..] {
        io.note(format_args!("  caused by: {}", safe(cause)));
    }
    if failure.untouched && !lines[0].contains("nothing was") {
        io.note("nothing was touched");
    }
    failure.code
}

/// A value as a JSON object of a type.
pub(crate) fn typed(kind: &str, value: &impl Serialize) -> Value {
    match serde_json::to_value(value) {
        Ok(Value::Object(mut object)) => {
            object.insert("type".to_owned(), kind.into());
            Value::Object(object)
        }
        // What is said as an object is one; anything else still says what it is.
        Ok(value) => json!({"type": kind, "value": value}),
        Err(_) => json!({"type": kind}),
    }
}

/// Text that can't steer a terminal. Unlike [`Printable`] it is never cut: half a command helps nobody.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let cut = rest.char_indices().nth(PIECE).map_or(rest.len(), |(at, _)| at);
        let (piece, behind) = rest.split_at(cut);
        safe += &Printable(piece).to_string();
        rest = behind;
    }
    safe
}

/// Fewer characters than [`Printable`] cuts at.
const PIECE: usize = 256;

/// Columns as wide as their widest cell, two spaces apart.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_safe_and_whole() {
        let long = format!("{}\u{1b}[2J", "x".repeat(2000));
        let shown = safe(&long);
        assert!(shown.ends_with(r"\u{1b}[2J"), "{shown}");
        assert_eq!(shown.len(), 2000 + r"\u{1b}[2J".len());
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "b".into()], vec!["ccc".into(), "é".into(), "d".into()]];
        assert_eq!(table(&rows), "a    b\nccc  é  d");
    }

    #[test]
    fn an_object_says_what_it_is() {
        assert_eq!(typed("run", &json!({"a": 1})), json!({"type": "run", "a": 1}));
        assert_eq!(typed("run", &json!([1])), json!({"type": "run", "value": [1]}));
    }
}
