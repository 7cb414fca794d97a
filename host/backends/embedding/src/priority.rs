//! How the system weighs the thread it is called on against all others.

/// What a lowered thread is nicer than the rest: it gets a quarter of a core that another thread wants for itself, and
/// all of one that nobody wants. Measured with one core for all: generation keeps six sevenths of its pace beside
/// documents where it kept little more than half, and documents still run at half of theirs. At 10 generation would
/// not feel them, and documents would take five times as long.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Lets others go first, where the system weighs threads one by one.
///
/// There is no way back: a process may lower its threads, and only a privileged one may raise them again.
#[cfg(target_os = "linux")]
pub fn lower() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "documents are embedded at the priority of everything else");
    }
}

/// Elsewhere priorities are the process's, or need rights of their own.
#[cfg(not(target_os = "linux"))]
pub fn lower() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn one_thread_is_lowered_and_no_other() {
        let before = getpriority_process(None).unwrap();
        let lowered = std::thread::spawn(|| {
            lower();
            getpriority_process(None).unwrap()
        });
        assert_eq!(lowered.join().unwrap(), (before + NICENESS).min(19));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
