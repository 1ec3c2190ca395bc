//! The command line as typed; [`crate::config`] turns it into settings that are known to be valid.

mod dedup;
mod filters;
mod keys;
mod saved;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use cognate_corpus::Format;
use cognate_corpus::export::ExportFormat;
use cognate_embed::Precision;
use cognate_engine::IndexLayout;
pub(crate) use dedup::{
    CheckArgs, CheckPairsArgs, DedupArgs, DedupCommand, DedupFindArgs, HistogramArgs, LabelArg, LabelArgs,
    PairsArgs, UndoArgs,
};
pub(crate) use filters::{ConditionArgs, FilterArgs};
pub(crate) use keys::{KeysAddArgs, KeysCommand, KeysFileArgs, KeysRevokeArgs, ScopeArg};
pub(crate) use saved::{DigestArgs, DigestFormat, SavedAddArgs, SavedCommand, SavedNewArgs};
use serde::Deserialize;
pub(crate) use serve::{AuthArg, ServeArgs};

const EXAMPLES: &str = "\
Examples:
  cognate index arxiv-metadata-oai-snapshot.json.zst   index an arXiv dump; stop and go on at any time
  cognate search \"how do bats avoid collisions?\"       ask in plain language
  cognate similar 1704.03578                           papers near a paper
  cognate serve                                        answer over HTTP at 127.0.0.1:8080
  cognate demo                                         try it on a small corpus that comes along

Flags go before COGNATE_* in the environment, and these before cognate.toml.
Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 not found, 130 interrupted.";

/// Semantic search over the abstracts of scientific papers, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "cognate", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// Folder of papers and indexes [default: ./cognate-data]
    #[arg(long, global = true, value_name = "DIR", env = "COGNATE_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// Another engine with which the papers lie, in place of a folder: milvus://HOST:PORT/COLLECTION
    #[arg(long, global = true, value_name = "ADDRESS", env = "COGNATE_ENGINE", hide_env_values = true)]
    pub(crate) engine: Option<String>,
    /// Model: a name or a folder [default: the data folder's own, else all-MiniLM-L6-v2]
    #[arg(long, global = true, value_name = "NAME|DIR", env = "COGNATE_MODEL", hide_env_values = true)]
    pub(crate) model: Option<String>,
    /// Arithmetic of the model: int8, or f32 as the reference [default: the data folder's own, else int8]
    #[arg(long, global = true, value_name = "int8|f32", env = "COGNATE_PRECISION", hide_env_values = true)]
    pub(crate) precision: Option<Precision>,
    /// Text put before every query, in place of the model's own
    #[arg(long, global = true, value_name = "TEXT", env = "COGNATE_QUERY_PREFIX", hide_env_values = true)]
    pub(crate) query_prefix: Option<String>,
    /// Text put before every paper, in place of the model's own
    #[arg(long, global = true, value_name = "TEXT", env = "COGNATE_PASSAGE_PREFIX", hide_env_values = true)]
    pub(crate) passage_prefix: Option<String>,
    /// Components kept of a vector, for models that were trained to be cut [default: the data folder's own, else all]
    #[arg(long, global = true, value_name = "N", env = "COGNATE_DIM", hide_env_values = true)]
    pub(crate) dim: Option<usize>,
    /// Memory that building the index may take, in MiB [default: a quarter of what is free, at least 1024]
    #[arg(long, global = true, value_name = "MIB", env = "COGNATE_INDEX_MEMORY", hide_env_values = true)]
    pub(crate) index_memory: Option<IndexMemory>,
    /// What searches by meaning keep in memory: wide is faster and takes five times as much [default: compact]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "compact|wide",
        env = "COGNATE_INDEX_LAYOUT",
        hide_env_values = true,
        hide_possible_values = true
    )]
    pub(crate) index_layout: Option<IndexLayoutArg>,
    /// Configuration file [default: ./cognate.toml, else cognate/config.toml in the user's configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "COGNATE_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Print JSON for machines: the last line of standard output is one value
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log more
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Form of the log: lines for people, or a JSON object a line
    #[arg(long, global = true, value_enum, value_name = "text|json", default_value_t = LogFormat::Text,
        env = "COGNATE_LOG_FORMAT", hide_env_values = true, hide_default_value = true, hide_possible_values = true)]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Memory that building the index may take, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(crate) struct IndexMemory(u64);

