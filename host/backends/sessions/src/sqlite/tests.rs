//! What needs a clock in hand: expiry to the microsecond, and which reads write.

use super::*;
use std::sync::Mutex;
use tempfile::TempDir;

const HOUR: Duration = Duration::from_secs(3600);

/// A store in which an hour passes when the test says so.
struct Fixture {
    store: Store,
    now: Arc<Mutex<Moment>>,
    _folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("corral.db"), HOUR).unwrap();
        let now = Arc::new(Mutex::new(Moment::now()));
        let clock = Arc::clone(&now);
        store.clock = Arc::new(move || *clock.lock().unwrap());
        Self { store, now, _folder: folder }
    }

    fn pass(&self, duration: Duration) {
        let mut now = self.now.lock().unwrap();
        *now = now.plus(duration);
    }

    async fn expires_at(&self, id: &str) -> Moment {
        let (id, now) = (id.to_owned(), *self.now.lock().unwrap());
        let head = self.store.database.read(deadline(), move |at| rows::head(at, &id, now));
        head.await.unwrap().expect("a session that has not expired").expires_at
    }
}

fn turn() -> Turn {
    Turn { user: "Hello".to_owned(), ai: "Hi there!".to_owned() }
}

#[tokio::test]
async fn an_expired_session_is_unknown_before_the_sweep_ran() {
    let fixture = Fixture::new();
    let id = fixture.store.create().await.unwrap();
    fixture.pass(HOUR);
    assert_eq!(fixture.store.get(&id, None).await.unwrap(), None);
    assert!(matches!(fixture.store.append(&id, turn(), "1", None).await, Err(Error::NotFound)));
    assert!(matches!(fixture.store.set_metadata(&id, "key", "value").await, Err(Error::NotFound)));
    assert!(!fixture.store.delete(&id).await.unwrap());
    assert_eq!(fixture.store.expired().await.unwrap(), [id], "a delete that found nothing took it away");
}

#[tokio::test]
async fn a_session_lives_to_its_last_microsecond() {
    let fixture = Fixture::new();
    let id = fixture.store.create().await.unwrap();
    fixture.pass(HOUR - Duration::from_micros(1));
    assert!(fixture.store.get(&id, None).await.unwrap().is_some());
}

#[tokio::test]
async fn reads_and_writes_start_the_time_to_live_anew() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.create().await.unwrap();
    for round in 0..3 {
        fixture.pass(HOUR * 3 / 4);
        assert!(store.get(&id, None).await.unwrap().is_some(), "read in round {round}");
        fixture.pass(HOUR * 3 / 4);
        store.append(&id, turn(), "always the same", None).await.unwrap();
        fixture.pass(HOUR * 3 / 4);
        store.set_metadata(&id, "round", &round.to_string()).await.unwrap();
    }
    fixture.pass(HOUR);
    assert_eq!(store.expired().await.unwrap(), [id]);
}

#[tokio::test]
async fn a_read_writes_only_when_a_hundredth_of_the_time_to_live_has_passed() {
    let fixture = Fixture::new();
    let id = fixture.store.create().await.unwrap();
    let first = fixture.expires_at(&id).await;
    fixture.pass(HOUR / 100);
    fixture.store.get(&id, None).await.unwrap();
    assert_eq!(fixture.expires_at(&id).await, first);
    fixture.pass(Duration::from_micros(1));
    fixture.store.get(&id, None).await.unwrap();
    assert_eq!(fixture.expires_at(&id).await, fixture.store.span().1);
}

#[tokio::test]
async fn a_shorter_time_to_live_holds_from_the_next_read_on() {
    let mut fixture = Fixture::new();
    let id = fixture.store.create().await.unwrap();
    fixture.store.expire_after = HOUR / 60;
    fixture.store.get(&id, None).await.unwrap();
    fixture.pass(HOUR / 60);
    assert_eq!(fixture.store.get(&id, None).await.unwrap(), None);
}

#[tokio::test]
async fn the_longest_expired_are_told_of_first_and_256_at_once() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut expected = Vec::new();
    for _ in 0..=limits::EXPIRED {
        expected.push(store.create().await.unwrap());
        fixture.pass(Duration::from_micros(1));
    }
    fixture.pass(HOUR / 2);
    let living = store.create().await.unwrap();
    fixture.pass(HOUR / 2);
    let first = store.expired().await.unwrap();
    assert_eq!(first, expected[..256]);
    assert_eq!(store.expired().await.unwrap(), first, "telling changed something");
    for id in first.iter().chain([&living]) {
        store.purge(id).await.unwrap();
    }
    assert_eq!(store.expired().await.unwrap(), expected[256..]);
    assert!(store.get(&living, None).await.unwrap().is_some());
}

#[tokio::test]
async fn nothing_of_a_purged_session_stays_in_the_tables() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let id = store.create().await.unwrap();
    store.append(&id, turn(), "1", None).await.unwrap();
    store.set_metadata(&id, "key", "value").await.unwrap();
    fixture.pass(HOUR);
    store.purge(&id).await.unwrap();
    for table in ["sessions", "session_turns", "session_metadata"] {
        let rows = store.database.read(deadline(), move |at| -> Result<u32, Error> {
            Ok(at.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0))?)
        });
        assert_eq!(rows.await.unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn turns_of_the_first_version_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("corral.db");
    let first = Schema { part: "sessions", migrations: &[include_str!("schema-1.sql")] };
    let id = "3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11";
    {
        let fill = |at: &Transaction<'_>| -> Result<(), Error> {
            let now = Moment::now();
            rows::insert(at, id, now, now.plus(HOUR))?;
            let head = rows::head(at, id, now)?.ok_or(Error::NotFound)?;
            rows::append(at, &head, &turn(), "1", now)?;
            Ok(())
        };
        Database::open(&path, &first, fill).unwrap();
    }
    let store = Store::open(&path, HOUR).unwrap();
    assert_eq!(store.get(id, None).await.unwrap().unwrap().history, [turn()]);
    assert_eq!(store.append(id, turn(), "1", None).await.unwrap(), 1);
    assert_eq!(store.append(id, turn(), "2", None).await.unwrap(), 2);
}
