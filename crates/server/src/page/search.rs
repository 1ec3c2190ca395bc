//! Search: a form, and the hits for what is in it.
//!
//! `part=list` gives the list alone, for search as you type. What takes longer comes after it: `part=facets` gives what is
//! counted over all papers, `part=why` the reasons for some of the hits, for which the model reads many sentences.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use cognate_engine::{Cancel, Correction, Engine, EngineError, Facet, SearchResponse};
use serde::Deserialize;

use super::actions::Actions;
use super::address::Address;
use super::filters::{self, Facets};
use super::item::{Item, Link};
use super::lists::{self, PapersOf};
use super::map;
use super::{Frame, PageError, WaitingPage, page};
use crate::error::{ApiError, NOT_READY};
use crate::routes::{App, off_thread_while_wanted};
use cognate_wire::{NOTHING_FITS, OneOrMany, ReadingBody, SearchParams, SimilarParams};

/// Hits on a page.
const LIMIT: usize = 20;
/// The names by which the parts of the page are asked for.
const PARTS: [&str; 3] = ["list", "facets", "why"];

/// The state of the page, as its address has it. Blank is absent: so browsers send empty fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    pub(super) q: String,
    /// A paper that hits are to be like, instead of a query.
    pub(super) like: String,
    pub(super) mode: String,
    pub(super) sort: String,
    /// Years and ranges of years, with commas between.
    pub(super) year: String,
    /// Categories likewise.
    pub(super) categories: String,
    pub(super) author: String,
    /// Venues likewise; one that has a comma in its name stands in quotes.
    pub(super) venue: String,
    /// A list, whose papers alone may be hits.
    pub(super) list: String,
    /// A tag: of the list's papers, those that have it.
    pub(super) tag: String,
    /// A part of the map, as corners of a polygon: its papers alone may be hits.
    pub(super) region: String,
    /// The papers of the list.
    #[serde(skip)]
    pub(super) among: Option<Arc<PapersOf>>,
    pub(super) offset: Option<usize>,
    pub(super) limit: Option<usize>,
    /// The number of a hit whose reasons are shown.
    pub(super) why: String,
    pub(super) part: String,
}

impl Params {
    /// Looks up the papers of the list, for an owner of lists, and whether there is a map that the region is a part of.
    pub(super) fn resolve(&mut self, engine: &Arc<Engine>, owner: &str) -> Result<(), ApiError> {
        let list = self.list.trim();
        if !list.is_empty() {
            self.among = Some(Arc::new(lists::papers_of(engine, (owner, list), self.tag.trim())?));
        }
        if !self.region.trim().is_empty() && engine.map_at_hand()?.is_none() {
            return Err(EngineError::NoMap.into());
        }
        Ok(())
    }

