//! What Corral promises, against the real binary with the real models.

mod bulk;
mod conversation;
mod crash;
mod description;
mod documents;
mod erase;
mod errors;
mod evaluation;
mod fastapi;
mod faults;
mod hot_swap;
mod ingest;
mod isolation;
mod limits;
mod linear;
mod logics;
mod migrate;
mod models;
mod observability;
mod openai;
mod operations;
mod projects;
mod sandbox;
mod shared;
mod stream;
mod terminal;
