//! The page of a paper.

use std::collections::HashSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use cognate_corpus::IdentifierKind;
use cognate_engine::{
    Cancel, Engine, EngineError, Judging, Page, SearchOptions, StoredPaper, Verdict, Versions,
};

use super::item::{Item, Link};
use super::{Frame, PageError, page};
use crate::answer::bibtex;
use crate::compat::hugging_face;
use crate::error::ApiError;
use crate::routes::{App, decoded_id, off_thread, off_thread_while_wanted};

/// Similar papers that are shown.
const N_SIMILAR: usize = 8;

/// `GET /papers/{id}`: the id as for `GET /v1/papers/{id}`. With `.md` after it, it is Markdown for the clients of
/// the Hugging Face hub.
pub(super) async fn show(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, PageError> {
    let path = uri.path().strip_prefix("/papers/").unwrap_or_default();
    let key = decoded_id(path)?;
    let papers = {
        let key = key.clone();
        off_thread(&app, move |app| Ok(app.engine.papers(&key)?)).await
    };
    // An id may end so itself.
    if let (Err(_), Some(path)) = (&papers, path.strip_suffix(".md")) {
        return Ok(hugging_face::read(&app, path).await.into_response());
    }
    let papers = papers?;
    let [paper] = papers.as_slice() else {
        let items = papers.into_iter().map(|stored| Item::new(stored.paper)).collect();
        let frame = Frame::new(format!("Papers with {key}"), "");
        return Ok(page(StatusCode::MULTIPLE_CHOICES, &ManyPage { frame, key, items }));
    };
    let stored = paper.clone();
    let lists =
        off_thread_while_wanted(&app, move |app, cancel| Ok(near(&app.engine, cancel, &stored)?)).await?;
    let details = Details::of(paper)?;
    let item = Item::new(paper.paper.clone());
    Ok(page(StatusCode::OK, &PaperPage { frame: Frame::new(&item.title, ""), item, details, lists }))
}

/// The papers that are the same, those that may be, and those that are like it, under headings.
fn near(
    engine: &Engine,
    cancel: &Cancel,
    stored: &StoredPaper,
) -> Result<Vec<(&'static str, Vec<Item>)>, EngineError> {
    let (mut same, mut perhaps) = (Vec::new(), Vec::new());
    let mut duplicates = HashSet::new();
    // Versions too: whoever looks at one wants to know of the others. The reason beside each says what differs.
    for found in engine.duplicates_of(stored, &Judging::new(None, Versions::Same)?)? {
        let paper = engine.paper(found.id.as_str())?.paper;
        let item = Item { note: Some(found.reason), ..Item::new(paper) };
        if found.verdict == Verdict::Duplicate {
            same.push(item)
        } else {
            perhaps.push(item)
        }
        duplicates.insert(found.id);
    }
    let options = SearchOptions { page: Page::new(Some(N_SIMILAR), None, None)?, ..SearchOptions::default() };
    let hits = match engine.similar(cancel, stored.paper.id.as_str(), &options) {
        Err(EngineError::PaperWithoutText { .. }) => Vec::new(),
        found => found?.hits,
    };
    let similar =
        hits.into_iter().filter(|hit| !duplicates.contains(&hit.paper.paper.id)).map(Item::of_hit).collect();
    let lists = [("The same paper", same), ("Perhaps the same", perhaps), ("Similar papers", similar)];
    Ok(lists.into_iter().filter(|(_, items)| !items.is_empty()).collect())
}

/// What only the paper's own page says.
struct Details {
    authors: Vec<Link>,
    /// Identifiers, each a link to where it leads.
    identifiers: Vec<(&'static str, Link)>,
    /// Where it can be read.
    url: Option<String>,
    source: Option<String>,
    first_indexed: String,
    bibtex: String,
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
        Ok(Self {
            authors: Item::all_authors(paper),
            identifiers: identifiers.collect(),
            // Anything else in a record, such as `javascript:`, is no address to follow.
            url: paper.url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://")),
            source: paper.source.clone(),
            first_indexed: stored.first_indexed.get(..10).unwrap_or_default().to_owned(),
            bibtex: bibtex(paper)?.trim_end().to_owned(),
        })
    }
}

#[derive(Template)]
#[template(path = "paper.html", whitespace = "minimize")]
struct PaperPage {
    frame: Frame,
    item: Item,
    details: Details,
    /// Papers near it, under headings.
    lists: Vec<(&'static str, Vec<Item>)>,
}

/// Several papers carry the identifier.
#[derive(Template)]
#[template(path = "papers.html", whitespace = "minimize")]
struct ManyPage {
    frame: Frame,
    key: String,
    items: Vec<Item>,
}
