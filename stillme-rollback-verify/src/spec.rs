//! Checks as data: into a plan, and back out of it when a run is resumed.

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stillme_rollback_core::{CheckSpec, Error, ErrorKind, Printable, Result, Verifier};

use crate::address::AddressPolicy;
use crate::cadence::Cadence;
use crate::http::{Expectation, HttpCheck, HttpTransport};
use crate::resolve::Resolver;
use crate::tcp::TcpCheck;
use crate::url::{Endpoint, HealthUrl, Host};

/// The kinds of checks that this crate builds.
pub const KINDS: &[&str] = &[HTTP, TCP];

const HTTP: &str = "http";
const TCP: &str = "tcp";

/// Builds the verifiers of a plan's checks, in their order.
///
/// # Errors
/// As [`SpecReader::read_all`].
pub fn verifier_from(specs: &[CheckSpec]) -> Result<Vec<Box<dyn Verifier>>> {
    SpecReader::new().read_all(specs)
}

/// Builds verifiers from a plan's checks, with what a plan does not hold.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct SpecReader {
    urls: Vec<HealthUrl>,
    transport: Option<Arc<dyn HttpTransport>>,
    resolver: Option<Arc<dyn Resolver>>,
}

impl SpecReader {
    /// A reader that knows nothing but the plan.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same reader with a URL that is given again, because its query is in no plan.
    pub fn url(mut self, url: HealthUrl) -> Self {
        self.urls.push(url);
        self
    }

    /// The same reader with a transport for all HTTP checks.
    pub fn transport(mut self, transport: Arc<dyn HttpTransport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The same reader with a resolver for all checks.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Builds the verifiers of checks, in their order.
    ///
    /// # Errors
    /// `Unsupported` naming every kind that is not in [`KINDS`], before anything else; then as
    /// [`read`](Self::read) for the first check that can't be built.
    pub fn read_all(&self, specs: &[CheckSpec]) -> Result<Vec<Box<dyn Verifier>>> {
        let mut unknown: Vec<_> = specs
            .iter()
            .filter(|spec| !KINDS.contains(&spec.kind.as_str()))
            .map(|spec| format!("`{}`", Printable(&spec.kind)))
            .collect();
        unknown.sort();
        unknown.dedup();
        if !unknown.is_empty() {
            return Err(unsupported(&unknown.join(", ")));
        }
        specs.iter().map(|spec| self.read(spec)).collect()
    }

    /// Builds the verifier of one check.
    ///
    /// # Errors
    /// `Unsupported` for a kind that is not in [`KINDS`], `UnknownFormat` for arguments that this
    /// version does not know (left out, they could make the check weaker), `InvalidInput` if the URL
    /// has to be given again, and whatever the check's own builder refuses.
    pub fn read(&self, spec: &CheckSpec) -> Result<Box<dyn Verifier>> {
        match spec.kind.as_str() {
            HTTP => self.read_http(spec),
            TCP => self.read_tcp(spec),
            other => Err(unsupported(&format!("`{}`", Printable(other)))),
        }
    }

    fn read_http(&self, spec: &CheckSpec) -> Result<Box<dyn Verifier>> {
        let stored: StoredHttp = arguments(spec)?;
        let mut url = HealthUrl::parse(&stored.url)?;
        if stored.query_left_out {
            url = self.given_again(&url)?;
        }
        let mut builder = HttpCheck::builder(url)
            .expecting(stored.expect)
            .cadence(stored.cadence)
            .policy(stored.policy.into_policy()?);
        if let Some(transport) = &self.transport {
            builder = builder.transport(Arc::clone(transport));
        }
        if let Some(resolver) = &self.resolver {
            builder = builder.resolver(Arc::clone(resolver));
        }
        Ok(Box::new(builder.build()?))
    }

    fn read_tcp(&self, spec: &CheckSpec) -> Result<Box<dyn Verifier>> {
        let stored: StoredTcp = arguments(spec)?;
        let mut builder = TcpCheck::builder(Endpoint::parse(&stored.endpoint)?)
            .cadence(stored.cadence)
            .policy(stored.policy.into_policy()?);
        if let Some(resolver) = &self.resolver {
            builder = builder.resolver(Arc::clone(resolver));
        }
        Ok(Box::new(builder.build()?))
    }

    /// The URL with a query that is the plan's one but for the query.
    fn given_again(&self, kept: &HealthUrl) -> Result<HealthUrl> {
        let same = |url: &&HealthUrl| url.has_query() && url.without_query() == *kept;
        self.urls.iter().find(same).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidInput,
                "build checks of plan",
                "the query of a health URL is in no plan, because it may hold a secret",
            )
            .with_context("url", kept.to_string())
            .with_hint("nothing was touched; give the whole URL again with --health-url")
        })
    }
}

