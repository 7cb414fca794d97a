//! Where the servers are and how one gets in, from the settings.
//!
//! A setting that cannot work is refused here, by its name. Not here: connecting (`connection.rs`).

use crate::{Config, Error, Redis, Topology};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use rustls::crypto::CryptoProvider;
use std::{fs, time::Duration};
use url::Url;

/// What connections are made from.
pub enum Servers {
    Standalone(Box<Client>),
    Sentinel(Box<SentinelClient>),
    Cluster(Box<ClusterClient>),
}

/// A whole call may take no longer, so one step of it neither.
const LONGEST: Duration = Duration::from_secs(5);

impl Servers {
    /// Reads the password and the certificates. Blocks, but only for those small files.
    pub fn from_settings(config: &Config) -> Result<Self, Error> {
        let settings = &config.redis;
        for (key, value) in [("connect_timeout", settings.connect_timeout), ("timeout", settings.timeout)] {
            if value.is_zero() || value > LONGEST {
                return Err(refused(&format!("redis.{key}"), "expected more than zero and at most 5s"));
            }
        }
        let access = Access::from_settings(config)?;
        match settings.topology {
            Topology::Standalone => standalone(&access, settings),
            Topology::Sentinel => sentinel(&access, settings),
            Topology::Cluster => cluster(&access, settings),
        }
    }
}

/// What all kinds of servers need.
struct Access {
    /// The server at `url` and then those at `nodes`, with the credentials that stand in the addresses.
    nodes: Vec<ConnectionInfo>,
    username: Option<String>,
    password: Option<String>,
    /// With TLS only.
    certificates: Option<TlsCertificates>,
}

impl Access {
    fn from_settings(config: &Config) -> Result<Self, Error> {
        let settings = &config.redis;
        let url =
            config.url.as_deref().ok_or_else(|| refused("url", "the back end \"redis\" needs an address"))?;
        let port = if settings.topology == Topology::Sentinel { 26_379 } else { 6379 };
        let first = parse("url", url, port)?;
        let certificates = certificates(settings, first.scheme() == "rediss")?;
        let mut nodes = vec![info("url", &first, certificates.as_ref())?];
        for node in &settings.nodes {
            let with_scheme =
                if node.contains("://") { node.clone() } else { format!("{}://{node}", first.scheme()) };
            let node = parse("redis.nodes", &with_scheme, port)?;
            if node.scheme() != first.scheme() {
                return Err(refused("redis.nodes", "all addresses must be `redis://`, or all `rediss://`"));
            }
            nodes.push(info("redis.nodes", &node, certificates.as_ref())?);
        }
        let password = settings.password_file.as_ref().map(|path| {
            let password = fs::read_to_string(path)
                .map_err(|error| refused("redis.password_file", &format!("{}: {error}", path.display())))?;
            Ok::<_, Error>(password.trim_end_matches(['\r', '\n']).to_owned())
        });
        Ok(Self { nodes, username: settings.username.clone(), password: password.transpose()?, certificates })
    }

    fn first(&self) -> Result<ConnectionInfo, Error> {
        self.nodes.first().cloned().ok_or_else(|| refused("url", "the back end \"redis\" needs an address"))
    }

    /// The settings' credentials, else the ones in the first address.
    fn credentials(&self) -> Result<(Option<String>, Option<String>), Error> {
        let first = self.first()?;
        let written = first.redis_settings();
        let username = self.username.clone().or_else(|| written.username().map(str::to_owned));
        Ok((username, self.password.clone().or_else(|| written.password().map(str::to_owned))))
    }
}

fn standalone(access: &Access, settings: &Redis) -> Result<Servers, Error> {
    if !settings.nodes.is_empty() || settings.master.is_some() {
        return Err(refused("redis.topology", "`nodes` and `master` are for sentinels and clusters"));
    }
    let info = access.first()?;
    let (username, password) = access.credentials()?;
    let mut redis = info.redis_settings().clone();
    if let Some(username) = username {
        redis = redis.set_username(username);
    }
    if let Some(password) = password {
        redis = redis.set_password(password);
    }
    let client = Client::open(info.set_redis_settings(redis)).map_err(|error| wrong("url", &error))?;
    Ok(Servers::Standalone(Box::new(client)))
}

