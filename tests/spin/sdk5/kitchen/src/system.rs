//! What WASI offers: files, the environment, clocks; and the limits of an instance.

use crate::said;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env, fs,
    hint::black_box,
    io,
    time::{Duration, Instant, SystemTime},
};

/// The files that are there, one's text, and what comes of writing one.
pub fn files() -> Value {
    let mut found = Vec::new();
    let mut open = vec!["/".to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path().display().to_string();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    let kind = |error: io::Error| error.kind();
    json!({
        "found": found,
        "read": said(fs::read_to_string("/notes/hello.txt").map_err(kind)),
        "written": said(fs::write("/notes/new.txt", "no").map(|()| "written").map_err(kind)),
        "above": said(fs::read_to_string("/notes/../../spin.toml").map_err(kind)),
    })
}

/// Everything in it.
pub fn environment() -> Value {
    json!(env::vars().collect::<BTreeMap<_, _>>())
}

/// Whether time passes, and is later than this was written.
pub fn clock() -> Value {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1) {}
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    json!({ "passes": true, "late": since.is_ok_and(|since| since.as_secs() > 1_700_000_000) })
}

/// Never answers.
pub fn work_for_ever() -> Value {
    let mut count = 0_u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

/// Never answers, and takes all memory that it gets.
pub fn grow_for_ever() -> Value {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![1_u8; 1 << 20]));
    }
}
