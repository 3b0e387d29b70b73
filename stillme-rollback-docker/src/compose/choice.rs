//! Which of the compose commands that are installed makes a plan, and does it.

use stillme_rollback_core::{Error, ErrorKind, Result};

use super::command::{Compose, ComposeId};
use crate::engine::EngineInfo;

impl Compose {
    /// Of the commands that are installed, the one for containers on an engine that were made by a
    /// version: that very version if it is there, then one of its generation, then the first. Each
    /// generation computes other hashes for the same configuration.
    ///
    /// # Errors
    /// `Unsupported` if none of them can recreate containers on this engine, `NotFound` if there is none.
    pub fn choose(installed: &[Self], made_by: &str, engine: &EngineInfo) -> Result<Self> {
        let able: Vec<_> = installed.iter().filter(|one| one.recreates_on(engine)).collect();
        let generation = made_by.split('.').next().unwrap_or_default();
        let find = |is_it: &dyn Fn(&Self) -> bool| able.iter().find(|one| is_it(one));
        let is_first = made_by.starts_with("1.");
        find(&|one| one.version.as_str() == made_by)
            .or_else(|| find(&|one| one.version.major() == generation))
            .or_else(|| find(&|one| one.version.is_first_generation() == is_first))
            .or_else(|| able.first())
            .map(|found| (*found).clone())
            .ok_or_else(|| unable(installed))
    }

    /// The one that a plan was made with.
    ///
    /// # Errors
    /// `Mismatch` if it is not there any more: another version would recreate for other reasons.
    pub fn same(installed: &[Self], id: &ComposeId) -> Result<Self> {
        installed.iter().find(|compose| compose.id() == *id).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Mismatch,
                "find compose",
                format!("the plan was made with compose {}, which is not there now", id.version),
            )
            .with_hint(
                "nothing was touched by this; install that version again, or make a new plan",
            )
        })
    }
}

fn unable(installed: &[Compose]) -> Error {
    let Some(one) = installed.first() else {
        return Error::new(ErrorKind::NotFound, "find compose", "there is no compose command")
            .with_hint("nothing was touched; install one, then try again");
    };
    Error::new(
        ErrorKind::Unsupported,
        "find compose",
        format!("{one} can't recreate containers on this engine: it would stop and rename one, then fail (`ContainerConfig`)"),
    )
    .with_hint("nothing was touched; install Compose 2 or newer, and don't call `up` with this one: it leaves the service stopped")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compose::command::PATIENCE;
    use crate::compose::process::System;
    use crate::compose::version::{ComposeVersion, Flavour};

    fn compose(flavour: Flavour, version: &str) -> Compose {
        Compose {
            flavour,
            version: ComposeVersion::new(version).unwrap(),
            env: Vec::new(),
            patience: PATIENCE,
            launch: Arc::new(System),
        }
    }

    fn engine(containerd_store: bool) -> EngineInfo {
        let mut engine = EngineInfo::new("here");
        engine.containerd_store = containerd_store;
        engine
    }

    #[test]
    fn the_command_is_chosen_by_who_made_the_containers() {
        let installed = [compose(Flavour::Plugin, "5.6.0"), compose(Flavour::StandAlone, "1.29.2")];
        for (made_by, chosen) in [
            ("5.6.0", "5.6.0"),
            ("5.1.0", "5.6.0"),
            ("2.20.0", "5.6.0"),
            ("1.29.2", "1.29.2"),
            ("1.25.0", "1.29.2"),
            ("", "5.6.0"),
        ] {
            let found = Compose::choose(&installed, made_by, &engine(false)).unwrap();
            assert_eq!(found.version.as_str(), chosen, "{made_by}");
        }
        let error = Compose::choose(&[], "1.29.2", &engine(false)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let id = installed[1].id();
        assert!(Compose::same(&installed, &id).is_ok());
        let error = Compose::same(&installed[..1], &id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch);
    }

    #[test]
    fn one_that_can_not_recreate_is_not_chosen() {
        let installed = [compose(Flavour::StandAlone, "1.29.2"), compose(Flavour::Plugin, "5.6.0")];
        let found = Compose::choose(&installed, "1.29.2", &engine(true)).unwrap();
        assert_eq!(found.version.as_str(), "5.6.0");
        let error = Compose::choose(&installed[..1], "1.29.2", &engine(true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("nothing was touched"), "{error}");
    }
}
