//! One run at a time for a project, whichever of its services it takes back.

use async_trait::async_trait;
use stillme_rollback_core::lease::{Held, Holder, Lease};
use stillme_rollback_core::{Result, Target};

use super::names;

/// A lease that gives Compose's targets by their project: sets of services may overlap, and two compose
/// commands at once on one project hinder each other. All other targets it gives as they are.
#[derive(Clone, Debug)]
pub struct ByProject<L>(L);

impl<L: Lease> ByProject<L> {
    /// A lease on top of another one.
    pub fn new(lease: L) -> Self {
        Self(lease)
    }
}

#[async_trait]
impl<L: Lease> Lease for ByProject<L> {
    async fn acquire(&self, target: &Target, holder: &Holder) -> Result<Box<dyn Held>> {
        let whole = match names::parts(target) {
            Ok((project, _)) => Target::new(target.platform(), target.scope(), project.as_str())?,
            Err(_) => target.clone(),
        };
        self.0.acquire(&whole, holder).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use stillme_rollback_core::lease::MemoryLease;
    use stillme_rollback_core::{ErrorKind, RunId};

    use super::*;

    #[tokio::test]
    async fn sets_of_one_project_exclude_each_other() {
        let lease = ByProject::new(MemoryLease::new());
        let holder = Holder::new(
            RunId::from_parts(SystemTime::UNIX_EPOCH, 1),
            "here",
            SystemTime::UNIX_EPOCH,
        );
        let target = |platform, name| Target::new(platform, "engine", name).unwrap();
        let held = lease.acquire(&target("compose", "shop/web"), &holder).await.unwrap();
        let error =
            lease.acquire(&target("compose", "shop/web+worker"), &holder).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Held);
        for (platform, name) in [("compose", "other/web"), ("docker", "shop"), ("docker", "a/b")] {
            lease.acquire(&target(platform, name), &holder).await.unwrap();
        }
        drop(held);
        lease.acquire(&target("compose", "shop/worker"), &holder).await.unwrap();
    }
}
