//! Writes the chat application for stock Spin: `spin-app GATEWAY LOGIC ADAPTER FOLDER`.
//!
//! Two components: `chat.wasm`, which Spin composes with the adapter as spin.toml says, and `corral-chat.wasm`, which is
//! whole.

use anyhow::{Context, Result, bail};
use corral_spin_app::{Parts, compose};
use std::{env, fs, path::Path};

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [gateway, logic, adapter, folder] = &arguments[..] else {
        bail!(
            "expected four arguments: gateway, logic and adapter, each a component, and the folder to write to"
        );
    };
    let read = |path| fs::read(path).with_context(|| format!("reading {}", Path::new(path).display()));
    let parts = Parts { gateway: read(gateway)?, logic: read(logic)?, adapter: read(adapter)? };
    let folder = Path::new(folder);
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    for (name, component) in [("chat.wasm", parts.chat()?), ("corral-chat.wasm", compose(&parts)?)] {
        let path = folder.join(name);
        fs::write(&path, component).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
