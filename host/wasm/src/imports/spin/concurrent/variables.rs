//! `spin:variables@3.0.0`.

use super::Concurrent;
use crate::{
    guest::State,
    imports::spin::{
        variables::undefined,
        wit::spin::variables::variables::{Error, Host, HostWithStore},
    },
    spin::check_name,
};
use wasmtime::component::Accessor;

impl Host for State {}

impl<T: Send> HostWithStore<T> for Concurrent {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        let component = accessor.with(|mut access| access.get().component())?;
        Ok(match component.variables.get(&name) {
            Some(value) => Ok(value.clone()),
            None => Err(match check_name(&name) {
                Err(why) => Error::InvalidName(format!("\"{name}\": {why}")),
                Ok(()) => Error::Undefined(undefined(&component.id, &name)),
            }),
        })
    }
}
