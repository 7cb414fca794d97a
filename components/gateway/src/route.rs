//! Which path and method mean what.
//!
//! Not here: what a request carries besides (`request.rs`), and what is answered.

use crate::assets::{self, Asset};
use crate::failure::Failure;
use crate::query::percent_decode;

/// What a client asks for, with the id that its path names.
#[derive(Debug, PartialEq)]
pub enum Endpoint {
    /// A file, with `GET` or `HEAD`.
    Asset(&'static Asset),
    CreateSession,
    ReadSession(String),
    DeleteSession(String),
    AnswerText,
    AnswerStream,
    StoreDocuments,
    ListDocuments,
    DeleteDocuments,
    ReadDocument(String),
    DeleteDocument(String),
    ListModels,
    ReadModel(String),
    CompleteChat,
    CompleteText,
    Embed,
    SpinInfer,
    SpinEmbed,
}

/// A path, whose end may be a `{parameter}` (one segment) or a `{*parameter}` (any number of them), with
/// its methods in the order of `Allow`.
pub struct Route {
    pub path: &'static str,
    pub methods: &'static [Method],
}

/// A method, and the endpoint that it makes of what stands for the parameter.
pub type Method = (&'static str, fn(String) -> Endpoint);

pub const ROUTES: &[Route] = &[
    Route { path: "/api/v1/chat/session", methods: &[("POST", |_| Endpoint::CreateSession)] },
    Route {
        path: "/api/v1/chat/session/{session_id}",
        methods: &[("GET", Endpoint::ReadSession), ("DELETE", Endpoint::DeleteSession)],
    },
    Route { path: "/api/v1/chat/chat/text", methods: &[("POST", |_| Endpoint::AnswerText)] },
    Route { path: "/api/v1/chat/chat/stream", methods: &[("POST", |_| Endpoint::AnswerStream)] },
    Route {
        path: "/api/v1/chat/documents",
        methods: &[
            ("GET", |_| Endpoint::ListDocuments),
            ("POST", |_| Endpoint::StoreDocuments),
            ("DELETE", |_| Endpoint::DeleteDocuments),
        ],
    },
    Route {
        path: "/api/v1/chat/documents/{document_id}",
        methods: &[("GET", Endpoint::ReadDocument), ("DELETE", Endpoint::DeleteDocument)],
    },
    Route { path: "/v1/models", methods: &[("GET", |_| Endpoint::ListModels)] },
    // Names of models have slashes in many places.
    Route { path: "/v1/models/{*model}", methods: &[("GET", Endpoint::ReadModel)] },
    Route { path: "/v1/chat/completions", methods: &[("POST", |_| Endpoint::CompleteChat)] },
    Route { path: "/v1/completions", methods: &[("POST", |_| Endpoint::CompleteText)] },
    Route { path: "/v1/embeddings", methods: &[("POST", |_| Endpoint::Embed)] },
    Route { path: "/infer", methods: &[("POST", |_| Endpoint::SpinInfer)] },
    Route { path: "/embed", methods: &[("POST", |_| Endpoint::SpinEmbed)] },
];

/// The endpoint of a request. `path` is as the client sent it, without the query.
pub fn find(method: &str, path: &str) -> Result<Endpoint, Failure> {
    // Decoded first, as the clients' former server did: an encoded slash separates segments.
    let path = percent_decode(path.as_bytes());
    let found = ROUTES.iter().find_map(|route| Some((route, parameter(route.path, &path)?)));
    let Some((route, parameter)) = found else { return file(method, &path) };
    let (_, endpoint) = route.methods.iter().find(|(name, _)| *name == method).ok_or_else(|| {
        let allow: Vec<_> = route.methods.iter().map(|(name, _)| *name).collect();
        Failure::MethodNotAllowed { allow: allow.join(", ") }
    })?;
    Ok(endpoint(parameter.to_owned()))
}

/// The file at a path that no route has.
fn file(method: &str, path: &str) -> Result<Endpoint, Failure> {
    let asset = assets::find(path).ok_or(Failure::NotFound)?;
    match method {
        "GET" | "HEAD" => Ok(Endpoint::Asset(asset)),
        _ => Err(Failure::MethodNotAllowed { allow: "GET, HEAD".to_owned() }),
    }
}

/// What stands in `path` for the pattern's parameter (nothing if it has none), if it matches.
fn parameter<'p>(pattern: &str, path: &'p str) -> Option<&'p str> {
    let Some((prefix, name)) = pattern.split_once('{') else {
        return (pattern == path).then_some("");
    };
    let rest = path.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
    let fits = name.starts_with('*') || !rest.contains('/');
    fits.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_parameter_is_one_decoded_segment() {
        assert_eq!(
            find("GET", "/api/v1/chat/session/a%20b").unwrap(),
            Endpoint::ReadSession("a b".to_owned())
        );
        for path in ["/api/v1/chat/session/", "/api/v1/chat/session/a/b", "/api/v1/chat/session/a%2Fb"] {
            assert!(matches!(find("GET", path), Err(Failure::NotFound)), "{path}");
        }
    }

    #[test]
    fn a_models_name_may_have_slashes() {
        for path in ["/v1/models/meta/llama:poet", "/v1/models/meta%2Fllama:poet"] {
            assert_eq!(
                find("GET", path).unwrap(),
                Endpoint::ReadModel("meta/llama:poet".to_owned()),
                "{path}"
            );
        }
        assert!(matches!(find("GET", "/v1/models/"), Err(Failure::NotFound)));
        assert_eq!(find("GET", "/v1/models").unwrap(), Endpoint::ListModels);
    }

    #[test]
    fn files_can_be_read_and_nothing_else() {
        for (method, path) in [("GET", "/docs"), ("HEAD", "/openapi.json"), ("GET", "/redoc/redoc%2Ejs")] {
            assert!(matches!(find(method, path), Ok(Endpoint::Asset(_))), "{path}");
        }
        let failure = find("POST", "/docs").unwrap_err();
        assert!(matches!(failure, Failure::MethodNotAllowed { allow } if allow == "GET, HEAD"));
        assert!(matches!(find("GET", "/docs/"), Err(Failure::NotFound)));
    }

    #[test]
    fn another_method_is_told_all_that_are_allowed() {
        let failure = find("PUT", "/api/v1/chat/documents").unwrap_err();
        assert!(matches!(failure, Failure::MethodNotAllowed { allow } if allow == "GET, POST, DELETE"));
    }
}
