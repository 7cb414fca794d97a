//! Names of variables.

use corral_wasm::spin::check_name;

#[test]
fn names_are_as_spin_has_them() {
    for good in ["a", "api_key", "x2", "a_2"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["", "A", "api-key", "_a", "a_", "a__b", "2a"] {
        assert!(check_name(bad).is_err(), "{bad}");
    }
}
