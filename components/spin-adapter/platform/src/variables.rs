//! The application's variables, the shape of `fermyon:spin/variables@2.0.0`.

/// Reads variables.
pub trait Variables {
    /// The value; none where the component has no such variable, or no variable can have that name.
    fn get(&self, name: &str) -> Result<Option<String>, Error>;
}

/// A variable that is there and cannot be read: its provider failed, or its template does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable cannot be read: {0}")]
pub struct Error(pub String);
