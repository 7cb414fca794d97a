//! Reading a data set, and measures computed by hand.

use super::{
    corpus::{Judged, Text, passages, queries},
    measure::measure,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

fn judged(scores: &[(&str, i64)]) -> Judged {
    scores.iter().map(|&(id, score)| (id.to_owned(), score)).collect()
}

fn close(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
}

#[test]
fn the_best_order_is_one_and_nothing_found_is_zero() {
    let judged = judged(&[("a", 2), ("b", 1), ("c", 0), ("d", -1)]);
    let best = measure(["a", "b"], &judged, 10);
    assert_eq!((best.ndcg, best.recall), (1.0, 1.0));
    for found in [&[][..], &["c", "d", "x"]] {
        let none = measure(found.iter().copied(), &judged, 10);
        assert_eq!((none.ndcg, none.recall), (0.0, 0.0), "{found:?}");
    }
}

#[test]
fn gains_are_linear_and_discounted_by_the_logarithm_of_the_place() {
    // Places 1 to 4 are worth 1, 1/log2(3) = 0.63093, 1/2 and 1/log2(5) = 0.43068.
    let judged = judged(&[("a", 3), ("b", 2), ("c", 1)]);
    let measures = measure(["x", "b", "y", "a"], &judged, 10);
    let ideal = 3.0 + 2.0 * 0.630_929_753_571_457_4 + 0.5;
    close(measures.ndcg, (2.0 * 0.630_929_753_571_457_4 + 3.0 * 0.430_676_558_073_393_06) / ideal);
    close(measures.recall, 2.0 / 3.0);
}

#[test]
fn only_the_first_k_count_and_the_ideal_is_cut_there_too() {
    let judged = judged(&[("a", 1), ("b", 1), ("c", 1)]);
    let measures = measure(["a", "x", "b", "c"], &judged, 2);
    close(measures.ndcg, 1.0 / 1.630_929_753_571_457_4);
    close(measures.recall, 1.0 / 3.0);
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

#[test]
fn a_data_set_is_read_as_beir_lays_it_out() {
    let files = Files::new();
    let corpus = "{\"_id\": \"1\", \"title\": \"A heron\", \"text\": \"is grey.\", \"metadata\": {}}\r\n\n\
        {\"_id\": \"2\", \"text\": \"No title\"}";
    let text = |id: &str, text: &str| Text { id: id.to_owned(), text: text.to_owned() };
    assert_eq!(
        passages(&files.file("corpus.jsonl", corpus)).unwrap(),
        [text("1", "A heron is grey."), text("2", "No title")]
    );
    let asked =
        "{\"_id\": \"q1\", \"text\": \"What is grey?\"}\n{\"_id\": \"q2\", \"text\": \"not judged\"}\n";
    let asked = files.file("queries.jsonl", asked);
    let qrels = "query-id\tcorpus-id\tscore\nq1\t1\t2\nq1\t2\t0\nnobody\t1\t0\r\n";
    let queries = queries(&asked, &files.file("qrels.tsv", qrels)).unwrap();
    assert_eq!(queries.len(), 1);
    assert_eq!(
        (&queries[0].query, &queries[0].judged),
        (&text("q1", "What is grey?"), &judged(&[("1", 2), ("2", 0)]))
    );
}

#[test]
fn a_malformed_line_is_named_and_not_repeated() {
    let files = Files::new();
    for (line, cause) in [
        ("{\"_id\": \"1\", \"text\": ", "malformed JSON at column"),
        ("{\"_id\": 1, \"text\": \"secret\"}", "both strings"),
        ("{\"_id\": \"1\"}", "_id and text"),
        ("[\"secret\"]", "_id and text"),
        ("{\"_id\": \"\", \"text\": \"secret\"}", "expected 1 to 256"),
        ("{\"_id\": \"0\", \"text\": \"secret\"}", "twice"),
    ] {
        let corpus =
            files.file("corpus.jsonl", format!("{{\"_id\": \"0\", \"text\": \"fine\"}}\n\n{line}\n"));
        let error = format!("{:#}", passages(&corpus).unwrap_err());
        assert!(error.contains("corpus.jsonl:3: ") && error.contains(cause), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let corpus = files.file("corpus.jsonl", b"{\"_id\": \"\xff\"}");
    assert!(format!("{:#}", passages(&corpus).unwrap_err()).contains("corpus.jsonl:1: it is not UTF-8"));
    let missing = files.0.path().join("absent.jsonl");
    assert!(format!("{:#}", passages(&missing).unwrap_err()).contains("absent.jsonl"));
    assert!(passages(&files.file("corpus.jsonl", "\n")).unwrap_err().to_string().contains("no passage"));
}

#[test]
fn judgements_that_do_not_fit_are_named() {
    let files = Files::new();
    let asked = files.file("queries.jsonl", "{\"_id\": \"q1\", \"text\": \"What is grey?\"}\n");
    for (qrels, cause) in [
        ("query-id\tcorpus-id\tscore\nq1\t1\n", "qrels.tsv:2: 2 columns, expected 3"),
        ("q1\t1\tvery\n", "qrels.tsv:1: the third column is no whole number"),
        ("q1\t1\t1\nq9\t1\t1\n", "qrels.tsv: query \"q9\" is not in"),
        ("q1\t1\t0\n", "no passage is relevant"),
    ] {
        let error = format!("{:#}", queries(&asked, &files.file("qrels.tsv", qrels)).unwrap_err());
        assert!(error.contains(cause), "{error}");
    }
}
