//! What every store of sessions must do. Each store's own test file names it once:
//!
//! ```ignore
//! mod conformance;
//! conformance::suite!(new_store); // async fn new_store(expire_after: Duration) -> (Sessions, impl Sized)
//! ```
//!
//! Not here: what only one store promises (files, upgrades, a lost connection).

pub mod concurrency;
pub mod documents;
pub mod expiry;
pub mod limits;
pub mod replacement;

use corral_sessions::{Session, Sessions, Turn};

/// One test for each promise. `$open` makes a store of its own and something that is dropped when the
/// test has ended.
macro_rules! suite {
    ($open:ident) => {
        conformance::suite!($open, documents:
            a_new_session_is_empty,
            an_unknown_session_is_none_and_takes_nothing,
            turns_come_back_whole_and_in_order,
            a_bound_gives_the_newest_turns,
            the_same_turn_id_is_one_turn,
            turn_ids_belong_to_their_session,
            metadata_is_set_and_replaced,
            writing_moves_last_updated_and_reading_does_not,
            a_deleted_session_is_gone_and_others_stay,
            the_store_answers_a_ping,
        );
        conformance::suite!($open, replacement:
            the_newest_turn_is_replaced,
            a_turn_that_is_not_the_newest_stays,
            a_replacement_told_twice_is_one,
            what_was_replaced_counts_no_longer,
        );
        conformance::suite!($open, limits:
            turn_ids_have_1_to_128_bytes,
            metadata_keys_have_1_to_128_bytes,
            metadata_values_have_at_most_4_kib,
            the_timestamps_are_not_for_setting,
            a_session_has_at_most_64_metadata_entries,
            a_session_has_at_most_16_mib,
            no_id_is_dangerous,
        );
        conformance::suite!($open, concurrency:
            turns_appended_at_once_are_all_kept,
            retries_at_once_are_one_turn,
            sessions_made_at_once_are_different,
        );
        conformance::suite!($open, expiry:
            an_unused_session_expires,
            a_session_in_use_does_not_expire,
            expired_sessions_are_told_of_until_they_are_purged,
            a_living_session_cannot_be_purged,
        );
    };
    ($open:ident, $part:ident: $($test:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (sessions, _alive) = $open(conformance::$part::EXPIRE_AFTER).await;
            conformance::$part::$test(&sessions).await;
        })+
    };
}
pub(crate) use suite;

pub fn turn(number: usize) -> Turn {
    Turn { user: format!("question {number}"), ai: format!("answer {number}") }
}

pub async fn read(sessions: &Sessions, id: &str) -> Session {
    sessions.get(id, None).await.unwrap().expect("the session")
}
