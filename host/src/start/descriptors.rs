//! File descriptors: as many as the connections of clients, and what answers them, may need.
//!
//! Shells and service managers give a process 1,024, for the sake of `select`, which nothing here uses. A host that runs
//! out of them can reach neither its stores nor its operators.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What is open beside clients' connections: stores, models' servers, requests of components, files.
const BESIDE: u64 = 512;

/// Raises the limit as far as it goes. How many of the `wanted` connections there is room for.
pub(super) fn for_connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let room = room(limit, wanted);
    if room < wanted {
        tracing::warn!(
            limit,
            wanted,
            room,
            "server.max_connections is more than the limit of open files leaves room for: raise it (ulimit -n, LimitNOFILE)"
        );
    }
    room
}

/// At least half of what there is, however little that may be.
fn room(limit: Option<u64>, wanted: usize) -> usize {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(BESIDE).max(limit / 2));
    usize::try_from(room).unwrap_or(usize::MAX).min(wanted)
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn connections_leave_room_for_what_answers_them() {
        for (limit, wanted, expected) in
            [(None, 1024, 1024), (Some(1 << 20), 1024, 1024), (Some(1024), 1024, 512), (Some(64), 1024, 32)]
        {
            assert_eq!(room(limit, wanted), expected, "{limit:?}");
        }
    }
}
