//! Who is who among clients.

use corral_wasm::guest::Client;
use http::{HeaderName, HeaderValue};

fn key(headers: &[(&'static str, &'static str)], address: [u8; 4]) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    Client::of(&headers, Some((address, 1).into())).key()
}

#[test]
fn credentials_tell_clients_apart_wherever_they_are() {
    let (one, other) = ([("authorization", "Bearer one")], [("authorization", "Bearer other")]);
    assert_eq!(key(&one, [127, 0, 0, 1]), key(&one, [10, 0, 0, 1]));
    assert_ne!(key(&one, [127, 0, 0, 1]), key(&other, [127, 0, 0, 1]));
    assert_ne!(key(&[("x-api-key", "one")], [127, 0, 0, 1]), key(&[], [127, 0, 0, 1]));
    assert!(!key(&one, [127, 0, 0, 1]).contains("one"));
}

#[test]
fn without_credentials_the_address_does_and_a_claim_does_not_make_it_another() {
    assert_ne!(key(&[], [127, 0, 0, 1]), key(&[], [127, 0, 0, 2]));
    let claims = [("x-forwarded-for", "127.0.0.2")];
    assert_ne!(key(&claims, [127, 0, 0, 1]), key(&[], [127, 0, 0, 2]));
    assert_ne!(key(&claims, [127, 0, 0, 1]), key(&[], [127, 0, 0, 1]), "another one of the proxy's clients");
}
