//! Arguments of `cognate dedup`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use cognate_corpus::Format;

use super::{export_format, format_name};

#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cognate dedup                                     duplicates among all papers, with reasons
  cognate dedup --keep published_first --json       of each cluster, the published article stays
  cognate dedup --apply                             drop them from every answer; `dedup undo` takes it back
  cognate dedup --apply --format ris > kept.ris     and give the records that are left
  cognate dedup label demo-001 demo-002 no          these are two papers: respected for ever
  cognate dedup check export.ris                    which of these records are in the store already?
  cognate dedup check-pairs pairs.jsonl             judge pairs of records: {\"a\": {…}, \"b\": {…}} a line"
)]
pub(crate) struct DedupArgs {
    #[command(flatten)]
    pub(crate) find: DedupFindArgs,
    #[command(subcommand)]
    pub(crate) command: Option<DedupCommand>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DedupFindArgs {
    /// Lowest cosine at which meaning alone makes two papers candidates, from 0.5 to 1 [default: 0.6]
    #[arg(long, value_name = "COSINE")]
    pub(crate) threshold: Option<f32>,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// What links the members of a cluster: `complete`, each matches the kept paper, or `connected`, by a chain
    /// [default: complete]
    #[arg(long, value_name = "HOW")]
    pub(crate) clusters: Option<String>,
    /// Which record stays: `best_metadata`, `newest`, `oldest`, `published_first`, `source:NAME`
    /// [default: best_metadata]
    #[arg(long, value_name = "POLICY")]
    pub(crate) keep: Option<String>,
    /// Compare only what came since the last run or application with everything, and report only that
    #[arg(long)]
    pub(crate) new: bool,
    /// Drop the duplicates from every answer; they keep their rows, and `dedup undo` brings them back
    #[arg(long)]
    pub(crate) apply: bool,
    /// Change nothing, which is the default
    #[arg(long, conflicts_with = "apply")]
    pub(crate) dry_run: bool,
    /// Write the report as a table to this CSV file, a line for each member of each cluster
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Print the papers that stay, in place of the report
    #[arg(long, value_parser = export_format())]
    pub(crate) format: Option<String>,
    /// Give each cluster a record of the best fields of those that it drops
    #[arg(long)]
    pub(crate) merge: bool,
    /// Write every pair that is not surely of two papers to this file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub(crate) pairs: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct JudgingArgs {
    /// Lowest probability of a duplicate; below it, a person decides [default: 0.8]
    #[arg(long, value_name = "P")]
    pub(crate) min_probability: Option<f64>,
    /// Whether preprint and article, or a paper in two years, are the `same` or `distinct` [default: distinct]
    #[arg(long, value_name = "same|distinct")]
    pub(crate) versions: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DedupCommand {
    /// As `dedup`, but only from the pairs that it scored last: another cut, and nothing compared again
    Rethreshold(DedupFindArgs),
    /// Bring back what was dropped: by the latest application, unless another or papers are named
    Undo(UndoArgs),
    /// List the applications of duplicates
    Runs,
    /// List the papers that are dropped, with what each matched and why
    Dropped,
    /// Print the numbers of a PRISMA flow chart for each source: records found, duplicates within it and across
    /// sources, records left
    Flow,
    /// Write every decision to a CSV file: what was dropped, for what and why, and what was said of pairs
    Decisions(DecisionsArgs),
    /// Say of two papers whether they are duplicates; every later run respects it
    Label(LabelArgs),
    /// List what was said of pairs
    Labels,
    /// Say how many of the scored pairs have which score, and how precise a cut is by what was said of them
    Histogram(HistogramArgs),
    /// List the pairs of which a label would tell most: those nearest to a cut
    Pairs(PairsArgs),
    /// Say which records of files are in the store already; nothing is added
    Check(CheckArgs),
    /// Judge pairs of records in a file, one `{"a": {…}, "b": {…}}` a line
    CheckPairs(CheckPairsArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DecisionsArgs {
    /// The file to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct UndoArgs {
    /// The application's number, as `dedup runs` lists them
    pub(crate) run: Option<u64>,
    /// A paper to bring back; may be repeated
    #[arg(long, value_name = "ID", conflicts_with = "run")]
    pub(crate) paper: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CutArgs {
    /// What pairs are placed by: probability, or score, the cosine [default: probability]
    #[arg(long, value_name = "probability|score")]
    pub(crate) by: Option<String>,
    /// The cut, from 0 to 1 [default: 0.8]
    #[arg(long, value_name = "VALUE")]
    pub(crate) at: Option<f64>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct HistogramArgs {
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Bins from 0 to 1 [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) bins: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PairsArgs {
    #[command(flatten)]
    pub(crate) cut: CutArgs,
    /// Pairs to show [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LabelArgs {
    /// A paper's id, or a DOI, arXiv id, PMID, PMCID or ACL id
    pub(crate) a: String,
    /// Another paper's
    pub(crate) b: String,
    /// Duplicates, or not; `none` takes back what was said
    pub(crate) label: LabelArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LabelArg {
    /// Duplicates
    Yes,
    /// Two papers
    No,
    /// No word on them
    None,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckArgs {
    /// Files of records, in any format that `index` reads; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The format, where it cannot be detected
    #[arg(long, value_parser = format_name(), default_value_t = Format::Auto)]
    pub(crate) format: Format,
    /// Write the records that are not in the store to this file, in the format that they came in
    #[arg(long, value_name = "FILE")]
    pub(crate) new: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CheckPairsArgs {
    /// The file; `-` is standard input
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) judging: JudgingArgs,
    /// Print what the model is fitted on, too
    #[arg(long, hide = true)]
    pub(crate) features: bool,
}
