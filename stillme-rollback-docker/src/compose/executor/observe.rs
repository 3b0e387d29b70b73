//! Looks at Compose services before there is a plan: all that can fail is tried here, while nothing is
//! touched.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Goal, Observation, Printable, Release, Result, Target,
};

use super::*;
use crate::compose::action::{Back, Order};
use crate::compose::definition::{ComposeOptions, Definition, Found};
use crate::compose::detail::{Detail, ServiceDetail};
use crate::compose::differences::beside_images;
use crate::compose::drift::{Compared, standing};
use crate::compose::files::Trial;
use crate::compose::labels::agreed;
use crate::compose::names::{self, Services};
use crate::compose::sticky::{Kept, Sticky};
use crate::compose::{overlay, versions};
use crate::images::{LocalImage, protecting_tag};
use crate::versions::{History, Wanted, resolve};

/// What the engine does when a container does not say how long it gets to stop.
const DEFAULT_GRACE: u64 = 10;

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
    fn records_of(&self, project: &Project, service: &ServiceName) -> Vec<Release> {
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
        Compose::choose(&installed, made_by).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "find compose", "there is no compose command")
                .with_hint("nothing was touched; install one, then try again")
        })
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

    /// Tries a change of a file: with it the files must say the target images, and nothing else may
    /// differ from what they say without it.
    pub(super) async fn try_change(
        &self,
        compose: &Compose,
        orders: &Orders,
        change: &Change,
        text: &str,
    ) -> Result<()> {
        let trial = Trial::beside(&change.path, text)?;
        let before = compose.config(&orders.definition, &[]).await?;
        let tried = tried(&orders.definition, change, trial.path());
        let after = compose.config(&tried, &[]).await?;
        let images = match &change.edit {
            Edit::Images(images) => images.clone(),
            Edit::Keep(_) | Edit::Variables(_) => orders.forward().images,
        };
        let differences = beside_images(before.expose(), after.expose(), images.keys());
        let refusal = |what: String| {
            Err(Error::new(ErrorKind::Rejected, "make rollback sticky", what)
                .with_context("file", change.path.display().to_string())
                .with_hint("the file was not touched; choose another way with --sticky"))
        };
        if !differences.is_empty() {
            return refusal(format!(
                "it would change more than the images: {}",
                differences.join(", ")
            ));
        }
        for (service, image) in &images {
            if said(after.expose(), service) != Some(image) {
                return refusal(format!(
                    "the image of `{service}` would not be the target all the same"
                ));
            }
        }
        Ok(())
    }
}

/// The definition as it would be with a changed file.
fn tried(definition: &Definition, change: &Change, trial: &Path) -> Definition {
    let mut tried = definition.clone();
    match &change.edit {
        Edit::Variables(_) => {
            tried.env_files.pop();
            tried.env_files.push(trial.to_owned());
        }
        Edit::Keep(_) | Edit::Images(_) => {
            match tried.files.iter_mut().find(|file| **file == change.path) {
                Some(file) => *file = trial.to_owned(),
                None => tried.files.push(trial.to_owned()),
            }
        }
    }
    tried
}

/// What is looked at.
struct Look<'a> {
    executor: &'a ComposeExecutor,
    compose: &'a Compose,
    found: &'a Found,
    services: &'a Services,
    own: &'a [&'a Replica],
}

/// One service, looked at, before it is known what its target's hash will be.
struct Seen {
    detail: ServiceDetail,
    from: ImageId,
    to: ImageId,
    reference: String,
    back: Back,
    replicas: usize,
}

