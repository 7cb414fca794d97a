//! `corral new`: a project of one's own chat logic, which builds with the ordinary tools of its language.
//!
//! It carries the contract (`wit/`) and, for Rust, the crate `corral-logic`: nothing has to be found elsewhere. What it
//! begins with is `examples/`, where it is tested.

#[cfg(test)]
mod tests;

use super::{say, say_json};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use include_dir::{Dir, include_dir};
use serde_json::json;
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

static WIT: Dir = include_dir!("$CARGO_MANIFEST_DIR/../wit");
static CRATE: Dir = include_dir!("$CARGO_MANIFEST_DIR/../components/logic/src");

const RUST: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("new/rust/project.toml")),
    ("README.md", include_str!("new/rust/README.md")),
    (".gitignore", "/target\n"),
    ("corral.toml", include_str!("new/rust/corral.toml")),
    ("corral-logic/Cargo.toml", include_str!("new/rust/crate.toml")),
    ("src/lib.rs", include_str!("../../../examples/starter/src/lib.rs")),
];
const JAVASCRIPT: [(&str, &str); 5] = [
    ("package.json", include_str!("../../../examples/javascript/package.json")),
    ("README.md", include_str!("new/javascript/README.md")),
    (".gitignore", "/node_modules\n/logic.wasm\n"),
    ("corral.toml", include_str!("new/javascript/corral.toml")),
    ("logic.js", include_str!("../../../examples/javascript/logic.js")),
];

/// What `corral new` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The project's folder, which is made; its last part is the project's name
    folder: PathBuf,
    /// What the logic is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// The application that it will be the logic of, by its name in the settings
    #[arg(long, value_name = "NAME", default_value = "chat")]
    app: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
    #[value(name = "javascript", alias = "js")]
    JavaScript,
}

impl Language {
    /// The file that one changes.
    fn logic(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::JavaScript => "logic.js",
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Args { folder, language, app, json } = args;
    let name = name(folder)?;
    let writing = || format!("making {}", folder.display());
    fs::create_dir_all(folder.parent().unwrap_or(folder)).with_context(writing)?;
    // Not one that is there: nothing of anyone's is written over.
    fs::create_dir(folder).with_context(writing)?;
    let files = match language {
        Language::Rust => rust(),
        Language::JavaScript => javascript(),
    };
    for (path, text) in files {
        let text = if path.starts_with("wit") || path.starts_with("corral-logic/src") {
            text.to_owned()
        } else {
            filled(text, name, app)
        };
        write(&folder.join(path), &text).with_context(writing)?;
    }
    if *json {
        say_json(&json!({ "folder": folder, "logic": folder.join(language.logic()) }))?;
    } else {
        tell(folder, *language)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The project's name, which is a package's in both languages.
fn name(folder: &Path) -> anyhow::Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(letters),
        "{name:?} cannot be a project's name: use small letters, digits, - and _, a letter first"
    );
    ensure!(name != "corral-logic", "corral-logic is the name of the crate that the project uses");
    Ok(name)
}

/// The project's files by their paths in it.
fn rust() -> Vec<(PathBuf, &'static str)> {
    let own = RUST.map(|(path, text)| (path.into(), text));
    let inside = |folder: &str, (path, text)| (Path::new(folder).join(path), text);
    own.into_iter()
        .chain(texts(&CRATE).map(|file| inside("corral-logic/src", file)))
        .chain(texts(&WIT).map(|file| inside("corral-logic/wit", file)))
        .collect()
}

/// WIT in the order that its tools want: the package itself in the folder, what it depends on in `deps`.
fn javascript() -> Vec<(PathBuf, &'static str)> {
    let own = JAVASCRIPT.map(|(path, text)| (path.into(), text));
    let placed = |(path, text): (&Path, _)| {
        let inside = match path.strip_prefix("chat") {
            Ok(own) => Path::new("wit").join(own),
            Err(_) if path.starts_with("deps") => Path::new("wit").join(path),
            Err(_) => Path::new("wit/deps").join(path),
        };
        (inside, text)
    };
    own.into_iter().chain(texts(&WIT).map(placed)).collect()
}

/// All files of an embedded folder that are text, which they all are.
fn texts(folder: &'static Dir) -> impl Iterator<Item = (&'static Path, &'static str)> {
    let files = folder.files().filter_map(|file| Some((file.path(), file.contents_utf8()?)));
    let inside: Box<dyn Iterator<Item = _>> = Box::new(folder.dirs().flat_map(texts));
    files.chain(inside)
}

fn filled(text: &str, name: &str, app: &str) -> String {
    let file = name.replace('-', "_");
    text.replace("{{name}}", name).replace("{{file}}", &file).replace("{{app}}", app)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    fs::write(path, text)
}

fn tell(folder: &Path, language: Language) -> io::Result<()> {
    let (folder, file) = (folder.display(), language.logic());
    say(&format!("{folder} is there. The logic is {folder}/{file}; README.md says how to build it."))?;
    say("While a host serves, this builds and deploys it each time that you save:")?;
    say(&format!("  corral dev {folder}"))
}
