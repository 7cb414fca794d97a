//! What the operator should know, in Spin's log of the component: its standard error.
//!
//! Never what a person typed.

use std::io::Write;

/// Writes a line.
pub fn log(what: impl std::fmt::Display) {
    // There is nobody to tell if this fails.
    let _ = writeln!(std::io::stderr(), "corral: {what}");
}
