//! Where a server is, and where on it something is asked for.

use std::fmt;

use url::Url;

use super::config::refused;
use crate::Error;

/// A server's base address: what OpenAI's clients call `base_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// An address as it is in the settings.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let expected = "expected a base address such as \"http://127.0.0.1:8080/v1\"";
        // The address is not repeated: someone may have put a password in it.
        let url = Url::parse(text).map_err(|error| refused("urls", format!("{error}: {expected}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("urls", format!("scheme {:?}: {expected}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("urls", "an address has a user in it: use inference.remote.key_file"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("urls", format!("an address has more than a path: {expected}")));
        }
        Ok(Self(url))
    }

    /// Whether what is sent there is encrypted.
    pub fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// A path of OpenAI's protocol.
    pub fn api(&self, path: &[&str]) -> Url {
        join(self.0.clone(), false, path)
    }

    /// A path of the server's own, which is beside `/v1` and not below it.
    pub fn own(&self, path: &[&str]) -> Url {
        let last = self.0.path_segments().and_then(|mut segments| segments.rfind(|part| !part.is_empty()));
        join(self.0.clone(), last == Some("v1"), path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn join(mut url: Url, without_last: bool, path: &[&str]) -> Url {
    // Every http address can have a path.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
        if without_last {
            segments.pop();
        }
        segments.extend(path);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_servers_own_is_beside_v1() {
        for base in ["http://h:1/v1", "http://h:1/v1/"] {
            let address = Address::parse(base).unwrap();
            assert_eq!(address.api(&["chat", "completions"]).as_str(), "http://h:1/v1/chat/completions");
            assert_eq!(address.own(&["props"]).as_str(), "http://h:1/props");
        }
        let nested = Address::parse("https://h/llama/v1").unwrap();
        assert_eq!(nested.own(&["props"]).as_str(), "https://h/llama/props");
        let bare = Address::parse("http://h:1").unwrap();
        assert_eq!(bare.api(&["models"]).as_str(), "http://h:1/models");
        assert_eq!(bare.own(&["props"]).as_str(), "http://h:1/props");
    }

    #[test]
    fn a_refused_address_is_not_repeated() {
        for (url, word) in [
            ("127.0.0.1:8080/v1", "expected"),
            ("unix:///socket", "scheme"),
            ("http://ada:secret@h/v1", "key_file"),
            ("http://h/v1?key=secret", "more than a path"),
        ] {
            let refused = Address::parse(url).unwrap_err().to_string();
            assert!(refused.starts_with("inference.remote.urls: ") && refused.contains(word), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
