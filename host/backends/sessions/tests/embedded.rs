//! The embedded store keeps what every store promises, and what a file has to beyond that.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its parts too")]

mod conformance;

use conformance::{read, turn};
use corral_sessions::{Backend, Config, Error, Sessions, Turn};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

conformance::suite!(new_store);

async fn new_store(expire_after: Duration) -> (Sessions, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { expire_after, ..Config::default() };
    (Sessions::open(&config, &folder.path().join("corral.db")).await.unwrap(), folder)
}

async fn open(folder: &TempDir) -> Result<Sessions, Error> {
    Sessions::open(&Config::default(), &folder.path().join("corral.db")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_openings_of_one_file_lose_no_turn() {
    let folder = tempfile::tempdir().unwrap();
    let both = [open(&folder).await.unwrap(), open(&folder).await.unwrap()];
    let id = both[0].create().await.unwrap();
    let appends = (0..200).map(|number| {
        let (sessions, id) = (both[number % 2].clone(), id.clone());
        async move { sessions.append(&id, turn(number), &number.to_string()).await.unwrap() }
    });
    let mut numbers = appends.collect::<tokio::task::JoinSet<_>>().join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_eq!(read(&both[0], &id).await, read(&both[1], &id).await);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Handle::current();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let openings: Vec<_> = (0..8).map(|_| scope.spawn(|| runtime.block_on(open(&folder)))).collect();
        openings.into_iter().map(|opening| opening.join().unwrap().unwrap()).collect()
    });
    let id = opened[0].create().await.unwrap();
    for sessions in opened {
        read(&sessions, &id).await;
    }
}

#[tokio::test]
async fn sessions_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder).await.unwrap();
    let id = first.create().await.unwrap();
    first.append(&id, turn(1), "1").await.unwrap();
    let before = read(&first, &id).await;
    drop(first);
    assert_eq!(read(&open(&folder).await.unwrap(), &id).await, before);
}

#[tokio::test]
async fn what_was_replaced_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = open(&folder).await.unwrap();
    let id = sessions.create().await.unwrap();
    let canary = Turn { user: "a canary".to_owned(), ai: "that sings".to_owned() };
    sessions.append(&id, canary.clone(), "1").await.unwrap();
    sessions.set_metadata(&id, "title", "in the mine").await.unwrap();
    assert_eq!(sessions.replace(&id, turn(1), "2", 1).await.unwrap(), 1);
    for text in ["a canary", "that sings"] {
        leaves_the_disk(&folder, text).await;
    }
    assert!(on_disk(&folder, "in the mine"), "it is still there");
    sessions.set_metadata(&id, "title", "on the tree").await.unwrap();
    leaves_the_disk(&folder, "in the mine").await;
    let record = sessions.record(&id).await.unwrap().unwrap();
    sessions.append(&id, canary, "3").await.unwrap();
    sessions.import(&record).await.unwrap();
    leaves_the_disk(&folder, "a canary").await;
}

async fn leaves_the_disk(folder: &TempDir, text: &str) {
    let gone = async {
        while on_disk(folder, text) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.expect("still on the disk");
}

fn on_disk(folder: &TempDir, text: &str) -> bool {
    let files = fs::read_dir(folder.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_appends_until_it_is_killed", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{}", folder.path().join("corral.db").display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let id = lines.find_map(|line| Some(line.strip_prefix("session ")?.to_owned())).unwrap();
    let mut turns = lines.by_ref().filter_map(|line| line.strip_prefix("turn ")?.parse::<u32>().ok());
    turns.find(|turn| *turn == 300).expect("the child ended early");
    child.kill().unwrap();
    let acknowledged = turns.last().unwrap_or(300);
    child.wait().unwrap();

    let session = read(&open(&folder).await.unwrap(), &id).await;
    assert!(session.turns >= acknowledged, "{} of {acknowledged} turns are left", session.turns);
    let expected: Vec<_> = (1..).take(session.history.len()).map(turn).collect();
    assert_eq!(session.history, expected);
}

#[tokio::test]
#[ignore = "the other half of a_killed_process_loses_nothing_it_acknowledged, which starts it"]
async fn child_that_appends_until_it_is_killed() {
    let mut path = String::new();
    if std::io::stdin().read_line(&mut path).unwrap() == 0 {
        return;
    }
    let sessions = Sessions::open(&Config::default(), Path::new(path.trim_end())).await.unwrap();
    let id = sessions.create().await.unwrap();
    println!("\nsession {id}");
    for number in 1.. {
        sessions.append(&id, turn(number), &number.to_string()).await.unwrap();
        println!("turn {number}");
    }
}

#[tokio::test]
async fn a_time_to_live_of_zero_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { expire_after: Duration::ZERO, ..Config::default() };
    let refused = Sessions::open(&config, &folder.path().join("corral.db")).await.err().expect("a refusal");
    assert!(refused.to_string().contains("sessions.expire_after"), "{refused}");
}

#[test]
fn settings_are_read_with_defaults_and_unknown_ones_refused() {
    let config: Config = serde_json::from_str("{}").unwrap();
    assert_eq!((config.backend, config.expire_after), (Backend::Embedded, Duration::from_secs(3600)));
    let config: Config = serde_json::from_str(r#"{"backend": "embedded", "expire_after": "90m"}"#).unwrap();
    assert_eq!(config.expire_after, Duration::from_secs(5400));
    assert!(serde_json::from_str::<Config>(r#"{"expires": "1h"}"#).is_err());
}

#[test]
fn a_turn_is_exactly_user_and_ai() {
    assert_eq!(serde_json::to_string(&turn(1)).unwrap(), r#"{"user":"question 1","ai":"answer 1"}"#);
}
