//! The promises of the back end `openai`, against servers on loopback that speak the protocol as a
//! test says.

mod answers;
mod cancelling;
mod counting;
mod failures;
mod harness;
mod retries;
mod servers;
mod settings;
mod stub;
mod tls;
mod tools;
