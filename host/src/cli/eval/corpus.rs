//! Passages, queries and judgements in the layout of the BEIR benchmark.
//!
//! All is read and checked before anything is done with it. An error names the file and the line, and does not
//! repeat what is in it.

use anyhow::{Context, anyhow, bail, ensure};
use corral_embedding::MAX_BYTES;
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::Path,
};

/// How long an id may be: what a store takes.
const ID_BYTES: usize = 256;

/// A passage or a query.
#[derive(Debug, PartialEq)]
pub(super) struct Text {
    pub(super) id: String,
    pub(super) text: String,
}

/// How relevant passages are to one query, by their ids.
pub(super) type Judged = BTreeMap<String, i64>;

/// A query that some passage is relevant to.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) query: Text,
    pub(super) judged: Judged,
}

#[derive(Deserialize)]
struct Line {
    _id: String,
    #[serde(default)]
    title: String,
    text: String,
}

/// Every line of a file of passages, the title before the text.
pub(super) fn passages(file: &Path) -> anyhow::Result<Vec<Text>> {
    let passages = texts(file)?;
    ensure!(!passages.is_empty(), "{}: there is no passage in it", file.display());
    Ok(passages)
}

/// The judged queries, by id.
pub(super) fn queries(file: &Path, judgements: &Path) -> anyhow::Result<Vec<Query>> {
    let mut texts: BTreeMap<_, _> = texts(file)?.into_iter().map(|text| (text.id.clone(), text)).collect();
    let mut queries = Vec::new();
    for (id, judged) in judged(judgements)? {
        if judged.values().any(|&score| score > 0) {
            let query = texts.remove(&id);
            let query = query.with_context(|| {
                format!("{}: query {id:?} is not in {}", judgements.display(), file.display())
            })?;
            queries.push(Query { query, judged });
        }
    }
    ensure!(!queries.is_empty(), "{}: no passage is relevant to any query", judgements.display());
    Ok(queries)
}

fn texts(file: &Path) -> anyhow::Result<Vec<Text>> {
    let mut ids = HashSet::new();
    each_line(file, |line| {
        let Line { _id: id, title, text } = parse(line)?;
        ensure!((1..=ID_BYTES).contains(&id.len()), "_id has {} bytes, expected 1 to {ID_BYTES}", id.len());
        let text = format!("{title} {text}").trim().to_owned();
        ensure!(text.len() <= MAX_BYTES, "the text has {} bytes, at most {MAX_BYTES}", text.len());
        ensure!(ids.insert(id.clone()), "_id {id:?} is there twice");
        Ok(Some(Text { id, text }))
    })
}

fn judged(file: &Path) -> anyhow::Result<BTreeMap<String, Judged>> {
    let mut judged = BTreeMap::<_, Judged>::new();
    let rows = each_line(file, |line| {
        let columns: Vec<_> = line.split('\t').map(str::trim).collect();
        let &[query, passage, score] = columns.as_slice() else {
            bail!("{} columns, expected 3 with a tab between them", columns.len());
        };
        if (query, passage, score) == ("query-id", "corpus-id", "score") {
            return Ok(None);
        }
        let score = score.parse::<i64>().context("the third column is no whole number")?;
        Ok(Some((query.to_owned(), passage.to_owned(), score)))
    })?;
    for (query, passage, score) in rows {
        judged.entry(query).or_default().insert(passage, score);
    }
    Ok(judged)
}

fn each_line<T>(
    file: &Path,
    mut read: impl FnMut(&str) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Vec<T>> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let mut values = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let value = str::from_utf8(line).context("it is not UTF-8").and_then(&mut read);
        values.extend(value.with_context(|| format!("{}:{number}", file.display()))?);
    }
    Ok(values)
}

/// Serde's message without the value that it quotes.
fn parse<T: DeserializeOwned>(line: &str) -> anyhow::Result<T> {
    serde_json::from_str(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => anyhow!("expected an object with _id and text, both strings"),
        _ => anyhow!("malformed JSON at column {}", error.column()),
    })
}
