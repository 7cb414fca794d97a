//! Where an application is: a path prefix, and perhaps a host name.

use http::{Uri, uri::PathAndQuery};

/// What an application serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// None is every host name.
    host: Option<String>,
    /// Without a slash at its end.
    prefix: String,
}

impl Route {
    pub(super) fn new(host: Option<&str>, prefix: &str) -> Self {
        Self { host: host.map(str::to_owned), prefix: prefix.trim_end_matches('/').to_owned() }
    }

    /// Whether a path of a host name is its own. Paths are compared segment by segment.
    pub fn serves(&self, host: Option<&str>, path: &str) -> bool {
        let here =
            self.host.as_deref().is_none_or(|own| host.is_some_and(|host| own.eq_ignore_ascii_case(host)));
        here && path.strip_prefix(&self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Of two routes that serve a request, that of a host name comes first, then the longer one.
    pub(super) fn closeness(&self) -> (bool, usize) {
        (self.host.is_some(), self.prefix.len())
    }

    /// What the application's gateway sees: a path that begins after the prefix.
    pub fn inside(&self, uri: &Uri) -> Uri {
        let rest = uri.path_and_query().and_then(|whole| whole.as_str().strip_prefix(&self.prefix));
        let inside = match rest {
            Some(rest) if rest.starts_with('/') => PathAndQuery::try_from(rest),
            Some(rest) => PathAndQuery::try_from(format!("/{rest}")),
            None => return uri.clone(),
        };
        let mut parts = uri.clone().into_parts();
        // What is left of a valid address is a valid one.
        let Ok(inside) = inside else { return uri.clone() };
        parts.path_and_query = Some(inside);
        Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
    }

    /// The prefix, for addresses that lead back here; "" is the root.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// For people.
    pub fn describe(&self) -> String {
        format!("{}{}/", self.host.as_deref().unwrap_or_default(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_matches_whole_segments() {
        let serves = |route: &str, path| Route::new(None, route).serves(None, path);
        assert!(serves("/", "/api/v1"));
        assert!(serves("/api", "/api"));
        assert!(serves("/api/", "/api/v1"));
        assert!(!serves("/api", "/apis"));
    }

    #[test]
    fn a_host_name_is_compared_without_case_and_comes_first() {
        let route = Route::new(Some("chat.example"), "/");
        assert!(route.serves(Some("Chat.Example"), "/x"));
        assert!(!route.serves(Some("other.example"), "/x") && !route.serves(None, "/x"));
        assert!(route.closeness() > Route::new(None, "/long/prefix").closeness());
    }

    #[test]
    fn a_gateway_sees_paths_below_its_prefix() {
        let inside =
            |route, uri: &'static str| Route::new(None, route).inside(&Uri::from_static(uri)).to_string();
        assert_eq!(inside("/rhyme", "/rhyme/api/v1?x=1"), "/api/v1?x=1");
        assert_eq!(inside("/rhyme", "/rhyme"), "/");
        assert_eq!(inside("/rhyme", "/rhyme?x=1"), "/?x=1");
        assert_eq!(inside("/", "/api?x"), "/api?x");
        assert_eq!(inside("/a", "http://host/a/b"), "http://host/b");
    }
}
