//! What a request may ask of models.

use corral_wasm::guest::allowance::Allowance;

fn allowance(models: &[&str], tokens: Option<u32>) -> Allowance {
    Allowance::new(models.iter().map(|name| (*name).to_owned()).collect(), tokens)
}

#[test]
fn the_first_model_is_meant_where_none_is_named() {
    let some = allowance(&["small", "large"], None);
    assert_eq!(some.model(None), Some(Some("small".into())));
    assert_eq!(some.model(Some("large".into())), Some(Some("large".into())));
    assert_eq!(some.model(Some("other".into())), None);
    assert_eq!((some.place("large"), some.place("other")), (Some(1), None));
    let all = allowance(&[], None);
    assert_eq!(all.model(None), Some(None));
    assert_eq!((all.model(Some("other".into())), all.place("other")), (Some(Some("other".into())), Some(0)));
}

#[test]
fn tokens_are_set_aside_until_there_are_none() {
    let mut some = allowance(&[], Some(100));
    assert_eq!(some.set_aside(80), Some(80));
    assert_eq!(some.set_aside(80), Some(20));
    assert_eq!(some.set_aside(80), None);
    some.give_back(30);
    assert_eq!(some.set_aside(80), Some(30));
    assert_eq!(allowance(&[], None).set_aside(80), Some(80));
}
