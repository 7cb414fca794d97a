//! What the file promises to whoever keeps tables in it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its parts too")]

use corral_store::{Database, Error, Schema, deadline};
use rusqlite::{Connection, Transaction};
use rustix::process::{Flock, FlockOffsetType, FlockType, fcntl_getlk};
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::time::Instant;

const NOTES: Schema =
    Schema { part: "notes", migrations: &["CREATE TABLE notes (text TEXT NOT NULL) STRICT"] };

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("corral.db")
}

fn open(path: &Path, schema: &Schema) -> Result<Database, Error> {
    Ok(Database::open(path, schema, |_| Ok::<_, Error>(()))?.0)
}

fn new() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&path(&folder), &NOTES).unwrap(), folder)
}

fn add(at: &Transaction<'_>) -> Result<usize, Error> {
    Ok(at.execute("INSERT INTO notes VALUES ('note')", ())?)
}

async fn count(database: &Database) -> u32 {
    let count = |at: &Transaction<'_>| at.query_row("SELECT count(*) FROM notes", (), |row| row.get(0));
    database.read(deadline(), move |at| Ok::<_, Error>(count(at)?)).await.unwrap()
}

#[test]
fn the_file_and_new_folders_are_their_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let _database = open(&data.join("corral.db"), &NOTES).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let (database, folder) = new();
    drop(database);
    fs::set_permissions(path(&folder), fs::Permissions::from_mode(0o644)).unwrap();
    let _database = open(&path(&folder), &NOTES).unwrap();
    assert_eq!(fs::metadata(path(&folder)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(path(&folder), "not a database, but long enough to be looked at".repeat(100)).unwrap();
    let refused = open(&path(&folder), &NOTES).err().expect("a refusal").to_string();
    assert!(refused.contains("corral.db") && refused.contains("not a database"), "{refused}");
}

#[test]
fn tables_of_a_newer_version_are_refused_and_left_alone() {
    let (_database, folder) = new();
    let file = Connection::open(path(&folder)).unwrap();
    file.execute("UPDATE schema_versions SET version = 99 WHERE part = 'notes'", ()).unwrap();
    let refused = open(&path(&folder), &NOTES).err().expect("a refusal").to_string();
    assert!(refused.contains("version 99") && refused.contains("store.path"), "{refused}");
    let version = file.query_row("SELECT version FROM schema_versions", (), |row| row.get::<_, u32>(0));
    assert_eq!(version.unwrap(), 99);
}

#[tokio::test]
async fn tables_of_an_older_version_are_brought_to_this_one() {
    let (database, folder) = new();
    database.write(deadline(), add).await.unwrap();
    const LATER: &[&str] = &[NOTES.migrations[0], "INSERT INTO notes VALUES ('from the migration')"];
    for _ in 0..2 {
        let newer = open(&path(&folder), &Schema { part: "notes", migrations: LATER }).unwrap();
        assert_eq!(count(&newer).await, 2);
    }
}

#[tokio::test]
async fn parts_of_one_file_have_versions_of_their_own() {
    let (notes, folder) = new();
    let other = Schema { part: "other", migrations: &["CREATE TABLE other (x)", "DROP TABLE other"] };
    open(&path(&folder), &other).unwrap().ping().await.unwrap();
    notes.ping().await.unwrap();
}

#[test]
fn an_opening_whose_first_work_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let failed = Database::open(&path(&folder), &NOTES, |at| add(at).and(Err::<(), _>(Error::Ended)));
    assert!(matches!(failed, Err(Error::Ended)));
    let file = Connection::open(path(&folder)).unwrap();
    let tables = file.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, u32>(0));
    assert_eq!(tables.unwrap(), 0);
}

