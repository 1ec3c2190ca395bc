//! The Hugging Face hub's papers, for `huggingface_hub`: `hf papers`, `HfApi().list_papers` and its like.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use cognate_corpus::Paper;
use cognate_engine::{DayOrder, DayRequest, Page, Period, SearchOptions, SearchRequest, Span, StoredPaper};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use cognate_wire::ErrorBody;

use super::{first, id_after};
use crate::error::ApiError;
use crate::routes::{App, decoded_id, off_thread, off_thread_while_wanted};

/// Papers of a list when the request does not say.
const DEFAULT_LIMIT: usize = 50;

/// `/papers/{id}.md` is reached through the page's `/papers/{id}`; see [`read`].
pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(search)).routes(routes!(info)).routes(routes!(daily))
}

/// A paper as the hub gives it.
#[derive(Serialize, ToSchema)]
#[schema(as = HubPaper)]
struct PaperBody {
    id: String,
    title: String,
    summary: String,
    #[serde(rename = "publishedAt")]
    published_at: String,
    authors: Vec<AuthorBody>,
    upvotes: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HubAuthor)]
struct AuthorBody {
    name: String,
    hidden: bool,
}

/// A paper in a list: clients read some fields from within, some from here.
#[derive(Serialize, ToSchema)]
#[schema(as = HubItem)]
struct ItemBody {
    paper: PaperBody,
    #[serde(rename = "publishedAt")]
    appeared_at: String,
    title: String,
    summary: String,
    #[serde(rename = "numComments")]
    n_comments: u64,
}

