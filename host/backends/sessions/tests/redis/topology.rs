//! More servers than one: sentinels and clusters.

use super::{
    access,
    support::{self, HOUR, cause, config, eventually, key, side_key},
};
use crate::conformance::{self, read, turn};
use corral_services::Redis;
use corral_sessions::{Config, Sessions, Topology};
use redis::aio::MultiplexedConnection;
use std::{net::TcpListener, path::Path, time::Duration};
use tokio::time::{sleep, timeout};

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect(what);
}

async fn says(client: &mut MultiplexedConnection, command: &[&str], word: &str) -> bool {
    let mut asked = redis::cmd(command[0]);
    let answer: Result<String, _> = asked.arg(&command[1..]).query_async(client).await;
    answer.is_ok_and(|answer| answer.contains(word))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sentinels_new_master_is_followed() {
    let mut master = Redis::start().await.unwrap();
    let replica = Redis::start_with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]).await.unwrap();
    let mut replicating = support::client(&replica).await;
    until("replication", async || {
        says(&mut replicating, &["INFO", "replication"], "master_link_status:up").await
    })
    .await;
    let sentinel = Redis::sentinel(master.port(), "sessions").await.unwrap();
    let mut watching = redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.port()))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    until("the sentinel to see the replica", async || {
        says(&mut watching, &["INFO", "sentinel"], "slaves=1").await
    })
    .await;

    let mut config = config(&sentinel);
    config.redis.topology = Topology::Sentinel;
    config.redis.master = Some("sessions".to_owned());
    // The first address is of a sentinel that is down.
    config.redis.nodes = vec![format!("127.0.0.1:{}", sentinel.port())];
    config.url = Some("redis://127.0.0.1:1/0".to_owned());
    let sessions = support::open(&config).await;
    let id = sessions.create().await.unwrap();
    assert_eq!(sessions.append(&id, turn(1), "1").await.unwrap(), 1);
    until("the replica to have the turn", async || {
        says(&mut replicating, &["GET", &key(&id)], "question 1").await
    })
    .await;

    master.kill().await.unwrap();
    assert_eq!(eventually(async || sessions.append(&id, turn(2), "2").await).await, 2);
    assert_eq!(read(&sessions, &id).await.history, [turn(1), turn(2)]);
    // It has closed all connections when it became the master.
    let mut promoted = support::client(&replica).await;
    let has = says(&mut promoted, &["GET", &key(&id)], "question 2").await;
    assert!(has, "it was not written to the new master");
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_unavailable() {
    let master = Redis::start().await.unwrap();
    let sentinel = Redis::sentinel(master.port(), "sessions").await.unwrap();
    let mut config = config(&sentinel);
    config.redis.topology = Topology::Sentinel;
    config.redis.master = Some("other".to_owned());
    cause(support::open(&config).await.create().await);
}

