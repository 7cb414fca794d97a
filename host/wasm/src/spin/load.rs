//! From a manifest to what can be served: components with what they were granted, and the routes to them.

use super::{
    compose::{self, Filling},
    environment::Environment,
    files,
    manifest::{self, Answering, Dependency, HttpTrigger, Inherited, Manifest, Problems, Source},
    routes::{self, Destination, Routes},
    runtime_config::RuntimeConfig,
    stores::Stores,
    variables::{Sources, Variables},
};
use crate::hosts::{Allowed, Target};
use anyhow::{Context as _, bail};
use corral_spin::{key_value::Place, redis::Pool, sqlite::Database};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tempfile::TempDir;

/// How an application is served.
#[derive(Clone, Default)]
pub struct Options {
    /// The manifest.
    pub manifest: PathBuf,
    /// The runtime configuration.
    pub runtime_config: Option<PathBuf>,
    /// Where what the application stores is kept; `.spin` beside the manifest, if it is not said.
    pub state: Option<PathBuf>,
    /// The profile of its components.
    pub profile: Option<String>,
    /// Values of variables.
    pub variables: BTreeMap<String, String>,
    /// This process's environment.
    pub environment: Environment,
}

/// An application that is ready to be served.
pub struct Application {
    /// Its name.
    pub name: String,
    /// Where what it stores is kept.
    pub state: PathBuf,
    /// Which component answers what.
    pub routes: Routes,
    /// Its components by id.
    pub components: BTreeMap<String, Arc<Component>>,
    /// Gone with the application: what the host itself would keep, and no component of Spin's uses.
    pub scratch: TempDir,
}

/// A component, and what it was granted.
pub struct Component {
    /// Its id.
    pub id: String,
    /// The manifest's file.
    manifest: PathBuf,
    /// Its Wasm.
    pub source: PathBuf,
    /// What fills its imports.
    fillings: Vec<Filling>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// Its files; none, if it has none.
    pub files: Option<TempDir>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Whom it may talk to.
    pub hosts: Arc<[Allowed]>,
    /// Key-value stores by label; none of them for a label that nobody has set.
    pub key_value: BTreeMap<String, Place>,
    /// SQLite databases by label.
    pub sqlite: BTreeMap<String, Database>,
    /// Names of models.
    pub models: Vec<String>,
    /// Connections to Redis servers that wait for their next user.
    pub redis: Pool,
}

// Its variables may be secret.
impl fmt::Debug for Component {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Component({})", self.id)
    }
}

impl Component {
    /// The component with its imports filled, of the bytes of its own Wasm.
    ///
    /// # Errors
    /// As [`compose::own`] and [`compose::filled`], with the manifest's key.
    pub fn compose(&self, bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
        let key = |key: &str| format!("component.{}.{key}", self.id);
        let own = compose::own(bytes, &self.fillings).with_context(|| key("source"))?;
        compose::filled(own, &self.fillings).with_context(|| key("dependencies"))
    }

    /// How many components it is composed of, itself included. One may have been composed of several before.
    #[must_use]
    pub fn components(&self) -> u32 {
        u32::try_from(self.fillings.len()).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(3)
    }

    /// Where an operator finds what is said of it: the manifest.
    #[must_use]
    pub fn place(&self) -> String {
        self.manifest.display().to_string()
    }

    /// Whether it may send something there.
    #[must_use]
    pub fn may_reach(&self, target: &Target<'_>) -> bool {
        Allowed::any(&self.hosts, target)
    }
}

impl Application {
    /// Reads a manifest and everything that it names. Blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it, or with what it names.
    pub fn load(options: &Options) -> anyhow::Result<Self> {
        let file = &options.manifest;
        let manifest = manifest::read(file)?;
        if let Some(profile) = &options.profile {
            check_profile(file, &manifest, profile)?;
        }
        let runtime = RuntimeConfig::read(options.runtime_config.as_deref())?;
        let folder = folder_of(file);
        // Patterns of files give whole paths.
        let folder = folder.canonicalize().with_context(|| format!("looking for {}", folder.display()))?;
        let state = options
            .state
            .clone()
            .or_else(|| runtime.state_dir.clone())
            .unwrap_or_else(|| folder.join(".spin"));
        let sources = Sources {
            given: &options.variables,
            providers: &runtime.providers,
            environment: &options.environment,
            folder: &folder,
        };
        let variables = Variables::resolve(file, &manifest, &sources)?;
        let (routes, components) = routes(file, &manifest)?;
        let stores = Stores::open(&runtime, &state, &components, file)?;
        let loading = Loading {
            file,
            folder,
            variables,
            stores,
            profile: options.profile.as_deref(),
            all: &components,
        };
        let components = components
            .iter()
            .filter(|(id, _)| !loading.only_fills(id, &manifest))
            .map(|(id, component)| Ok((id.clone(), Arc::new(loading.component(id, component.clone())?))))
            .collect::<anyhow::Result<_>>()?;
        let scratch = tempfile::tempdir().context("making a folder")?;
        Ok(Self { name: manifest.application.name, state, routes, components, scratch })
    }

    /// Whether a component may use models, for texts or for vectors.
    #[must_use]
    pub fn uses_models(&self) -> bool {
        self.components.values().any(|component| !component.models.is_empty())
    }
}

/// The folder that a manifest's paths are meant from.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => ".".into(),
    }
}

fn check_profile(file: &Path, manifest: &Manifest, profile: &str) -> Result<(), Problems> {
    let known = || manifest.components.values().flat_map(|component| component.profile.keys());
    if known().any(|known| known == profile) {
        return Ok(());
    }
    let known = known().map(String::as_str).collect::<std::collections::BTreeSet<_>>();
    let known = known.into_iter().collect::<Vec<_>>().join(", ");
    Err(Problems::one(
        file,
        "component",
        format!("no component has the profile \"{profile}\" that --profile names; there are: {known}"),
    ))
}

