//! Search: a form, and the hits for what is in it.
//!
//! `part=list` gives the list alone, for search as you type; `part=why` gives the reasons for some of its
//! hits, which take the model many sentences each and so come after the list.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cognate_engine::{Cancel, Facet, FacetField, SearchResponse};
use serde::Deserialize;

use super::address::Address;
use super::item::{Item, Link};
use super::{Frame, PageError, page};
use crate::error::ApiError;
use crate::routes::{App, off_thread_while_wanted};
use cognate_wire::{NOTHING_FITS, OneOrMany, ReadingBody, SearchParams, SimilarParams, filter_text};

/// Hits on a page.
const LIMIT: usize = 20;
/// Values of a facet that are shown.
const MAX_VALUES: usize = 10;
/// The names by which the parts of the page are asked for.
const PARTS: [&str; 2] = ["list", "why"];

/// The state of the page, as its address has it. Blank is absent: so browsers send empty fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    q: String,
    /// A paper that hits are to be like, instead of a query.
    like: String,
    mode: String,
    sort: String,
    year: String,
    categories: String,
    author: String,
    venue: String,
    offset: Option<usize>,
    limit: Option<usize>,
    why: String,
    part: String,
}

impl Params {
    /// The fields that say which papers may be hits.
    fn filters(&self) -> [(&'static str, &'static str, &String); 4] {
        [
            ("year", "Year", &self.year),
            ("categories", "Category", &self.categories),
            ("author", "Author", &self.author),
            ("venue", "Venue", &self.venue),
        ]
    }

    /// Whether some papers are left out.
    fn narrows(&self) -> bool {
        self.filters().iter().any(|(_, _, value)| !value.trim().is_empty())
    }

    /// The address of this state from its first hit on, with another value for one field.
    fn address_with(&self, path: &'static str, (name, value): (&str, &str)) -> Address {
        let fields = [("q", &self.q), ("like", &self.like), ("mode", &self.mode), ("sort", &self.sort)];
        let filters = self.filters().map(|(name, _, value)| (name, value));
        fields.into_iter().chain(filters).fold(Address::new(path), |address, (field, own)| {
            address.with(field, if field == name { value } else { own })
        })
    }

    pub(super) fn address(&self) -> Address {
        self.address_at("/search")
    }

    /// The same state for another page.
    pub(super) fn address_at(&self, path: &'static str) -> Address {
        self.address_with(path, ("", ""))
    }

    pub(super) fn query(&self) -> &str {
        self.q.trim()
    }

    /// The search for the first `limit` hits of this state; `None` if nothing is asked.
    pub(super) fn to_hits(&self, limit: usize) -> Option<SearchParams> {
        let search = self.to_search();
        search.q.as_ref()?;
        Some(SearchParams { limit: Some(limit), offset: None, facets: None, explain: false, ..search })
    }

    fn to_search(&self) -> SearchParams {
        let given = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        SearchParams {
            q: given(&self.q),
            mode: given(&self.mode),
            sort: given(&self.sort),
            year: given(&self.year),
            categories: given(&self.categories).map(OneOrMany::Commas),
            author: given(&self.author),
            venue: given(&self.venue),
            limit: Some(self.limit.unwrap_or(LIMIT).min(LIMIT)),
            offset: self.offset,
            explain: !self.why.is_empty() || self.part == "why",
            facets: (self.part != "why").then(|| OneOrMany::Commas("year,categories,venue".to_owned())),
            ..SearchParams::default()
        }
    }
}

