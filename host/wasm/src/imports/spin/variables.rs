//! `fermyon:spin/variables@2.0.0`.

use super::wit::fermyon::spin::variables::{Error, Host};
use crate::guest::State;

impl Host for State {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, Error>> {
        let component = self.component()?;
        Ok(match component.variables.get(&name) {
            Some(value) => Ok(value.clone()),
            None => Err(match crate::spin::check_name(&name) {
                Err(why) => Error::InvalidName(format!("\"{name}\": {why}")),
                Ok(()) => Error::Undefined(undefined(&component.id, &name)),
            }),
        })
    }
}

pub(super) fn undefined(id: &str, name: &str) -> String {
    format!("no variable for \"{id}\".\"{name}\": add it to [component.{id}.variables]")
}