/// The routes, and all components, those that triggers have written too.
type Routed = (Routes, BTreeMap<String, manifest::Component>);

fn routes(file: &Path, manifest: &Manifest) -> anyhow::Result<Routed> {
    let mut components = manifest.components.clone();
    let mut found = Vec::new();
    for (place, trigger) in manifest.triggers.http.iter().enumerate() {
        let destination = destination(place, trigger, &mut components)?;
        if let manifest::Route::Public(route) = &trigger.route {
            found.push((route.clone(), destination));
        }
    }
    let routes = Routes::new(found).map_err(|error| Problems::one(file, "trigger.http", error))?;
    Ok((routes, components))
}

fn destination(
    place: usize,
    trigger: &HttpTrigger,
    components: &mut BTreeMap<String, manifest::Component>,
) -> anyhow::Result<Destination> {
    Ok(match (&trigger.component, &trigger.static_response) {
        (Some(Answering::Named(id)), _) => Destination::Component(id.clone()),
        (Some(Answering::Inline(component)), _) => {
            let id = trigger.inline_id(place);
            components.insert(id.clone(), (**component).clone());
            Destination::Component(id)
        }
        (None, Some(answer)) => {
            Destination::Static(routes::check_static(answer).map_err(anyhow::Error::msg)?)
        }
        (None, None) => bail!("trigger.http[{place}] has nothing that answers"),
    })
}

struct Loading<'a> {
    file: &'a Path,
    folder: PathBuf,
    variables: Variables,
    stores: Stores,
    profile: Option<&'a str>,
    all: &'a BTreeMap<String, manifest::Component>,
}

impl Loading<'_> {
    /// Whether a component is there for others only: no trigger leads to it, and it is a dependency.
    fn only_fills(&self, id: &str, manifest: &Manifest) -> bool {
        let named =
            |dependency: &Dependency| matches!(dependency, Dependency::Component(c) if c.component == id);
        let fills = self.all.values().any(|component| component.dependencies.values().any(named));
        let answers =
            |trigger: &HttpTrigger| matches!(&trigger.component, Some(Answering::Named(name)) if name == id);
        fills && !manifest.triggers.http.iter().any(answers)
    }

    fn component(&self, id: &str, component: manifest::Component) -> anyhow::Result<Component> {
        let named = |key: &str| format!("{}: component.{id}.{key}", self.file.display());
        let component = component.under(self.profile);
        let source = self.source(&component.source).with_context(|| named("source"))?;
        let fillings = self.fillings(&component).with_context(|| named("dependencies"))?;
        let files = files::copied(&self.folder, &component.files, &component.exclude_files)
            .with_context(|| named("files"))?;
        let variables = component
            .variables
            .iter()
            .map(|(name, text)| Ok((name.clone(), self.variables.fill(text)?)))
            .collect::<anyhow::Result<_>>()
            .with_context(|| named("variables"))?;
        let mut hosts = Vec::new();
        for (place, text) in component.allowed_outbound_hosts.iter().enumerate() {
            let key = || named(&format!("allowed_outbound_hosts[{place}]"));
            let text = self.variables.fill(text).with_context(key)?;
            // As Spin has it: an address that a variable left empty allows nothing.
            if !["", "http://", "https://"].contains(&text.as_str()) {
                hosts.push(Allowed::parse(&text).map_err(anyhow::Error::msg).with_context(key)?);
            }
        }
        Ok(Component {
            id: id.to_owned(),
            manifest: self.file.to_owned(),
            source,
            fillings,
            environment: component.environment.into_iter().collect(),
            files,
            variables,
            hosts: hosts.into(),
            key_value: Stores::labelled(&self.stores.key_value, &component.key_value_stores),
            sqlite: Stores::labelled(&self.stores.sqlite, &component.sqlite_databases),
            models: component.ai_models,
            redis: Pool::default(),
        })
    }

    fn source(&self, source: &Source) -> anyhow::Result<PathBuf> {
        match source {
            Source::Local(path) => {
                let path = self.folder.join(path);
                if !path.is_file() {
                    bail!("{} is not there: build it (`corral build`), or mend the path", path.display());
                }
                Ok(path)
            }
            Source::Elsewhere(_) => bail!("is not on this machine"),
        }
    }

    fn fillings(&self, component: &manifest::Component) -> anyhow::Result<Vec<Filling>> {
        let all = component.dependencies_inherit_configuration == Some(true);
        let fill = |(import, dependency): (&String, &Dependency)| {
            let (path, export, inherited) = match dependency {
                Dependency::Local(local) => {
                    (self.folder.join(&local.path), local.export.clone(), &local.inherit_configuration)
                }
                Dependency::Component(other) => {
                    let id = &other.component;
                    let filler = self
                        .all
                        .get(id)
                        .with_context(|| format!("\"{import}\": there is no component \"{id}\""))?;
                    (self.source(&filler.source)?, other.export.clone(), &other.inherit_configuration)
                }
                Dependency::Version(_) | Dependency::Elsewhere(_) => {
                    bail!("\"{import}\" is not on this machine")
                }
            };
            let inherits = match inherited {
                Some(Inherited::All(true)) => None,
                Some(Inherited::Some(keys)) => Some(keys.clone()),
                Some(Inherited::All(false)) => Some(Vec::new()),
                None if all => None,
                None => Some(Vec::new()),
            };
            let bytes =
                fs::read(&path).with_context(|| format!("\"{import}\": reading {}", path.display()))?;
            Ok(Filling { import: import.clone(), export, inherits, bytes })
        };
        component.dependencies.iter().map(fill).collect()
    }
}
