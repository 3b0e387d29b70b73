//! The options of a deploy, from the proxy's own state: a deploy forgets what is not given again.
//!
//! Nothing is left to a default: those change between the proxy's versions (a writer's affinity is 1 s in
//! 0.9.2, and was 3 s). What a version has no setting for, it is given no option for.

use serde_json::{Map, Value};

use super::list::Row;

/// How a setting is said on the command line.
enum Form {
    /// `--flag=true` or `--flag=false`.
    Flag(&'static str),
    /// `--option=value`, unless it is empty.
    Word(&'static str),
    /// `--option=value`, unless it is 0: not set.
    Number(&'static str),
    /// `--option=value`, in nanoseconds.
    Time(&'static str),
    /// `--option=value` for each that is not empty.
    List(&'static str),
    /// Said by something else.
    Known,
}

use Form::{Flag, Known, List, Number, Time, Word};

/// Let's Encrypt for trying, which has a flag of its own.
pub(super) const STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

const SERVICE: [(&str, Form); 13] = [
    ("hosts", List("host")),
    ("path_prefixes", List("path-prefix")),
    ("tls_enabled", Flag("tls")),
    ("tls_certificate_path", Word("tls-certificate-path")),
    ("tls_private_key_path", Word("tls-private-key-path")),
    ("tls_redirect", Flag("tls-redirect")),
    ("canonical_host", Word("canonical-host")),
    ("acme_directory", Known),
    ("acme_cache_path", Known),
    ("error_page_path", Word("error-pages")),
    ("strip_prefix", Flag("strip-path-prefix")),
    ("writer_affinity_timeout", Time("writer-affinity-timeout")),
    ("read_targets_accept_websockets", Flag("read-target-websockets")),
];

const TARGET: [(&str, Form); 11] = [
    ("health_check_config", Known),
    ("response_timeout", Time("target-timeout")),
    ("buffer_requests", Flag("buffer-requests")),
    ("buffer_responses", Flag("buffer-responses")),
    ("max_memory_buffer_size", Number("buffer-memory")),
    ("max_request_body_size", Number("max-request-body")),
    ("max_response_body_size", Number("max-response-body")),
    ("log_request_headers", List("log-request-header")),
    ("log_response_headers", List("log-response-header")),
    ("forward_headers", Flag("forward-headers")),
    ("scope_cookie_paths", Flag("scope-cookie-paths")),
];

const HEALTH: [(&str, Form); 5] = [
    ("path", Word("health-check-path")),
    ("port", Number("health-check-port")),
    ("interval", Time("health-check-interval")),
    ("timeout", Time("health-check-timeout")),
    ("host", Word("health-check-host")),
];

/// What a service's state may hold beside its options.
const BESIDE: [&str; 5] =
    ["name", "options", "target_options", "active_targets", "pause_controller"];

/// The options with which a service was deployed, or why they can't be given again. `path` is where the
/// state was read.
pub(super) fn of(state: &Value, service: &str, path: &str) -> Result<Vec<String>, String> {
    let services = state.as_array().ok_or("the proxy's state is not as this version knows it")?;
    let found = services.iter().find(|found| found["name"] == service);
    let found = found.and_then(Value::as_object).ok_or("the proxy's state has no such service")?;
    if let Some((field, _)) =
        found.iter().find(|(field, value)| !BESIDE.contains(&field.as_str()) && !is_nothing(value))
    {
        return Err(format!("it has `{field}`, which one deploy can't give again"));
    }
    if found.get("active_targets").and_then(Value::as_array).is_none_or(|all| all.len() != 1) {
        return Err("it has not one target".to_owned());
    }
    let empty = Map::new();
    let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    let settings = object(found.get("options")).ok_or("the proxy's state has no options of it")?;
    let target = object(found.get("target_options")).unwrap_or_default();
    let health = target.get("health_check_config").and_then(Value::as_object).unwrap_or(&empty);

    let mut options = said(&settings, &SERVICE)?;
    let tls = settings.get("tls_enabled") == Some(&Value::Bool(true));
    options.extend(certificates(&settings, tls, path)?);
    options.extend(said(&target, &TARGET)?);
    options.extend(said(health, &HEALTH)?);
    Ok(options)
}

/// Where certificates come from, and where they are kept.
fn certificates(
    settings: &Map<String, Value>,
    tls: bool,
    path: &str,
) -> Result<Vec<String>, String> {
    let text = |field: &str| settings.get(field).and_then(Value::as_str).unwrap_or_default();
    let mut options = Vec::new();
    match text("acme_directory") {
        "" => {}
        STAGING => options.push("--tls-staging".to_owned()),
        _ => return Err("its certificates come from a directory that no option names".to_owned()),
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let kept = text("acme_cache_path");
    if tls && !kept.is_empty() && kept != format!("{folder}/certs") {
        options.push(format!("--tls-acme-cache-path={kept}"));
    }
    Ok(options)
}

/// Settings as options.
fn said(settings: &Map<String, Value>, forms: &[(&str, Form)]) -> Result<Vec<String>, String> {
    let mut options = Vec::new();
    for (field, value) in settings {
        match forms.iter().find(|(known, _)| known == field) {
            Some((_, form)) => options.extend(
                form.say(value)
                    .ok_or_else(|| format!("its `{field}` is not as it is known here"))?,
            ),
            None if is_nothing(value) => {}
            None => return Err(format!("this version does not know its setting `{field}`")),
        }
    }
    Ok(options)
}

impl Form {
    /// `None` for a value of another kind.
    fn say(&self, value: &Value) -> Option<Vec<String>> {
        let option = |name: &str, value: &dyn std::fmt::Display| vec![format!("--{name}={value}")];
        Some(match self {
            Known => Vec::new(),
            Flag(name) => option(name, &value.as_bool()?),
            Word(_) | Number(_) if is_nothing(value) => Vec::new(),
            Word(name) => option(name, &value.as_str()?),
            Number(name) => option(name, &value.as_i64()?),
            Time(name) => option(name, &format!("{}ns", value.as_i64()?)),
            List(_) if value.is_null() => Vec::new(),
            List(name) => {
                let all: Option<Vec<_>> = value.as_array()?.iter().map(Value::as_str).collect();
                let all = all?;
                // The command takes several in one option, with commas between them.
                if all.iter().any(|one| one.contains([',', '"', '\n'])) {
                    return None;
                }
                let named = all.iter().filter(|one| !one.is_empty());
                named.map(|one| format!("--{name}={one}")).collect()
            }
        })
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_nothing),
    }
}

/// An option that a service is seen to have and that is not among these.
pub(super) fn missing(options: &[String], row: &Row) -> Option<&'static str> {
    let has = |name: &str| {
        options.iter().any(|option| {
            option.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    let seen = [
        ("--host", !matches!(row.host.as_str(), "" | "*")),
        ("--path-prefix", !matches!(row.path.as_str(), "" | "/")),
        ("--tls", row.tls),
    ];
    seen.into_iter().find(|(name, seen)| *seen && !has(name)).map(|(name, _)| name)
}
