//! `corral eval`: how well a part does its work, in numbers that others publish too.

mod corpus;
mod measure;
mod retrieval;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

const RETRIEVAL: &str = "\
Example, with a data set of the BEIR benchmark:
  corral eval retrieval --corpus scifact/corpus.jsonl --queries scifact/queries.jsonl --qrels scifact/qrels/test.tsv

The passages go into an embedded store in a temporary folder, whatever store the settings name: it finds the \
nearest exactly. The corpus has a JSON object a line with _id, title and text, the queries with _id and text, the \
judgements have the columns query-id, corpus-id and score below a line of headings. Asked are the queries with a \
passage whose score is above 0.

nDCG and recall are trec_eval's: a passage's gain is its score, its discount log2 of its place and one. As BEIR \
does, a passage with the query's own id is left out.";

/// What `corral eval` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Measure how well passages are found by embeddings, by words, and by both
    #[command(after_help = RETRIEVAL)]
    Retrieval(retrieval::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Retrieval(args) => retrieval::run(args),
    }
}
