//! Variables in a compose file's image, and their lines in an environment file.

/// A piece of a text with variables in it.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Variable(&'a str),
}

/// The variable, and its value, with which `said` becomes `wanted`: `app:${TAG:-v2}` becomes `app:v1`
/// with `TAG=v1`. Of several variables the last one changes; the others have the values in `env`.
/// `None` if there is no such value, or the text has variables in variables.
pub(super) fn solve(said: &str, wanted: &str, env: &str) -> Option<(String, String)> {
    let pieces = pieces(said)?;
    let at = pieces.iter().rposition(|piece| matches!(piece, Piece::Variable(_)))?;
    let Piece::Variable(name) = pieces[at] else { return None };
    let fixed = |pieces: &[Piece<'_>]| -> Option<String> {
        let text = |piece: &Piece<'_>| match piece {
            Piece::Literal(text) => Some((*text).to_owned()),
            // The same variable twice has one value, which is not known yet.
            Piece::Variable(other) if *other == name => None,
            Piece::Variable(other) => value(env, other),
        };
        pieces.iter().map(text).collect()
    };
    let (before, after) = (fixed(&pieces[..at])?, fixed(&pieces[at + 1..])?);
    let value = wanted.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
    let is_plain = !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b));
    is_plain.then(|| (name.to_owned(), value.to_owned()))
}

fn pieces(mut text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    while let Some(at) = text.find('$') {
        if at > 0 {
            pieces.push(Piece::Literal(&text[..at]));
        }
        let rest = &text[at + 1..];
        if let Some(braced) = rest.strip_prefix('{') {
            let end = braced.find('}')?;
            let inside = &braced[..end];
            let name = &inside[..name_length(inside)];
            // A default holds no further variable, or its brace would have ended this one.
            if name.is_empty() || inside.contains('$') {
                return None;
            }
            pieces.push(Piece::Variable(name));
            text = &braced[end + 1..];
        } else {
            let name = &rest[..name_length(rest)];
            if name.is_empty() {
                return None;
            }
            pieces.push(Piece::Variable(name));
            text = &rest[name.len()..];
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Literal(text));
    }
    Some(pieces)
}

fn name_length(text: &str) -> usize {
    let is_name = |(index, c): &(usize, char)| {
        c.is_ascii_alphabetic() || *c == '_' || (*index > 0 && c.is_ascii_digit())
    };
    text.char_indices().take_while(is_name).count()
}

/// The text with a variable set in its last line of that name, or in one more line.
pub(super) fn set(text: &str, name: &str, value: &str) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(at) = lines.iter().rposition(|line| assigned(line, name).is_some()) else {
        let break_before = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        return format!("{text}{break_before}{name}={value}\n");
    };
    let line = lines[at];
    let old = assigned(line, name).unwrap_or_default();
    let begin = &line[..line.len() - old.len()];
    let body = old.trim_end_matches(['\n', '\r']);
    let end = &old[body.len()..];
    let remark = remark(body);
    let changed = format!("{begin}{value}{remark}{end}");
    lines[..at].iter().chain([&changed.as_str()]).chain(&lines[at + 1..]).copied().collect()
}

/// What stands behind the `=` of a line that sets a variable.
fn assigned<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let bare = line.trim_start();
    let bare = bare.strip_prefix("export ").map_or(bare, str::trim_start);
    let rest = bare.strip_prefix(name)?.trim_start_matches([' ', '\t']);
    rest.strip_prefix('=')
}

/// The remark behind a value, with the space before it.
fn remark(body: &str) -> &str {
    let quote = body.trim_start().chars().next().filter(|c| matches!(c, '"' | '\''));
    let from = match quote {
        None => 0,
        Some(quote) => match (body.find(quote), body.rfind(quote)) {
            (Some(first), Some(last)) if last > first => last,
            _ => return "",
        },
    };
    body[from..].find(" #").map_or("", |at| &body[from + at..])
}

/// A variable's value in an environment file, of the plain kind.
fn value(env: &str, name: &str) -> Option<String> {
    let old = env.lines().rev().find_map(|line| assigned(line, name))?;
    let body = old.strip_suffix(remark(old)).unwrap_or(old).trim();
    let bare = body.trim_matches(['"', '\'']);
    (!bare.contains(['$', '\\'])).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_and_its_value_are_found() {
        let env = "REPO=team\nEMPTY=\n";
        for (said, wanted, found) in [
            ("app:${TAG}", "app:v1", Some(("TAG", "v1"))),
            ("app:${TAG:-v2}", "app:v1", Some(("TAG", "v1"))),
            ("app:$TAG", "app:v1", Some(("TAG", "v1"))),
            ("${IMAGE}", "r.example.com:5000/app:v1", Some(("IMAGE", "r.example.com:5000/app:v1"))),
            ("${REPO}/app:${TAG}", "team/app:v1", Some(("TAG", "v1"))),
            ("app:${TAG}-slim", "app:v1-slim", Some(("TAG", "v1"))),
            ("app:v2", "app:v1", None),
            ("app:${TAG}", "other:v1", None),
            ("app:${TAG}-slim", "app:v1", None),
            ("app:${A:-${B}}", "app:v1", None),
            ("${T}/app:${T}", "x/app:v1", None),
            ("${UNKNOWN}/app:${TAG}", "x/app:v1", None),
            ("app:$$TAG", "app:$TAG", None),
            ("app:${", "app:v1", None),
            ("app:${TAG}", "app:", None),
        ] {
            let solved = solve(said, wanted, env);
            let solved = solved.as_ref().map(|(name, value)| (name.as_str(), value.as_str()));
            assert_eq!(solved, found, "{said} → {wanted}");
        }
    }

    #[test]
    fn only_the_value_of_the_line_that_counts_is_changed() {
        for (before, after) in [
            ("TAG=v2\n", "TAG=v1\n"),
            ("TAG=v2", "TAG=v1"),
            ("A=1\nTAG=v2\r\nB=2\n", "A=1\nTAG=v1\r\nB=2\n"),
            ("TAG=v3\nTAG=v2\n", "TAG=v3\nTAG=v1\n"),
            ("export TAG=v2 # the version\n", "export TAG=v1 # the version\n"),
            ("TAG=\"v2 # x\" # y\n", "TAG=v1 # y\n"),
            ("  TAG = v2\n", "  TAG =v1\n"),
            ("TAGS=v2\n#TAG=v2\n", "TAGS=v2\n#TAG=v2\nTAG=v1\n"),
            ("A=1", "A=1\nTAG=v1\n"),
            ("", "TAG=v1\n"),
        ] {
            assert_eq!(set(before, "TAG", "v1"), after, "{before:?}");
        }
    }
}
