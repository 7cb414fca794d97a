//! One version of an application: its two components, composed and compiled, under a number.
//!
//! Not here: which one serves (`app`), and how one is made (`workshop`).

use corral_wasm::guest::{Program, slots::Slots};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// The two components of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Speaks HTTP.
    Gateway,
    /// Decides what to say.
    Logic,
}

/// Something of both components: their SHA-256 in hexadecimal digits, where nothing else is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parts<T = String> {
    /// Of the gateway.
    pub gateway: T,
    /// Of the chat logic.
    pub logic: T,
}

/// What is known of a generation, also after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Counts up from 1; never used twice.
    pub number: u64,
    /// What it is made of.
    pub parts: Parts,
    /// What minisign wrote when they were signed.
    pub signatures: Parts<Option<String>>,
    /// SHA-256 of the application's other settings then.
    pub settings: String,
    /// When it was made.
    pub made: Timestamp,
    /// Who asked for it.
    pub by: String,
}

/// A generation that can serve.
pub struct Generation {
    record: Record,
    digest: String,
    program: Program,
}

/// A generation while it serves, or while its last requests finish.
pub struct Serving {
    generation: Arc<Generation>,
    program: Arc<Program>,
}

impl Part {
    /// The one beside it.
    pub fn other(self) -> Self {
        match self {
            Self::Gateway => Self::Logic,
            Self::Logic => Self::Gateway,
        }
    }

    /// Its name in settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Logic => "logic",
        }
    }
}

impl<T> Parts<T> {
    /// That of one.
    pub fn of(&self, part: Part) -> &T {
        match part {
            Part::Gateway => &self.gateway,
            Part::Logic => &self.logic,
        }
    }

    /// The same, with another one's.
    #[must_use]
    pub fn with(self, part: Part, one: T) -> Self {
        match part {
            Part::Gateway => Self { gateway: one, ..self },
            Part::Logic => Self { logic: one, ..self },
        }
    }
}

impl Generation {
    pub(super) fn new(record: Record, digest: String, program: Program) -> Arc<Self> {
        Arc::new(Self { record, digest, program })
    }

    /// What is known of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// SHA-256 of its composed component, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What runs in a rehearsal, with a place of its own: it waits for nobody, and nobody waits for it.
    pub(super) fn rehearsal(&self, patience: Duration) -> Arc<Program> {
        let slots = Arc::new(Slots::new(1, patience));
        Arc::new(Program { slots, retired: Default::default(), ..self.program.clone() })
    }
}

impl Serving {
    /// Begins to serve. What ended the guests of an earlier time does not end these.
    pub(super) fn begin(generation: Arc<Generation>) -> Arc<Self> {
        let program = Program { retired: Default::default(), ..generation.program.clone() };
        Arc::new(Self { generation, program: Arc::new(program) })
    }

    /// What serves.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// What runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Requests under way. Each holds the program as long as its guest runs.
    pub fn requests(&self) -> usize {
        Arc::strong_count(&self.program) - 1
    }
}
