//! Deploys the components that the settings name when their files change.
//!
//! Files are looked at in turns: what notices changes at once does not see every way in which a file is replaced (by
//! rename, by a link that points elsewhere, on another machine's disk), and half a second is soon enough.

use super::{
    App, Config, component,
    deploy::{Change, Deployer},
    digest,
    generation::Part,
    signature,
};
use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::task::{JoinHandle, spawn_blocking};

/// Between two looks. A file that is the same in two is taken to be whole.
const PAUSE: Duration = Duration::from_millis(500);
/// Who deploys then.
const BY: &str = "watch";

/// What tells one state of a file, and of the signature beside it, from another.
type Look = Option<(Stamp, Option<Stamp>)>;
type Stamp = (SystemTime, u64);

/// A file that is watched.
struct Watched {
    part: Part,
    path: PathBuf,
    /// What was compared with what serves, and deployed or refused if it was another.
    done: Look,
    /// What was there at the last look.
    seen: Look,
    /// Whether what is there was refused.
    refused: bool,
}

/// Watches the files of every application that wants it, until the task is ended.
pub fn start(deployer: &Deployer) -> Vec<JoinHandle<()>> {
    let watched = deployer.apps().iter().filter(|app| app.config().watch);
    watched.map(|app| tokio::spawn(watch(deployer.clone(), app.clone()))).collect()
}

async fn watch(deployer: Deployer, app: Arc<App>) {
    let Config { gateway, logic, .. } = app.config();
    let logic = logic.iter().map(|path| Watched::new(Part::Logic, path));
    let mut files: Vec<_> = [Watched::new(Part::Gateway, gateway)].into_iter().chain(logic).collect();
    loop {
        tokio::time::sleep(PAUSE).await;
        let mut deployed = false;
        for file in files.iter_mut().filter_map(|file| file.changed().then_some(file)) {
            file.refused = deploy(&deployer, &app, file).await.is_break();
            deployed |= !file.refused;
        }
        // What did not fit the other component may fit the one that serves now.
        for file in files.iter_mut().filter(|file| deployed && file.refused) {
            file.refused = deploy(&deployer, &app, file).await.is_break();
        }
    }
}

/// Breaks where the file is not what serves, and stays so.
async fn deploy(deployer: &Deployer, app: &Arc<App>, file: &Watched) -> ControlFlow<()> {
    let path = file.path.clone();
    let read = spawn_blocking(move || {
        let signature = signature::of_file(&path)?;
        component::read(&path).map(|bytes| (bytes, signature))
    });
    let cause = match read.await {
        Ok(Ok((bytes, signature))) => {
            if app.shelf.lock().await.files().of(file.part) == &digest(&bytes) {
                return ControlFlow::Continue(());
            }
            let (part, by) = (file.part, BY.to_owned());
            let change = Change { part, bytes, digest: None, signature, file: true, canary: None, by };
            // It is in the log, whatever came of it.
            return match deployer.deploy_next(app, change).await {
                Ok(_) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
        }
        Ok(Err(error)) => format!("{error:#}"),
        Err(error) => error.to_string(),
    };
    tracing::error!(app = app.name(), component = file.part.name(), cause, "not deployed");
    ControlFlow::Break(())
}

impl Watched {
    fn new(part: Part, path: &Path) -> Self {
        Self { part, path: path.to_owned(), done: None, seen: None, refused: false }
    }

    /// Whether there is another file than the last time, and it is whole. The first look counts: the file may have
    /// changed while the host started.
    fn changed(&mut self) -> bool {
        let now = look(&self.path);
        let settled = now == self.seen;
        self.seen = now;
        if !settled || now.is_none() || now == self.done {
            return false;
        }
        self.done = now;
        true
    }
}

fn look(path: &Path) -> Look {
    Some((stamp(path)?, stamp(&signature::file_of(path))))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_taken_once_and_when_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logic.wasm");
        fs::write(&path, "one").unwrap();
        let mut file = Watched::new(Part::Logic, &path);
        assert!(!file.changed(), "it was not looked at before");
        assert!(file.changed(), "nobody knows whether it is what serves");
        assert!(!file.changed(), "once");
        fs::write(&path, "tw").unwrap();
        assert!(!file.changed(), "it may still be written");
        fs::write(&path, "two!").unwrap();
        assert!(!file.changed(), "it was");
        assert!(file.changed());
        assert!(!file.changed(), "once");
        fs::remove_file(&path).unwrap();
        assert!(!file.changed() && !file.changed(), "nothing there is nothing to deploy");
        let other = folder.path().join("other");
        fs::write(&other, "three").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(!file.changed());
        assert!(file.changed());
        fs::write(&other, "number four").unwrap();
        fs::remove_file(&path).unwrap();
        symlink(&other, &path).unwrap();
        assert!(!file.changed());
        assert!(file.changed(), "a link leads to another file");
        fs::write(folder.path().join("logic.wasm.minisig"), "signature").unwrap();
        assert!(!file.changed());
        assert!(file.changed(), "a signature may come after what it signs");
    }
}
