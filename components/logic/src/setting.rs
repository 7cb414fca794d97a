//! The application's own settings, `[apps.NAME.config]`, as values.

use crate::{Error, Host, unavailable};
use std::str::FromStr;

/// The value of `key`, or none if it is not set. One that cannot be read is the operator's to mend: the log says which,
/// and what `form` was expected, but not the value, which may be secret.
pub fn setting<T: FromStr>(host: &impl Host, key: &str, form: &str) -> Result<Option<T>, Error> {
    let Some(text) = host.setting(key) else { return Ok(None) };
    let parsed = text.trim().parse().ok();
    parsed.map(Some).ok_or_else(|| unavailable(&format!("config key {key}: expected {form}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fake;
    use std::rc::Rc;

    #[test]
    fn a_setting_is_its_value_or_none_and_a_wrong_one_is_an_error() {
        let mut fake = Fake::with(vec![]);
        fake.settings.extend([("passages", " 7 "), ("most", "many")]);
        let host = Rc::new(fake);
        assert_eq!(setting(&host, "passages", "a whole number"), Ok(Some(7_u32)));
        assert_eq!(setting::<u32>(&host, "other", "a whole number"), Ok(None));
        assert_eq!(setting::<u32>(&host, "most", "a whole number"), Err(Error::Unavailable));
    }
}
