//! A Spin application on the command line: which one, and what Spin's own command can be told of it.

use crate::{
    apps,
    config::{self, Config},
};
use corral_wasm::spin::{Application, Options};
use std::{collections::BTreeMap, path::PathBuf};

/// Which application, and how.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Args {
    /// Serve a Spin application by its manifest, in place of the applications of the settings
    #[arg(long, value_name = "SPIN.TOML")]
    pub spin: Option<PathBuf>,
    /// Spin's runtime configuration: where stores are, and who gives variables their values
    #[arg(long, value_name = "FILE", requires = "spin")]
    runtime_config_file: Option<PathBuf>,
    /// Where what the application stores is kept [default: .spin beside the manifest]
    #[arg(long, value_name = "FOLDER", requires = "spin")]
    state_dir: Option<PathBuf>,
    /// The profile of the application's components
    #[arg(long, value_name = "NAME", requires = "spin")]
    profile: Option<String>,
    /// A value for a variable of the application
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "spin")]
    variable: Vec<(String, String)>,
}

impl Args {
    /// The settings and the application, if one is named; its components take the place of the settings' own.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(super) fn load(&self, file: &std::path::Path) -> anyhow::Result<(Config, Option<Application>)> {
        let Some(options) = self.options() else { return Ok((Config::load(file)?, None)) };
        // Spin applications need no settings of the host's.
        let mut config = Config::load_beside_spin(file)?;
        let application = Application::load(&options)?;
        config.apps = apps::spin::configs(&application, &config.spin.limits);
        config.deploy.folder = application.state.join("deployed");
        config.sessions = Default::default();
        config.vectors = Default::default();
        config.stores = Default::default();
        config.store.path = application.scratch.path().join("corral.db");
        Ok((config, Some(application)))
    }

    fn options(&self) -> Option<Options> {
        Some(Options {
            manifest: manifest(self.spin.clone()?),
            runtime_config: self.runtime_config_file.clone(),
            state: self.state_dir.clone(),
            profile: self.profile.clone(),
            variables: self.variable.iter().cloned().collect::<BTreeMap<_, _>>(),
            environment: config::everything(),
        })
    }
}

/// A folder stands for the manifest in it, as with Spin.
pub(super) fn manifest(path: PathBuf) -> PathBuf {
    if path.is_dir() { path.join("spin.toml") } else { path }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    // As with Spin, `@FILE` is the text of a file.
    let value = match value.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).map_err(|error| format!("reading {file}: {error}"))?,
        None => value.to_owned(),
    };
    Ok((name.to_owned(), value))
}
