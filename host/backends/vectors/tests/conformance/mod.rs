//! What every store of vectors must do. Each store's own test file names it once:
//!
//! ```ignore
//! mod conformance;
//! conformance::suite!(new_store); // async fn new_store(model: Model) -> (Vectors, impl Sized)
//! ```
//!
//! Not here: what only one store promises (files, upgrades, a lost connection).

pub mod lexical;
pub mod limits;
pub mod moving;
pub mod passages;
pub mod search;

use corral_vectors::{Entry, Item, Model, Passage, Vectors};

/// One test for each promise. `$open` makes a store of its own and something that is dropped when the
/// test has ended.
macro_rules! suite {
    ($open:ident) => {
        conformance::suite!($open, passages:
            passages_come_back_whole_and_by_id,
            an_unknown_partition_is_empty,
            the_same_id_replaces_all_of_the_passage,
            all_of_one_call_or_none,
            partitions_do_not_see_each_other,
            a_listing_goes_on_after_an_id,
            a_filter_takes_just_its_value,
            deleting_by_filter_takes_just_those,
            removing_by_id_takes_just_those,
            a_deleted_partition_is_empty,
            calls_at_once_are_all_kept,
            the_store_answers_a_ping,
        );
        conformance::suite!($open, search:
            the_nearest_come_first_with_their_distance,
            length_does_not_count,
            the_nearest_of_many_are_exact,
            a_replaced_embedding_is_not_found_any_more,
            a_limit_bounds_what_is_found,
        );
        conformance::suite!($open, moving:
            an_export_gives_every_record_once,
            records_come_back_by_id_with_their_direction,
            an_import_replaces_what_is_there,
        );
        conformance::suite!($open, lexical:
            a_rare_word_beats_common_ones,
            scores_are_bm25_of_the_partition,
            scores_ignore_other_partitions,
            words_of_replaced_and_deleted_passages_are_not_found,
            operators_in_words_are_plain_text,
            words_are_found_in_any_form_and_alphabet,
            fused_finds_what_either_finds_alone,
            a_limit_bounds_what_words_find,
            words_have_at_most_64_kib,
            many_passages_with_a_common_word_hide_no_rare_one,
        );
        conformance::suite!($open, limits:
            an_embedding_of_another_length_is_refused,
            values_that_are_not_finite_are_refused,
            a_call_stores_at_most_1000_items,
            ids_have_1_to_256_bytes_and_are_given_once,
            metadata_has_its_documented_form,
            chat_id_is_reserved,
            partitions_have_1_to_256_bytes,
            no_text_is_dangerous,
        );
    };
    ($open:ident, $part:ident: $($test:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            let (vectors, _alive) = $open(conformance::model()).await;
            conformance::$part::$test(&vectors).await;
        })+
    };
}
pub(crate) use suite;

pub fn model() -> Model {
    Model { name: "compass".to_owned(), dimensions: 2 }
}

pub fn item(id: &str, embedding: [f32; 2]) -> Item {
    Item { id: id.to_owned(), text: format!("text of {id}"), embedding: embedding.to_vec(), metadata: vec![] }
}

pub fn with(item: Item, metadata: &[(&str, &str)]) -> Item {
    Item { metadata: metadata.iter().map(|(key, value)| entry(key, value)).collect(), ..item }
}

pub fn entry(key: &str, value: &str) -> Entry {
    Entry { key: key.to_owned(), value: value.to_owned() }
}

pub async fn all(vectors: &Vectors, partition: &str) -> Vec<Passage> {
    vectors.list(partition, None, None, 1000).await.unwrap()
}

pub fn ids(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| passage.id.as_str()).collect()
}