impl IndexMemory {
    /// Less would give segments of so few papers that searches become slow.
    const LEAST_MIB: u64 = 64;

    pub(crate) fn bytes(self) -> u64 {
        self.0 << 20
    }
}

impl TryFrom<u64> for IndexMemory {
    type Error = String;

    fn try_from(mib: u64) -> Result<Self, String> {
        if (Self::LEAST_MIB..1 << 40).contains(&mib) {
            return Ok(Self(mib));
        }
        Err(format!("expected at least {} MiB for building the index, found {mib}", Self::LEAST_MIB))
    }
}

impl FromStr for IndexMemory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mib: u64 = text.parse().map_err(|_| "expected a number of MiB".to_owned())?;
        mib.try_into()
    }
}

/// What searches by meaning keep in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IndexLayoutArg {
    #[default]
    Compact,
    Wide,
}

impl From<IndexLayoutArg> for IndexLayout {
    fn from(arg: IndexLayoutArg) -> Self {
        match arg {
            IndexLayoutArg::Compact => Self::Compact,
            IndexLayoutArg::Wide => Self::Wide,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add papers from files, or bring them up to date
    Index(IndexArgs),
    /// Ask a question
    Search(SearchArgs),
    /// Find the papers nearest to a paper
    Similar(SimilarArgs),
    /// Show a paper
    Get(PaperArgs),
    /// Delete a paper
    Delete(PaperArgs),
    /// Find near-duplicates; nothing is changed without --apply
    Dedup(DedupArgs),
    /// Show what is trending: by votes, or by how fast a neighbourhood grows
    Trends(TrendsArgs),
    /// Keep queries, and see what is new for them
    #[command(subcommand)]
    Saved(SavedCommand),
    /// Print or mail what is new for saved queries
    Digest(DigestArgs),
    /// Answer over HTTP
    Serve(ServeArgs),
    /// Offer the papers to a language model, over the Model Context Protocol on standard input and output
    #[command(
        after_help = "Example, for a client's settings: {\"command\": \"cognate\", \"args\": [\"--data\", \"/path/to/cognate-data\", \"mcp\"]}"
    )]
    Mcp,
    /// Say who may use the server
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Measure search quality on a collection with judgments
    Eval(EvalArgs),
    /// Turn texts into vectors
    Embed(EmbedArgs),
    /// Index a small corpus that comes along, and ask it three questions
    Demo,
    /// Write every paper that fits, for other programs
    Export(ExportArgs),
    /// Say how many papers there are, and how they are searched
    Stats(StatsArgs),
    /// Say what is wrong with the data folder, and what to do about it
    Doctor,
    /// Copy the store to a file, also while a server uses it
    Backup {
        /// The file to make; it must not be there yet
        file: PathBuf,
    },
    /// Put a backup in the store's place; no process may have the store open
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Copy all papers with their vectors from a data folder to another engine, or back
    #[command(after_help = "Example: cognate copy --from cognate-data --to milvus://localhost:19530/papers")]
    Copy(CopyArgs),
    /// Make the index one segment, which is the fastest to search
    Optimize,
    /// Embed all papers anew, with the model given by --model
    Reembed,
    /// Fetch and check models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Print a completion script for a shell
    #[command(
        after_help = "Example: cognate completions bash > ~/.local/share/bash-completion/completions/cognate"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a page of the manual for each command into a folder
    #[command(after_help = "Example: cognate man ~/.local/share/man/man1")]
    Man {
        /// The folder, which is made where it is not there
        folder: PathBuf,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate index arxiv.jsonl.zst refs.csv      formats and compression are detected
  zcat papers.jsonl.gz | cognate index -      read standard input
  cognate index daily.txt --date 2025-07-30   give a Daily Papers page its day

  cognate index scopus.ris --source scopus    say whose records they are
  cognate index *.bib --report records.csv    a line for every record: what became of it, and why

Records are matched by their own id, else by what they say and their key in the file: what is unchanged
is not embedded again, so the same command after Ctrl-C, a crash or next month's dump goes on where
it is needed.")]
pub(crate) struct IndexArgs {
    /// Files to read, folders and zip archives of them; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The format, where it cannot be detected
    #[arg(long, value_parser = format_name(), default_value_t = Format::Auto)]
    pub(crate) format: Format,
    /// Date of a page that has none [form: YYYY-MM-DD]
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<String>,
    /// Whose records they are: they fill what papers of other sources lack [default: each file is a source]
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Let newer records of a source take back titles, authors and abstracts too
    #[arg(long)]
    pub(crate) replace: bool,
    /// Remove records that the source's newest file no longer has, and papers with their last record
    #[arg(long)]
    pub(crate) prune: bool,
    /// Write what became of each record to this CSV file
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) report: Option<PathBuf>,
    /// Stop at the first bad record instead of skipping it
    #[arg(long)]
    pub(crate) strict: bool,
    /// Bring back papers that were dropped as duplicates
    #[arg(long)]
    pub(crate) restore: bool,
    /// With --engine: take a part of the papers only, as one of several machines [form: 0/16 to 15/16]
    #[arg(long, value_name = "N/OF")]
    pub(crate) shard: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CopyArgs {
    /// Where the papers are: a data folder, or the address of another engine
    #[arg(long, value_name = "DIR|ADDRESS")]
    pub(crate) from: String,
    /// Where they are to be
    #[arg(long, value_name = "DIR|ADDRESS")]
    pub(crate) to: String,
}

/// Reads the name of a format, all of which help and completions list.
fn format_name() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name)).try_map(|name| name.parse::<Format>())
}

