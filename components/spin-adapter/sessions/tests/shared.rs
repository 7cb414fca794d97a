//! One real Redis for a Corral host and a component on Spin: each goes on with what the other stored.

use corral_services::Redis;
use corral_sessions::{Backend, Config, Sessions};
use corral_spin_platform::redis::Value;
use corral_spin_sessions::{Error, Session, Settings, Store, Turn};
use corral_spin_testing::redis::Server;
use std::{path::Path, sync::Barrier, thread, time::Duration};
use tokio::runtime::Runtime;

const ID: &str = "3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11";

fn settings() -> Settings {
    Settings { prefix: "session:".into(), expire_after: Duration::from_secs(3600) }
}

fn turn(user: &str, ai: &str) -> Turn {
    Turn { user: user.into(), ai: ai.into() }
}

/// The servers, a host's store, and a connection such as Spin has.
struct Both {
    runtime: Runtime,
    redis: Redis,
    host: Sessions,
    server: Server,
}

#[expect(clippy::unwrap_used, reason = "for tests alone")]
fn both() -> Both {
    let runtime = Runtime::new().unwrap();
    let redis = runtime.block_on(Redis::start()).unwrap();
    let config = Config { backend: Backend::Redis, url: Some(redis.url()), ..Config::default() };
    let host = runtime.block_on(Sessions::open(&config, Path::new("unused"))).unwrap();
    let server = Server::connect(&redis.url());
    Both { runtime, redis, host, server }
}

impl Both {
    #[expect(clippy::unwrap_used, reason = "for tests alone")]
    fn spin(&self) -> Store<'_> {
        Store::new(&self.server, &settings()).unwrap()
    }

    #[expect(clippy::unwrap_used, reason = "for tests alone")]
    fn on_host(&self, id: &str) -> Option<corral_sessions::Session> {
        self.runtime.block_on(self.host.get(id, None)).unwrap()
    }

    fn text(&self, key: &str) -> String {
        match &self.server.ask("GET", &[key])[..] {
            [Value::Binary(text)] => String::from_utf8_lossy(text).into_owned(),
            other => panic!("{other:?}"),
        }
    }
}

/// When it was made and last changed, its turns, how many they are, its metadata.
type Shown = (String, String, Vec<(String, String)>, u32, Vec<(String, String)>);

fn shown(session: &Session) -> Shown {
    let history = session.history.iter().map(|turn| (turn.user.clone(), turn.ai.clone())).collect();
    let metadata = session.metadata.clone().into_iter().collect();
    (session.created_at.clone(), session.last_updated.clone(), history, session.turns, metadata)
}

#[test]
fn a_host_and_a_component_on_spin_write_and_read_the_same_document() {
    let both = both();
    let spin = both.spin();
    spin.create(ID).unwrap();
    assert_eq!(spin.append(ID, &turn("U1 \"é\"", "A1\n"), "t1").unwrap(), 1);
    spin.set_metadata(ID, "name", "Ada").unwrap();
    let host = &both.host;
    let appended = host.append(ID, corral_sessions::Turn { user: "U2".into(), ai: "A2".into() }, "t2");
    assert_eq!(both.runtime.block_on(appended).unwrap(), 2);
    both.runtime.block_on(host.set_metadata(ID, "town", "Ulm")).unwrap();
    assert_eq!(spin.append(ID, &turn("U3", "A3"), "t3").unwrap(), 3);

    let (from_spin, from_host) = (spin.get(ID, None).unwrap().unwrap(), both.on_host(ID).unwrap());
    let history: Vec<_> = from_host.history.into_iter().map(|turn| (turn.user, turn.ai)).collect();
    let metadata: Vec<_> = from_host.metadata.into_iter().collect();
    let expected = (from_host.created_at, from_host.last_updated, history, from_host.turns, metadata);
    assert_eq!(shown(&from_spin), expected);
    assert_eq!(from_spin.history[0], turn("U1 \"é\"", "A1\n"));
    assert_eq!(spin.get(ID, Some(1)).unwrap().unwrap().history, [turn("U3", "A3")]);

    // Neither of them had to write the document anew for the other's turns: the side key is of one form, too.
    let state = both.server.ask("HGET", &["turns:{session:3e6f0c1e-8f51-4f8b-9d7e-0d6c4c0f4a11}", ""]);
    let length = both.text(&format!("session:{ID}")).len();
    let [Value::Binary(state)] = &state[..] else { panic!("{state:?}") };
    assert!(String::from_utf8_lossy(state).starts_with(&format!("{length} 3 ")), "{state:?}");
}

#[test]
fn a_turn_is_the_same_turn_whoever_is_told_of_it_again() {
    let both = both();
    let spin = both.spin();
    let id = both.runtime.block_on(both.host.create()).unwrap();
    assert_eq!(spin.append(&id, &turn("U", "A"), "one").unwrap(), 1);
    let again = corral_sessions::Turn { user: "other".into(), ai: "words".into() };
    assert_eq!(both.runtime.block_on(both.host.append(&id, again, "one")).unwrap(), 1);
    assert_eq!(spin.append(&id, &turn("U", "A"), "one").unwrap(), 1);
    assert_eq!(spin.append(&id, &turn("U2", "A2"), "two").unwrap(), 2);
    assert_eq!(both.on_host(&id).unwrap().turns, 2);
    assert!(spin.delete(&id).unwrap());
    assert!(!spin.delete(&id).unwrap());
    assert!(both.on_host(&id).is_none());
    assert!(matches!(spin.append(&id, &turn("U", "A"), "three"), Err(Error::NotFound)));
}

