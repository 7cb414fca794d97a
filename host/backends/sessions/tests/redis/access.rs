//! Users, passwords and certificates.

use super::support::{self, cause, config, config_of, eventually};
use crate::conformance::{read, turn};
use corral_services::Redis;
use corral_sessions::{Config, Error, Sessions};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::{fs, path::Path};
use tempfile::TempDir;

/// A server where the default user does not get in, and ours only to what the documentation says that it needs,
/// without these.
async fn with_few_rights(without: &[&str]) -> Redis {
    let document = include_str!("../../../../../docs/stores.md");
    let (_, list) = document.split_once("Corral's user needs the keys").unwrap();
    let (list, _) = list.split_once(" Never ").unwrap();
    let (keys, commands) = list.split_once(", and: ").unwrap();
    let code = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let patterns = code(keys)
        .into_iter()
        .map(|key| key.replace("<prefix>", "~session:").replace("turns:{~", "~turns:{"));
    let commands = code(commands).into_iter().filter(|command| !command.contains(char::is_lowercase));
    let rights =
        commands.filter(|command| !without.contains(&command.as_str())).map(|command| format!("+{command}"));
    let user = ["--user", "default", "off", "--user", "corral", "on", ">s3cret", "-@all"].map(str::to_owned);
    let arguments: Vec<_> = user.into_iter().chain(patterns).chain(rights).collect();
    Redis::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap()
}

fn with_user(server: &Redis, folder: &TempDir, password: &str) -> Config {
    let file = folder.path().join("password");
    fs::write(&file, format!("{password}\n")).unwrap();
    let mut config = config(server);
    config.redis.username = Some("corral".to_owned());
    config.redis.password_file = Some(file);
    config
}

#[tokio::test]
async fn a_user_with_a_password_from_a_file_gets_in_with_few_rights() {
    let (server, folder) = (with_few_rights(&[]).await, tempfile::tempdir().unwrap());
    for database in ["0", "3"] {
        let mut config = with_user(&server, &folder, "s3cret");
        config.url = Some(format!("redis://127.0.0.1:{}/{database}", server.port()));
        let sessions = support::open(&config).await;
        let id = sessions.create().await.unwrap();
        sessions.append(&id, turn(1), "1").await.unwrap();
        sessions.set_metadata(&id, "key", "value").await.unwrap();
        assert_eq!(sessions.replace(&id, turn(2), "2", 1).await.unwrap(), 1);
        assert_eq!(read(&sessions, &id).await.history, [turn(2)]);
        let record = sessions.export(None, 10).await.unwrap().records.remove(0);
        sessions.import(&record).await.unwrap();
        sessions.expired().await.unwrap();
        sessions.purge(&id).await.unwrap();
        assert!(sessions.delete(&id).await.unwrap());
    }
}

#[tokio::test]
async fn a_replacement_that_is_refused_changes_nothing() {
    let (server, folder) = (with_few_rights(&["HDEL"]).await, tempfile::tempdir().unwrap());
    let sessions = support::open(&with_user(&server, &folder, "s3cret")).await;
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    let before = sessions.record(&id).await.unwrap().unwrap();
    let cause = cause(sessions.replace(&id, turn(2), "2", 1).await);
    assert!(cause.contains("can't run this command"), "{cause}");
    let after = sessions.record(&id).await.unwrap().unwrap();
    assert_eq!((after.session, after.turn_ids), (before.session, before.turn_ids));
}

#[tokio::test]
async fn the_password_may_stand_in_the_address() {
    let server = with_few_rights(&[]).await;
    let sessions = support::open(&config_of(&server.url().replace("://", "://corral:s3cret@"))).await;
    sessions.create().await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_the_cause_and_not_shown() {
    let (server, folder) = (with_few_rights(&[]).await, tempfile::tempdir().unwrap());
    let config = with_user(&server, &folder, "wr0ng");
    let sessions = support::open(&config).await;
    for cause in [cause(sessions.create().await), cause(sessions.ping().await)] {
        assert!(cause.contains("authentication failed") && !cause.contains("wr0ng"), "{cause}");
    }
    assert!(!format!("{config:?}").contains("wr0ng"));
}

#[tokio::test]
async fn without_a_password_the_cause_says_so_until_none_is_needed() {
    let server = Redis::start_with(&["--requirepass", "s3cret"]).await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let cause = cause(sessions.create().await);
    assert!(cause.contains("NOAUTH"), "{cause}");
    let admin = redis::Client::open(server.url().replace("://", "://:s3cret@")).unwrap();
    let mut admin = admin.get_multiplexed_async_connection().await.unwrap();
    let () =
        redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("").query_async(&mut admin).await.unwrap();
    eventually(async || sessions.create().await).await;
}

#[tokio::test]
async fn a_right_that_is_missing_is_told_in_the_servers_words() {
    let server =
        Redis::start_with(&["--user", "default", "on", "nopass", "~*", "+@all", "-evalsha"]).await.unwrap();
    let sessions = support::open(&config(&server)).await;
    let cause = cause(sessions.create().await);
    assert!(cause.contains("NOPERM"), "{cause}");
}

/// An authority and a certificate of it for 127.0.0.1, as the server takes them.
fn certificates(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("authority.pem"), authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    fs::write(folder.join("server.pem"), server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
}

/// What makes a server speak TLS, with certificates in this folder.
pub fn encryption(folder: &Path) -> Vec<String> {
    certificates(folder);
    let path = |name: &str| folder.join(name).display().to_string();
    let files = [("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "authority.pem")];
    let mut arguments: Vec<_> =
        files.iter().flat_map(|(option, name)| [format!("--tls-{option}"), path(name)]).collect();
    arguments.extend(["--tls-auth-clients".to_owned(), "no".to_owned()]);
    arguments
}

async fn encrypted(folder: &Path) -> Redis {
    let arguments = encryption(folder);
    Redis::start_with(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap()
}

#[tokio::test]
async fn a_server_with_a_certificate_of_our_own_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = encrypted(folder.path()).await;
    let mut config = config(&server);
    assert!(config.url.as_ref().unwrap().starts_with("rediss://"));
    config.redis.ca_file = Some(folder.path().join("authority.pem"));
    let sessions = support::open(&config).await;
    let id = sessions.create().await.unwrap();
    sessions.append(&id, turn(1), "1").await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(eventually(async || sessions.append(&id, turn(1), "1").await).await, 1);
}

#[tokio::test]
async fn a_server_with_a_certificate_that_nobody_vouches_for_is_not_trusted() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = encrypted(folder.path()).await;
    certificates(other.path());
    for ca_file in [None, Some(other.path().join("authority.pem"))] {
        let mut config = config(&server);
        config.redis.ca_file = ca_file;
        let cause = cause(support::open(&config).await.create().await);
        assert!(cause.contains("certificate"), "{cause}");
    }
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let server = Redis::start().await.unwrap();
    let mut config = config(&server);
    config.redis.ca_file = Some("/nowhere.pem".into());
    let refused = Sessions::open(&config, Path::new("unused")).await.err().expect("a refusal");
    assert!(
        matches!(&refused, Error::InvalidArgument(why) if why.starts_with("sessions.redis.ca_file")),
        "{refused}"
    );
}
