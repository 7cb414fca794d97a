//! `corral eval retrieval`: stores a corpus, asks its queries in each way there is, and compares with what people
//! judged relevant.
//!
//! Not here: the files (`corpus.rs`), the arithmetic (`measure.rs`).

use super::{
    corpus::{self, Query, Text},
    measure::{Measures, measure},
};
use crate::{
    cli::{Settings, say, say_json},
    config::Config,
};
use anyhow::Context;
use corral_embedding::{Embedder, Purpose};
use corral_vectors::{Item, Model, Vectors};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// Everything is in one partition, as a session's passages are.
const PARTITION: &str = "eval";
/// How many texts are embedded and stored in one call.
const BATCH: usize = 64;
/// How long one batch may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// The largest k: one less than a query finds, in case one is the query itself.
const MOST: i64 = 99;

/// What `corral eval retrieval` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The passages, a JSON object a line
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// The queries, a JSON object a line
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Which passages are relevant to which query, tab-separated
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    #[command(flatten)]
    settings: Settings,
    /// How many of the first found count
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MOST))]
    k: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// What made the embeddings.
    model: String,
    k: u32,
    passages: usize,
    /// Passages that are longer than the model reads; the words of all of them are kept whole.
    truncated: usize,
    queries: usize,
    dense: Outcome,
    lexical: Outcome,
    fused: Outcome,
}

/// The mean over all queries.
#[derive(Debug, Serialize)]
struct Outcome {
    #[serde(flatten)]
    measures: Measures,
    /// What the store took for one query.
    milliseconds: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let passages = corpus::passages(&args.corpus)?;
    let queries = corpus::queries(&args.queries, &args.qrels)?;
    let config = Config::load(&args.settings.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let report = runtime.block_on(Box::pin(evaluate(config, passages, &queries, args.k)))?;
    if args.json {
        say_json(&report)?
    } else {
        report.print()?
    }
    Ok(ExitCode::SUCCESS)
}

async fn evaluate(config: Config, passages: Vec<Text>, queries: &[Query], k: u32) -> anyhow::Result<Report> {
    let embedder = Embedder::start(config.embedding).context("loading the embedding model")?;
    let model = Model { name: embedder.name().to_owned(), dimensions: embedder.dimensions() };
    let folder = Folder::new()?;
    let store = corral_vectors::Config::default();
    let vectors = Vectors::open(&store, &folder.0.join("corral.db"), model).await;
    let retrieval = Retrieval { embedder, vectors: vectors.context("opening a temporary store")?, k };
    let count = passages.len();
    let truncated = retrieval.store(passages).await?;
    let [dense, lexical, fused] = retrieval.ask(queries).await?;
    let model = retrieval.embedder.name().to_owned();
    Ok(Report { model, k, passages: count, truncated, queries: queries.len(), dense, lexical, fused })
}

struct Retrieval {
    embedder: Embedder,
    vectors: Vectors,
    k: u32,
}

impl Retrieval {
    /// Gives how many are longer than the model reads.
    async fn store(&self, passages: Vec<Text>) -> anyhow::Result<usize> {
        let bar = bar("storing passages", passages.len());
        let mut truncated = 0;
        let mut passages = passages.into_iter().peekable();
        while passages.peek().is_some() {
            let batch: Vec<_> = passages.by_ref().take(BATCH).collect();
            let (embeddings, cut) = self.embed(&batch, Purpose::Document).await?;
            truncated += cut;
            bar.inc(batch.len() as u64);
            let items = batch.into_iter().zip(embeddings);
            let items =
                items.map(|(Text { id, text }, embedding)| Item { id, text, embedding, metadata: vec![] });
            self.vectors.upsert(PARTITION, items.collect()).await.context("storing passages")?;
        }
        bar.finish_and_clear();
        Ok(truncated)
    }