#[test]
fn a_turn_is_replaced_by_whoever_is_asked() {
    let both = both();
    let spin = both.spin();
    let id = both.runtime.block_on(both.host.create()).unwrap();
    spin.append(&id, &turn("U1", "A1"), "one").unwrap();
    spin.append(&id, &turn("U2", "A2"), "two").unwrap();
    assert_eq!(spin.replace(&id, &turn("U2", "B2"), "three", 2).unwrap(), 2);
    let theirs = corral_sessions::Turn { user: "U2".into(), ai: "C2".into() };
    assert_eq!(both.runtime.block_on(both.host.replace(&id, theirs, "four", 2)).unwrap(), 2);
    assert_eq!(spin.replace(&id, &turn("U3", "A3"), "five", 1).unwrap(), 3, "that is not the newest one");
    let session = spin.get(&id, None).unwrap().unwrap();
    assert_eq!(session.history, [turn("U1", "A1"), turn("U2", "C2"), turn("U3", "A3")]);
}

#[test]
fn turns_that_are_appended_at_once_are_all_kept() {
    let both = both();
    both.spin().create(ID).unwrap();
    let (each, threads) = (8, 4);
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (barrier, url) = (&barrier, both.redis.url());
            scope.spawn(move || {
                let server = Server::connect(&url);
                let store = Store::new(&server, &settings()).unwrap();
                barrier.wait();
                for number in 0..each {
                    store.append(ID, &turn("U", "A"), &format!("{thread}-{number}")).unwrap();
                    store.set_metadata(ID, &format!("thread-{thread}"), &number.to_string()).unwrap();
                }
            });
        }
    });
    let session = both.spin().get(ID, None).unwrap().unwrap();
    assert_eq!((session.turns, session.metadata.len()), (8 * 4, 4));
}

#[test]
fn a_document_that_another_program_wrote_is_gone_on_with() {
    let both = both();
    let key = format!("session:{ID}");
    let text = format!(
        r#"{{ "session_id": "{ID}", "history": [{{"user": "Hello", "ai": "Hi", "rated": 5}}], "metadata": {{"created_at": "then", "visits": 3}}, "tags": [1] }}"#
    );
    both.server.ask("SET", &[&key, &text]);
    let spin = both.spin();
    assert_eq!(spin.append(ID, &turn("U", "A"), "t").unwrap(), 2);
    let written = both.text(&key);
    assert!(written.contains(r#""tags":[1]"#) && written.contains(r#""rated": 5"#), "{written}");
    assert_eq!(both.on_host(ID).unwrap().metadata["visits"], "3");
}

#[test]
fn a_session_lives_as_long_as_it_is_used_and_is_told_of_as_expired_after() {
    let both = both();
    let short = Settings { expire_after: Duration::from_secs(100), ..settings() };
    let spin = Store::new(&both.server, &short).unwrap();
    spin.create(ID).unwrap();
    let key = format!("session:{ID}");
    both.server.ask("PEXPIRE", &[&key, "5000"]);
    spin.get(ID, None).unwrap();
    let [Value::Integer(left)] = both.server.ask("PTTL", &[&key])[..] else { panic!() };
    assert!(left > 90_000, "{left}");
    both.server.ask("DEL", &[&key]);
    assert_eq!(spin.get(ID, None).unwrap(), None);
    assert!(matches!(spin.set_metadata(ID, "k", "v"), Err(Error::NotFound)));
    // A host's sweep finds it once its time has passed, and deletes what else was held for it.
    both.server.ask("ZADD", &["session:expiry", "1", ID]);
    assert_eq!(both.runtime.block_on(both.host.expired()).unwrap(), [ID]);
}

#[test]
fn limits_are_a_hosts() {
    let both = both();
    let spin = both.spin();
    spin.create(ID).unwrap();
    let huge = turn(&"u".repeat(16 << 20), "");
    assert!(matches!(spin.append(ID, &huge, "t"), Err(Error::TooLarge { limit: 16_777_216 })));
    let half = turn(&"u".repeat(9 << 20), "");
    spin.append(ID, &half, "first").unwrap();
    assert!(matches!(spin.append(ID, &half, "second"), Err(Error::TooLarge { .. })));
    assert!(matches!(spin.append(ID, &turn("", ""), ""), Err(Error::InvalidArgument(_))));
    assert!(matches!(spin.set_metadata(ID, "created_at", "x"), Err(Error::InvalidArgument(_))));
    assert!(matches!(spin.set_metadata(ID, "k", &"v".repeat(4097)), Err(Error::TooLarge { limit: 4096 })));
    // What is no id is nobody's, and reaches no key.
    for id in ["", "expiry", "a b", "{x}"] {
        assert_eq!(spin.get(id, None).unwrap(), None);
        assert!(!spin.delete(id).unwrap());
    }
}

#[test]
fn what_is_no_session_is_unavailable_and_not_quoted() {
    let both = both();
    let spin = both.spin();
    for (command, value) in [("SET", "what a person typed"), ("SADD", "what a person typed")] {
        let key = format!("session:{ID}");
        both.server.ask("DEL", &[&key]);
        both.server.ask(command, &[&key, value]);
        match spin.get(ID, None) {
            Err(Error::Unavailable(cause)) => assert!(!cause.contains("person"), "{cause}"),
            other => panic!("{other:?}"),
        }
    }
}