/// `GET /search`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    if !params.part.is_empty() && !PARTS.contains(&params.part.as_str()) {
        let message = format!("`part`: expected {}, found {:?}", PARTS.join(" or "), params.part);
        return Err(ApiError::bad_request("invalid_parameter", message).into());
    }
    let asked = params.clone();
    let found = off_thread_while_wanted(&app, move |app, cancel| find(app, cancel, &asked)).await;
    let (status, list) = match found {
        Ok(list) => (StatusCode::OK, list),
        // What is wrong with the form is said where its answer would be.
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            (error.status(), List { problem: Some(error.message().to_owned()), ..List::default() })
        }
        Err(error) => return Err(error.into()),
    };
    Ok(match params.part.as_str() {
        "why" => page(status, &WhyPart { items: list.items }),
        "list" => page(status, &ListPart { list }),
        _ => {
            let title = match (&list.like, params.q.trim()) {
                (Some(paper), _) => format!("Like “{}”", paper.text),
                (None, "") => "Search".to_owned(),
                (None, query) => query.to_owned(),
            };
            let frame = Frame { query: params.q.clone(), ..Frame::new(title, "search") };
            page(status, &SearchPage { frame, params, list })
        }
    })
}

/// The hits for a state of the page.
#[derive(Default)]
struct List {
    /// What is wrong with what was asked.
    problem: Option<String>,
    /// The paper that the hits are like.
    like: Option<Link>,
    /// What was found, in words; `None` if nothing was asked.
    status: Option<String>,
    /// How the query was read, where it was not read as it stands.
    notes: Vec<String>,
    /// Filters that are on, each a link to the state without it.
    active: Vec<Link>,
    items: Vec<Item>,
    first: usize,
    facets: Vec<FacetView>,
    previous: Option<String>,
    next: Option<String>,
    /// The hits on the map.
    map: Option<String>,
}

/// A facet of the page.
struct FacetView {
    name: &'static str,
    values: Vec<FacetValue>,
}

/// A value of a facet.
struct FacetValue {
    link: Link,
    n_papers: u64,
    is_active: bool,
}

fn find(app: &App, cancel: &Cancel, params: &Params) -> Result<List, ApiError> {
    let search = params.to_search();
    let mut like = None;
    let response = if search.q.is_none() && !params.like.trim().is_empty() {
        let paper = app.engine.paper(params.like.trim())?.paper;
        let title = paper.title.unwrap_or_else(|| paper.id.to_string());
        like = Some(Link { href: super::address::paper(paper.id.as_str()), text: title });
        let similar = SimilarParams {
            explain: search.explain,
            limit: search.limit,
            offset: search.offset,
            sort: search.sort,
            year: search.year,
            categories: search.categories,
            author: search.author,
            venue: search.venue,
            facets: search.facets,
            ..SimilarParams::default()
        };
        app.engine.similar(cancel, params.like.trim(), &similar.to_options()?)?
    } else if search.q.is_none() && !params.narrows() {
        return Ok(List::default());
    } else {
        app.engine.search_unless(cancel, &search.to_request()?)?
    };
    Ok(list_of(params, like, response))
}

