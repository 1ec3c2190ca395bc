//! Semantic Scholar's graph and recommendations, for `semanticscholar`.
//!
//! What that service knows of a paper and this one does not (citations, access, fields of study by its own
//! classification) is null.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::Uri;
use axum::routing::{any, get, post};
use axum::{Json, Router};
use cognate_corpus::{IdentifierKind, Paper};
use cognate_engine::{
    Clause, Condition, Engine, EngineError, Fault, Filter, MAX_OFFSET, Page, RecommendRequest, SearchOptions,
    SearchRequest, Seed, StoredPaper,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{first, id_after, json as json_body};
use crate::answer::bibtex;
use crate::error::ApiError;
use crate::routes::{App, nothing_there, off_thread, off_thread_while_wanted};

/// Papers on a page, or recommended, when the request does not say.
const DEFAULT_LIMIT: usize = 100;
/// Most ids of one batch.
const MAX_BATCH: usize = 500;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/graph/v1/paper/search", get(search))
        // Theirs are bulk and match, which are not here; no paper's id begins so.
        .route("/graph/v1/paper/search/{*other}", any(nothing_there))
        .route("/graph/v1/paper/batch", post(batch))
        .route("/graph/v1/paper/{*id}", get(paper))
        .route("/recommendations/v1/papers/forpaper/{*id}", get(recommend_for_paper))
        .route("/recommendations/v1/papers", post(recommend_from_lists))
        .route("/recommendations/v1/papers/", post(recommend_from_lists))
}

/// The fields of a paper that may be asked for.
const FIELDS: [&str; 25] = [
    "abstract",
    "authors",
    "citationCount",
    "citationStyles",
    "citations",
    "corpusId",
    "embedding",
    "externalIds",
    "fieldsOfStudy",
    "influentialCitationCount",
    "isOpenAccess",
    "journal",
    "openAccessPdf",
    "paperId",
    "publicationDate",
    "publicationTypes",
    "publicationVenue",
    "referenceCount",
    "references",
    "s2FieldsOfStudy",
    "title",
    "tldr",
    "url",
    "venue",
    "year",
];

/// What may be asked for of each author.
const AUTHOR_FIELDS: [&str; 9] = [
    "affiliations",
    "authorId",
    "citationCount",
    "externalIds",
    "hIndex",
    "homepage",
    "name",
    "paperCount",
    "url",
];

/// The fields that a request asks for.
struct Fields {
    names: Vec<String>,
    /// Of each author, beside id and name.
    of_authors: Vec<String>,
}

impl Fields {
    /// Reads names with commas between; id and title, if there are none. A name that no paper has is refused.
    fn read(text: Option<&str>) -> Result<Self, ApiError> {
        let mut fields = Self { names: vec!["paperId".to_owned()], of_authors: Vec::new() };
        let asked = text.unwrap_or("title").split(',').map(str::trim).filter(|name| !name.is_empty());
        let mut unknown = Vec::new();
        for name in asked {
            let (top, rest) = name.split_once('.').map_or((name, None), |(top, rest)| (top, Some(rest)));
            let is_known = FIELDS.contains(&top)
                && match (top, rest) {
                    (_, None) => true,
                    ("authors", Some(rest)) => AUTHOR_FIELDS.contains(&rest),
                    // Nothing is known of either, whatever is asked.
                    ("citations" | "references", Some(rest)) => FIELDS.contains(&rest),
                    ("embedding", Some(_)) => true,
                    _ => false,
                };
            if !is_known {
                unknown.push(name);
                continue;
            }
            if let ("authors", Some(rest)) = (top, rest) {
                fields.of_authors.push(rest.to_owned());
            }
            if !fields.names.iter().any(|known| known == top) {
                fields.names.push(top.to_owned());
            }
        }
        if unknown.is_empty() {
            return Ok(fields);
        }
        let message = format!("Unrecognized or unsupported fields: [{}]", unknown.join(", "));
        Err(ApiError::bad_request("invalid_parameter", message))
    }

    fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

/// The paper, reduced to `fields`.
fn paper_body(engine: &Engine, stored: StoredPaper, fields: &Fields) -> Result<Map<String, Value>, ApiError> {
    let styles = match fields.contains("citationStyles") {
        true => json!({ "bibtex": bibtex(&stored.paper)? }),
        false => Value::Null,
    };
    let embedding = match fields.contains("embedding") {
        true => embedding(engine, stored.row)?,
        false => Value::Null,
    };
    let Paper { id, title, abstract_text, authors, year, publication_date, venue, categories, .. } =
        stored.paper;
    let author = |name: String| {
        let mut author = Map::new();
        author.insert("authorId".to_owned(), Value::Null);
        author.insert("name".to_owned(), name.into());
        for field in &fields.of_authors {
            author.entry(field.as_str()).or_insert(Value::Null);
        }
        Value::Object(author)
    };
    let of_study = categories.iter().map(|category| json!({ "category": category, "source": "external" }));
    let of_study: Vec<Value> = of_study.collect();
    let whole = json!({
        "paperId": id,
        "corpusId": null,
        "externalIds": external_ids(&stored.paper.external_ids),
        "url": stored.paper.url,
        "title": title,
        "abstract": abstract_text,
        "venue": venue,
        "publicationVenue": null,
        "year": year,
        "referenceCount": null,
        "citationCount": null,
        "influentialCitationCount": null,
        "isOpenAccess": null,
        "openAccessPdf": null,
        "fieldsOfStudy": categories,
        "s2FieldsOfStudy": of_study,
        "publicationTypes": null,
        "publicationDate": publication_date,
        "journal": venue.map(|name| json!({ "name": name })),
        "citationStyles": styles,
        "authors": authors.into_iter().map(author).collect::<Vec<_>>(),
        "citations": null,
        "references": null,
        "embedding": embedding,
        "tldr": null,
    });
    let Value::Object(mut body) = whole else { return Err(ApiError::internal()) };
    body.retain(|name, _| fields.contains(name));
    Ok(body)
}

fn paper_bodies(
    engine: &Engine,
    papers: impl Iterator<Item = StoredPaper>,
    fields: &Fields,
) -> Result<Vec<Map<String, Value>>, ApiError> {
    papers.map(|paper| paper_body(engine, paper, fields)).collect()
}

/// Identifiers by the names and in the forms that this service has for them.
fn external_ids(ids: &BTreeMap<IdentifierKind, String>) -> Map<String, Value> {
    let named = ids.iter().map(|(kind, id)| match kind {
        IdentifierKind::Acl => ("ACL", id.as_str()),
        IdentifierKind::CorpusId => ("CorpusId", id.as_str()),
        IdentifierKind::OpenAlex => ("OpenAlex", id.as_str()),
        IdentifierKind::Arxiv => ("ArXiv", id.as_str()),
        IdentifierKind::Doi => ("DOI", id.as_str()),
        IdentifierKind::Pmid => ("PubMed", id.as_str()),
        IdentifierKind::Pmcid => ("PubMedCentral", id.strip_prefix("PMC").unwrap_or(id)),
    });
    named.map(|(name, id)| (name.to_owned(), id.into())).collect()
}

fn embedding(engine: &Engine, row: u32) -> Result<Value, ApiError> {
    let Some(vector) = engine.vector_of(row)? else { return Ok(Value::Null) };
    Ok(json!({ "model": engine.load_model()?.name, "vector": vector.as_slice() }))
}

/// The name under which an id is looked up: addresses come as `URL:https://…`.
fn key_of(id: &str) -> &str {
    match id.split_once(':') {
        Some((label, url)) if label.eq_ignore_ascii_case("url") => url,
        _ => id,
    }
}

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

fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    let message = || format!("`{name}`: expected a number, found {value:?}");
    value.parse().map_err(|_| ApiError::bad_request("invalid_parameter", message()))
}

/// Parameters of a search.
#[derive(Default)]
struct SearchParams {
    query: String,
    fields: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
    filter: Filter,
}

