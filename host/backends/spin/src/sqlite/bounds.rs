//! How a connection is opened for a guest's SQL: it reaches its own file, and nothing that the process has in common.

use super::Error;
use crate::MAX_ANSWER;
use rusqlite::{
    Connection, OpenFlags,
    config::DbConfig,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
};
use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt, path::Path, time::Duration};

/// How long SQLite waits for a lock in its thread. A writer that waits lets no new reader in, so it has to wait a little.
const LOCKED: Duration = Duration::from_millis(50);

/// What all of the process's databases may take together: without it one statement could take all memory there is.
const MEMORY: i64 = 2 << 30;

/// Bytes of a pattern, each of which may be compared with each of a text, and no clock is looked at meanwhile.
const PATTERN: i32 = 1_000;

/// Pragmas that tell of the database, or change nothing but it and the connection: with any value, or none.
const PRAGMAS: [&str; 31] = [
    "analysis_limit",
    "application_id",
    "auto_vacuum",
    "automatic_index",
    "case_sensitive_like",
    "collation_list",
    "compile_options",
    "defer_foreign_keys",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "foreign_keys",
    "function_list",
    "ignore_check_constraints",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "legacy_alter_table",
    "module_list",
    "optimize",
    "pragma_list",
    "query_only",
    "quick_check",
    "recursive_triggers",
    "table_info",
    "table_list",
    "table_xinfo",
    "user_version",
    "wal_checkpoint",
];

/// Pragmas that are told, and set to these values alone.
const SET: [(&str, &[&str]); 15] = [
    ("busy_timeout", &[]),
    ("cache_size", &[]),
    ("data_version", &[]),
    ("freelist_count", &[]),
    ("journal_mode", &["delete", "wal"]),
    ("journal_size_limit", &[]),
    ("locking_mode", &[]),
    ("max_page_count", &[]),
    ("mmap_size", &[]),
    ("page_count", &[]),
    ("page_size", &[]),
    ("schema_version", &[]),
    ("synchronous", &["normal", "full", "extra", "1", "2", "3"]),
    ("temp_store", &[]),
    ("wal_autocheckpoint", &[]),
];

/// Opens the file, or makes it. Blocks.
pub fn open(path: &Path) -> Result<Connection, Error> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // No URI flag: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LOCKED)?;
    // Never raised by it, so that a lower one of the host would stay.
    connection.pragma_update(None, "hard_heap_limit", MEMORY)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(MAX_ANSWER).unwrap_or(i32::MAX))?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN)?;
    // VACUUM needs one.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    // Not even its own tables' inner form may be written by hand.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.authorizer(Some(authorize))?;
    Ok(connection)
}

/// Says no to whatever reaches further than the database's own file.
fn authorize(context: AuthContext<'_>) -> Authorization {
    let allowed = match context.action {
        // VACUUM attaches a file without a name. VACUUM INTO names one.
        AuthAction::Attach { filename } => matches!(filename, "" | ":memory:"),
        // An ATTACH whose name is no literal: which file it is comes out when it is done, and then nobody asks.
        AuthAction::Unknown { .. } => false,
        AuthAction::Pragma { pragma_name, pragma_value } => pragma(pragma_name, pragma_value),
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        _ => true,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}

/// Others, those to come too, may concern every database of the process: `hard_heap_limit` takes memory from all.
fn pragma(name: &str, value: Option<&str>) -> bool {
    if PRAGMAS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    let Some((_, values)) = SET.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
        return false;
    };
    value.is_none_or(|value| values.iter().any(|known| known.eq_ignore_ascii_case(value)))
}
