//! Looks at the services of a definition, one by one: what a plan is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use stillme_rollback_core::{
    Error, ErrorKind, Goal, ImageRef, Observation, Printable, Result, Target,
};

use super::ComposeExecutor;
use super::observe::no_containers;
use crate::compose::action::{Back, Order, Orders};
use crate::compose::command::Compose;
use crate::compose::definition::{ComposeOptions, Found};
use crate::compose::detail::{Detail, ServiceDetail};
use crate::compose::differences::beside_images;
use crate::compose::drift::{Compared, Standing, standing};
use crate::compose::labels::{Replica, agreed};
use crate::compose::names::{self, ServiceName, Services};
use crate::compose::overlay::{self, Overlay};
use crate::compose::sticky::{self, Change, Kept, Sticky};
use crate::compose::versions;
use crate::detail::text;
use crate::images::{LocalImage, protecting_tag};
use crate::names::ImageId;
use crate::versions::{Wanted, resolve};

/// What the engine does when a container does not say how long it gets to stop.
const DEFAULT_GRACE: u64 = 10;

/// What is looked at.
pub(super) struct Look<'a> {
    pub(super) executor: &'a ComposeExecutor,
    pub(super) compose: &'a Compose,
    pub(super) found: &'a Found,
    pub(super) services: &'a Services,
    pub(super) own: &'a [&'a Replica],
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
    pub(super) async fn observe(
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
    ) -> Result<Standing> {
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
        let definition = &self.found.definition;
        let (there_already, services, orders) = sorted(seen);
        let mut orders = Orders {
            compose: self.compose.id(),
            definition: definition.clone(),
            services: orders,
            version,
        };
        let changing: BTreeSet<_> = orders.services.keys().cloned().collect();
        let others = all.iter().filter(|replica| !changing.contains(&replica.service));
        let leftovers = self.own.iter().filter(|replica| replica.is_leftover());
        let mut detail = Detail {
            there_already,
            others: others.map(|replica| replica.id.clone()).collect(),
            leftovers: leftovers.map(|replica| replica.name.clone()).collect(),
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
        let over = self.executor.laid_over(&overlay, &definition.project)?;
        detail.protected = self.protected(&orders).await?;
        detail.differences = self.differences(config, &overlay, &over).await?;
        let hashes = self.compose.hashes(definition, &over, &orders.names()?).await?;
        for (name, order) in &mut orders.services {
            let hash = hashes.get(name).map(String::as_str).unwrap_or_default();
            order.hash = self.executor.key.long_hash(hash.as_bytes());
        }
        detail.by_hand = self.by_hand(&orders, &over).await?;
        detail.changes = self.changes(options.sticky, &orders, &overlay).await?;
        detail.orders = orders;
        Ok(detail)
    }

    /// What the names that this run protects images by name now.
    async fn protected(&self, orders: &Orders) -> Result<BTreeMap<String, String>> {
        let mut protected = BTreeMap::new();
        for tag in self.tags(orders)? {
            if let Some(id) = self.executor.names(tag.as_str()).await? {
                protected.insert(tag.as_str().to_owned(), id.as_str().to_owned());
            }
        }
        Ok(protected)
    }

    /// What the overlay would change beside the images that it is there for.
    async fn differences(
        &self,
        config: &Value,
        overlay: &Overlay,
        over: &[PathBuf],
    ) -> Result<Vec<String>> {
        let with = self.compose.config(&self.found.definition, over).await?;
        let mut differences = beside_images(config, with.expose(), overlay.images.keys());
        for (name, image) in &overlay.images {
            if said(with.expose(), name) != Some(image) {
                differences.push(format!("services.{name}.image"));
            }
        }
        Ok(differences)
    }

    /// The commands there and back.
    async fn by_hand(&self, orders: &Orders, over: &[PathBuf]) -> Result<(String, String)> {
        let definition = &self.found.definition;
        let back = self.executor.back(orders).await?;
        let back = self.executor.laid_over(&back, &definition.project)?;
        Ok((
            self.compose.up_by_hand(definition, over, &orders.replicas())?,
            self.compose.up_by_hand(definition, &back, &orders.replicas())?,
        ))
    }

    /// The edits that make the rollback stay, each of them tried.
    async fn changes(
        &self,
        sticky: Sticky,
        orders: &Orders,
        overlay: &Overlay,
    ) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        if sticky == Sticky::None {
            return Ok(changes);
        }
        for (change, text) in sticky::changes(sticky, self.found, overlay, &self.executor.key)? {
            let tried = self.executor.try_change(self.compose, orders, &change, &text).await;
            tried.map_err(|error| {
                error.with_hint("nothing was touched; choose another way with --sticky")
            })?;
            changes.push(change);
        }
        Ok(changes)
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

/// The services that are there already, what is known of each, and the orders for those that change.
fn sorted(
    seen: BTreeMap<ServiceName, Seen>,
) -> (Vec<ServiceName>, BTreeMap<ServiceName, ServiceDetail>, BTreeMap<ServiceName, Order>) {
    let (mut there_already, mut services, mut orders) =
        (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (name, seen) in seen {
        if seen.from == seen.to {
            there_already.push(name.clone());
        } else {
            let order = Order {
                from: seen.from,
                to: seen.to,
                reference: seen.reference,
                hash: String::new(),
                back: seen.back,
                replicas: seen.replicas,
            };
            orders.insert(name.clone(), order);
        }
        services.insert(name, seen.detail);
    }
    (there_already, services, orders)
}

/// A service's image in a resolved configuration.
pub(super) fn said<'a>(config: &'a Value, service: &ServiceName) -> Option<&'a str> {
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