impl SearchParams {
    fn read(uri: &Uri) -> Result<Self, ApiError> {
        let mut params = Self::default();
        let mut is_in_query = false;
        for (name, value) in pairs(uri) {
            let was_in_query = std::mem::replace(&mut is_in_query, name == "query");
            let must = &mut params.filter.must;
            match name.as_str() {
                "query" => params.query = value,
                "fields" => params.fields = Some(value),
                "limit" => params.limit = Some(number("limit", &value)?),
                "offset" => params.offset = Some(number("offset", &value)?),
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
                    let names = value.split(',').map(|name| name.trim().to_owned()).collect();
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

/// A page of papers.
#[derive(Serialize)]
struct SearchBody {
    total: u64,
    offset: usize,
    /// Clients ask on for as long as it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
    data: Vec<Map<String, Value>>,
}

/// `GET /graph/v1/paper/search`
async fn search(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<SearchBody>, ApiError> {
    let SearchParams { query, fields, limit, offset, filter } = SearchParams::read(&uri)?;
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
            data: paper_bodies(&app.engine, papers, &fields)?,
        })
    });
    Ok(Json(body.await?))
}

/// The fields and other parameters of a request that takes `others` beside them.
fn fields_and<const N: usize>(
    uri: &Uri,
    others: [&str; N],
) -> Result<(Fields, [Option<String>; N]), ApiError> {
    let mut fields = None;
    let mut values = others.map(|_| None);
    for (name, value) in pairs(uri) {
        match others.iter().position(|other| *other == name) {
            Some(position) => values[position] = Some(value),
            None if name == "fields" => fields = Some(value),
            None => return Err(unknown_parameter(&name)),
        }
    }
    Ok((Fields::read(fields.as_deref())?, values))
}

/// `GET /graph/v1/paper/{id}`
async fn paper(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Map<String, Value>>, ApiError> {
    let id = id_after("/graph/v1/paper/", &uri)?;
    let (fields, []) = fields_and(&uri, [])?;
    off_thread(&app, move |app| Ok(Json(paper_body(&app.engine, first(&app.engine, key_of(&id))?, &fields)?)))
        .await
}

#[derive(Deserialize)]
struct BatchParams {
    ids: Vec<String>,
}

/// `POST /graph/v1/paper/batch`: null for what is not there.
async fn batch(
    State(app): State<Arc<App>>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Option<Map<String, Value>>>>, ApiError> {
    let (fields, []) = fields_and(&uri, [])?;
    let BatchParams { ids } = json_body(body)?;
    if !(1..=MAX_BATCH).contains(&ids.len()) {
        let message = format!("`ids`: expected 1 to {MAX_BATCH} ids, found {}", ids.len());
        return Err(ApiError::bad_request("invalid_parameter", message));
    }
    off_thread(&app, move |app| {
        let papers = ids.iter().map(|id| match first(&app.engine, key_of(id)) {
            Ok(paper) => paper_body(&app.engine, paper, &fields).map(Some),
            Err(error) if error.fault() == Fault::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        });
        Ok(Json(papers.collect::<Result<_, ApiError>>()?))
    })
    .await
}

/// Recommended papers.
#[derive(Serialize)]
struct RecommendationsBody {
    #[serde(rename = "recommendedPapers")]
    papers: Vec<Map<String, Value>>,
}

/// A page of so many papers.
fn limited(limit: Option<String>) -> Result<SearchOptions, ApiError> {
    let limit = limit.map_or(Ok(DEFAULT_LIMIT), |limit| number("limit", &limit))?;
    Ok(SearchOptions { page: Page::new(Some(limit), None, None)?, ..SearchOptions::default() })
}

/// `GET /recommendations/v1/papers/forpaper/{id}`: `from` names a pool of that service's, and is not heeded.
async fn recommend_for_paper(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<RecommendationsBody>, ApiError> {
    let id = id_after("/recommendations/v1/papers/forpaper/", &uri)?;
    let (fields, [limit, _from]) = fields_and(&uri, ["limit", "from"])?;
    let options = limited(limit)?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let id = first(&app.engine, key_of(&id))?.paper.id;
        let found = app.engine.similar(cancel, id.as_str(), &options)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(Json(RecommendationsBody { papers: paper_bodies(&app.engine, papers, &fields)? }))
    })
    .await
}

#[derive(Deserialize)]
struct ListsParams {
    #[serde(rename = "positivePaperIds")]
    positive: Vec<String>,
    #[serde(rename = "negativePaperIds")]
    negative: Option<Vec<String>>,
}

/// `POST /recommendations/v1/papers`
async fn recommend_from_lists(
    State(app): State<Arc<App>>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<RecommendationsBody>, ApiError> {
    let (fields, [limit]) = fields_and(&uri, ["limit"])?;
    let options = limited(limit)?;
    let ListsParams { positive, negative } = json_body(body)?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let seeds = |ids: Vec<String>| -> Result<Vec<Seed>, EngineError> {
            ids.iter().map(|id| Ok(Seed::Paper(first(&app.engine, key_of(id))?.paper.id.into()))).collect()
        };
        let request = RecommendRequest {
            positive: seeds(positive)?,
            negative: seeds(negative.unwrap_or_default())?,
            options,
            ..RecommendRequest::default()
        };
        let found = app.engine.recommend(cancel, &request)?;
        let papers = found.hits.into_iter().map(|hit| hit.paper);
        Ok(Json(RecommendationsBody { papers: paper_bodies(&app.engine, papers, &fields)? }))
    })
    .await
}
