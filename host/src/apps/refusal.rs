//! Why a deployment did not come about: at which stage, and what is wrong. What served goes on serving.

use std::fmt;

/// The stages of a deployment, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Digest and signature.
    Verify,
    /// Gateway and logic become one component; imports are compared with grants.
    Compose,
    /// Machine code is made.
    Compile,
    /// Imports meet what the host offers.
    Link,
    /// A turn is tried.
    Probe,
    /// The generation is written to the disk.
    Record,
}

/// A deployment that did not come about.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {cause:#}")]
pub struct Refusal {
    /// Where it ended.
    pub stage: Stage,
    /// What is wrong.
    pub cause: anyhow::Error,
}

impl Stage {
    /// A fixed word for the log and the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Compose => "compose",
            Self::Compile => "compile",
            Self::Link => "link",
            Self::Probe => "probe",
            Self::Record => "record",
        }
    }

    /// Blames this stage.
    pub(super) fn refuse(self) -> impl Fn(anyhow::Error) -> Refusal {
        move |cause| Refusal { stage: self, cause }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
