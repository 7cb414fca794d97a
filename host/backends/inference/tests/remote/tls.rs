//! A server behind TLS, with a certificate of an authority of its own.

#![expect(clippy::unwrap_used, reason = "a test whose server does not work has failed")]

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc};

use corral_inference::{Config, Options, Remote, RemoteConfig, Status};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    harness::{answer, config, soon, start},
    stub::{Kind, Stub},
};

/// What stands in front of a server. Dropping it closes its port.
struct Front {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

/// An authority, and a certificate that it made for 127.0.0.1.
struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

impl Authority {
    fn new() -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.distinguished_name.push(DnType::CommonName, "authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(authority, key);
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = server.signed_by(&key, &issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Self { pem, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// Hands on to `server` what comes encrypted.
    async fn front(&self, server: SocketAddr) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = self.acceptor.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // Who does not trust the certificate leaves at once.
                    let Ok(mut client) = acceptor.accept(connection).await else { return };
                    let mut server = TcpStream::connect(server).await.unwrap();
                    drop(copy_bidirectional(&mut client, &mut server).await);
                });
            }
        });
        Front { address, _serving: serving }
    }
}

fn behind(front: &Front, stub: &Stub, ca_file: Option<PathBuf>) -> Config {
    let base = config(&[stub]);
    let urls = vec![format!("https://{}/v1", front.address)];
    Config { remote: RemoteConfig { urls, ca_file, ..base.remote }, ..base }
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_accepted_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        fs::write(&path, &authority.pem).unwrap();
        Some(path)
    };
    let (authority, other) = (Authority::new(), Authority::new());
    let stub = Stub::start(Kind::LlamaServer).await;
    let front = authority.front(stub.address()).await;
    let trusting = start(&behind(&front, &stub, file("authority", &authority))).await;
    assert_eq!(answer(&trusting, Options::default()).await.unwrap().text, "Hi");
    let asked = stub.questions().len();
    let distrusting = Remote::start(&behind(&front, &stub, file("other", &other))).unwrap();
    soon("it is down", || matches!(distrusting.status(), Status::Down(_))).await;
    assert!(answer(&distrusting, Options::default()).await.is_err());
    assert_eq!(stub.questions().len(), asked, "nothing was told to a server that is not trusted");
}
