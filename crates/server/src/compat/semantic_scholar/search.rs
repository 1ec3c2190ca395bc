//! Searches: by relevance, in bulk, for one title, and for what somebody begins to write.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use cognate_corpus::family_name;
use cognate_corpus::matching::words;
use cognate_engine::{
    Cursor, MAX_LIMIT, MAX_OFFSET, Mode, Page, SearchOptions, SearchRequest, Sort, StoredPaper,
};
use cognate_wire::ErrorBody;
use serde::Serialize;
use utoipa::ToSchema;

use super::DEFAULT_LIMIT;
use super::paper::{Fields, PaperBody};
use super::params::{Filters, SearchParams, query_of};
use crate::error::ApiError;
use crate::routes::{App, off_thread_while_wanted};

/// Papers among which the one with the nearest title is.
const N_CANDIDATES: usize = 50;
/// Lowest likeness of a title, from 0 to 1, of a paper that a title is of.
const LEAST_LIKENESS: f64 = 0.5;
/// Most papers that are offered to whoever begins to write.
const N_COMPLETIONS: usize = 10;
/// Letters of a word that is begun from which on papers with such words are looked for.
const LEAST_PREFIX: usize = 3;

/// A page of papers.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarSearch)]
pub(super) struct SearchBody {
    total: u64,
    offset: usize,
    /// Clients ask on for as long as it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
    data: Vec<PaperBody>,
}

/// Search.
#[utoipa::path(get, path = "/graph/v1/paper/search",
    params(Filters, ("limit" = Option<usize>, Query, description = "1 to 1,000; 100 if absent."), ("offset" = Option<usize>, Query)),
    responses((status = 200, body = SearchBody)))]
pub(super) async fn search(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<SearchBody>, ApiError> {
    let SearchParams { query, fields, limit, offset, filter, .. } =
        SearchParams::read(&uri, &["limit", "offset"])?;
    let fields = Fields::read(fields.as_deref())?;
    let page = Page::new(Some(limit.unwrap_or(DEFAULT_LIMIT)), offset, None)?;
    let request = SearchRequest::new(query, SearchOptions { page, filter, ..SearchOptions::default() })?;
    let body = off_thread_while_wanted(&app, move |app, cancel| {
        let found = app.engine.search_unless(cancel, &request)?;
        let end = found.offset + found.hits.len();
        let is_last = found.hits.is_empty() || end as u64 >= found.total || end > MAX_OFFSET;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(SearchBody {
            total: found.total,
            offset: found.offset,
            next: (!is_last).then_some(end),
            data: PaperBody::several(&app.engine, papers, &fields)?,
        })
    });
    Ok(Json(body.await?))
}

/// Papers in bulk, with a token where there are more.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarBulk)]
pub(super) struct BulkBody {
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    data: Vec<PaperBody>,
}

/// Every paper that has all words of a query, 1,000 at a time. `|` is or, `-` leaves out, `"` makes a phrase, `neuro*` is the
/// beginning of a word, and brackets group; `~` is refused.
///
/// `limit` and `offset`, which clients send all the same, are not heeded, as at that service.
#[utoipa::path(get, path = "/graph/v1/paper/search/bulk",
    params(Filters, ("token" = Option<String>, Query, description = "Where to go on."),
        ("sort" = Option<String>, Query, description = "`publicationDate:desc`; by words if absent."),
        ("limit" = Option<usize>, Query), ("offset" = Option<usize>, Query)),
    responses((status = 200, body = BulkBody), (status = 410, body = ErrorBody, description = "The token is no longer known.")))]
pub(super) async fn bulk(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<BulkBody>, ApiError> {
    let params = SearchParams::read(&uri, &["limit", "offset", "token", "sort"])?;
    let fields = Fields::read(params.fields.as_deref())?;
    let sort = match params.sort.as_deref() {
        // By id is what clients send who want no order.
        None | Some("" | "paperId" | "paperId:asc") => Sort::Relevance,
        Some("publicationDate:desc") => Sort::Newest,
        Some(other) => {
            let message = format!("`sort`: expected `publicationDate:desc` or none, found {other:?}");
            return Err(ApiError::bad_request("invalid_parameter", message));
        }
    };
    let cursor = params.token.as_deref().map_or(Ok(Cursor::New), str::parse)?;
    let options = SearchOptions {
        mode: Mode::Keyword,
        page: Page::new(Some(MAX_LIMIT), None, None)?,
        cursor: Some(cursor),
        filter: params.filter,
        sort,
        ..SearchOptions::default()
    };
    let request = SearchRequest::boolean(params.query, options)?;
    let body = off_thread_while_wanted(&app, move |app, cancel| {
        let found = app.engine.search_unless(cancel, &request)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(BulkBody {
            total: found.total,
            token: found.meta.cursor.map(|cursor| cursor.to_string()),
            data: PaperBody::several(&app.engine, papers, &fields)?,
        })
    });
    Ok(Json(body.await?))
}

/// The paper of a title.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarMatch)]
pub(super) struct MatchBody {
    data: Vec<PaperBody>,
}

/// The paper whose title is nearest to a query.
///
/// `limit` and `offset`, which clients send all the same, are not heeded.
#[utoipa::path(get, path = "/graph/v1/paper/search/match",
    params(Filters, ("limit" = Option<usize>, Query), ("offset" = Option<usize>, Query)),
    responses((status = 200, body = MatchBody), (status = 404, body = ErrorBody, description = "No title is near.")))]
