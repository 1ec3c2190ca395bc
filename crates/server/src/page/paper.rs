//! The page of a paper.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cognate_corpus::export::ExportFormat;
use cognate_corpus::{IdentifierKind, Paper, PaperId};
use cognate_engine::{
    Cancel, DroppedPaper, Engine, EngineError, Judging, KeptList, Page, SearchOptions, StoredPaper, Verdict,
    Versions,
};

use serde_json::Value;

use super::address::{self, Address};
use super::compare::{Row, compare};
use super::graph::Graph;
use super::item::{Item, Link};
use super::lists;
use super::search::thousands;
use super::{Frame, PageError, page};
use crate::answer::citation;
use crate::compat::hugging_face;
use crate::error::ApiError;
use crate::routes::{App, decoded_id, off_thread, off_thread_while_wanted};

/// Similar papers that are shown.
const N_SIMILAR: usize = 10;
/// Records dropped for a paper that are named.
const MAX_DROPPED: usize = 50;
/// Authors that are named at once; the others are shown on demand.
const MAX_AUTHORS: usize = 12;

/// `GET /papers/{id}`: the id as for `GET /v1/papers/{id}`. With `.md` after it, it is Markdown for the clients of
/// the Hugging Face hub.
pub(super) async fn show(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, PageError> {
    let path = uri.path().strip_prefix("/papers/").unwrap_or_default();
    let key = decoded_id(path)?;
    let papers = {
        let key = key.clone();
        off_thread(&app, move |app| match app.engine.papers(&key) {
            Err(EngineError::PaperDropped { id, .. }) => Ok(Found::of_dropped(&app.engine, &id)?),
            found => Ok(Found::Papers(found?)),
        })
        .await
    };
    // An id may end so itself.
    if let (Err(_), Some(path)) = (&papers, path.strip_suffix(".md")) {
        return Ok(hugging_face::read(&app, path).await.into_response());
    }
    let papers = match papers? {
        Found::Papers(papers) => papers,
        Found::Dropped(dropped) => {
            let title = dropped.title.clone().unwrap_or_else(|| dropped.id.clone());
            let kept_href = address::paper(&dropped.kept);
            let page_ = DroppedPage { frame: Frame::new(title, ""), dropped: *dropped, kept_href };
            return Ok(page(StatusCode::NOT_FOUND, &page_));
        }
    };
    let [paper] = papers.as_slice() else {
        let items = papers.into_iter().map(|stored| Item::new(stored.paper)).collect();
        let frame = Frame::new(format!("Papers with {key}"), "");
        return Ok(page(StatusCode::MULTIPLE_CHOICES, &ManyPage { frame, key, items }));
    };
    let stored = paper.clone();
    let owner = lists::owner();
    let near = off_thread_while_wanted(&app, move |app, cancel| {
        // Where papers lie with another engine there are no lists.
        let lists = if app.engine.is_here() { app.engine.lists(&owner)? } else { Vec::new() };
        Ok((Near::of(&app.engine, cancel, &stored)?, lists))
    });
    let (near, lists) = near.await?;
    let details = Details::of(paper)?;
    let item = Item::new(paper.paper.clone());
    let has_lists = app.engine.is_here();
    let frame = Frame::new(&item.title, "");
    Ok(page(StatusCode::OK, &PaperPage { frame, item, details, near, lists, has_lists }))
}

/// What is meant by an id.
enum Found {
    Papers(Vec<StoredPaper>),
    /// A record that was dropped as a duplicate.
    Dropped(Box<DroppedPaper>),
}

impl Found {
    fn of_dropped(engine: &Engine, id: &str) -> Result<Self, EngineError> {
        let not_found = || EngineError::PaperNotFound { key: id.to_owned() };
        let dropped = engine.dropped_paper(&PaperId::new(id).map_err(|_| not_found())?)?;
        // It came back meanwhile, or went.
        dropped.map(|dropped| Self::Dropped(Box::new(dropped))).ok_or_else(not_found)
    }
}

/// What is the same as the paper, what may be, and what is like it.
struct Near {
    /// Under headings; each with what differs.
    duplicates: Vec<(&'static str, Vec<Duplicate>)>,
    /// Records that were dropped for this one.
    dropped: Vec<DroppedPaper>,
    similar: Vec<Item>,
    graph: Option<Graph>,
}

/// Another record of the paper, or what may be one.
struct Duplicate {
    item: Item,
    /// The fields that say something else.
    differences: Vec<Row>,
}

impl Near {
    fn of(engine: &Engine, cancel: &Cancel, stored: &StoredPaper) -> Result<Self, EngineError> {
        let (mut same, mut perhaps) = (Vec::new(), Vec::new());
        let mut ids = HashSet::new();
        // Versions too: whoever looks at one wants to know of the others. The reason beside each says what differs.
        for found in engine.duplicates_of(stored, &Judging::new(None, Versions::Same)?)? {
            let paper = engine.paper(found.id.as_str())?.paper;
            let mut differences = compare(&stored.paper, &paper);
            differences.retain(|row| row.same.is_none());
            let item = Item { note: Some(found.reason), ..Item::new(paper) };
            let list = if found.verdict == Verdict::Duplicate { &mut same } else { &mut perhaps };
            list.push(Duplicate { item, differences });
            ids.insert(found.id);
        }
        let page = Page::new(Some(N_SIMILAR), None, None)?;
        let options = SearchOptions { page, ..SearchOptions::default() };
        let mut hits = match engine.similar(cancel, stored.paper.id.as_str(), &options) {
            Err(EngineError::PaperWithoutText { .. }) => Vec::new(),
            found => found?.hits,
        };
        hits.retain(|hit| !ids.contains(&hit.paper.paper.id));
        let papers: Vec<&StoredPaper> =
            std::iter::once(stored).chain(hits.iter().map(|hit| &hit.paper)).collect();
        let cosines = engine.cosines_among(&papers)?;
        let similar: Vec<Item> = hits.into_iter().map(Item::of_hit).collect();
        let own = Item::new(stored.paper.clone());
        let shown: Vec<&Item> = std::iter::once(&own).chain(&similar).collect();
        let graph = Graph::new(&shown, &cosines);
        let duplicates = vec![("The same paper", same), ("Perhaps the same", perhaps)];
        let duplicates = duplicates.into_iter().filter(|(_, list)| !list.is_empty()).collect();
        let dropped = engine.dropped_for(stored, MAX_DROPPED)?;
        Ok(Self { duplicates, dropped, similar, graph })
    }

    fn is_empty(&self) -> bool {
        self.duplicates.is_empty() && self.dropped.is_empty() && self.similar.is_empty()
    }
}

/// An address to follow. Anything else in a record, such as `javascript:`, is none.
fn web_address(url: &str) -> Option<String> {
    (url.starts_with("https://") || url.starts_with("http://")).then(|| url.to_owned())
}

/// Where a paper's text is as PDF, for those that are known to have one there.
fn pdf_of(paper: &Paper) -> Option<String> {
    let id = |kind| paper.external_ids.get(&kind);
    if let Some(id) = id(IdentifierKind::Arxiv) {
        return Some(format!("https://arxiv.org/pdf/{id}"));
    }
    if let Some(id) = id(IdentifierKind::Acl) {
        return Some(format!("https://aclanthology.org/{id}.pdf"));
    }
    // As other services name it in their records.
    let named =
        ["pdf_url", "pdf", "openAccessPdf"].into_iter().find_map(|name| match paper.extra.get(name)? {
            Value::String(url) => web_address(url),
            Value::Object(fields) => web_address(fields.get("url")?.as_str()?),
            _ => None,
        });
    let own = || paper.url.as_deref().filter(|url| url.to_ascii_lowercase().ends_with(".pdf"));
    named.or_else(|| own().and_then(web_address)).or_else(|| {
        let id = id(IdentifierKind::Pmcid)?;
        Some(format!("https://pmc.ncbi.nlm.nih.gov/articles/{id}/pdf/"))
    })
}

/// What only the paper's own page says.
struct Details {
    authors: Vec<Link>,
    /// Those behind the first, where there are many.
    more_authors: Vec<Link>,
    n_more_authors: String,
    /// Identifiers, each a link to where it leads.
    identifiers: Vec<(&'static str, Link)>,
    /// Where it can be read: its text, its publisher's page, its own address; those that there are.
    places: Vec<Link>,
    source: Option<String>,
    first_indexed: String,
    /// In the forms that programs for references read: name, text, and the file.
    citations: Vec<(&'static str, String, String)>,
}

impl Details {
    fn of(stored: &StoredPaper) -> Result<Self, ApiError> {
        let paper = &stored.paper;
        let identifiers = paper.external_ids.iter().map(|(kind, value)| {
            let (name, href) = match kind {
                IdentifierKind::CorpusId => {
                    ("Semantic Scholar", format!("https://api.semanticscholar.org/CorpusID:{value}"))
                }
                IdentifierKind::OpenAlex => ("OpenAlex", format!("https://openalex.org/{value}")),
                IdentifierKind::Acl => ("ACL Anthology", format!("https://aclanthology.org/{value}/")),
                IdentifierKind::Arxiv => ("arXiv", format!("https://arxiv.org/abs/{value}")),
                IdentifierKind::Doi => ("DOI", format!("https://doi.org/{value}")),
                IdentifierKind::Pmid => ("PubMed", format!("https://pubmed.ncbi.nlm.nih.gov/{value}/")),
                IdentifierKind::Pmcid => {
                    ("PubMed Central", format!("https://pmc.ncbi.nlm.nih.gov/articles/{value}/"))
                }
            };
            (name, Link { href, text: value.clone() })
        });
        let identifiers: Vec<(&'static str, Link)> = identifiers.collect();
        let doi = identifiers.iter().find(|(name, _)| *name == "DOI").map(|(_, link)| link.href.clone());
        let own = paper.url.as_deref().and_then(web_address);
        let mut places: Vec<Link> = Vec::new();
        for (text, href) in [("PDF", pdf_of(paper)), ("Publisher", doi), ("Read the paper", own)] {
            if let Some(href) = href.filter(|href| places.iter().all(|place| place.href != *href)) {
                places.push(Link { text: text.to_owned(), href });
            }
        }
        let mut authors = Item::all_authors(paper);
        // A list that hides one name saves nothing.
        let is_long = authors.len() > MAX_AUTHORS + 1;
        let more_authors = if is_long { authors.split_off(MAX_AUTHORS) } else { Vec::new() };
        let mut citations = Vec::new();
        for (name, format) in [("BibTeX", ExportFormat::Bibtex), ("RIS", ExportFormat::Ris)] {
            let file = Address::new("/v1/export").with("q", paper.id.as_str()).with("format", format.name());
            citations.push((name, citation(paper, format)?.trim_end().to_owned(), file.into_text()));
        }
        Ok(Self {
            authors,
            n_more_authors: thousands(more_authors.len() as u64),
            more_authors,
            identifiers,
            places,
            source: paper.source.clone(),
            first_indexed: stored.first_indexed.get(..10).unwrap_or_default().to_owned(),
            citations,
        })
    }
}

#[derive(Template)]
#[template(path = "paper.html", whitespace = "minimize")]
struct PaperPage {
    frame: Frame,
    item: Item,
    details: Details,
    near: Near,
    /// To which the paper can be added.
    lists: Vec<KeptList>,
    has_lists: bool,
}

/// The record was dropped as a duplicate.
#[derive(Template)]
#[template(path = "dropped.html", whitespace = "minimize")]
struct DroppedPage {
    frame: Frame,
    dropped: DroppedPaper,
    kept_href: String,
}

/// Several papers carry the identifier.
#[derive(Template)]
#[template(path = "papers.html", whitespace = "minimize")]
struct ManyPage {
    frame: Frame,
    key: String,
    items: Vec<Item>,
}
