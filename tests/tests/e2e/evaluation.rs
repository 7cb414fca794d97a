//! `corral eval retrieval` with the real embedding model, on a corpus of invented facts.

use anyhow::{Context, Result};
use e2e::{binary, root};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};
use tokio::process::Command;

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/retrieval").join(name)
}

/// Runs with the repository's settings; temporary files are made in `folder`.
async fn evaluate(folder: &Path, corpus: &Path, further: &[&str]) -> Result<Output> {
    let output = Command::new(binary()?)
        .args(["eval", "retrieval", "--corpus"])
        .arg(corpus)
        .arg("--queries")
        .arg(fixture("queries.jsonl"))
        .arg("--qrels")
        .arg(fixture("qrels.tsv"))
        .args(further)
        .current_dir(root())
        .env("TMPDIR", folder)
        .output();
    Ok(output.await?)
}

fn number(report: &Value, ranking: &str, measure: &str) -> Result<f64> {
    report[ranking][measure].as_f64().with_context(|| format!("{ranking}.{measure} in {report}"))
}

/// Some queries are numbers and names that the corpus has once, between others that differ in one digit; others
/// share hardly a word with their passage. How well each way finds them, is the model's matter; that together
/// nothing gets lost, is ours.
#[tokio::test]
async fn words_and_embeddings_together_find_what_either_finds() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = evaluate(folder.path(), &fixture("corpus.jsonl"), &["--json"]).await?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(
        (&report["passages"], &report["queries"], &report["truncated"]),
        (&32.into(), &25.into(), &0.into())
    );
    for ranking in ["dense", "lexical", "fused"] {
        for measure in ["ndcg", "recall"] {
            let value = number(&report, ranking, measure)?;
            assert!((0.5..=1.0).contains(&value), "{ranking}.{measure} is {value}");
        }
    }
    let best = number(&report, "dense", "recall")?.max(number(&report, "lexical", "recall")?);
    assert!(number(&report, "fused", "recall")? >= best, "{report:#}");
    let worst = number(&report, "dense", "ndcg")?.min(number(&report, "lexical", "ndcg")?);
    assert!(number(&report, "fused", "ndcg")? >= worst, "{report:#}");
    for entry in fs::read_dir(folder.path())? {
        // ONNX Runtime leaves a file of its own.
        let name = entry?.file_name();
        assert!(!name.to_string_lossy().starts_with("corral-"), "{name:?} is left");
    }
    Ok(())
}

#[tokio::test]
async fn the_table_has_each_way_and_says_what_was_truncated() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut corpus = fs::read_to_string(fixture("corpus.jsonl"))?;
    corpus += &format!("{{\"_id\": \"long\", \"text\": \"{}\"}}\n", "the same again ".repeat(200));
    let long = folder.path().join("long.jsonl");
    fs::write(&long, corpus)?;
    let output = evaluate(folder.path(), &long, &["--k", "3"]).await?;
    let table = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in
        ["nDCG@3", "recall@3", "\ndense ", "\nlexical ", "\nfused ", "25 queries, 33 passages; 1 of them"]
    {
        assert!(table.contains(part), "{part:?} is missing in {table}");
    }
    Ok(())
}

#[tokio::test]
async fn a_malformed_line_ends_it_before_any_work() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let corpus = folder.path().join("broken.jsonl");
    fs::write(&corpus, "{\"_id\": \"1\", \"text\": \"fine\"}\n{\"_id\": \"2\", \"text\": \n")?;
    let output = evaluate(folder.path(), &corpus, &[]).await?;
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr)?;
    assert!(complaint.contains("broken.jsonl:2: malformed JSON"), "{complaint}");
    Ok(())
}