pub(super) async fn match_title(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<MatchBody>, ApiError> {
    let params = SearchParams::read(&uri, &["limit", "offset"])?;
    let fields = Fields::read(params.fields.as_deref())?;
    let wanted: Vec<String> = words(&params.query);
    if wanted.is_empty() {
        return Err(ApiError::bad_request("invalid_parameter", "`query`: expected the words of a title"));
    }
    let page = Page::new(Some(N_CANDIDATES), None, None)?;
    let options = SearchOptions { page, filter: params.filter, ..SearchOptions::default() };
    // Words alone: a title may hold what a query means by its marks.
    let request = SearchRequest::new(wanted.join(" "), options)?;
    let body = off_thread_while_wanted(&app, move |app, cancel| {
        let found = app.engine.search_unless(cancel, &request)?;
        let scored = found.hits.into_iter().map(|hit| {
            let title = hit.paper.paper.title.as_deref().unwrap_or_default();
            (likeness(&wanted, &words(title)), hit.paper)
        });
        // The first of those that are equally near.
        let best = scored.reduce(|best, other| if other.0 > best.0 { other } else { best });
        match best.filter(|(score, _)| *score >= LEAST_LIKENESS) {
            Some((score, paper)) => {
                let body = PaperBody::new(&app.engine, paper, &fields)?;
                Ok(MatchBody { data: vec![body.matched(score)] })
            }
            None => Err(ApiError::not_found("Title match not found")),
        }
    });
    Ok(Json(body.await?))
}

/// How alike two titles are, from 0 to 1: Dice's coefficient of their words.
fn likeness(a: &[String], b: &[String]) -> f64 {
    let (a, b): (HashSet<&String>, HashSet<&String>) = (a.iter().collect(), b.iter().collect());
    let n_common = a.intersection(&b).count();
    2.0 * n_common as f64 / (a.len() + b.len()).max(1) as f64
}

/// Papers that somebody may mean who begins to write.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarCompletions)]
pub(super) struct CompletionsBody {
    matches: Vec<CompletionBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScholarCompletion)]
struct CompletionBody {
    id: String,
    title: String,
    #[serde(rename = "authorsYear")]
    authors_year: String,
}

/// Papers that somebody may mean who begins to write a title.
#[utoipa::path(get, path = "/graph/v1/paper/autocomplete", params(("query" = String, Query)),
    responses((status = 200, body = CompletionsBody)))]
pub(super) async fn autocomplete(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<CompletionsBody>, ApiError> {
    let query = query_of(&uri)?;
    let wanted = words(&query);
    let Some((begun, whole)) = wanted.split_last() else {
        return Err(ApiError::bad_request("invalid_parameter", "`query`: expected the beginning of a title"));
    };
    // The last word may be one that goes on; another engine has no list of all words.
    let goes_on = begun.chars().count() >= LEAST_PREFIX && app.engine.is_here();
    let mark = if goes_on { "*" } else { "" };
    let text = whole.iter().map(|word| format!("{word} ")).collect::<String>() + begun + mark;
    let page = Page::new(Some(N_CANDIDATES), None, None)?;
    let request =
        SearchRequest::new(text, SearchOptions { mode: Mode::Keyword, page, ..SearchOptions::default() })?;
    let body = off_thread_while_wanted(&app, move |app, cancel| {
        let found = app.engine.search_unless(cancel, &request)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        let fitting =
            papers.filter(|paper| begins(&wanted, &words(paper.paper.title.as_deref().unwrap_or_default())));
        Ok(CompletionsBody { matches: fitting.take(N_COMPLETIONS).map(CompletionBody::from).collect() })
    });
    Ok(Json(body.await?))
}

/// Whether a title has the words, the last of which may be the beginning of one.
fn begins(wanted: &[String], title: &[String]) -> bool {
    let Some((begun, whole)) = wanted.split_last() else { return false };
    whole.iter().all(|word| title.contains(word)) && title.iter().any(|word| word.starts_with(begun.as_str()))
}

impl From<StoredPaper> for CompletionBody {
    fn from(stored: StoredPaper) -> Self {
        let paper = stored.paper;
        let names = match paper.authors.as_slice() {
            [] => None,
            [one] => Some(family_name(one)),
            [one, two] => Some(format!("{}, {}", family_name(one), family_name(two))),
            [first, ..] => Some(format!("{} et al.", family_name(first))),
        };
        let year = paper.year.map(|year| year.to_string());
        let authors_year = names.into_iter().chain(year).collect::<Vec<_>>().join(", ");
        Self { id: paper.id.into(), title: paper.title.unwrap_or_default(), authors_year }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn family_names_stand_first_or_last() {
        let check = |name: &str, expected: &str| assert_eq!(family_name(name), expected, "{name}");
        check("García Márquez, Gabriel", "García Márquez");
        check("Ada Lovelace", "Lovelace");
        check("Smith J", "Smith");
        check("van der Berg J.R.", "van der Berg");
        check("Plato", "Plato");
        check("", "");
    }

    #[test]
    fn titles_are_alike_by_their_words() {
        let alike = |a: &str, b: &str| likeness(&words(a), &words(b));
        assert_eq!(alike("Kelp forests, in winter", "KELP FORESTS in Winter!"), 1.0);
        assert_eq!(alike("kelp", ""), 0.0);
        assert!((alike("kelp forests", "kelp gardens") - 0.5).abs() < 1e-9);
        assert_eq!(likeness(&[], &[]), 0.0);
    }

    #[test]
    fn the_last_word_may_go_on() {
        let begins = |query: &str, title: &str| begins(&words(query), &words(title));
        assert!(begins("kelp fo", "The kelp forests"));
        assert!(begins("forests kel", "The kelp forests"));
        assert!(!begins("kel forests", "The kelp forests"));
        assert!(!begins("kelp x", "The kelp forests"));
    }
}
