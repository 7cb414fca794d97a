//! `fermyon:spin/variables`.

use crate::fermyon::spin::variables as spin;
use corral_spin_platform::variables::{Error, Variables};

/// Spin's variables.
pub struct SpinVariables;

impl Variables for SpinVariables {
    fn get(&self, name: &str) -> Result<Option<String>, Error> {
        match spin::get(name) {
            Ok(value) => Ok(Some(value)),
            Err(spin::Error::Undefined(_) | spin::Error::InvalidName(_)) => Ok(None),
            Err(spin::Error::Provider(cause) | spin::Error::Other(cause)) => Err(Error(cause)),
        }
    }
}