impl Look<'_> {
    async fn observe(
        &self,
        target: &Target,
        options: &ComposeOptions,
        wanted: &Wanted,
        all: &[Replica],
    ) -> Result<(Observation, Goal)> {
        let definition = &self.found.definition;
        let config = self.compose.config(definition, &[]).await?;
        let version = self.found.file_version().filter(|_| self.compose.wants_file_version());
        let files = self.compose.hashes(definition, &[], self.defined(config.expose())?).await?;
        let mut seen = BTreeMap::new();
        for service in self.services.iter() {
            let said = said(config.expose(), service).ok_or_else(|| build_only(service))?;
            let files = files.get(service).map(String::as_str).unwrap_or_default();
            seen.insert(
                service.clone(),
                self.look_at(service, said, files, wanted, version.as_ref()).await?,
            );
        }
        let (from, to) = (
            versions::together(seen.iter().map(|(name, seen)| (name, &seen.detail.from)))?,
            versions::together(seen.iter().map(|(name, seen)| (name, &seen.detail.to)))?,
        );
        let mut observation = Observation::new(target.clone());
        observation.running = Some(from);
        let detail = self.detail(options, config.expose(), seen, version, all).await?;
        observation.detail = detail.into_secret();
        Ok((observation, Goal::Release(to)))
    }

    /// The services, all of which must be in the configuration.
    fn defined(&self, config: &Value) -> Result<&Services> {
        match self.services.iter().find(|service| !config["services"][service.as_str()].is_object())
        {
            None => Ok(self.services),
            Some(missing) => Err(Error::new(
                ErrorKind::NotFound,
                "resolve configuration",
                format!("the files do not define `{missing}` (any more)"),
            )
            .with_hint("nothing was touched; if it is in a profile, name that with --profile")),
        }
    }

    fn replicas_of(&self, service: &ServiceName) -> Vec<&Replica> {
        self.own.iter().copied().filter(|replica| replica.service == *service).collect()
    }

    async fn look_at(
        &self,
        service: &ServiceName,
        said: &str,
        files: &str,
        wanted: &Wanted,
        version: Option<&Value>,
    ) -> Result<Seen> {
        let engine = self.executor.engine.as_ref();
        let own = self.replicas_of(service);
        let project = &self.found.definition.project;
        let first = own.first().ok_or_else(|| no_containers(project, service))?;
        let from = agreed("image", own.iter().map(|replica| &replica.image))?
            .cloned()
            .flatten()
            .ok_or_else(|| no_containers(project, service))?;
        let records = self.executor.records_of(project, service);
        let history = versions::history(engine, first, Some(said), &records).await?;
        let release = resolve(engine, &history, wanted).await?;
        let to = ImageId::new(release.version.as_str())?;
        let container = engine
            .inspect_container(&(&first.id).into())
            .await?
            .ok_or_else(|| no_containers(project, service))?;
        let runs_by = text(container.expose(), "/Config/Image").to_owned();
        let target = engine.inspect_image(to.as_str()).await?;
        let target = target.as_ref().map(|image| image.expose()).unwrap_or(&Value::Null);
        self.check_fit(target, &from).await?;

        let standing = self.standing(service, &own, files, &runs_by, version).await?;
        let tagged = protecting_tag(&to, &names::protected_name(project, service)?)?;
        let named = release.image.as_ref().filter(|image| image.tag().is_some());
        let named = match named {
            // Its name may name another image by now.
            Some(named) if self.executor.names(named.as_str()).await?.as_ref() == Some(&to) => {
                Some(named)
            }
            _ => None,
        };
        let reference = named.unwrap_or(&tagged).as_str().to_owned();
        let has_check = |value: &Value| {
            let test = value.pointer("/Config/Healthcheck/Test/0").and_then(Value::as_str);
            test.map(|kind| kind != "NONE")
        };
        let numbers: BTreeSet<_> = own.iter().map(|replica| &replica.number).collect();
        let detail = ServiceDetail {
            from: history.running,
            said: said.to_owned(),
            is_up: own.iter().all(|replica| matches!(replica.state.as_str(), "running" | "paused")),
            grace: container
                .expose()
                .pointer("/Config/StopTimeout")
                .and_then(Value::as_u64)
                .unwrap_or(DEFAULT_GRACE),
            // What the files say of it is on the container already, so only an image's own may change.
            has_healthcheck: has_check(target)
                .or_else(|| has_check(container.expose()))
                .unwrap_or(false),
            target_is_named: named.is_some(),
            to: release,
            standing,
        };
        let back = Back {
            by_files: runs_by == said,
            reference: runs_by,
            tag: protecting_tag(&from, &names::protected_name(project, service)?)?,
        };
        Ok(Seen { detail, from, to, reference, back, replicas: numbers.len() })
    }

    async fn check_fit(&self, target: &Value, from: &ImageId) -> Result<()> {
        let engine = self.executor.engine.as_ref();
        let running = LocalImage::find(engine, from.as_str()).await?;
        LocalImage::read(target)?.check_fit(&engine.info().await?, running.as_ref())
    }

    async fn standing(
        &self,
        service: &ServiceName,
        own: &[&Replica],
        files: &str,
        runs_by: &str,
        version: Option<&Value>,
    ) -> Result<super::super::drift::Standing> {
        let first = own.first().map(|replica| replica.hash.as_str()).unwrap_or_default();
        let label = Some(first).filter(|hash| own.iter().all(|replica| replica.hash == *hash));
        let with_image = if label == Some(files) || runs_by.is_empty() {
            None
        } else {
            let overlay = Overlay::new(version.cloned()).with(service, runs_by);
            let over = self.executor.laid_over(&overlay, &self.found.definition.project)?;
            let only = Services::new([service.clone()])?;
            self.compose.hashes(&self.found.definition, &over, &only).await?.remove(service)
        };
        let folder = &self.executor.folder;
        let is_ours =
            |replica: &&Replica| replica.files.iter().any(|file| overlay::is_ours(folder, file));
        Ok(standing(&Compared {
            label,
            files,
            with_image: with_image.as_deref(),
            is_ours: own.iter().all(is_ours),
            made_by: own.first().map(|replica| replica.version.as_str()).unwrap_or_default(),
            asked: self.compose.version(),
        }))
    }

    async fn detail(
        &self,
        options: &ComposeOptions,
        config: &Value,
        seen: BTreeMap<ServiceName, Seen>,
        version: Option<Value>,
        all: &[Replica],
    ) -> Result<Detail> {
        let (executor, definition) = (self.executor, &self.found.definition);
        let mut there_already = Vec::new();
        let mut services = BTreeMap::new();
        let mut orders = BTreeMap::new();
        for (name, seen) in seen {
            if seen.from == seen.to {
                there_already.push(name.clone());
            } else {
                orders.insert(
                    name.clone(),
                    Order {
                        from: seen.from,
                        to: seen.to,
                        reference: seen.reference,
                        hash: String::new(),
                        back: seen.back,
                        replicas: seen.replicas,
                    },
                );
            }
            services.insert(name, seen.detail);
        }
        let mut orders = Orders {
            compose: self.compose.id(),
            definition: definition.clone(),
            services: orders,
            version,
        };
        let changing: BTreeSet<_> = orders.services.keys().cloned().collect();
        let mut detail = Detail {
            there_already,
            others: all
                .iter()
                .filter(|replica| !changing.contains(&replica.service))
                .map(|replica| replica.id.clone())
                .collect(),
            leftovers: self
                .own
                .iter()
                .filter(|r| r.is_leftover())
                .map(|r| r.name.clone())
                .collect(),
            differences: Vec::new(),
            dependents: dependents(config, &changing),
            protected: BTreeMap::new(),
            sticky: options.sticky,
            override_is_read: Kept::of(definition).is_read,
            changes: Vec::new(),
            by_hand: (String::new(), String::new()),
            allow_drift: options.allow_drift,
            services,
            orders: orders.clone(),
        };
        if orders.services.is_empty() {
            return Ok(detail);
        }
        let overlay = orders.forward();
        for tag in self.tags(&orders)? {
            if let Some(id) = executor.names(tag.as_str()).await? {
                detail.protected.insert(tag.as_str().to_owned(), id.as_str().to_owned());
            }
        }
        let over = executor.laid_over(&overlay, &definition.project)?;
        let with = self.compose.config(definition, &over).await?;
        detail.differences = beside_images(config, with.expose(), orders.services.keys());
        for (name, image) in &overlay.images {
            if said(with.expose(), name) != Some(image) {
                detail.differences.push(format!("services.{name}.image"));
            }
        }
        let hashes = self.compose.hashes(definition, &over, &orders.names()?).await?;
        for (name, order) in &mut orders.services {
            let hash = hashes.get(name).map(String::as_str).unwrap_or_default();
            order.hash = executor.key.long_hash(hash.as_bytes());
        }
        let back = executor.back(&orders).await?;
        let back = executor.laid_over(&back, &definition.project)?;
        detail.by_hand = (
            self.compose.up_by_hand(definition, &over, &orders.replicas())?,
            self.compose.up_by_hand(definition, &back, &orders.replicas())?,
        );
        if options.sticky != Sticky::None {
            for (change, text) in
                sticky::changes(options.sticky, self.found, &overlay, &executor.key)?
            {
                let tried = executor.try_change(self.compose, &orders, &change, &text).await;
                tried.map_err(|error| {
                    error.with_hint("nothing was touched; choose another way with --sticky")
                })?;
                detail.changes.push(change);
            }
        }
        detail.orders = orders;
        Ok(detail)
    }

    fn tags(&self, orders: &Orders) -> Result<Vec<ImageRef>> {
        let project = &orders.definition.project;
        let mut tags = Vec::new();
        for (service, order) in &orders.services {
            let name = names::protected_name(project, service)?;
            tags.push(protecting_tag(&order.to, &name)?);
            tags.push(order.back.tag.clone());
        }
        Ok(tags)
    }
}