/// A paper by itself.
#[derive(Serialize, ToSchema)]
#[schema(as = HubInfo)]
struct InfoBody {
    #[serde(flatten)]
    paper: PaperBody,
    #[serde(rename = "submittedOnDailyAt")]
    appeared_at: String,
    #[serde(rename = "numComments")]
    n_comments: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl From<StoredPaper> for PaperBody {
    /// Clients take neither a missing list nor a date without `Z`.
    fn from(stored: StoredPaper) -> Self {
        let Paper { id, title, abstract_text, authors, year, publication_date, upvotes, .. } = stored.paper;
        let published = match (publication_date, year) {
            (Some(date), _) => Some(date.to_string()),
            (None, Some(year)) => Some(format!("{year:04}-01-01")),
            (None, None) => None,
        };
        Self {
            id: id.into(),
            title: title.unwrap_or_default(),
            summary: abstract_text.unwrap_or_default(),
            published_at: published
                .map_or_else(|| stored.first_indexed, |date| format!("{date}T00:00:00.000Z")),
            authors: authors.into_iter().map(|name| AuthorBody { name, hidden: false }).collect(),
            upvotes: upvotes.unwrap_or(0),
        }
    }
}

/// When a paper was among those of a day: on the day of its publication, or else when it came here.
fn listed_at(stored: &StoredPaper) -> String {
    let day = stored.paper.publication_date;
    day.map_or_else(|| stored.first_indexed.clone(), |date| format!("{date}T00:00:00.000Z"))
}

impl From<StoredPaper> for ItemBody {
    fn from(stored: StoredPaper) -> Self {
        let appeared_at = listed_at(&stored);
        let paper = PaperBody::from(stored);
        let (title, summary) = (paper.title.clone(), paper.summary.clone());
        Self { paper, appeared_at, title, summary, n_comments: 0 }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct SearchParams {
    q: Option<String>,
    limit: Option<usize>,
}

/// Search; without a query, the latest papers.
#[utoipa::path(get, path = "/api/papers/search", params(SearchParams), responses((status = 200, body = Vec<ItemBody>)))]
async fn search(
    State(app): State<Arc<App>>,
    params: Result<Query<SearchParams>, QueryRejection>,
) -> Result<Json<Vec<ItemBody>>, ApiError> {
    let Query(SearchParams { q, limit }) = params?;
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    let Some(query) = q else {
        return papers_of(&app, DayRequest::new(None, DayOrder::New, limit, 0)?).await;
    };
    let options = SearchOptions { page: Page::new(Some(limit), None, None)?, ..SearchOptions::default() };
    let request = SearchRequest::new(query, options)?;
    let found =
        off_thread_while_wanted(&app, move |app, cancel| Ok(app.engine.search_unless(cancel, &request)?));
    Ok(Json(found.await?.hits.into_iter().map(|hit| ItemBody::from(hit.paper)).collect()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DailyParams {
    date: Option<String>,
    week: Option<String>,
    month: Option<String>,
    submitter: Option<String>,
    sort: Option<String>,
    p: Option<usize>,
    limit: Option<usize>,
}

impl DailyParams {
    fn to_request(&self) -> Result<DayRequest, ApiError> {
        let spans = [
            ("date", &self.date, Span::Day),
            ("week", &self.week, Span::Week),
            ("month", &self.month, Span::Month),
        ];
        let mut given =
            spans.iter().filter_map(|(name, text, span)| text.as_ref().map(|text| (name, text, span)));
        let period = match (given.next(), given.next()) {
            (None, _) => None,
            (Some((name, text, span)), None) => {
                let period = text.parse().ok().filter(|period: &Period| period.span() == *span);
                let Some(period) = period else {
                    let message = format!("`{name}`: expected a {name}, found {text:?}");
                    return Err(ApiError::bad_request("invalid_parameter", message));
                };
                Some(period)
            }
            (Some(_), Some(_)) => {
                let message = "expected one of `date`, `week` and `month`, found several";
                return Err(ApiError::bad_request("invalid_parameter", message));
            }
        };
        let order = match self.sort.as_deref() {
            None | Some("publishedAt") => DayOrder::New,
            Some("trending") => DayOrder::Trending,
            Some(other) => {
                let message = format!("`sort`: expected `publishedAt` or `trending`, found {other:?}");
                return Err(ApiError::bad_request("invalid_parameter", message));
            }
        };
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        Ok(DayRequest::new(period, order, limit, self.p.unwrap_or(0).saturating_mul(limit))?)
    }
}

/// Papers of a day, a week or a month; without any, those of the latest day that has papers.
#[utoipa::path(get, path = "/api/daily_papers", params(DailyParams), responses((status = 200, body = Vec<ItemBody>)))]
async fn daily(
    State(app): State<Arc<App>>,
    params: Result<Query<DailyParams>, QueryRejection>,
) -> Result<Json<Vec<ItemBody>>, ApiError> {
    let Query(params) = params?;
    let request = params.to_request()?;
    // Nobody submits papers here.
    if params.submitter.is_some() {
        return Ok(Json(Vec::new()));
    }
    papers_of(&app, request).await
}

async fn papers_of(app: &Arc<App>, request: DayRequest) -> Result<Json<Vec<ItemBody>>, ApiError> {
    let day = off_thread(app, move |app| Ok(app.engine.day(&request)?)).await?;
    Ok(Json(day.papers.into_iter().map(ItemBody::from).collect()))
}

/// A paper.
#[utoipa::path(get, path = "/api/papers/{*id}", params(("id" = String, Path, description = "The paper's id.")), responses((status = 200, body = InfoBody), (status = 404, body = ErrorBody)))]
async fn info(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<InfoBody>, ApiError> {
    let id = id_after("/api/papers/", &uri)?;
    let stored = off_thread(&app, move |app| Ok(first(&app.engine, &id)?)).await?;
    let (appeared_at, source) = (listed_at(&stored), stored.paper.source.clone());
    Ok(Json(InfoBody { paper: PaperBody::from(stored), appeared_at, n_comments: 0, source }))
}

/// `GET /papers/{id}.md`: the paper as Markdown. `path` is the id as it stands in the path.
pub(crate) async fn read(app: &Arc<App>, path: &str) -> Result<Response, ApiError> {
    let id = decoded_id(path)?;
    let stored = off_thread(app, move |app| Ok(first(&app.engine, &id)?)).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], markdown(&stored.paper)).into_response())
}

fn markdown(paper: &Paper) -> String {
    let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = paper.title.as_deref().map_or_else(|| paper.id.to_string(), folded);
    let mut details: Vec<(&str, String)> = Vec::new();
    if !paper.authors.is_empty() {
        details.push(("Authors", paper.authors.join(", ")));
    }
    let published = paper.publication_date.map(|date| date.to_string());
    if let Some(published) = published.or(paper.year.map(|year| year.to_string())) {
        details.push(("Published", published));
    }
    if let Some(venue) = &paper.venue {
        details.push(("Venue", folded(venue)));
    }
    if !paper.categories.is_empty() {
        details.push(("Categories", paper.categories.join(", ")));
    }
    let identifiers = paper.external_ids.iter().map(|(kind, id)| format!("{}:{id}", kind.name()));
    let identifiers: Vec<String> = identifiers.collect();
    if !identifiers.is_empty() {
        details.push(("Identifiers", identifiers.join(", ")));
    }
    if let Some(url) = &paper.url {
        details.push(("URL", format!("<{url}>")));
    }
    let mut text = format!("# {title}\n");
    for (name, value) in details {
        text.push_str(&format!("\n**{name}:** {value}  "));
    }
    if let Some(abstract_text) = &paper.abstract_text {
        text.push_str(&format!("\n\n## Abstract\n\n{}\n", abstract_text.trim()));
    } else {
        text.push('\n');
    }
    text
}