#[tokio::test]
async fn a_failed_write_is_taken_back() {
    let (database, _folder) = new();
    let failed = database.write(deadline(), |at| add(at).and(Err::<(), _>(Error::Ended))).await;
    assert!(matches!(failed, Err(Error::Ended)));
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn a_read_cannot_write() {
    let (database, _folder) = new();
    assert!(matches!(database.read(deadline(), add).await, Err(Error::Sqlite(_))));
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn a_write_past_its_deadline_changes_nothing() {
    let (database, _folder) = new();
    let (release, released) = mpsc::channel::<()>();
    let (started, holding) = tokio::sync::oneshot::channel();
    let holder = database.clone();
    let holder = tokio::spawn(async move {
        let hold = move |_: &Transaction<'_>| {
            started.send(()).unwrap();
            released.recv().unwrap();
            Ok::<_, Error>(())
        };
        holder.write(deadline(), hold).await
    });
    holding.await.unwrap();
    let late = database.write(Instant::now() + Duration::from_millis(20), add).await;
    assert!(matches!(late, Err(Error::Late(_))));
    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    // Comes after the late write in the same queue.
    database.ping().await.unwrap();
    assert_eq!(count(&database).await, 0);
}

#[tokio::test]
async fn a_write_that_panics_is_taken_back_and_the_next_one_runs() {
    let (database, _folder) = new();
    for _ in 0..3 {
        let work = |at: &Transaction<'_>| -> Result<(), Error> {
            let mut statement = at.prepare_cached("INSERT INTO notes VALUES ('lost') RETURNING text")?;
            let mut rows = statement.query(())?;
            rows.next()?;
            panic!("while a statement runs")
        };
        assert!(matches!(database.write(deadline(), work).await, Err(Error::Panicked)));
        assert_eq!(count(&database).await, 0);
    }
    database.write(deadline(), add).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn reads_that_panic_end_no_thread() {
    let (database, _folder) = new();
    // More than there are threads.
    for _ in 0..20 {
        let work = |at: &Transaction<'_>| -> Result<(), Error> {
            let row = |_: &rusqlite::Row<'_>| -> rusqlite::Result<()> { panic!("while a row is read") };
            Ok(at.query_row("SELECT count(*) FROM notes", (), row)?)
        };
        assert!(matches!(database.read(deadline(), work).await, Err(Error::Panicked)));
    }
    database.write(deadline(), add).await.unwrap();
    assert_eq!(count(&database).await, 1);
}

/// Without the lock another process takes itself for the last one, and deletes the log when it closes the file.
#[test]
fn other_processes_see_the_lock_however_often_the_file_is_opened() {
    let (_database, folder) = new();
    assert!(is_locked_for_another_process(&path(&folder)));
    let _other = open(&path(&folder), &NOTES).unwrap();
    assert!(is_locked_for_another_process(&path(&folder)), "the second opening has dropped it");
}

fn is_locked_for_another_process(path: &Path) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_looks_for_a_lock", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", path.display()).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    output.lines().find_map(|line| line.strip_prefix("locked ")?.parse().ok()).unwrap()
}

#[test]
#[ignore = "the other half of other_processes_see_the_lock_however_often_the_file_is_opened, which starts it"]
fn child_that_looks_for_a_lock() {
    let mut path = String::new();
    if std::io::stdin().read_line(&mut path).unwrap() == 0 {
        return;
    }
    // What SQLite locks to be alone with the file, by its documented format.
    let lock = Flock {
        start: 0x4000_0002,
        length: 510,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    let file = fs::OpenOptions::new().read(true).write(true).open(path.trim_end()).unwrap();
    println!("\nlocked {}", fcntl_getlk(&file, &lock).unwrap().is_some());
}

#[tokio::test]
async fn what_was_erased_leaves_the_disk() {
    let (database, folder) = new();
    let canary = "a canary that sings in the mine";
    let add = move |at: &Transaction<'_>| {
        // More than a page, so that it also lies in pages of its own.
        Ok::<_, Error>(at.execute("INSERT INTO notes VALUES (?1), (?2)", (canary, canary.repeat(1000)))?)
    };
    database.write(deadline(), add).await.unwrap();
    assert!(on_disk(&folder, canary), "where it would be found");
    let erase = |at: &Transaction<'_>| Ok::<_, Error>(at.execute("DELETE FROM notes", ())?);
    assert_eq!(database.erase(deadline(), erase).await.unwrap(), 2);
    leaves_the_disk(&folder, canary).await;
}

#[tokio::test]
async fn what_a_killed_process_has_erased_leaves_the_disk_when_the_file_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let canary = "a canary that sings in the mine";
    let killed = Connection::open(path(&folder)).unwrap();
    killed
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON; CREATE TABLE birds (song TEXT);
             INSERT INTO birds VALUES ('{canary}'); DELETE FROM birds"
        ))
        .unwrap();
    // As they are when the process is killed.
    let left = tempfile::tempdir().unwrap();
    for file in ["corral.db", "corral.db-wal"] {
        fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
    }
    assert!(on_disk(&left, canary), "where it would be found");
    let _database = open(&path(&left), &NOTES).unwrap();
    leaves_the_disk(&left, canary).await;
}

async fn leaves_the_disk(folder: &TempDir, text: &str) {
    for _ in 0..200 {
        if !on_disk(folder, text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("still on the disk");
}

fn on_disk(folder: &TempDir, text: &str) -> bool {
    let files = fs::read_dir(folder.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}