impl HttpCheck {
    /// The check as data for a plan. A query is left out: the URL has to be given again to build the
    /// check from it. So are resolver and transport.
    pub fn spec(&self) -> CheckSpec {
        let expect = self.expectation();
        let mut title = format!("GET {}: ", self.url());
        title += &match &expect.status {
            Some(statuses) => statuses.to_string(),
            None => String::from("200-399"),
        };
        if expect.containing.is_some() {
            title += ", an expected text";
        }
        for field in &expect.json {
            title += &format!(", field `{}`", field.pointer);
        }
        title += &format!(", {} in a row", self.cadence().successes);
        let stored = StoredHttp {
            url: self.url().without_query().expose().to_owned(),
            query_left_out: self.url().has_query(),
            expect: expect.clone(),
            cadence: self.cadence(),
            policy: StoredPolicy::of(self.policy()),
        };
        CheckSpec::new(HTTP, title, serde_json::json!(stored))
    }
}

impl TcpCheck {
    /// The check as data for a plan. The resolver is left out.
    pub fn spec(&self) -> CheckSpec {
        let title = format!("TCP {}: {} in a row", self.endpoint(), self.cadence().successes);
        let stored = StoredTcp {
            endpoint: self.endpoint().to_string(),
            cadence: self.cadence(),
            policy: StoredPolicy::of(self.policy()),
        };
        CheckSpec::new(TCP, title, serde_json::json!(stored))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredHttp {
    url: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    query_left_out: bool,
    #[serde(default)]
    expect: Expectation,
    cadence: Cadence,
    #[serde(default)]
    policy: StoredPolicy,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredTcp {
    endpoint: String,
    cadence: Cadence,
    #[serde(default)]
    policy: StoredPolicy,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredPolicy {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    public_only: bool,
}

impl StoredPolicy {
    fn of(policy: &AddressPolicy) -> Self {
        Self {
            allow: policy.allowed().map(Host::to_string).collect(),
            public_only: policy.is_public_only(),
        }
    }

    fn into_policy(self) -> Result<AddressPolicy> {
        let mut policy = match self.public_only {
            true => AddressPolicy::public_only(),
            false => AddressPolicy::default(),
        };
        for host in self.allow {
            policy = policy.allow(Host::parse(&host)?);
        }
        Ok(policy)
    }
}

fn arguments<T: DeserializeOwned>(spec: &CheckSpec) -> Result<T> {
    T::deserialize(&spec.arguments).map_err(|error| {
        // The reason may repeat an argument, which is no secret.
        let why = Printable(&error.to_string()).to_string();
        Error::new(ErrorKind::UnknownFormat, "build checks of plan", why)
            .with_context("check", Printable(&spec.title).to_string())
            .with_hint("nothing was touched; use the version that made the plan")
    })
}

fn unsupported(kinds: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "build checks of plan",
        format!("no check of kind {kinds} is known here"),
    )
    .with_hint(format!("nothing was touched; known are {}", KINDS.join(" and ")))
}

#[cfg(test)]
mod tests;
