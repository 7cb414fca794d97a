//! Whom a component may talk to: `allowed_outbound_hosts` of a Spin application, `grants.hosts` of any other.
//!
//! <https://spinframework.dev/v3/http-outbound#granting-http-permissions-to-components>

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, ops::Range};
use url::Host;

/// The domain of components that call each other: `http://ID.spin.internal`.
const CHAINING: &str = ".spin.internal";

/// One entry: a scheme, hosts and ports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allowed {
    /// As it is written.
    text: String,
    /// None is every one.
    scheme: Option<String>,
    hosts: Hosts,
    ports: Ports,
}

#[derive(Debug, Clone, PartialEq)]
enum Hosts {
    Any,
    /// The application itself.
    Own,
    /// With the dot in front.
    Below(String),
    One(Host),
    Network(IpNet),
}

#[derive(Debug, Clone, PartialEq)]
enum Ports {
    Any,
    /// As wide as its end needs: 65535 is a port too.
    Some(Range<u32>),
}

/// Whom something is sent to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// As in `https`.
    pub scheme: &'a str,
    /// Without port. None is the application itself.
    pub host: Option<&'a str>,
    /// None is the scheme's own.
    pub port: Option<u16>,
}

impl Allowed {
    /// An entry of the manifest, whose variables are filled in.
    ///
    /// # Errors
    /// What is wrong with it, and what is right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "insecure:allow-all" {
            return Err(
                "\"insecure:allow-all\" is not allowed: write \"*://*:*\" if everything is meant".into()
            );
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            format!("\"{text}\" has no scheme: write SCHEME://HOST[:PORT], as in \"https://{text}\"")
        })?;
        if scheme != "*" && !scheme.chars().all(|character| character.is_ascii_alphabetic()) {
            return Err(format!(
                "\"{scheme}\" is no scheme: write one such as \"https\", or \"*\" for every one"
            ));
        }
        let (host, port) = split(rest)?;
        let hosts = Hosts::parse(host)?;
        let ports = Ports::parse(port, scheme)?;
        let scheme = (scheme != "*").then(|| scheme.to_owned());
        Ok(Self { text: text.to_owned(), scheme, hosts, ports })
    }

    /// Whether this entry allows it.
    #[must_use]
    pub fn allows(&self, target: &Target<'_>) -> bool {
        let scheme = self.scheme.as_ref().is_none_or(|scheme| scheme == target.scheme);
        let Some(host) = target.host else {
            return scheme && matches!(self.hosts, Hosts::Any | Hosts::Own);
        };
        let port = target.port.or_else(|| usual_port(target.scheme));
        scheme && self.hosts.allows(host) && self.ports.allows(port)
    }

    /// Whether one of these entries allows it.
    #[must_use]
    pub fn any(entries: &[Self], target: &Target<'_>) -> bool {
        entries.iter().any(|allowed| allowed.allows(target))
    }

    /// Whether this entry is about components of the same application.
    #[must_use]
    pub fn is_chaining(&self) -> bool {
        match &self.hosts {
            Hosts::Below(suffix) => suffix == CHAINING,
            Hosts::One(Host::Domain(domain)) => domain.ends_with(CHAINING),
            _ => false,
        }
    }
}

impl TryFrom<String> for Allowed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Allowed> for String {
    fn from(allowed: Allowed) -> Self {
        allowed.text
    }
}

/// The component that a host name stands for.
#[must_use]
pub fn chained(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING).filter(|id| !id.is_empty() && !id.contains('.'))
}

/// Host and port. The port is "" where there is none.
fn split(rest: &str) -> Result<(&str, &str), String> {
    let rest = match rest.split_once('/') {
        Some((host, "")) => host,
        // A network, as in 10.0.0.0/8 or [fd00::]/8:443.
        Some((network, _)) if network.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() => rest,
        Some((host, path)) => {
            return Err(format!(
                "has the path \"/{path}\", and only hosts are allowed: write \"{host}\" without it"
            ));
        }
        None => rest,
    };
    if let Some(end) = rest.strip_prefix('[').and(rest.find(']')) {
        // How large a network is stands between the bracket and the port; what else does, is no host.
        let port = rest[end..].find(':').map(|colon| end + colon);
        return Ok(port.map_or((rest, ""), |colon| (&rest[..colon], &rest[colon + 1..])));
    }
    match rest.rsplit_once(':') {
        // An IPv6 network without brackets.
        Some(_) if rest.parse::<IpNet>().is_ok() => Ok((rest, "")),
        Some((host, port)) => Ok((host, port)),
        None => Ok((rest, "")),
    }
}

impl Hosts {
    fn parse(host: &str) -> Result<Self, String> {
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Own),
            "" => return Err("has no host: write one, or \"*\" for every one".into()),
            _ => {}
        }
        let network = match host.strip_prefix('[').and_then(|rest| rest.split_once("]/")) {
            Some((address, size)) => format!("{address}/{size}").parse::<IpNet>(),
            None => host.parse(),
        };
        if let Ok(network) = network {
            return Ok(Self::Network(network.trunc()));
        }
        let one = |host: &str| Host::parse(host).map_err(|error| format!("\"{host}\" is no host: {error}"));
        if let Some(domain) = host.strip_prefix("*.")
            && !domain.contains('*')
            && let Host::Domain(domain) = one(domain)?
        {
            return Ok(Self::Below(format!(".{domain}")));
        }
        if host.contains('*') {
            return Err(format!(
                "\"{host}\" has \"*\" elsewhere than in front: write \"*.DOMAIN\", or \"*\" alone"
            ));
        }
        one(host).map(Self::One)
    }

    fn allows(&self, host: &str) -> bool {
        let Ok(host) = Host::parse(host) else { return false };
        match (self, &host) {
            (Self::Any, _) => true,
            (Self::Own, _) => false,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::One(own), host) => own == host,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(&IpAddr::V4(*address)),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(&IpAddr::V6(*address)),
            (Self::Below(_), _) | (Self::Network(_), Host::Domain(_)) => false,
        }
    }
}

impl Ports {
    fn parse(port: &str, scheme: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse::<u16>()
                .map(u32::from)
                .map_err(|_no_number| format!("\"{text}\" is no port: write a number, or \"*\""))
        };
        match port {
            "*" => Ok(Self::Any),
            "" => usual_port(scheme).map(|port| Self::one(port.into())).ok_or_else(|| {
                format!(
                    "has no port, and \"{scheme}\" has no usual one: write \":PORT\", or \":*\" for every one"
                )
            }),
            port => match port.split_once("..") {
                Some((first, end)) => Ok(Self::Some(number(first)?..number(end)?)),
                None => number(port).map(Self::one),
            },
        }
    }

    fn one(port: u32) -> Self {
        Self::Some(port..port + 1)
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Some(ports) => port.is_some_and(|port| ports.contains(&port.into())),
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "rediss" => Some(6379),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "mqtt" => Some(1883),
        _ => None,
    }
}
