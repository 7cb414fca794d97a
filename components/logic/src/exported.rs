//! A logic as the contract wants it: a function, and a resource whose methods share the reply.

use crate::{
    Imports, Logic, Reply,
    bindings::exports::corral::chat::turns::{self, Error, Event, Guest, GuestReply, Turn},
};
use std::{cell::RefCell, marker::PhantomData};

/// What [`export!`](crate::export) exports.
pub struct Exported<L>(PhantomData<L>);

/// A reply under way.
pub struct Running(RefCell<Reply<Imports>>);

impl<L: Logic> Guest for Exported<L> {
    type Reply = Running;

    fn answer(turn: Turn) -> Result<turns::Reply, Error> {
        let reply = L::answer(Imports, turn)?;
        Ok(turns::Reply::new(Running(RefCell::new(reply))))
    }
}

impl GuestReply for Running {
    fn next(&self, max: u32) -> Result<Vec<Event>, Error> {
        self.0.borrow_mut().next(max)
    }
}

/// Makes the component of a [`Logic`](crate::Logic): `corral_logic::export!(MyLogic);`, once.
///
/// Exports nothing in tests on the machine itself, where a linker cannot take the entry points' names.
#[macro_export]
macro_rules! export {
    ($logic:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, reason = "entry points, which cross the component's border")]
        const _: () = {
            type Exported = $crate::Exported<$logic>;
    $crate::bindings::export_turns!(Exported with_types_in $crate::bindings);
        };
        #[cfg(not(target_family = "wasm"))]
        const _: fn($crate::Imports, $crate::Turn) -> Result<$crate::Reply<$crate::Imports>, $crate::Error> =
            <$logic as $crate::Logic>::answer;
    };
}
