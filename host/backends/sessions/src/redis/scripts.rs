//! The scripts that run on the server: each is one step that nobody comes in between.
//!
//! None decodes the document there: the server's JSON turns `[]` into `{}` and rounds numbers. Each
//! touches keys of one slot only; the index is a third key where there are no slots.
//!
//! Not here: when they run (`redis.rs`).

use redis::Script;
use std::sync::LazyLock;

pub static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/append.lua")));
pub static REPLACE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/replace.lua")));
pub static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/read.lua")));
pub static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/look.lua")));
pub static PUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/put.lua")));
pub static DELETE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/delete.lua")));
pub static PURGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/purge.lua")));

/// A longer document is not read: JSON escapes make six bytes of one at most, and the limit is far below.
pub const LONGEST_DOCUMENT: usize = 128 << 20;
