//! What Corral promises, against the real binary with the real models.

mod conversation;
mod crash;
mod documents;
mod errors;
mod isolation;
mod limits;
mod observability;
mod operations;
mod sandbox;
mod stream;
mod terminal;
