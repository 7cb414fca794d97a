//! States for which the host's memory has no room, on a disk: written by a thread of its own, and encrypted with a key
//! that nobody but this engine ever has, so that what is left of them after a crash tells nothing.
//!
//! Not here: who may read what (`cache`).

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        mpsc::{self, SyncSender, TrySendError},
    },
    thread,
};

use llama_cpp_2::token::LlamaToken;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

use crate::{
    Owner,
    cache::{Cache, Entry, Match},
    ffi::State,
};

/// States that wait for the disk; a further one is dropped, for it would take memory meanwhile.
const WAITING: usize = 2;
const LOCK: &str = "lock";

/// What is on the disk.
#[derive(Debug)]
pub(crate) struct Spill {
    index: Cache<Arc<Spilled>>,
    writer: SyncSender<Weak<Spilled>>,
    vault: Arc<Vault>,
    written: u64,
}

/// A state on its way to the disk, or there. The file goes with it.
#[derive(Debug)]
pub(crate) struct Spilled {
    vault: Arc<Vault>,
    number: u64,
    place: Mutex<Place>,
}

/// Where a state is.
#[derive(Debug, Clone)]
enum Place {
    /// In memory, until it is on the disk.
    Memory(Arc<State>),
    Disk,
    /// The disk did not take it.
    Lost,
}

/// A folder of its own for one engine, and the key to what is in it.
struct Vault {
    folder: PathBuf,
    key: LessSafeKey,
    /// Tells other processes that somebody uses the folder.
    _lock: File,
}

impl Spill {
    /// Makes a folder within `parent` for up to `limit` bytes. Folders that engines left behind there are removed.
    pub fn open(parent: &Path, limit: usize) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        sweep(parent)?;
        let vault = Arc::new(Vault::new(parent)?);
        let (writer, waiting) = mpsc::sync_channel::<Weak<Spilled>>(WAITING);
        thread::Builder::new().name("spill".into()).spawn(move || {
            // Those that are gone already are not written.
            waiting.iter().filter_map(|spilled| spilled.upgrade()).for_each(|spilled| spilled.write());
        })?;
        Ok(Self { index: Cache::new(limit), writer, vault, written: 0 })
    }

    /// Takes an entry that left the memory.
    pub fn put(&mut self, entry: Entry<Arc<State>>) {
        self.drop_lost();
        let Entry { reader, adapter, tokens, state, bytes } = entry;
        if !self.index.holds(bytes) {
            return;
        }
        self.written += 1;
        let (vault, number) = (self.vault.clone(), self.written);
        let spilled = Arc::new(Spilled { vault, number, place: Mutex::new(Place::Memory(state)) });
        match self.writer.try_send(Arc::downgrade(&spilled)) {
            Ok(()) => drop(self.index.put(Entry { reader, adapter, tokens, state: spilled, bytes })),
            Err(TrySendError::Full(_)) => {
                tracing::debug!("the disk is too slow for a state, which is dropped")
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!("nothing writes states to the disk any more")
            }
        }
    }

    /// As [`Cache::find`].
    pub fn find(
        &mut self,
        owner: Option<&Owner>,
        adapter: Option<usize>,
        prompt: &[LlamaToken],
    ) -> Option<Match> {
        self.drop_lost();
        self.index.find(owner, adapter, prompt)
    }

    /// What was found, out of the disk.
    pub fn take(&mut self, found: Match) -> io::Result<Entry<Arc<State>>> {
        let Entry { reader, adapter, tokens, state, bytes } = self.index.take(found);
        Ok(Entry { reader, adapter, tokens, state: state.read()?, bytes })
    }

    /// As [`Cache::forget`].
    pub fn forget(&mut self, owner: &Owner) {
        self.index.forget(owner);
    }

    /// What is there.
    pub fn index(&mut self) -> &mut Cache<Arc<Spilled>> {
        &mut self.index
    }

    /// Bytes of the states there.
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    fn drop_lost(&mut self) {
        self.index.retain(|spilled| !matches!(*spilled.place(), Place::Lost));
    }
}

impl Spilled {
    /// What the disk does not take is lost: the bound of what may be on its way is the disk's, and not the memory's.
    fn write(&self) {
        let Place::Memory(state) = self.place().clone() else { return };
        let place = match self.vault.write(self.number, state.bytes()) {
            Ok(()) => Place::Disk,
            Err(error) => {
                tracing::error!(%error, folder = %self.vault.folder.display(), "writing a state to the disk");
                // A part of it may be there.
                self.vault.remove(self.number);
                Place::Lost
            }
        };
        *self.place() = place;
    }

    #[expect(unsafe_code, reason = "the bytes are those that went there: they are authenticated")]
    fn read(&self) -> io::Result<Arc<State>> {
        if let Place::Memory(state) = &*self.place() {
            return Ok(state.clone());
        }
        let bytes = self.vault.read(self.number)?;
        // SAFETY: AES-GCM with a key of this engine's own has found them to be what was written under this number.
        Ok(Arc::new(unsafe { State::from_bytes(bytes) }))
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        self.vault.remove(self.number);
    }
}

impl Vault {
    fn new(parent: &Path) -> io::Result<Self> {
        let (mut name, mut key) = ([0; 8], [0; 32]);
        let random = SystemRandom::new();
        for bytes in [&mut name[..], &mut key] {
            random
                .fill(bytes)
                .map_err(|_unspecified| io::Error::other("the system gives no random bytes"))?;
        }
        let folder = parent.join(format!("engine-{:016x}", u64::from_le_bytes(name)));
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let lock = File::create(folder.join(LOCK))?;
        lock.lock()?;
        let key =
            UnboundKey::new(&AES_256_GCM, &key).map_err(|_unspecified| io::Error::other("making a key"))?;
        Ok(Self { folder, key: LessSafeKey::new(key), _lock: lock })
    }

    fn write(&self, number: u64, bytes: &[u8]) -> io::Result<()> {
        let mut sealed = bytes.to_vec();
        self.key
            .seal_in_place_append_tag(nonce(number), Aad::empty(), &mut sealed)
            .map_err(|_unspecified| io::Error::other("encrypting a state"))?;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(self.path(number))?;
        file.write_all(&sealed)
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut sealed = fs::read(self.path(number))?;
        let opened = self.key.open_in_place(nonce(number), Aad::empty(), &mut sealed);
        let length =
            opened.map_err(|_unspecified| io::Error::other("a state on the disk was changed"))?.len();
        sealed.truncate(length);
        Ok(sealed)
    }

    fn remove(&self, number: u64) {
        // There may be none.
        drop(fs::remove_file(self.path(number)));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.state"))
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "removing a folder of states");
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Each number is used once with a key.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Removes the folders that nobody uses.
fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let folder = entry?.path();
        let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("engine-"));
        let left = || File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if ours && left() {
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
