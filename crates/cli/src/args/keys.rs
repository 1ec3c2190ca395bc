//! Arguments of `cognate keys`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, and show it: the only time that it can be seen
    Add(KeysAddArgs),
    /// Show the names of all keys, and what each allows
    List(KeysFileArgs),
    /// End a key; running servers see it within a second
    Revoke(KeysRevokeArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeysFileArgs {
    /// The file of keys [default: keys.sqlite3 in the data folder]
    #[arg(long, value_name = "FILE", env = "COGNATE_KEYS", hide_env_values = true)]
    pub(crate) keys: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "\
Examples:
  cognate keys add laptop --scope read
  cognate keys add importer --scope write --expires 2027-06-30
  cognate keys add reader --feed dark-matter     for the address of a feed: …/feed.atom?key=KEY

As soon as there is a key, the server asks everybody for one.")]
pub(crate) struct KeysAddArgs {
    /// What to call it: letters, digits, `-`, `_` and `.`
    pub(crate) name: String,
    /// What it allows: one query's work; also papers, saved queries and labels; or everything
    #[arg(long, value_enum, required_unless_present = "feed")]
    pub(crate) scope: Option<ScopeArg>,
    /// Allow the feeds of this saved query, and nothing else
    #[arg(long, value_name = "SAVED_ID", conflicts_with = "scope")]
    pub(crate) feed: Option<String>,
    /// The last day on which it is good, in UTC [form: YYYY-MM-DD]
    #[arg(long, value_name = "DATE")]
    pub(crate) expires: Option<String>,
    #[command(flatten)]
    pub(crate) file: KeysFileArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeysRevokeArgs {
    /// The key's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: KeysFileArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeArg {
    Read,
    Write,
    Admin,
}
