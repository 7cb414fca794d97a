//! Which version of a back end's tables is in the file, and the way from there to this one.

use crate::Error;
use rusqlite::{OptionalExtension, Transaction};

/// The tables that one back end keeps in the file.
pub struct Schema {
    /// Names the back end in the table of versions.
    pub part: &'static str,
    /// What makes version 1 from nothing, version 2 from version 1, and so on.
    pub migrations: &'static [&'static str],
}

pub fn migrate(transaction: &Transaction<'_>, schema: &Schema) -> Result<(), Error> {
    let part = schema.part;
    let known = u32::try_from(schema.migrations.len()).unwrap_or(u32::MAX);
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions
         (part TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let stored = transaction
        .query_row("SELECT version FROM schema_versions WHERE part = ?1", [part], |row| row.get(0))
        .optional()?
        .unwrap_or(0_u32);
    if stored > known {
        return Err(Error::Newer { part, stored, known });
    }
    for migration in schema.migrations.iter().skip(usize::try_from(stored).unwrap_or(usize::MAX)) {
        transaction.execute_batch(migration)?;
    }
    transaction.execute(
        "INSERT INTO schema_versions (part, version) VALUES (?1, ?2)
         ON CONFLICT (part) DO UPDATE SET version = excluded.version",
        (part, known),
    )?;
    Ok(())
}

/// Reads the table that every file has.
pub fn look(transaction: &Transaction<'_>) -> Result<(), Error> {
    Ok(transaction.query_row("SELECT count(*) FROM schema_versions", (), |_| Ok(()))?)
}
