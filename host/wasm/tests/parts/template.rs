//! Texts with variables in them.

use corral_wasm::spin::template::Template;

#[test]
fn a_text_is_filled_with_values() {
    let template = Template::parse("https://{{ host }}:{{port}}/").unwrap();
    assert_eq!(template.names().collect::<Vec<_>>(), ["host", "port"]);
    let value = |name: &str| if name == "host" { Some("here") } else { Some("80") };
    assert_eq!(template.filled(value).unwrap(), "https://here:80/");
    assert_eq!(template.filled(|_| None).unwrap_err(), "host");
    assert!(Template::parse("plain }} text").unwrap().is_literal());
    assert!(Template::parse("{{ open").is_err());
}
