//! Whom a component may talk to.

use corral_wasm::hosts::{Allowed, Target, chained};

fn allows(entry: &str, url: &str) -> bool {
    let url = url::Url::parse(url).unwrap();
    let target = Target { scheme: url.scheme(), host: url.host_str(), port: url.port() };
    Allowed::parse(entry).unwrap().allows(&target)
}

#[test]
fn scheme_host_and_port_have_to_match() {
    assert!(allows("https://example.com", "https://example.com/any/path"));
    assert!(!allows("https://example.com", "http://example.com"));
    assert!(!allows("https://example.com", "https://example.com:8443"));
    assert!(!allows("https://example.com", "https://sub.example.com"));
    assert!(allows("https://example.com:8443", "https://example.com:8443"));
    assert!(allows("http://127.0.0.1:8000..9000", "http://127.0.0.1:8999"));
    assert!(!allows("http://127.0.0.1:8000..9000", "http://127.0.0.1:9000"));
    assert!(allows("redis://*:*", "redis://anywhere:7000") && allows("*://*:*", "ftp://x:1"));
    assert!(allows("http://127.0.0.1:65535", "http://127.0.0.1:65535"));
    assert!(!allows("http://127.0.0.1:65535", "http://127.0.0.1:65534"));
}

#[test]
fn domains_and_networks_hold_what_is_in_them() {
    assert!(allows("https://*.example.com", "https://a.b.example.com"));
    assert!(!allows("https://*.example.com", "https://example.com"));
    assert!(!allows("https://*.example.com", "https://badexample.com"));
    assert!(allows("*://10.1.2.3/8:*", "http://10.9.9.9:1"));
    assert!(!allows("*://10.1.2.3/8:*", "http://11.0.0.1") && !allows("*://10.0.0.0/8:*", "http://name"));
    assert!(allows("http://[::1]:8080", "http://[::1]:8080"));
    assert!(allows("http://fd00::/8", "http://[fd12::1]"));
    assert!(allows("https://[fd00::]/8:8443", "https://[fd12::1]:8443"));
    assert!(!allows("https://[fd00::]/8:8443", "https://[fd12::1]"));
    assert!(allows("https://[fd00::]/8", "https://[fd12::1]") && allows("https://[::1]/", "https://[::1]"));
    assert!(!allows("https://[fd00::]/8", "https://[fe12::1]"));
}

#[test]
fn the_application_itself_is_no_host() {
    let own = Target { scheme: "http", host: None, port: None };
    assert!(Allowed::parse("http://self").unwrap().allows(&own));
    assert!(Allowed::parse("*://*:*").unwrap().allows(&own));
    assert!(!Allowed::parse("http://example.com").unwrap().allows(&own));
    assert!(!allows("http://self", "http://self"));
    assert_eq!(chained("other.spin.internal"), Some("other"));
    assert_eq!(chained("a.b.spin.internal"), None);
    assert!(Allowed::parse("http://*.spin.internal").unwrap().is_chaining());
}

#[test]
fn what_is_wrong_is_said() {
    let wrong = |entry: &str| Allowed::parse(entry).unwrap_err();
    assert!(wrong("example.com").contains("https://example.com"));
    assert!(wrong("https://example.com/path").contains("without it"));
    assert!(wrong("https://ex*mple.com").contains("*.DOMAIN"));
    assert!(wrong("*://example.com").contains(":PORT"));
    assert!(wrong("https://example.com:port").contains("number"));
    assert!(wrong("https://[fd00::]/many:8443").contains("no host"));
    assert!(wrong("https://[fd00::]8443").contains("no host"));
    assert!(wrong("insecure:allow-all").contains("*://*:*"));
}