/// The names of the formats in which papers are written, all of which help and completions list.
fn export_format() -> PossibleValuesParser {
    PossibleValuesParser::new(ExportFormat::ALL.map(ExportFormat::name))
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PageArgs {
    /// Hits to show
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Hits to skip
    #[arg(long, value_name = "N")]
    pub(crate) offset: Option<usize>,
    /// Lowest cosine of a hit, from -1 to 1
    #[arg(long, value_name = "COSINE", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,
    /// Compare every paper, so that nothing is missed
    #[arg(long)]
    pub(crate) exact: bool,
    /// Of the duplicates and versions of one work, as the last `dedup` found them, show `all`, or one: `collapse`
    /// [default: all]
    #[arg(long, value_name = "all|collapse")]
    pub(crate) versions: Option<String>,
    /// Order of the best thousand: relevance or newest
    #[arg(long, value_name = "ORDER")]
    pub(crate) sort: Option<String>,
    /// Say for each hit why it is one
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print the papers in this format
    #[arg(long, value_parser = export_format())]
    pub(crate) format: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate search does sleep help memory --limit 5
  cognate search '\"dark matter\" halos' --year 2015- --categories astro-ph
  cognate search dark matter -halo author:Frenk          a word left out, an author
  cognate search --year 2020- --categories cs.CL         no query: the newest papers that pass
  cognate search arXiv:1706.03762                      that paper, then those nearest to it
  cognate search \"graph neural networks\" --format bibtex > papers.bib")]