fn list_of(params: &Params, like: Option<Link>, response: SearchResponse) -> List {
    let n_hits = response.hits.len();
    let SearchResponse { total, offset, hits, facets, meta, .. } = response;
    let page_at = |offset: usize| params.address().with("offset", offset.to_string()).into_text();
    let active = params.filters().into_iter().filter(|(_, _, value)| !value.trim().is_empty());
    let mut items: Vec<Item> = hits.into_iter().map(Item::of_hit).collect();
    for (place, item) in items.iter_mut().enumerate() {
        item.why_is_open = !params.why.is_empty();
        if item.why.is_some() {
            continue;
        }
        let here = params.address().with("offset", offset.to_string()).with("why", "1").into_text();
        item.why_href = Some(format!("{here}#hit-{}", offset + place + 1));
    }
    let is_like_left_out = like.is_none() && !params.like.trim().is_empty();
    let how = match (&like, params.mode.as_str()) {
        (None, _) if params.query().is_empty() => "newest first",
        (Some(_), _) | (None, "semantic") => "by meaning",
        (None, "keyword") => "by words",
        (None, _) => "by meaning and words",
    };
    let status = match n_hits {
        0 if offset > 0 => "Nothing more.".to_owned(),
        0 => "No paper fits. Take a filter away, or ask in other words.".to_owned(),
        n => {
            let took = meta.took.as_secs_f64() * 1e3;
            format!("{} to {} of {}, {how}, in {took:.0} ms", offset + 1, offset + n, counted(total, "paper"))
        }
    };
    let like_is_none = like.is_none();
    let mut notes = ReadingBody::of(meta.reading).map_or_else(Vec::new, |reading| reading.sentences());
    if is_like_left_out {
        notes.push(
            "The words were searched for; these papers need not be like the one that was chosen.".to_owned(),
        );
    }
    if n_hits > 0 && meta.evidence.is_some_and(|evidence| !evidence.fits_well()) {
        notes.push(NOTHING_FITS.to_owned());
    }
    List {
        problem: None,
        like,
        status: Some(status),
        notes,
        active: active
            .map(|(name, label, value)| Link {
                href: params.address_with("/search", (name, "")).into_text(),
                text: format!("{label}: {value}"),
            })
            .collect(),
        items,
        first: offset + 1,
        facets: facets.into_iter().filter_map(|facet| facet_view(params, facet)).collect(),
        map: (n_hits > 0 && like_is_none).then(|| params.address_at("/map").into_text()),
        previous: (offset > 0).then(|| page_at(offset.saturating_sub(LIMIT))),
        next: (n_hits == LIMIT && ((offset + n_hits) as u64) < total).then(|| page_at(offset + LIMIT)),
    }
}

fn facet_view(params: &Params, facet: Facet) -> Option<FacetView> {
    let (name, field, own) = match facet.field {
        FacetField::Year => ("Year", "year", &params.year),
        FacetField::Categories => ("Category", "categories", &params.categories),
        FacetField::Venue => ("Venue", "venue", &params.venue),
    };
    let mut counts = facet.counts;
    counts.truncate(MAX_VALUES);
    if facet.field == FacetField::Year {
        counts.sort_by(|a, b| b.value.cmp(&a.value));
    }
    let values: Vec<FacetValue> = counts
        .into_iter()
        .map(|count| {
            let value = filter_text(field, &count.value);
            let is_active = value == *own;
            let value = if is_active { "" } else { value.as_ref() };
            let href = params.address_with("/search", (field, value)).into_text();
            FacetValue { n_papers: count.n_papers, is_active, link: Link { href, text: count.value } }
        })
        .collect();
    (!values.is_empty()).then_some(FacetView { name, values })
}

/// `1,234 papers`
pub(super) fn counted(n: u64, what: &str) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} {what}{}", if n == 1 { "" } else { "s" })
}

#[derive(Template)]
#[template(path = "search.html", whitespace = "minimize")]
struct SearchPage {
    frame: Frame,
    params: Params,
    list: List,
}

#[derive(Template)]
#[template(path = "search_part.html", whitespace = "minimize")]
struct ListPart {
    list: List,
}

#[derive(Template)]
#[template(path = "search_why.html", whitespace = "minimize")]
struct WhyPart {
    items: Vec<Item>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_in_thousands() {
        let check = |n, expected: &str| assert_eq!(counted(n, "paper"), expected);
        check(0, "0 papers");
        check(1, "1 paper");
        check(999, "999 papers");
        check(1_000, "1,000 papers");
        check(1_234_567, "1,234,567 papers");
    }

    #[test]
    fn every_state_has_an_address() {
        let params = Params {
            q: "ice & snow".to_owned(),
            year: "2020-".to_owned(),
            categories: "a,b".to_owned(),
            offset: Some(20),
            ..Params::default()
        };
        assert_eq!(params.address().into_text(), "/search?q=ice+%26+snow&year=2020-&categories=a%2Cb");
        assert_eq!(
            params.address_with("/search", ("year", "")).into_text(),
            "/search?q=ice+%26+snow&categories=a%2Cb"
        );
        let again = params.address_with("/search", ("venue", "Ice Letters")).into_text();
        assert!(again.ends_with("&venue=Ice+Letters"), "{again}");
    }
}
