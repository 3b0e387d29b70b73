//! Looks at Compose services before there is a plan: all that can fail is tried here, while nothing is
//! touched.

use std::collections::{BTreeMap, BTreeSet};

use stillme_rollback_core::{Error, ErrorKind, Goal, Observation, Release, Result, Target};

use super::ComposeExecutor;
use super::look::Look;
use crate::compose::command::Compose;
use crate::compose::definition::{ComposeOptions, Definition};
use crate::compose::labels::{self, Replica};
use crate::compose::names::{self, Project, ServiceName, Services};
use crate::compose::versions;
use crate::engine::ContainerFilter;
use crate::versions::{History, Wanted};

impl ComposeExecutor {
    /// The target that some services are. Without a project it is the one that has them all, if there
    /// is only one.
    ///
    /// # Errors
    /// `NotFound` if no container is of these services, `Conflict` if several projects have them.
    pub async fn target(&self, project: Option<&Project>, services: &Services) -> Result<Target> {
        let engine = self.engine.info().await?.id;
        let project = match project {
            Some(project) => project.clone(),
            None => self.only_project(services).await?,
        };
        names::target(&engine, &project, services)
    }

    async fn only_project(&self, services: &Services) -> Result<Project> {
        let all =
            self.engine.list_containers(&ContainerFilter::all().has_label(labels::SERVICE)).await?;
        let mut found: BTreeMap<Project, BTreeSet<ServiceName>> = BTreeMap::new();
        for container in &all {
            if let (Some(project), Some(replica)) =
                (labels::project(container), Replica::of(container))
            {
                found.entry(project).or_default().insert(replica.service);
            }
        }
        let has_all = |(_, own): &(&Project, &BTreeSet<ServiceName>)| {
            services.iter().all(|s| own.contains(s))
        };
        let matching: Vec<_> = found.iter().filter(has_all).map(|(project, _)| project).collect();
        match matching.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Error::new(
                ErrorKind::NotFound,
                "find project",
                format!("no Compose project has containers of {}", list(services.iter())),
            )
            .with_hint(format!(
                "nothing was touched; the projects here are: {}",
                if found.is_empty() { "none".to_owned() } else { list(found.keys()) }
            ))),
            several => Err(Error::new(
                ErrorKind::Conflict,
                "find project",
                format!(
                    "several projects have {}: {}",
                    list(services.iter()),
                    list(several.iter())
                ),
            )
            .with_hint("nothing was touched; say which with -p")),
        }
    }

    /// What a service could go back to, by its containers and the records.
    ///
    /// # Errors
    /// `NotFound` if it has no containers, and whatever kept the engine from looking.
    pub async fn history(&self, project: &Project, service: &ServiceName) -> Result<History> {
        let replicas = self.replicas(project).await?;
        let own = replicas.iter().find(|replica| replica.service == *service);
        let own = own.ok_or_else(|| no_containers(project, service))?;
        versions::history(self.engine.as_ref(), own, None, &self.records_of(project, service)).await
    }

    /// What the records say of one service, newest first: only the latest word on a release counts.
    pub(super) fn records_of(&self, project: &Project, service: &ServiceName) -> Vec<Release> {
        let mut known: Vec<Release> = Vec::new();
        for record in &self.records {
            let is_own = names::parts(&record.target).is_ok_and(|(own, _)| own == *project);
            let release = versions::release_of(&record.target, &record.release, service);
            let Some(mut release) = release.filter(|_| is_own) else { continue };
            if !known.iter().any(|known| known.version.short() == release.version.short()) {
                release.evidence.clone_from(&record.release.evidence);
                known.push(release);
            }
        }
        known
    }

    pub(super) async fn observe_running(&self, target: &Target) -> Result<Observation> {
        let (project, services) = names::parts(target)?;
        let mut running = BTreeMap::new();
        let mut releases = Vec::new();
        for service in services.iter() {
            let history = self.history(&project, service).await?;
            if services.count() == 1 {
                releases = history.releases;
            }
            running.insert(service, history.running);
        }
        let mut observation = Observation::new(target.clone());
        observation.running = Some(versions::together(running.iter().map(|(s, r)| (*s, r)))?);
        observation.releases = releases;
        Ok(observation)
    }

    /// Looks at services and finds what is wanted of each: what a plan is made of. In the project's
    /// folder nothing stays; in the executor's own the overlay does.
    ///
    /// # Errors
    /// `NotFound` for services, files or releases that are not there, `Rejected` for files that must
    /// not reach a compose command, `Conflict` if the replicas of a service are not of one image.
    /// Nothing was touched.
    pub async fn observe_for(
        &self,
        target: &Target,
        options: &ComposeOptions,
        wanted: &Wanted,
    ) -> Result<(Observation, Goal)> {
        let (project, services) = names::parts(target)?;
        let all = self.replicas(&project).await?;
        let own: Vec<_> =
            all.iter().filter(|replica| services.contains(&replica.service)).collect();
        if let Some(missing) = services.iter().find(|name| !own.iter().any(|r| r.service == **name))
        {
            return Err(no_containers(&project, missing));
        }
        let found = Definition::find(&project, &own, options, &self.folder)?.check()?;
        let compose = self.choose(&own).await?;
        self.check_same_engine(&compose, &found.definition, &own).await?;
        let look = Look {
            executor: self,
            compose: &compose,
            found: &found,
            services: &services,
            own: &own,
        };
        look.observe(target, options, wanted, &all).await
    }

    async fn choose(&self, own: &[&Replica]) -> Result<Compose> {
        let made_by = own.first().map(|replica| replica.version.as_str()).unwrap_or_default();
        let installed = self.installed().await?;
        Compose::choose(&installed, made_by, &self.engine.info().await?)
    }

    /// The compose command may have another engine in mind than we have.
    async fn check_same_engine(
        &self,
        compose: &Compose,
        definition: &Definition,
        own: &[&Replica],
    ) -> Result<()> {
        let seen = compose.containers(definition).await?;
        if own.iter().all(|replica| seen.contains(&replica.id)) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Mismatch,
            "look at project",
            format!("{compose} does not see the containers that the engine shows"),
        )
        .with_hint("nothing was touched; let both use the same engine: set DOCKER_HOST"))
    }
}

fn list<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn no_containers(project: &Project, service: &ServiceName) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "look at service",
        format!("project `{project}` has no containers of `{service}`"),
    )
    .with_hint("nothing was touched; `docker ps --all` shows what there is")
}
