//! Arguments that say which papers fit.

use clap::Args as ClapArgs;
use cognate_engine::{DateRange, EngineError};
use cognate_wire::{ConditionParams, OneOrMany};
use serde_json::Value;

/// Which papers may be hits, and what is counted of them.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    pub(crate) conditions: ConditionArgs,
    /// Count the matching papers by year, categories or venue
    #[arg(long, value_name = "FIELDS")]
    pub(crate) facets: Option<String>,
}

/// Which papers fit.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Filters")]
pub(crate) struct ConditionArgs {
    /// Years, such as 2020, 2020-2023, 2020- or -2023
    #[arg(long, value_name = "YEARS", allow_hyphen_values = true)]
    pub(crate) year: Option<String>,
    /// Days, months or years, such as 2019-03:2020-06
    #[arg(long, value_name = "DATES", value_parser = checked_dates)]
    pub(crate) date: Option<String>,
    /// Categories with commas, of which one must fit; cs covers cs.CL; one with a comma of its own in quotes
    #[arg(long, value_name = "NAMES")]
    pub(crate) categories: Option<String>,
    /// An author's name, or words of it
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// A venue's name, or words of it
    #[arg(long, value_name = "NAME")]
    pub(crate) venue: Option<String>,
    /// Whether there must be an abstract, or none
    #[arg(long, value_name = "true|false")]
    pub(crate) has_abstract: Option<bool>,
    /// A filter in JSON: {"must": […], "should": […], "must_not": […]}
    #[arg(long, value_name = "JSON")]
    pub(crate) filter: Option<String>,
}

/// Dates as filters take them. What is wrong with them is said of the flag, which has another name than the parameter.
fn checked_dates(text: &str) -> Result<String, String> {
    match text.parse::<DateRange>() {
        Ok(_) => Ok(text.to_owned()),
        Err(EngineError::InvalidRequest { expected, .. }) => Err(format!("expected {expected}")),
        Err(error) => Err(error.to_string()),
    }
}

impl From<ConditionArgs> for ConditionParams {
    fn from(args: ConditionArgs) -> Self {
        let ConditionArgs { year, date, categories, author, venue, has_abstract, filter } = args;
        Self {
            year,
            publication_date: date,
            categories: categories.map(OneOrMany::Commas),
            author,
            venue,
            has_abstract,
            filter: filter.map(Value::String),
        }
    }
}