/// A service's image in a resolved configuration.
fn said<'a>(config: &'a Value, service: &ServiceName) -> Option<&'a str> {
    config["services"][service.as_str()]["image"].as_str()
}

/// Services that live in a namespace or on the volumes of one that changes, and do not change: theirs
/// would be gone.
fn dependents(config: &Value, changing: &BTreeSet<ServiceName>) -> Vec<String> {
    const SHARED: [&str; 4] = ["network_mode", "ipc", "pid", "uts"];
    let services = config["services"].as_object();
    let mut found = Vec::new();
    for (name, service) in services.into_iter().flatten() {
        if changing.iter().any(|one| one.as_str() == name) {
            continue;
        }
        for key in SHARED {
            let shared = service[key].as_str().and_then(|mode| mode.strip_prefix("service:"));
            if let Some(with) =
                shared.filter(|with| changing.iter().any(|one| one.as_str() == *with))
            {
                found.push(format!("`{}` ({key} of `{with}`)", Printable(name)));
            }
        }
    }
    found
}

fn list<T: std::fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

fn no_containers(project: &Project, service: &ServiceName) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "look at service",
        format!("project `{project}` has no containers of `{service}`"),
    )
    .with_hint("nothing was touched; `docker ps --all` shows what there is")
}

fn build_only(service: &ServiceName) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "look at service",
        format!("`{service}` is only built, it names no image"),
    )
    .with_hint("nothing was touched; give it an `image` in the compose file: then its versions have names to go back to")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_lives_in_a_service_that_changes_is_named() {
        let config = json!({"services": {
            "web": {"image": "a"},
            "side": {"network_mode": "service:web"},
            "watch": {"pid": "service:web"},
            "db": {"network_mode": "service:other"},
            "host": {"network_mode": "host"},
        }});
        let web = ServiceName::new("web").unwrap();
        let found = dependents(&config, &BTreeSet::from([web.clone()]));
        assert_eq!(found, ["`side` (network_mode of `web`)", "`watch` (pid of `web`)"]);
        let side = ServiceName::new("side").unwrap();
        assert_eq!(dependents(&config, &BTreeSet::from([web, side])).len(), 1);
    }
}
