//! Where the server is: with or without OpenAI's `/v1`.

/// A server's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// What of the server's is asked for.
pub(crate) type Part<'a> = &'a [&'static str];

impl Address {
    /// An address such as `http://corral.example:3000`; a path before `/v1` stays. The error is what was expected: the
    /// address is not repeated, for someone may have put a password in it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let base = text.trim().trim_end_matches('/');
        let base = base.strip_suffix("/v1").unwrap_or(base);
        let plain = base.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'@'));
        let host = base.strip_prefix("http://").or_else(|| base.strip_prefix("https://"));
        match host {
            Some(host) if plain && !host.is_empty() && !host.starts_with('/') => Ok(Self(base.to_owned())),
            _ => Err("expected the server's address, such as \"http://127.0.0.1:3000\", with no user in it"),
        }
    }

    /// A path of OpenAI's protocol.
    pub(super) fn api(&self, part: Part<'_>) -> String {
        part.iter().fold(format!("{}/v1", self.0), |url, part| url + "/" + part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_with_and_without_v1() {
        for base in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            let address = Address::parse(base).unwrap();
            assert_eq!(address.api(&["chat", "completions"]), "http://h:1/v1/chat/completions");
        }
        assert_eq!(
            Address::parse("https://h/llama/v1").unwrap().api(&["models"]),
            "https://h/llama/v1/models"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "h:1",
            "http://",
            "http:///v1",
            "redis://h",
            "http://u:secret@h",
            "http://h?k=v",
            "http://h h",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