/// The credentials of the settings are for the master. Those in the first address are for the
/// sentinels, and for the master, too, if there are no others.
fn sentinel(access: &Access, settings: &Redis) -> Result<Servers, Error> {
    let master = settings
        .master
        .as_deref()
        .ok_or_else(|| refused("redis.master", "sentinels have to be asked for a name"))?;
    let first = access.first()?;
    let written = first.redis_settings();
    let nodes = access.nodes.iter().map(|node| node.addr().clone());
    let wrong = |error: redis::RedisError| wrong("redis.topology", &error);
    let mut builder = SentinelClientBuilder::new(nodes, master, SentinelServerType::Master)
        .map_err(wrong)?
        .set_client_to_redis_db(written.db());
    if let Some(certificates) = &access.certificates {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_redis_certificates(certificates.clone());
    }
    if let Some(username) = written.username() {
        builder = builder.set_client_to_sentinel_username(username);
    }
    if let Some(password) = written.password() {
        builder = builder.set_client_to_sentinel_password(password);
    }
    let (username, password) = access.credentials()?;
    if let Some(username) = username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = password {
        builder = builder.set_client_to_redis_password(password);
    }
    Ok(Servers::Sentinel(Box::new(builder.build().map_err(wrong)?)))
}

fn cluster(access: &Access, settings: &Redis) -> Result<Servers, Error> {
    if settings.master.is_some() {
        return Err(refused("redis.master", "is for sentinels"));
    }
    // The builder takes the first address's credentials for all, and wants the others to be the same.
    let first = access.first()?;
    let nodes =
        access.nodes.iter().map(|node| node.clone().set_redis_settings(first.redis_settings().clone()));
    let mut builder = ClusterClient::builder(nodes)
        .connection_timeout(settings.connect_timeout)
        .response_timeout(settings.timeout)
        .overall_response_timeout(Some(LONGEST))
        .retries(4)
        .min_retry_wait(20)
        .max_retry_wait(500);
    if let Some(certificates) = &access.certificates {
        builder = builder.tls(TlsMode::Secure).certs(certificates.clone());
    }
    let (username, password) = access.credentials()?;
    if let Some(username) = username {
        builder = builder.username(username);
    }
    if let Some(password) = password {
        builder = builder.password(password);
    }
    Ok(Servers::Cluster(Box::new(builder.build().map_err(|error| wrong("redis.topology", &error))?)))
}

/// Says nothing of an address that is wrong: a password may stand in it.
fn parse(key: &str, address: &str, port: u16) -> Result<Url, Error> {
    let mut url = Url::parse(address).map_err(|error| refused(key, &format!("no address: {error}")))?;
    if !matches!(url.scheme(), "redis" | "rediss") || !url.has_host() {
        return Err(refused(key, "expected `redis://host:port` or `rediss://host:port`"));
    }
    if url.fragment().is_some() || url.query().is_some() {
        return Err(refused(key, "expected an address without `?` and `#`"));
    }
    if url.port().is_none() && url.set_port(Some(port)).is_err() {
        return Err(refused(key, "expected a host"));
    }
    Ok(url)
}

fn info(key: &str, url: &Url, certificates: Option<&TlsCertificates>) -> Result<ConnectionInfo, Error> {
    let info = url.as_str().into_connection_info().map_err(|error| wrong(key, &error))?;
    let ConnectionAddr::TcpTls { .. } = info.addr() else { return Ok(info) };
    let Some(certificates) = certificates else { return Ok(info) };
    let client =
        Client::build_with_tls(info, certificates.clone()).map_err(|error| wrong("redis.ca_file", &error))?;
    Ok(client.get_connection_info().clone())
}

