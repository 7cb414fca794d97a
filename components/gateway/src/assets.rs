//! Files that are served as they are: the interface's description, and the pages that show it to people.
//!
//! A file is written to be asked for rarely and kept by browsers: each has a tag, and is sent again only if
//! it has changed. Swagger UI and Redoc are fetched when Corral is built (`scripts/viewers.sh`).
//! Not here: the page at `/` (`assets/page.rs`), and which methods a path has (`route.rs`).

mod page;

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::reply::Reply;

#[derive(Debug, PartialEq)]
pub struct Asset {
    pub path: &'static str,
    content_type: &'static str,
    /// What its bytes are packed with. Every browser unpacks it, and it is not kept in another form.
    encoding: Option<&'static str>,
    /// What a page may load and do (Content-Security-Policy).
    policy: Option<&'static str>,
    bytes: &'static [u8],
}

/// What a client says about the file that it asks for.
pub struct Conditions {
    /// The header `if-none-match`.
    pub if_none_match: Option<String>,
    /// Whether the body is wanted; `HEAD` wants none.
    pub body: bool,
    /// What was taken off the request's path on the way here (`x-forwarded-prefix`).
    pub prefix: Option<String>,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const GZIP: Option<&str> = Some("gzip");

/// Scripts, styles and data from here alone, and no page of anyone's around it. Its style sheet has pictures in it.
const SWAGGER_UI: Option<&str> = Some(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The same, but that Redoc makes its style sheet as it draws, and searches in a worker that it writes itself. Its
/// makers' mark at the bottom stays away, because it would come from their servers.
const REDOC: Option<&str> = Some(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

pub const ASSETS: &[Asset] = &[
    Asset {
        path: "/openapi.json",
        content_type: "application/json",
        encoding: None,
        policy: None,
        bytes: include_bytes!("../openapi.json"),
    },
    Asset {
        path: "/docs",
        content_type: HTML,
        encoding: None,
        policy: SWAGGER_UI,
        bytes: include_bytes!("../assets/docs.html"),
    },
    Asset {
        path: "/docs/docs.js",
        content_type: JAVASCRIPT,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../assets/docs.js"),
    },
    Asset {
        path: "/docs/swagger-ui-bundle.js",
        content_type: JAVASCRIPT,
        encoding: GZIP,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/swagger-ui-bundle.js.gz"),
    },
    Asset {
        path: "/docs/swagger-ui.css",
        content_type: CSS,
        encoding: GZIP,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/swagger-ui.css.gz"),
    },
    Asset {
        path: "/docs/LICENSE",
        content_type: TEXT,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/swagger-ui.LICENSE"),
    },
    Asset {
        path: "/redoc",
        content_type: HTML,
        encoding: None,
        policy: REDOC,
        bytes: include_bytes!("../assets/redoc.html"),
    },
    Asset {
        path: "/redoc/redoc.css",
        content_type: CSS,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../assets/redoc.css"),
    },
    Asset {
        path: "/redoc/redoc.js",
        content_type: JAVASCRIPT,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../assets/redoc.js"),
    },
    Asset {
        path: "/redoc/redoc.standalone.js",
        content_type: JAVASCRIPT,
        encoding: GZIP,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/redoc.standalone.js.gz"),
    },
    Asset {
        path: "/redoc/LICENSE",
        content_type: TEXT,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/redoc.LICENSE"),
    },
    Asset {
        path: "/redoc/redoc.standalone.js.LICENSE.txt",
        content_type: TEXT,
        encoding: None,
        policy: None,
        bytes: include_bytes!("../../../.corral/viewers/redoc.standalone.js.LICENSE.txt"),
    },
];

pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().chain(page::FILES).find(|asset| asset.path == path)
}

impl Asset {
    /// The file, or that the client has it already.
    pub fn reply(&self, conditions: Conditions) -> Reply {
        let tag = self.tag();
        if conditions.if_none_match.is_some_and(|known| is_among(&tag, &known)) {
            let mut headers = vec![("etag", tag), ("cache-control", "no-cache".to_owned())];
            // What a browser has kept of the file gets these anew.
            headers.extend(self.policy.map(|policy| ("content-security-policy", policy.to_owned())));
            return Reply::not_modified(headers);
        }
        let mut headers = vec![
            ("content-type", self.content_type.to_owned()),
            ("etag", tag),
            // Kept, but asked about each time: the next version of this component may have another.
            ("cache-control", "no-cache".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        headers.extend(self.encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
        headers.extend(self.policy.map(|policy| ("content-security-policy", policy.to_owned())));
        if !conditions.body {
            return Reply::file(headers, b"");
        }
        let bytes = match self.path {
            "/" => page::below(conditions.prefix.as_deref()),
            _ => Cow::Borrowed(self.bytes),
        };
        Reply::file(headers, &bytes)
    }

    /// Other bytes have another one.
    fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("\"{:016x}\"", hasher.finish())
    }
}

/// Whether a list of tags has this one. Those that a proxy weakened are the same file.
fn is_among(tag: &str, list: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn reply(path: &str, if_none_match: Option<&str>) -> Reply {
        let if_none_match = if_none_match.map(str::to_owned);
        find(path).unwrap().reply(Conditions { if_none_match, body: true, prefix: None })
    }

    fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
        reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn every_file_has_a_path_of_its_own_and_what_is_packed_says_so() {
        let paths: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(paths.len(), ASSETS.len());
        for asset in ASSETS {
            assert_eq!(asset.encoding == GZIP, asset.bytes.starts_with(b"\x1f\x8b"), "{}", asset.path);
        }
    }

    #[test]
    fn pages_load_only_what_is_served_here_and_may_do_no_more() {
        for (page, folder) in [("/docs", "docs/"), ("/redoc", "redoc/")] {
            let reply = reply(page, None);
            let text = String::from_utf8(reply.body.clone()).unwrap();
            let loaded: Vec<_> =
                ["src=\"", "href=\""].iter().flat_map(|name| text.split(name).skip(1)).collect();
            assert!(loaded.len() >= 4, "{text}");
            for url in loaded.into_iter().map(|rest| rest.split('"').next().unwrap()) {
                let served = url == "data:," || find(&format!("/{url}")).is_some();
                assert!(served && (url.starts_with(folder) || !url.contains('/')), "{url}");
            }
            assert!(!text.contains("<style") && !text.contains("<script>"), "{text}");
            let policy = header(&reply, "content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        }
    }

    #[test]
    fn a_file_that_a_client_has_is_not_sent_again() {
        let first = reply("/docs", None);
        let tag = header(&first, "etag").unwrap();
        for known in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = reply("/docs", Some(&known));
            assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
            assert_eq!(header(&again, "etag"), Some(tag));
        }
        assert_eq!(reply("/docs", Some("\"x\"")).status, 200);
        assert_ne!(header(&reply("/redoc", None), "etag"), Some(tag));
    }

    #[test]
    fn head_has_the_same_headers_and_no_body() {
        let whole = reply("/docs/swagger-ui-bundle.js", None);
        let head = find("/docs/swagger-ui-bundle.js").unwrap();
        let head = head.reply(Conditions { if_none_match: None, body: false, prefix: None });
        assert_eq!((head.status, &head.headers, head.body.len()), (200, &whole.headers, 0));
        assert_eq!(header(&whole, "content-encoding"), Some("gzip"));
    }
}
