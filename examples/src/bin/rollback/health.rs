//! The health URL of the command line: a check in a plan, and what that check needs beside it.

use stillme_rollback_core::CheckSpec;
use stillme_rollback_verify::{HealthUrl, HttpCheck};

use crate::exit::{Outcome, read};

/// A health URL, read strictly. `None` if there is none.
pub(crate) fn url(text: Option<&str>) -> Outcome<Option<HealthUrl>> {
    read(text.map(HealthUrl::parse).transpose())
}

/// The check that it stands for, as a plan keeps it: without its query.
pub(crate) fn check(url: &HealthUrl) -> Outcome<CheckSpec> {
    read(HttpCheck::builder(url.clone()).build()).map(|check| check.spec())
}
