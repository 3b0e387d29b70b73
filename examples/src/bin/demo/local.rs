//! The story on the embedded platform: processes of the service on loopback.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use stillme_rollback_core::testing::Replace;
use stillme_rollback_core::{
    CheckSpec, Executor, Goal, Plan, Release, Strategy as _, Target, Version as ReleaseVersion,
};
use stillme_rollback_examples::local::{Environment, LocalPlatform};
use stillme_rollback_verify::{All, SpecReader};
use tempfile::TempDir;

use crate::port;
use crate::stage::{Failure, Stage, VERSIONS, Version, request, verifiers};

const SERVICE: &str = "web";

/// The embedded platform.
pub(crate) struct LocalStage {
    platform: LocalPlatform,
    port: u16,
    /// The instances' output; removed with it.
    _folder: TempDir,
}

impl LocalStage {
    /// The platform on which nothing runs yet.
    pub(crate) fn open(binary: PathBuf) -> Result<Self, Failure> {
        let (folder, port) = (tempfile::tempdir()?, port::free()?);
        let versions: BTreeMap<_, _> = VERSIONS
            .iter()
            .map(|version| (version.name.to_owned(), environment(version, port)))
            .collect();
        let platform = LocalPlatform::new(binary, folder.path(), versions);
        Ok(Self { platform, port, _folder: folder })
    }
}

fn environment(version: &Version, port: u16) -> Environment {
    let port = port.to_string();
    let own = [("VERSION", version.name), ("HOST", "127.0.0.1"), ("PORT", &port)];
    let all = own.iter().chain(version.knobs);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[async_trait]
impl Stage for LocalStage {
    fn introduction(&self) -> String {
        String::from(
            "stillme-rollback, on the embedded platform: no Docker engine can be had here, so the\n\
             instances are processes on loopback. Plan, engine, journal, checks and probe are real.",
        )
    }

    fn port(&self) -> u16 {
        self.port
    }

    async fn prepare(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn deploy(&self, version: &Version) -> Result<(), Failure> {
        Ok(self.platform.deploy(SERVICE, version.name).await?)
    }

    async fn plan(&self, to: &Version) -> Result<Plan, Failure> {
        let target = Target::new("local", "loopback", SERVICE)?;
        let observation = self.platform.executor().observe(&target).await?;
        let goal = Goal::Release(Release::new(ReleaseVersion::new(to.name)?));
        let mut plan = Replace::default().plan(&observation, &request(goal, self.port)?)?;
        plan.expected_outage = String::from("from the stop until the new process answers");
        Ok(plan)
    }

    fn executor(&self) -> Arc<dyn Executor> {
        self.platform.executor()
    }

    fn verifier(&self, plan: &Plan) -> Result<All, Failure> {
        let build = |check: &CheckSpec| Ok(SpecReader::new().read(check)?);
        let all = verifiers(&plan.checks, build)?;
        Ok(all.with("the process", self.platform.verifier()))
    }

    async fn clean_up(&self) -> Result<(), Failure> {
        self.platform.stop_all().await;
        Ok(())
    }

    fn leftovers(&self) -> String {
        format!("its processes serve at 127.0.0.1:{}", self.port)
    }
}
