//! Parameters as this service's clients send them.

use axum::http::Uri;
use cognate_engine::{Clause, Condition, Filter};
use utoipa::IntoParams;

use super::paper::Fields;
use super::study::categories_of;
use crate::error::ApiError;

/// The parameters of a query string, in order.
fn pairs(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Whether it looks like the name of a parameter rather than like words of a query.
fn is_name(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

fn unknown_parameter(name: &str) -> ApiError {
    ApiError::bad_request("invalid_parameter", format!("unknown parameter {name:?}"))
}

pub(super) fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    let message = || format!("`{name}`: expected a number, found {value:?}");
    value.parse().map_err(|_| ApiError::bad_request("invalid_parameter", message()))
}

/// The filters of a search, as the document tells them; [`SearchParams`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "for the document alone")]
pub(super) struct Filters {
    /// The query.
    query: String,
    /// Fields to give, with commas.
    fields: Option<String>,
    /// Years: `2020`, `2016-2020`, `2010-`, `-2015`.
    year: Option<String>,
    /// Days, months or years: `2019-03-05`, `2016-03:2020-06`, `:2015`.
    #[param(rename = "publicationDateOrYear")]
    date_or_year: Option<String>,
    /// Venues with commas, of which one must fit.
    venue: Option<String>,
    /// Fields of study or categories with commas, of which one must fit.
    #[param(rename = "fieldsOfStudy")]
    studies: Option<String>,
}

/// Parameters of a search.
#[derive(Default)]
pub(super) struct SearchParams {
    pub(super) query: String,
    pub(super) fields: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) offset: Option<usize>,
    /// Where a search in bulk goes on.
    pub(super) token: Option<String>,
    /// The order of a search in bulk.
    pub(super) sort: Option<String>,
    pub(super) filter: Filter,
}

impl SearchParams {
    /// Reads those of a search that takes these beside query, fields and filters.
    pub(super) fn read(uri: &Uri, others: &[&str]) -> Result<Self, ApiError> {
        let mut params = Self::default();
        let mut is_in_query = false;
        for (name, value) in pairs(uri) {
            let was_in_query = std::mem::replace(&mut is_in_query, name == "query");
            let must = &mut params.filter.must;
            match name.as_str() {
                "query" => params.query = value,
                "fields" => params.fields = Some(value),
                "limit" if others.contains(&"limit") => params.limit = Some(number("limit", &value)?),
                "offset" if others.contains(&"offset") => params.offset = Some(number("offset", &value)?),
                "token" if others.contains(&"token") => params.token = Some(value),
                "sort" if others.contains(&"sort") => params.sort = Some(value),
                "year" => must.push(Clause::Condition(Condition::Year(value.parse()?))),
                "publicationDateOrYear" if value == ":" => {}
                "publicationDateOrYear" => {
                    must.push(Clause::Condition(Condition::PublicationDate(value.parse()?)));
                }
                "venue" => {
                    let venues = value.split(',').map(|venue| Condition::Venue(venue.trim().to_owned()));
                    let should = venues.map(Clause::Condition).collect();
                    must.push(Clause::Filter(Filter { should, ..Filter::default() }));
                }
                "fieldsOfStudy" => {
                    let names = value.split(',').flat_map(|name| categories_of(name.trim())).collect();
                    must.push(Clause::Condition(Condition::Categories(names)));
                }
                "minCitationCount" | "openAccessPdf" | "publicationTypes" => {
                    let message = format!("`{name}`: expected none: nothing is known of that here");
                    return Err(ApiError::bad_request("invalid_parameter", message));
                }
                // Clients put the query into the address as it is: what follows an ampersand in it comes
                // as a parameter. A name with a value is one all the same, and misspelt or not known here.
                _ if was_in_query && (value.is_empty() || !is_name(&name)) => {
                    let equals = if value.is_empty() { "" } else { "=" };
                    params.query.push_str(&format!("&{name}{equals}{value}"));
                    is_in_query = true;
                }
                _ => return Err(unknown_parameter(&name)),
            }
        }
        Ok(params)
    }
}

/// The text in `fields`, and other parameters of a request that takes `others` beside them.
pub(super) fn fields_text_and<const N: usize>(
    uri: &Uri,
    others: [&str; N],
) -> Result<(Option<String>, [Option<String>; N]), ApiError> {
    let mut fields = None;
    let mut values = others.map(|_| None);
    for (name, value) in pairs(uri) {
        match others.iter().position(|other| *other == name) {
            Some(position) => values[position] = Some(value),
            None if name == "fields" => fields = Some(value),
            None => return Err(unknown_parameter(&name)),
        }
    }
    Ok((fields, values))
}

/// The fields and other parameters of a request that takes `others` beside them.
pub(super) fn fields_and<const N: usize>(
    uri: &Uri,
    others: [&str; N],
) -> Result<(Fields, [Option<String>; N]), ApiError> {
    let (fields, values) = fields_text_and(uri, others)?;
    Ok((Fields::read(fields.as_deref())?, values))
}

/// The query of an autocompletion, the whole of the query string: its words may hold ampersands.
pub(super) fn query_of(uri: &Uri) -> Result<String, ApiError> {
    let SearchParams { query, .. } = SearchParams::read(uri, &[])?;
    Ok(query)
}
