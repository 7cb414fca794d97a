//! The bytes of a sequence's state, to and from llama.cpp, which trusts those that it is given.
#![expect(
    unsafe_code,
    reason = "the crate's safe calls keep the bytes to themselves, and they have to go to a disk"
)]

use llama_cpp_2::context::{LlamaContext, session::LlamaStateSeqFlags};

/// Why there is no copy of a sequence's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoState {
    /// It would take this many bytes.
    #[error("there is no memory for a state of {0} bytes")]
    Memory(usize),
    /// A bug, here or there.
    #[error("llama.cpp wrote {written} bytes of a state, and had announced {size}")]
    Size { written: usize, size: usize },
}

const WHOLE: LlamaStateSeqFlags = LlamaStateSeqFlags::empty();

/// A sequence's state. Only [`state`] makes one, and what has been on a disk is compared with what went there, so that
/// it is always what llama.cpp wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct State(Vec<u8>);

impl State {
    /// The bytes, for keeping.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From bytes that were kept.
    ///
    /// # Safety
    ///
    /// They have to be those of a state, unchanged.
    pub unsafe fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// One that ends before it has begun: llama.cpp refuses it.
    #[cfg(test)]
    pub fn cut_off() -> Self {
        Self(vec![0])
    }
}

/// Bytes that a sequence's state would take.
pub(crate) fn size(context: &LlamaContext<'_>, sequence: i32) -> usize {
    context.state_seq_get_size_ext(sequence, WHOLE)
}

/// A sequence's state.
pub(crate) fn state(context: &LlamaContext<'_>, sequence: i32) -> Result<State, NoState> {
    let size = size(context, sequence);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_full| NoState::Memory(size))?;
    // SAFETY: the buffer has the size that llama.cpp asks for, and nothing is computed in between: one thread owns the
    // context.
    let written = unsafe { context.state_seq_get_data_ext(bytes.as_mut_ptr(), sequence, WHOLE) };
    if written != size {
        return Err(NoState::Size { written, size });
    }
    // SAFETY: llama.cpp has written as many bytes, and the buffer has room for them.
    unsafe { bytes.set_len(size) };
    Ok(State(bytes))
}

/// Puts a state into a sequence, in place of what is there. Whether llama.cpp took it.
pub(crate) fn restore(context: &mut LlamaContext<'_>, sequence: i32, state: &State) -> bool {
    // SAFETY: the bytes are what llama.cpp wrote for a context of the same model and settings: they live no longer
    // than the engine.
    unsafe { context.state_seq_set_data_ext(&state.0, sequence, WHOLE) }
}
