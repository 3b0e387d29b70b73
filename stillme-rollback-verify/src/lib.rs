//! Verifiers for [`stillme_rollback_core`]: is the service healthy, and what does that prove?
//!
//! - [`HttpCheck`] asks a URL: status, a text in the body, fields of a JSON body.
//! - [`TcpCheck`] connects.
//! - [`All`] makes one verifier of several.
//! - [`verifier_from`] builds them again from a plan, when a run is resumed.
//!
//! How often they try and when they decide says [`Cadence`]; which servers they may speak to says
//! [`AddressPolicy`].
//!
//! ```
//! use serde_json::json;
//! use stillme_rollback_verify::{All, Cadence, Endpoint, Expectation, HealthUrl, HttpCheck, TcpCheck};
//!
//! # fn main() -> stillme_rollback_core::Result<()> {
//! let http = HttpCheck::builder(HealthUrl::parse("http://localhost:8080/healthz")?)
//!     .expecting(Expectation::default().json("/status", json!("up")))
//!     .cadence(Cadence::default().successes(10))
//!     .build()?;
//! let tcp = TcpCheck::builder(Endpoint::parse("localhost:9090")?).build()?;
//!
//! // Into the plan, so that a resumed run checks the same:
//! let specs = [http.spec(), tcp.spec()];
//! // Into the engine:
//! let verifier = All::new().with("http", http).with("tcp", tcp);
//! # assert_eq!(stillme_rollback_verify::verifier_from(&specs)?.len(), verifier.len());
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod all;
mod approach;
mod cadence;
mod http;
mod probe;
mod resolve;
mod spec;
mod streak;
mod tcp;
mod then;
mod url;

pub use self::address::{AddressPolicy, Denied};
pub use self::all::All;
pub use self::cadence::Cadence;
pub use self::http::{
    Expectation, HttpAnswer, HttpCheck, HttpCheckBuilder, HttpRequest, HttpTransport, JsonField,
    NoAnswer, ReqwestTransport, Statuses,
};
pub use self::resolve::{Resolver, SystemResolver};
pub use self::spec::{KINDS, SpecReader, verifier_from};
pub use self::tcp::{TcpCheck, TcpCheckBuilder};
pub use self::then::Then;
pub use self::url::{Endpoint, HealthUrl, Host, InvalidUrl, Scheme};