pub(crate) struct SearchArgs {
    /// Question, words, \"a phrase\", abstract, or an id; without one, the newest papers that pass the filters
    pub(crate) query: Vec<String>,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// How to rank: hybrid, semantic or keyword [default: hybrid]
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// Part of meaning in a hybrid score: auto, or from 0 to 1 [default: auto]
    #[arg(long, value_name = "RATIO")]
    pub(crate) semantic_ratio: Option<String>,
    /// Lowest relevance of a hit, from 0 to 1 [default: none; 0.15 with --sort newest or --format]
    #[arg(long, value_name = "RELEVANCE")]
    pub(crate) min_relevance: Option<f32>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate export --format bibtex > papers.bib              the whole store
  cognate export --format ris --year 2020- > recent.ris    what passes filters
  cognate export '\"dark matter\" -halo' --format csv       what has these words, all of it")]
pub(crate) struct ExportArgs {
    /// Words and operators that papers must fit; without them, all papers
    pub(crate) query: Vec<String>,
    /// How they are written
    #[arg(long, value_parser = export_format())]
    pub(crate) format: String,
    #[command(flatten)]
    pub(crate) filters: ConditionArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatsArgs {
    /// Count records, papers, abstracts and identifiers for each source
    #[arg(long, value_name = "source", value_parser = ["source"])]
    pub(crate) by: Option<String>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example: cognate similar 1704.03578 --limit 5")]
pub(crate) struct SimilarArgs {
    /// The paper's id, or a DOI, arXiv id, PMID, PMCID or ACL id, with prefix or as a URL
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PaperArgs {
    /// The paper's id, or a DOI, arXiv id, PMID, PMCID or ACL id, with prefix or as a URL
    pub(crate) id: String,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate trends                              the last week against the 90 days before
  cognate trends --days 30 --history 365      the last month against the year before")]
pub(crate) struct TrendsArgs {
    /// Last day of the window [form: YYYY-MM-DD; default: the latest day that has papers]
    #[arg(long, value_name = "DATE")]
    pub(crate) date: Option<String>,
    /// Days of the window [default: 7]
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u16>,
    /// Days of the history before it [default: 90]
    #[arg(long, value_name = "N")]
    pub(crate) history: Option<u16>,
    /// Papers to show [default: 10]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate eval beir/scifact                                       all modes side by side
  cognate eval beir/scifact --mode hybrid --run scifact.run       one mode, its rankings as a TREC run
  cognate eval beir/scifact --mode hybrid --against scifact.run   is this better than that run was?")]
pub(crate) struct EvalArgs {
    /// Folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv
    pub(crate) collection: PathBuf,
    /// Which judgments to use
    #[arg(long, default_value = "test")]
    pub(crate) split: String,
    /// How to rank: hybrid, semantic or keyword [default: all of them, compared]
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// Part of meaning in hybrid scores: auto, or from 0 to 1 [default: auto]
    #[arg(long, value_name = "RATIO")]
    pub(crate) semantic_ratio: Option<String>,
    /// Write the rankings of the mode as a TREC run
    #[arg(long, value_name = "FILE", requires = "mode")]
    pub(crate) run: Option<PathBuf>,
    /// Write the measures of every query as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) per_query: Option<PathBuf>,
    /// Also ask these questions, one a line, which the collection does not answer
    #[arg(long, value_name = "FILE")]
    pub(crate) outside: Option<PathBuf>,
    /// Write what relevance is estimated from, a line of JSON for each query
    #[arg(long, value_name = "FILE", requires = "mode")]
    pub(crate) evidence: Option<PathBuf>,
    /// Compare with the rankings of a TREC run, and say whether the difference is significant
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate embed --input texts.jsonl --output vectors.npy
  echo '\"dark matter\"' | cognate embed

Each line of the input is a JSON string or an object with `text`; texts are embedded as given.")]
pub(crate) struct EmbedArgs {
    /// Texts, one JSON value a line; `-` is standard input
    #[arg(long, default_value = "-", value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// A NumPy .npy file, float32 [n_texts, dim]; `-` is NDJSON on standard output
    #[arg(long, default_value = "-", value_name = "FILE.npy")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Download a model from the Hugging Face hub, or check the one that is there
    #[command(after_help = "\
Examples:
  cognate model pull all-MiniLM-L6-v2
  cognate model pull BAAI/bge-small-en-v1.5

HF_ENDPOINT names another hub, HF_TOKEN a token for models that need one.")]
    Pull(PullArgs),
    /// Check a model's files against its manifest
    Verify {
        /// The model; the configured one if left out
        name: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PullArgs {
    /// Repository (`OWNER/NAME`), or the bare name of a sentence-transformers model
    pub(crate) name: String,
    /// Branch, tag or commit
    #[arg(long, value_name = "REV")]
    pub(crate) revision: Option<String>,
    /// Folder to put models in [default: COGNATE_MODELS, else ./models, else the user's data folder]
    #[arg(long, value_name = "DIR")]
    pub(crate) models: Option<PathBuf>,
    /// Replace a model that is there by another revision
    #[arg(long)]
    pub(crate) update: bool,
}

/// Stands for the hyphen of a word of a query.
const MARK: char = '\u{2010}';

/// The command line, with a mark for the hyphen before a word of `search` or `export`: `-halo` leaves a word out and `-omics` is one,
/// while clap would take both for options. Options themselves have two hyphens, or one and a single letter.
pub(crate) fn with_marked_words(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut is_search = false;
    let mark = |arg: OsString| {
        let word = arg.to_str().and_then(|arg| arg.strip_prefix('-')).filter(|_| is_search);
        let marked = word
            .filter(|word| word.starts_with(char::is_alphabetic) && word.chars().nth(1).is_some())
            .map(|word| format!("{MARK}{word}").into());
        is_search |= arg == "search" || arg == "export";
        marked.unwrap_or(arg)
    };
    args.map(mark).collect()
}

/// A word of a query as it was typed.
pub(crate) fn without_mark(word: String) -> String {
    match word.strip_prefix(MARK) {
        Some(word) => format!("-{word}"),
        None => word,
    }
}
