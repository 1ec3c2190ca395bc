//! Arguments of `cognate saved` and `cognate digest`.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::FilterArgs;
use crate::commands::InvalidInput;
use crate::mail::Mailbox;

#[derive(Debug, Subcommand)]
pub(crate) enum SavedCommand {
    /// Save a query, papers to begin from, or both
    Add(Box<SavedAddArgs>),
    /// Show all saved queries
    List,
    /// Show what came since the last look
    New(SavedNewArgs),
    /// Delete a saved query
    Delete {
        /// Its id
        id: String,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate saved add \"dark matter halos\" --categories astro-ph
  cognate saved add --name \"like ours\" --seed 1706.03762 --seed 10.5555/kelp.2026")]
pub(crate) struct SavedAddArgs {
    /// Question, words, or \"a phrase\"
    pub(crate) query: Option<String>,
    /// What to call it [default: the query]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// A paper to find more like; may be given several times
    #[arg(long = "seed", value_name = "ID")]
    pub(crate) seeds: Vec<String>,
    /// How to rank: hybrid, semantic or keyword [default: hybrid]
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// Lowest cosine of a paper, from -1 to 1
    #[arg(long, value_name = "COSINE", allow_hyphen_values = true)]
    pub(crate) min_score: Option<f32>,
    /// Most papers of a look or a digest [default: 20]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SavedNewArgs {
    /// The saved query's id
    pub(crate) id: String,
    /// Let the next look show the same once more
    #[arg(long)]
    pub(crate) peek: bool,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DigestFormat {
    Text,
    Html,
    Eml,
}

/// An address for mail.
#[derive(Debug, Clone)]
pub(crate) struct MailAddress(String);

impl MailAddress {
    /// The address, as mail has it.
    pub(crate) fn mailbox(&self) -> Result<Mailbox, InvalidInput> {
        self.0.parse().map_err(|error| {
            let found = &self.0;
            InvalidInput(format!("expected an address such as me@example.org, found {found:?}: {error}"))
        })
    }
}

impl From<String> for MailAddress {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate digest                                      what is new for each saved query
  cognate digest --since 2026-07-01 --format html > digest.html
  COGNATE_SMTP_HOST=mail.example.org COGNATE_SMTP_USER=me COGNATE_SMTP_PASSWORD=… \\
    cognate digest --send --to me@example.org         mail it; what was sent is not sent again

The mail server: COGNATE_SMTP_HOST, _PORT, _TLS (implicit, starttls, none), _USER, _PASSWORD, _CA.")]
pub(crate) struct DigestArgs {
    /// Only this saved query
    #[arg(long, value_name = "ID")]
    pub(crate) saved: Option<String>,
    /// Papers indexed since then, rather than since the last digest that was sent [form: YYYY-MM-DD]
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t = DigestFormat::Text)]
    pub(crate) format: DigestFormat,
    /// Mail it, a message for each saved query with something new
    #[arg(long)]
    pub(crate) send: bool,
    /// Who gets it
    #[arg(long, value_name = "ADDRESS", env = "COGNATE_MAIL_TO", required_if_eq("send", "true"))]
    pub(crate) to: Option<MailAddress>,
    /// Who it is from
    #[arg(long, value_name = "ADDRESS", env = "COGNATE_MAIL_FROM", default_value = "cognate@localhost")]
    pub(crate) from: MailAddress,
}