/// None without TLS. Without a file the system's certificates are taken.
fn certificates(settings: &Redis, tls: bool) -> Result<Option<TlsCertificates>, Error> {
    let key = "redis.ca_file";
    if !tls {
        return match settings.ca_file {
            Some(_) => Err(refused(key, "is for addresses with `rediss://`")),
            None => Ok(None),
        };
    }
    if CryptoProvider::get_default().is_none() {
        // An error means that somebody else was quicker, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let Some(path) = &settings.ca_file else {
        return Ok(Some(TlsCertificates { client_tls: None, root_cert: None }));
    };
    let pem = fs::read(path).map_err(|error| refused(key, &format!("{}: {error}", path.display())))?;
    if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Err(refused(key, &format!("{}: no certificate in it", path.display())));
    }
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(pem) }))
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn refused(key: &str, why: &str) -> Error {
    Error::InvalidArgument(format!("sessions.{key}: {why}"))
}

/// The library's errors name what is wrong and do not quote addresses.
fn wrong(key: &str, error: &redis::RedisError) -> Error {
    refused(key, &error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Backend;
    use std::path::PathBuf;

    fn config(url: &str) -> Config {
        Config { backend: Backend::Redis, url: Some(url.to_owned()), ..Config::default() }
    }

    fn refusal(config: &Config) -> String {
        match Servers::from_settings(config) {
            Err(Error::InvalidArgument(why)) => why,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("taken"),
        }
    }

    #[test]
    fn every_topology_is_understood() {
        let mut config = config("rediss://user:word@host/1");
        assert!(matches!(Servers::from_settings(&config), Ok(Servers::Standalone(_))));
        config.redis.nodes = vec!["other:7000".to_owned(), "rediss://third".to_owned()];
        config.redis.topology = Topology::Sentinel;
        config.redis.master = Some("sessions".to_owned());
        assert!(matches!(Servers::from_settings(&config), Ok(Servers::Sentinel(_))));
        config.redis.topology = Topology::Cluster;
        config.redis.master = None;
        assert!(matches!(Servers::from_settings(&config), Ok(Servers::Cluster(_))));
    }

    #[test]
    fn a_wrong_setting_is_refused_by_its_name_and_without_its_password() {
        for url in [
            "",
            "s3cret",
            "http://a:s3cret@b",
            "redis://a:s3cret@b/#insecure",
            "redis://:s3cret@",
            "redis://:s3cret@h:99999",
            "redis://:s3cret@h/x",
        ] {
            let why = refusal(&config(url));
            assert!(why.starts_with("sessions.url: ") && !why.contains("s3cret"), "{url}: {why}");
        }
        assert!(refusal(&Config { url: None, ..config("") }).starts_with("sessions.url: "));
        let changed = |change: fn(&mut Redis)| {
            let mut config = config("rediss://host");
            change(&mut config.redis);
            refusal(&config)
        };
        assert!(
            changed(|redis| redis.ca_file = Some(PathBuf::from("/nowhere")))
                .contains("redis.ca_file: /nowhere")
        );
        assert!(changed(|redis| redis.ca_file = Some(PathBuf::from("/dev/null"))).contains("no certificate"));
        assert!(
            changed(|redis| redis.password_file = Some(PathBuf::from("/nowhere")))
                .contains("redis.password_file")
        );
        assert!(changed(|redis| redis.topology = Topology::Sentinel).contains("redis.master"));
        assert!(changed(|redis| redis.timeout = Duration::ZERO).contains("redis.timeout"));
        assert!(changed(|redis| redis.nodes = vec!["a".to_owned()]).contains("redis.topology"));
        let mixed = changed(|redis| {
            redis.topology = Topology::Cluster;
            redis.nodes = vec!["redis://a".to_owned()];
        });
        assert!(mixed.contains("redis.nodes"), "{mixed}");
        let mut plain = config("redis://host");
        plain.redis.ca_file = Some(PathBuf::from("/dev/null"));
        assert!(refusal(&plain).contains("redis.ca_file"));
    }
}
