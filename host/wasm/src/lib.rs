//! Runs components: requests in fresh instances, what these may call, and applications that were written for Spin.
//!
//! Arrows point one way: `guest → imports → back ends`, and both to what `spin` says a component was granted.
//! A crate of its own, since linking a few hundred host functions is most of what there is to compile.
//!
//! Not here: which applications there are and how they are replaced, and who speaks HTTP with clients (the crate
//! `corral`).

pub mod guest;
pub mod hosts;
pub mod imports;
pub mod spin;
