//! One look at each thing that the host needs from the outside.

use super::Finding;
use bytesize::ByteSize;
use std::{
    fs,
    io::{self, Read},
    net::{SocketAddr, TcpListener},
    path::Path,
};

/// A component, as opposed to a plain module: `\0asm`, version 13, layer 1.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// A plain module: version 1, layer 0.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// What the embedding model's folder must have.
const EMBEDDING: [&str; 5] =
    ["model.onnx", "tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json"];

/// An application's components: files, then whether they can be put together with what they are granted.
pub(super) fn app(name: &str, app: &crate::apps::Config) -> Vec<Finding> {
    if app.spin.is_some() {
        return vec![spin(name, app)];
    }
    let parts = [("gateway", Some(&app.gateway)), ("logic", app.logic.as_ref())];
    let parts = parts.iter().filter_map(|(part, path)| Some((part, (*path)?)));
    let files: Vec<_> = parts.map(|(part, path)| component(format!("apps.{name}.{part}"), path)).collect();
    if files.iter().any(|finding| !finding.ok) {
        return files;
    }
    let together = match crate::apps::inspect(name, app) {
        Ok(summary) => Finding::good(format!("apps.{name}"), summary),
        Err(error) => {
            let mend = format!("build the components again, or change [apps.{name}.grants]");
            Finding::bad(format!("apps.{name}"), format!("{error:#}"), Some(mend))
        }
    };
    files.into_iter().chain([together]).collect()
}

/// A component of a Spin application; core modules are components there too.
fn spin(name: &str, app: &crate::apps::Config) -> Finding {
    let found = format!("component.{name}");
    match crate::apps::inspect(name, app) {
        Ok(summary) => Finding::good(found, summary),
        Err(error) => Finding::bad(found, format!("{error:#}"), None),
    }
}

fn component(name: String, path: &Path) -> Finding {
    let mend = Some("make components, or name another file in runtime.toml".into());
    match start(path) {
        Err(error) => Finding::bad(name, told(path, &error), mend),
        Ok(bytes) if bytes == COMPONENT => Finding::good(name, path.display()),
        Ok(bytes) if bytes == MODULE => {
            let mend = Some("build it for the target wasm32-wasip2".into());
            Finding::bad(name, format!("{}: a plain module, not a component", path.display()), mend)
        }
        Ok(_) => Finding::bad(name, format!("{}: no WebAssembly component", path.display()), mend),
    }
}

/// The embedding model's folder.
pub(super) fn embedding(config: &corral_embedding::Config) -> Finding {
    let (name, folder) = ("embedding.model", &config.model);
    let missing: Vec<_> = EMBEDDING.into_iter().filter(|file| !folder.join(file).is_file()).collect();
    if missing.is_empty() {
        return Finding::good(name, folder.display());
    }
    let detail = format!("{}: without {}", folder.display(), missing.join(", "));
    Finding::bad(name, detail, Some("make setup, or `corral models fetch all-minilm-l6-v2`".into()))
}

/// ONNX Runtime's library.
pub(super) fn onnx_runtime(config: &corral_embedding::Config) -> Finding {
    let (name, path) = ("embedding.runtime", &config.runtime);
    let mend = Some("make setup, or name an installed libonnxruntime in runtime.toml".into());
    match start(path) {
        Err(error) => Finding::bad(name, told(path, &error), mend),
        Ok(bytes) if is_library(&bytes) => {
            Finding::good(name, format!("{} ({})", path.display(), size(path)))
        }
        Ok(_) => Finding::bad(name, format!("{}: no shared library", path.display()), mend),
    }
}

/// The operators' token: as the host will read it if it is there, else whether it can be made.
pub(super) fn token(name: &str, path: &Path) -> Finding {
    if !path.exists() || path.is_dir() {
        return writable_file(name, path);
    }
    match crate::server::token::inspect(path) {
        Ok(()) => Finding::good(name, path.display()),
        Err(error) => Finding::bad(name, format!("{}: {error:#}", path.display()), None),
    }
}

/// Whether a file can be made here, or written to if it is there. Leaves nothing behind.
pub(super) fn writable_file(name: &str, path: &Path) -> Finding {
    if path.is_dir() {
        let mend = Some("name a file in runtime.toml".into());
        return Finding::bad(name, format!("{}: a folder, not a file", path.display()), mend);
    }
    writable(name, path)
}

/// Whether this can be made, or written to if it is there. Leaves nothing behind.
pub(super) fn writable(name: &str, path: &Path) -> Finding {
    let mend = || Some("let the host's user write there, or name another place in runtime.toml".into());
    if path.is_file() {
        return match fs::OpenOptions::new().append(true).open(path) {
            Ok(_) => Finding::good(name, path.display()),
            Err(error) => Finding::bad(name, told(path, &error), mend()),
        };
    }
    // The nearest folder that is there will have to carry the others.
    let folder = path.ancestors().skip(usize::from(!path.is_dir())).find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new("."));
    let trial = folder.join(format!(".corral-check-{}", std::process::id()));
    match fs::File::create_new(&trial).and_then(|_| fs::remove_file(&trial)) {
        Ok(()) => Finding::good(name, path.display()),
        Err(error) => Finding::bad(name, told(folder, &error), mend()),
    }
}

/// Whether an address can be listened on.
pub(super) fn free(name: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::good(name, address),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let mend = format!("stop the other program (another corral?), or change {name} in runtime.toml");
            Finding::bad(name, format!("{address}: in use"), Some(mend))
        }
        Err(error) => {
            let mend = Some(format!("change {name} in runtime.toml"));
            Finding::bad(name, format!("{address}: {error}"), mend)
        }
    }
}

/// A file's first bytes; zeros where it is shorter.
pub(super) fn start(path: &Path) -> io::Result<[u8; 8]> {
    let mut bytes = [0; 8];
    let mut file = fs::File::open(path)?.take(8);
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(bytes)
}

fn is_library(bytes: &[u8; 8]) -> bool {
    // ELF, 64-bit Mach-O, and Windows.
    bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"\xcf\xfa\xed\xfe") || bytes.starts_with(b"MZ")
}

pub(super) fn told(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{}: not there", path.display()),
        io::ErrorKind::PermissionDenied => format!("{}: no permission", path.display()),
        _ => format!("{}: {error}", path.display()),
    }
}

pub(super) fn size(path: &Path) -> String {
    path.metadata().map(|data| ByteSize(data.len()).to_string()).unwrap_or_default()
}