/// Three masters that share the slots; with certificates if there is a folder for them.
async fn cluster(encrypted: Option<&Path>) -> (Vec<Redis>, Config) {
    let encryption = encrypted.map(|folder| {
        let mut arguments = access::encryption(folder);
        arguments.extend(["--tls-cluster".to_owned(), "yes".to_owned()]);
        arguments
    });
    let ca_file = encrypted.map(|folder| folder.join("authority.pem"));
    let mut servers = Vec::new();
    for _ in 0..3 {
        let bus = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut arguments =
            vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
        arguments.extend(encryption.iter().flatten().map(String::as_str));
        let server = Redis::start_with(&arguments).await.unwrap();
        let client = support::client_with(&server, ca_file.as_deref()).await;
        servers.push((server, client, bus));
    }
    for at in 0..3 {
        let others: Vec<_> =
            servers[..at].iter().map(|(server, _, bus)| (server.port(), bus.clone())).collect();
        let client = &mut servers[at].1;
        let (first, last) = (at * 5461, if at == 2 { 16_383 } else { at * 5461 + 5460 });
        let () = redis::cmd("CLUSTER")
            .arg("ADDSLOTSRANGE")
            .arg(first)
            .arg(last)
            .query_async(client)
            .await
            .unwrap();
        let () = redis::cmd("CLUSTER").arg("SET-CONFIG-EPOCH").arg(at + 1).query_async(client).await.unwrap();
        for (port, bus) in others {
            let mut meet = redis::cmd("CLUSTER");
            let () = meet.arg("MEET").arg("127.0.0.1").arg(port).arg(bus).query_async(client).await.unwrap();
        }
    }
    for (_, client, _) in &mut servers {
        until("the cluster", async || {
            says(client, &["CLUSTER", "INFO"], "cluster_state:ok").await
                && says(client, &["CLUSTER", "INFO"], "cluster_known_nodes:3").await
        })
        .await;
    }
    let servers: Vec<_> = servers.into_iter().map(|(server, _, _)| server).collect();
    let mut config = config(&servers[0]);
    config.redis.topology = Topology::Cluster;
    config.redis.nodes = servers[1..].iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
    config.redis.ca_file = ca_file;
    (servers, config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_with_certificates_is_used_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let (_servers, config) = cluster(Some(folder.path())).await;
    let sessions = support::open(&config).await;
    for number in 0..20 {
        let id = sessions.create().await.unwrap();
        sessions.append(&id, turn(number), "1").await.unwrap();
        assert_eq!(read(&sessions, &id).await.history, [turn(number)]);
    }
    assert_eq!(sessions.export(None, 1000).await.unwrap().records.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_keeps_every_promise() {
    let (servers, mut config) = cluster(None).await;
    let sessions = support::open(&config).await;
    conformance::documents::a_new_session_is_empty(&sessions).await;
    conformance::documents::an_unknown_session_is_none_and_takes_nothing(&sessions).await;
    conformance::documents::turns_come_back_whole_and_in_order(&sessions).await;
    conformance::documents::a_bound_gives_the_newest_turns(&sessions).await;
    conformance::documents::the_same_turn_id_is_one_turn(&sessions).await;
    conformance::documents::turn_ids_belong_to_their_session(&sessions).await;
    conformance::documents::metadata_is_set_and_replaced(&sessions).await;
    conformance::documents::a_deleted_session_is_gone_and_others_stay(&sessions).await;
    conformance::limits::a_session_has_at_most_16_mib(&sessions).await;
    conformance::limits::no_id_is_dangerous(&sessions).await;
    conformance::concurrency::turns_appended_at_once_are_all_kept(&sessions).await;
    conformance::concurrency::retries_at_once_are_one_turn(&sessions).await;
    conformance::concurrency::sessions_made_at_once_are_different(&sessions).await;

    config.expire_after = conformance::expiry::EXPIRE_AFTER;
    for (prefix, at) in [("one:", 0), ("two:", 1), ("three:", 2)] {
        config.redis.prefix = prefix.to_owned();
        let sessions = support::open(&config).await;
        match at {
            0 => conformance::expiry::expired_sessions_are_told_of_until_they_are_purged(&sessions).await,
            1 => conformance::expiry::a_session_in_use_does_not_expire(&sessions).await,
            _ => conformance::expiry::an_unused_session_expires(&sessions).await,
        }
    }
    drop(servers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_of_a_cluster_are_on_all_of_its_servers_and_all_are_exported() {
    let (servers, mut config) = cluster(None).await;
    config.expire_after = HOUR;
    let sessions = support::open(&config).await;
    let mut expected = Vec::new();
    for number in 0..60 {
        let id = sessions.create().await.unwrap();
        sessions.append(&id, turn(number), "1").await.unwrap();
        expected.push(id);
    }
    for server in &servers {
        let mut client = support::client(server).await;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
        let documents: Vec<_> = expected.iter().filter(|id| keys.contains(&key(id))).collect();
        assert!(!documents.is_empty(), "a server without sessions");
        assert!(documents.iter().all(|id| keys.contains(&side_key(id))), "in another slot");
    }
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = support::open(&config).await.export(cursor.as_deref(), 10).await.unwrap();
        found.extend(page.records.into_iter().map(|record| record.session.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort();
    found.dedup();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sessions_of_a_cluster_are_written_while_the_server_of_the_index_is_silent() {
    let (servers, config) = cluster(None).await;
    let sessions = support::open(&config).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(sessions.create().await.unwrap());
    }
    // Each script is sent to all servers when it is needed for the first time.
    use_up(&sessions, &sessions.create().await.unwrap()).await;
    let (mut silent, mut elsewhere) = (None, Vec::new());
    for server in &servers {
        let mut client = support::client(server).await;
        // The others go on when they take it for dead.
        let mut set = redis::cmd("CONFIG");
        let () = set
            .arg("SET")
            .arg("cluster-require-full-coverage")
            .arg("no")
            .query_async(&mut client)
            .await
            .unwrap();
        let held: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut client).await.unwrap();
        match held.iter().any(|key| key == "session:expiry") {
            true => silent = Some(server),
            false => elsewhere.extend(ids.iter().filter(|id| held.contains(&key(id)))),
        }
    }
    let silent = silent.expect("the server of the index");
    silent.pause().await.unwrap();
    use_up(&sessions, elsewhere.first().expect("a session on another server")).await;
    silent.resume().await.unwrap();
}

async fn use_up(sessions: &Sessions, id: &str) {
    assert_eq!(sessions.append(id, turn(1), "1").await.unwrap(), 1);
    sessions.set_metadata(id, "key", "value").await.unwrap();
    assert_eq!(read(sessions, id).await.history, [turn(1)]);
    assert!(sessions.delete(id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_of_a_cluster_that_was_away_is_used_again() {
    let (mut servers, config) = cluster(None).await;
    let sessions = support::open(&config).await;
    let (mut ids, mut held) = (Vec::new(), Vec::<String>::new());
    let mut one = support::client(&servers[0]).await;
    // Where a session goes is up to its id.
    while !ids.iter().any(|id: &String| held.contains(&key(id))) || ids.len() < 12 {
        ids.push(sessions.create().await.unwrap());
        held = redis::cmd("KEYS").arg("*").query_async(&mut one).await.unwrap();
    }
    servers[0].kill().await.unwrap();
    let mut failed = 0;
    for id in &ids {
        failed += u32::from(timeout(Duration::from_secs(10), sessions.get(id, None)).await.unwrap().is_err());
    }
    assert!(failed > 0, "the server that was killed had no session");
    servers[0].restart().await.unwrap();
    for id in &ids {
        assert_eq!(eventually(async || sessions.append(id, turn(1), "1").await).await, 1);
    }
}
