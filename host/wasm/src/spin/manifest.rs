//! `spin.toml`, version 2: what may be written there.
//!
//! <https://spinframework.dev/v3/manifest-reference>
//!
//! Not here: whether what is written fits together (`manifest/checks.rs`).

mod checks;
mod error;
mod read;

pub use error::Problems;
pub use read::{Text, read};

use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// The whole manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always 2; other versions are refused before this is read.
    #[serde(rename = "spin_manifest_version")]
    pub version: u32,
    /// What the application is called.
    pub application: Details,
    /// The application's variables by name.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// What leads to components, by kind.
    #[serde(rename = "trigger", default)]
    pub triggers: Triggers,
    /// The components by id.
    #[serde(rename = "component", default)]
    pub components: BTreeMap<String, Component>,
}

/// `[application]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// For people.
    #[serde(default)]
    pub authors: Vec<String>,
    /// Platforms that it was checked against when it was built.
    #[serde(default)]
    pub targets: Vec<toml::Value>,
    /// Settings of whole triggers, such as the address of a Redis.
    #[serde(default)]
    pub trigger: BTreeMap<String, toml::Table>,
    /// Other programs' own.
    #[serde(default)]
    pub tool: BTreeMap<String, toml::Table>,
}

/// `[variables]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Variable {
    /// For people.
    pub description: Option<String>,
    /// Whether it has to be given a value.
    pub required: bool,
    /// Its value, if nobody gives it one.
    pub default: Option<String>,
    /// Whether it is not to be shown.
    pub secret: bool,
}

/// `[[trigger.http]]`; other kinds are kept to be refused by name.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Triggers {
    /// Requests.
    #[serde(default)]
    pub http: Vec<HttpTrigger>,
    /// All else.
    #[serde(flatten)]
    pub others: BTreeMap<String, toml::Value>,
}

/// What answers the requests of a route.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// Its own name.
    #[serde(default)]
    pub id: Option<String>,
    /// The component that answers.
    #[serde(default)]
    pub component: Option<Answering>,
    /// Which paths.
    pub route: Route,
    /// An answer that needs no component.
    #[serde(default)]
    pub static_response: Option<StaticResponse>,
    /// How the component is called.
    #[serde(default)]
    pub executor: Option<Executor>,
    /// Components in front of it: kept to be refused by name.
    #[serde(default)]
    pub components: Option<toml::Value>,
    /// Dependencies of the trigger: kept to be refused by name.
    #[serde(default)]
    pub dependencies: Option<toml::Value>,
}

/// A component by its id, or written in the trigger.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Answering {
    /// By its id.
    Named(String),
    /// Written here.
    Inline(Box<Component>),
}

/// `route = "/…"`, or `route = { private = true }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Route {
    /// Paths.
    Public(String),
    /// Only other components reach it.
    Private(Private),
}

/// `{ private = true }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Private {
    /// Always true.
    pub private: bool,
}

/// `static_response`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaticResponse {
    /// 200, if it is not said.
    pub status_code: Option<u16>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Option<String>,
}

/// `executor = { type = "…" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Executor {
    /// As the component's exports say.
    #[serde(alias = "spin")]
    Http {},
    /// As a CGI program.
    Wagi {
        /// How its arguments are made.
        #[serde(default)]
        argv: Option<String>,
    },
}

/// `[component.ID]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its Wasm.
    pub source: Source,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Its own variables: templates of the application's.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that it can read.
    #[serde(default)]
    pub files: Vec<Mount>,
    /// Patterns of files that are left out.
    #[serde(default)]
    pub exclude_files: Vec<String>,
    /// As `allowed_outbound_hosts` was called once.
    #[serde(default)]
    pub allowed_http_hosts: Vec<String>,
    /// Whom it may talk to.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of key-value stores.
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    /// Labels of SQLite databases.
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    /// Names of models.
    #[serde(default)]
    pub ai_models: Vec<String>,
    /// Platforms that it was checked against when it was built.
    #[serde(default)]
    pub targets: Option<Vec<toml::Value>>,
    /// How it is built.
    #[serde(default)]
    pub build: Option<Build>,
    /// Other programs' own.
    #[serde(default)]
    pub tool: BTreeMap<String, toml::Table>,
    /// What all dependencies may use of what the component was granted.
    #[serde(default)]
    pub dependencies_inherit_configuration: Option<bool>,
    /// What fills its imports, by the import's name.
    #[serde(default)]
    pub dependencies: BTreeMap<String, Dependency>,
    /// What is different under a profile.
    #[serde(default)]
    pub profile: BTreeMap<String, Profile>,
}