    /// The outcomes of the nearest, of the words, and of both.
    async fn ask(&self, queries: &[Query]) -> anyhow::Result<[Outcome; 3]> {
        let bar = bar("asking queries", queries.len());
        let mut sums = [(Measures::default(), Duration::ZERO); 3];
        for batch in queries.chunks(BATCH) {
            let (embeddings, _) = self.embed(batch.iter().map(|query| &query.query), Purpose::Query).await?;
            for (query, embedding) in batch.iter().zip(embeddings) {
                for (sum, one) in sums.iter_mut().zip(self.ask_one(query, embedding).await?) {
                    sum.0 += one.0;
                    sum.1 += one.1;
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let count = queries.len() as f64;
        Ok(sums.map(|(measures, took)| Outcome {
            measures: measures / count,
            milliseconds: took.as_secs_f64() * 1e3 / count,
        }))
    }

    async fn ask_one(&self, query: &Query, embedding: Vec<f32>) -> anyhow::Result<[(Measures, Duration); 3]> {
        let (words, limit) = (&query.query.text, self.k + 1);
        let start = Instant::now();
        let dense = self.vectors.query(PARTITION, embedding.clone(), limit).await?;
        let after_dense = Instant::now();
        let lexical = self.vectors.lexical(PARTITION, words, limit).await?;
        let after_lexical = Instant::now();
        let fused = self.vectors.search(PARTITION, embedding, words, limit).await?;
        let took = after_lexical.elapsed();
        let dense = dense.iter().map(|hit| hit.passage.id.as_str()).collect();
        let [lexical, fused] =
            [&lexical, &fused].map(|found| found.iter().map(|found| found.passage.id.as_str()).collect());
        Ok([
            (self.measure(query, dense), after_dense - start),
            (self.measure(query, lexical), after_lexical - after_dense),
            (self.measure(query, fused), took),
        ])
    }

    fn measure(&self, query: &Query, found: Vec<&str>) -> Measures {
        let others = found.into_iter().filter(|id| **id != query.query.id);
        measure(others, &query.judged, usize::try_from(self.k).unwrap_or(usize::MAX))
    }

    /// One vector for each text, and how many texts were longer than the model reads.
    async fn embed(
        &self,
        texts: impl IntoIterator<Item = &Text>,
        purpose: Purpose,
    ) -> anyhow::Result<(Vec<Vec<f32>>, usize)> {
        let texts = texts.into_iter().map(|text| text.text.clone()).collect();
        let embeddings = self.embedder.embed(texts, purpose, Instant::now() + PATIENCE).await?;
        let dimensions = usize::try_from(embeddings.dimensions).unwrap_or(usize::MAX);
        let vectors = embeddings.values.chunks_exact(dimensions).map(<[f32]>::to_vec).collect();
        Ok((vectors, embeddings.truncated.len()))
    }
}

impl Report {
    fn print(&self) -> anyhow::Result<()> {
        let k = self.k;
        say(&format!(
            "{:8} {:>9} {:>9} {:>12}",
            "",
            format!("nDCG@{k}"),
            format!("recall@{k}"),
            "ms a query"
        ))?;
        for (name, outcome) in [("dense", &self.dense), ("lexical", &self.lexical), ("fused", &self.fused)] {
            let Outcome { measures: Measures { ndcg, recall }, milliseconds } = outcome;
            say(&format!("{name:8} {ndcg:9.4} {recall:9.4} {milliseconds:12.2}"))?;
        }
        let Self { model, passages, truncated, queries, .. } = self;
        Ok(say(&format!(
            "\n{queries} queries, {passages} passages; {truncated} of them are longer than {model} reads, which \
             embedded their beginnings"
        ))?)
    }
}

/// A folder for its owner only, gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("corral-eval-{}", uuid::Uuid::new_v4()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making the folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(Path::new(&self.0)) {
            crate::cli::complain(&format!("{} is left: {error}", self.0.display()));
        }
    }
}

/// Nothing is drawn where standard error is no terminal.
fn bar(doing: &'static str, count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    // The template is ours; should it be wrong, the default bar does as well.
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:24}] {pos} of {len}, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar.with_message(doing)
}
