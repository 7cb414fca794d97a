//! Which component of a Spin application answers a path.

use corral_wasm::spin::routes::{Destination, Routes, check};
use http::{HeaderMap, HeaderValue};

fn routes(routes: &[&str]) -> Routes {
    let named = |route: &&str| ((*route).to_owned(), Destination::Component((*route).to_owned()));
    Routes::new(routes.iter().map(named)).unwrap()
}

/// The route that was found, and what of the path is beyond it, as the component is told.
fn found(routes: &Routes, path: &str) -> Option<(String, String)> {
    let mut headers = HeaderMap::new();
    routes.find(path)?.describe(&mut headers, "", None);
    let told = |name: &str| headers[name].to_str().unwrap().to_owned();
    Some((told("spin-matched-route"), told("spin-path-info")))
}

#[test]
fn the_closest_route_answers() {
    let routes = routes(&["/...", "/users/:id", "/users/me", "/static/..."]);
    let to = |path: &str| found(&routes, path).unwrap();
    assert_eq!(to("/users/me"), ("/users/me".into(), String::new()));
    assert_eq!(to("/users/7"), ("/users/:id".into(), String::new()));
    assert_eq!(to("/users/7/more").0, "/...");
    assert_eq!(to("/static/css/site.css"), ("/static/...".into(), "/css/site.css".into()));
    assert_eq!(to("/static/"), ("/static/...".into(), "/".into()));
    assert_eq!(to("/static").0, "/static/...");
}

#[test]
fn what_no_route_has_is_not_found() {
    let routes = routes(&["/about"]);
    assert_eq!(found(&routes, "/about"), Some(("/about".into(), String::new())));
    assert_eq!(found(&routes, "/other"), None);
}

#[test]
fn a_component_is_told_how_it_was_found_and_nothing_that_a_client_made_up() {
    let routes = routes(&["/users/:user_id/..."]);
    let mut headers = HeaderMap::new();
    headers.insert("spin-path-info", HeaderValue::from_static("/made/up"));
    headers.insert("spin-path-match-other", HeaderValue::from_static("made-up"));
    headers.insert("accept", HeaderValue::from_static("*/*"));
    let found = routes.find("/users/7/a/b").unwrap();
    found.describe(&mut headers, "http://h/users/7/a/b", Some(([127, 0, 0, 1], 9).into()));
    assert_eq!(headers["spin-path-info"], "/a/b");
    assert_eq!(headers["spin-path-match-user-id"], "7");
    assert_eq!(headers["spin-component-route"], "/users/:user_id");
    assert_eq!(headers["spin-matched-route"], "/users/:user_id/...");
    assert_eq!(headers["spin-client-addr"], "127.0.0.1:9");
    assert_eq!(headers["accept"], "*/*");
    assert!(!headers.contains_key("spin-path-match-other"));
}

#[test]
fn what_is_no_route_is_refused() {
    assert!(check("about").unwrap_err().contains("\"/about\""));
    assert!(check("/a/.../b").unwrap_err().contains("at its end"));
    assert!(check("/.well-known/spin/health").unwrap_err().contains("own"));
    assert!(check("/a/:id/...").is_ok() && check("/").is_ok() && check("/...").is_ok());
}