/// Where a component's Wasm is.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// A file.
    Local(PathBuf),
    /// Elsewhere: kept to be refused by name.
    Elsewhere(toml::Table),
}

/// Files for a component.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Mount {
    /// Files by a pattern, at the same paths.
    Pattern(String),
    /// A folder or a file at another path.
    Placement(Placement),
}

/// `{ source = "…", destination = "/…" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The folder or file here.
    pub source: PathBuf,
    /// Its path for the component.
    pub destination: PathBuf,
}

/// `[component.ID.build]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// For the shell.
    pub command: Commands,
    /// Where, from the manifest's folder.
    #[serde(default)]
    pub workdir: Option<PathBuf>,
    /// What a change of means a new build.
    #[serde(default)]
    pub watch: Vec<String>,
}

/// One command or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Commands {
    /// One.
    One(String),
    /// One after the other.
    Several(Vec<String>),
}

impl Commands {
    /// All of them.
    pub fn each(&self) -> &[String] {
        match self {
            Self::One(command) => std::slice::from_ref(command),
            Self::Several(commands) => commands,
        }
    }
}

/// What fills an import.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Dependency {
    /// A version in a registry: kept to be refused by name.
    Version(String),
    /// A file.
    Local(LocalDependency),
    /// Another component of the application.
    Component(ComponentDependency),
    /// Elsewhere: kept to be refused by name.
    Elsewhere(toml::Table),
}

/// `{ path = "…" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalDependency {
    /// The component's file.
    pub path: PathBuf,
    /// Its export that fills the import, if that is called otherwise.
    #[serde(default)]
    pub export: Option<String>,
    /// What it may use of what the component was granted.
    #[serde(default)]
    pub inherit_configuration: Option<Inherited>,
}

/// `{ component = "…" }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentDependency {
    /// The component's id.
    pub component: String,
    /// Its export that fills the import, if that is called otherwise.
    #[serde(default)]
    pub export: Option<String>,
    /// What it may use of what the component was granted.
    #[serde(default)]
    pub inherit_configuration: Option<Inherited>,
}

/// What a dependency may use of what its component was granted.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Inherited {
    /// All of it, or nothing.
    All(bool),
    /// What these keys of the manifest grant.
    Some(Vec<String>),
}

/// `[component.ID.profile.NAME]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Another file.
    pub source: Option<Source>,
    /// Further or other environment variables.
    pub environment: BTreeMap<String, String>,
    /// Further or other dependencies.
    pub dependencies: BTreeMap<String, Dependency>,
    /// Another way to build it.
    pub build: Option<ProfileBuild>,
}

/// `[component.ID.profile.NAME.build]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileBuild {
    /// For the shell.
    pub command: Commands,
}

impl HttpTrigger {
    /// What a component is called that is written in the trigger, the one at this place, as Spin has it.
    #[must_use]
    pub fn inline_id(&self, place: usize) -> String {
        self.id.as_ref().map_or_else(|| format!("http-{place}"), |id| format!("{id}-component"))
    }
}

impl Component {
    /// As it is under a profile. One that it does not have changes nothing.
    #[must_use]
    pub fn under(mut self, profile: Option<&str>) -> Self {
        let Some(profile) = profile.and_then(|name| self.profile.remove(name)) else { return self };
        if let Some(source) = profile.source {
            self.source = source;
        }
        self.environment.extend(profile.environment);
        self.dependencies.extend(profile.dependencies);
        if let (Some(build), Some(changed)) = (&mut self.build, profile.build) {
            build.command = changed.command;
        }
        self
    }
}