    /// The fields that the form has no field for people for.
    fn kept(&self) -> [(&'static str, &String); 4] {
        [("like", &self.like), ("list", &self.list), ("tag", &self.tag), ("region", &self.region)]
    }

    /// The fields that say which papers may be hits.
    fn filters(&self) -> [(&'static str, &String); 7] {
        [
            ("year", &self.year),
            ("categories", &self.categories),
            ("author", &self.author),
            ("venue", &self.venue),
            ("list", &self.list),
            ("tag", &self.tag),
            ("region", &self.region),
        ]
    }

    /// Whether some papers are left out.
    fn narrows(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.trim().is_empty())
    }

    /// The address of this state from its first hit on, with another value for one field.
    pub(super) fn address_with(&self, path: &'static str, (name, value): (&str, &str)) -> Address {
        let fields = [("q", &self.q), ("like", &self.like), ("mode", &self.mode), ("sort", &self.sort)];
        fields.into_iter().chain(self.filters()).fold(Address::new(path), |address, (field, own)| {
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

    /// The place in the ranking of the hit whose reasons are asked for.
    fn explained(&self) -> Result<Option<usize>, ApiError> {
        let why = self.why.trim();
        if why.is_empty() {
            return Ok(None);
        }
        let wrong = || format!("`why`: expected the number of a hit, found {why:?}");
        why.parse().map(Some).map_err(|_| ApiError::bad_request("invalid_parameter", wrong()))
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
            limit: Some(self.limit.unwrap_or(LIMIT).min(LIMIT)),
            offset: self.offset,
            explain: self.part == "why",
            facets: matches!(&*self.part, "" | "facets")
                .then(|| OneOrMany::Commas("year,categories,venue".to_owned())),
            ..SearchParams::default()
        }
        .among(filters::conditions(self, None))
    }
}

/// `GET /search`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    if !params.part.is_empty() && !PARTS.contains(&params.part.as_str()) {
        let message = format!("`part`: expected one of {}, found {:?}", PARTS.join(", "), params.part);
        return Err(ApiError::bad_request("invalid_parameter", message).into());
    }
    let (mut asked, owner) = (params.clone(), lists::owner());
    let found = off_thread_while_wanted(&app, move |app, cancel| {
        asked.resolve(&app.engine, &owner)?;
        find(app, cancel, &asked)
    })
    .await;
    let (status, mut list) = match found {
        Ok(list) => (StatusCode::OK, list),
        // What is wrong with the form is said where its answer would be.
        Err(error) if error.status() == StatusCode::BAD_REQUEST => {
            (error.status(), List { problem: Some(error.message().to_owned()), ..List::default() })
        }
        Err(error) if error.code() == NOT_READY && params.part.is_empty() => {
            let frame = Frame { query: params.q.clone(), ..Frame::new("Search", "search") };
            return Ok(WaitingPage::new(frame, map::IS_DRAWN).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(actions) = &mut list.actions {
        actions.save_to = Frame::new("", "").form_action("/saved");
    }
    Ok(match params.part.as_str() {
        "why" => page(status, &WhyPart { items: list.items }),
        "list" => page(status, &ListPart { list }),
        "facets" => page(status, &FacetsPart { list }),
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
    /// The query that was answered, where words of it are in no paper, and these words.
    corrected: Option<(String, Vec<String>)>,
    /// How the query was read, where it was not read as it stands.
    notes: Vec<String>,
    /// Filters that are on, each a link to the state without it.
    active: Vec<Link>,
    items: Vec<Item>,
    first: usize,
    facets: Facets,
    previous: Option<String>,
    next: Option<String>,
    /// What to do with the papers that were found.
    actions: Option<Actions>,
}

fn find(app: &App, cancel: &Cancel, params: &Params) -> Result<List, ApiError> {
    let search = params.to_search();
    let mut like = None;
    let mut response = if search.q.is_none() && !params.like.trim().is_empty() {
        let paper = app.engine.paper(params.like.trim())?.paper;
        let title = paper.title.unwrap_or_else(|| paper.id.to_string());
        like = Some(Link { href: super::address::paper(paper.id.as_str()), text: title });
        app.engine.similar(cancel, params.like.trim(), &to_similar(&search).to_options()?)?
    } else if search.q.is_none() && !params.narrows() {
        return Ok(List::default());
    } else {
        app.engine.search_unless(cancel, &search.to_request()?)?
    };
    if let Some(place) = params.explained()? {
        explain(app, cancel, (params, &search, like.is_some()), (&mut response, place))?;
    }
    let mut facets = Vec::new();
    if search.facets.is_some() {
        facets = facets_beside(app, cancel, (params, &search, like.is_some()))?;
    }
    Ok(list_of(params, like, response, facets))
}

/// Says of one hit, by its place in the ranking, why it is one: for a page of them the model would read hundreds of sentences.
fn explain(
    app: &App,
    cancel: &Cancel,
    (params, search, is_like): (&Params, &SearchParams, bool),
    (response, place): (&mut SearchResponse, usize),
) -> Result<(), ApiError> {
    let Some(hit) = place.checked_sub(response.offset + 1).and_then(|at| response.hits.get_mut(at)) else {
        return Ok(());
    };
    let search = SearchParams {
        limit: Some(1),
        offset: Some(place - 1),
        explain: true,
        facets: None,
        ..search.clone()
    };
    let one = if is_like {
        app.engine.similar(cancel, params.like.trim(), &to_similar(&search).to_options()?)?
    } else {
        app.engine.search_unless(cancel, &search.to_request()?)?
    };
    // Unless papers came between the two.
    if let Some(same) = one.hits.into_iter().find(|same| same.paper.row == hit.paper.row) {
        *hit = same;
    }
    Ok(())
}

/// The same search for papers near a paper.
fn to_similar(search: &SearchParams) -> SimilarParams {
    let SearchParams {
        explain, limit, offset, sort, year, categories, author, venue, filter, facets, ..
    } = search.clone();
    SimilarParams {
        explain,
        limit,
        offset,
        sort,
        year,
        categories,
        author,
        venue,
        filter,
        facets,
        ..SimilarParams::default()
    }
}

/// The papers by each field of which values are chosen, as if none was: else the others could not be chosen too.
fn facets_beside(
    app: &App,
    cancel: &Cancel,
    (params, search, is_like): (&Params, &SearchParams, bool),
) -> Result<Vec<Facet>, EngineError> {
    let searches = filters::chosen(params).into_iter().map(|field| {
        SearchParams {
            limit: Some(1),
            offset: None,
            explain: false,
            sort: None,
            facets: Some(OneOrMany::Commas(field.to_string())),
            ..search.clone()
        }
        .among(filters::conditions(params, Some(field)))
    });
    let searches: Vec<SearchParams> = searches.collect();
    let responses = if is_like {
        let like = params.like.trim();
        let similar = |search| app.engine.similar(cancel, like, &to_similar(search).to_options()?);
        searches.iter().map(similar).collect::<Result<Vec<_>, EngineError>>()?
    } else {
        let requests = searches.iter().map(SearchParams::to_request);
        app.engine.search_many(cancel, &requests.collect::<Result<Vec<_>, _>>()?)?
    };
    Ok(responses.into_iter().flat_map(|response| response.facets).collect())
}

/// What the page says of an answer; `beside` are facets that go before those of the answer.
fn list_of(params: &Params, like: Option<Link>, response: SearchResponse, beside: Vec<Facet>) -> List {
    let n_hits = response.hits.len();
    let SearchResponse { total, total_relevant, offset, hits, facets, mut meta, .. } = response;
    let page_at = |offset: usize| params.address().with("offset", offset.to_string()).into_text();
    let mut items: Vec<Item> = hits.into_iter().map(Item::of_hit).collect();
    for (place, item) in items.iter_mut().enumerate() {
        item.why_is_open = !params.why.is_empty();
        if item.why.is_some() {
            continue;
        }
        let number = (offset + place + 1).to_string();
        let here = params.address().with("offset", offset.to_string()).with("why", &number).into_text();
        item.why_href = Some(format!("{here}#hit-{number}"));
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
            // Everything is near to some degree: how much of it answers the question is what people want to know.
            let fit = total_relevant.filter(|relevant| *relevant < total);
            let fit = fit.map(|relevant| {
                format!(
                    " ({} well)",
                    match relevant {
                        0 => "none fits".to_owned(),
                        1 => "1 fits".to_owned(),
                        n => format!("{} fit", thousands(n)),
                    }
                )
            });
            let fit = fit.unwrap_or_default();
            format!(
                "{} to {} of {}{fit}, {how}, in {took:.0} ms",
                offset + 1,
                offset + n,
                counted(total, "paper")
            )
        }
    };
    let corrected = corrected(params.query(), &std::mem::take(&mut meta.reading.corrections));
    let mut notes = ReadingBody::of(meta.reading).map_or_else(Vec::new, |reading| reading.sentences());
    if is_like_left_out {
        notes.push(
            "The words were searched for; these papers need not be like the one that was chosen.".to_owned(),
        );
    }
    if n_hits > 0 && meta.evidence.is_some_and(|evidence| !evidence.fits_well()) {
        notes.push(NOTHING_FITS.to_owned());
    }
    let facets: Vec<Facet> = beside.into_iter().chain(facets).collect();
    List {
        problem: None,
        status: Some(status),
        corrected,
        notes,
        active: filters::chips(params),
        items,
        first: offset + 1,
        facets: Facets::new(params, &facets),
        actions: (n_hits > 0).then(|| Actions::new(params, like.is_some())),
        like,
        previous: (offset > 0).then(|| page_at(offset.saturating_sub(LIMIT))),
        next: (n_hits == LIMIT && ((offset + n_hits) as u64) < total).then(|| page_at(offset + LIMIT)),
    }
}

/// The query that was answered in place of one with words that are in no paper, and these words.
fn corrected(query: &str, corrections: &[Correction]) -> Option<(String, Vec<String>)> {
    if corrections.is_empty() {
        return None;
    }
    let words = query.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let found =
            corrections.iter().find(|correction| correction.from.to_lowercase() == bare.to_lowercase());
        found.map_or_else(|| word.to_owned(), |correction| word.replacen(bare, &correction.to, 1))
    });
    Some((words.collect(), corrections.iter().map(|correction| correction.from.clone()).collect()))
}

/// `1,234 papers`
pub(super) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// `1,234`
pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
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
#[template(path = "search_facets.html", whitespace = "minimize")]
struct FacetsPart {
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
        let corrections = [("fotons", "photons"), ("blak", "black")];
        let corrections =
            corrections.map(|(from, to)| Correction { from: from.to_owned(), to: to.to_owned() });
        let (query, missing) = corrected("Fotons near (blak) holes", &corrections).unwrap();
        assert_eq!((query.as_str(), missing.len()), ("photons near (black) holes", 2));
        assert_eq!(corrected("holes", &[]), None);
        let again = params.address_with("/search", ("venue", "Ice Letters")).into_text();
        assert!(again.ends_with("&venue=Ice+Letters"), "{again}");
    }
}
