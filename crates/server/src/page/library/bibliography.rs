//! Seeds from a bibliography.

use std::io::Cursor;

use cognate_corpus::{Paper, ReadOptions, Source, text};
use cognate_engine::{Engine, EngineError, MAX_SEEDS, Mode, Page, SearchOptions, SearchRequest};

use super::Params;
use crate::error::ApiError;

/// Longest text of a seed that is no paper here, in Unicode scalar values: a title.
const MAX_TEXT_CHARS: usize = 300;
/// Papers with the same words among which one with the same title is looked for.
const N_NAMESAKES: usize = 3;

/// Makes seeds of the entries of a bibliography: the paper here that an entry is about, else its title.
pub(super) fn with_bibliography(engine: &Engine, mut params: Params) -> Result<Params, ApiError> {
    let bytes = Cursor::new(std::mem::take(&mut params.bibliography).into_bytes());
    let source = Source::from_text("bibliography", bytes);
    for record in source.records(&ReadOptions::default()).map_err(EngineError::from)? {
        let Ok(parsed) = record.map_err(EngineError::from)? else {
            params.left_out += 1;
            continue;
        };
        if params.n_seeds() >= MAX_SEEDS {
            params.left_out += 1;
            continue;
        }
        let paper = parsed.paper;
        let (list, seed) = match paper_here(engine, &paper)? {
            Some(id) => (&mut params.seeds, id),
            None => {
                let title = paper.title.or(paper.abstract_text).unwrap_or_default();
                (&mut params.texts, title.chars().take(MAX_TEXT_CHARS).collect())
            }
        };
        if !list.contains(&seed) {
            list.push(seed);
        }
    }
    Ok(params)
}

/// The id of the paper here that carries an identifier of `paper`, or has its title.
fn paper_here(engine: &Engine, paper: &Paper) -> Result<Option<String>, EngineError> {
    for (kind, value) in &paper.external_ids {
        match engine.papers(&format!("{}:{value}", kind.name())) {
            Ok(papers) => return Ok(papers.first().map(|stored| stored.paper.id.to_string())),
            Err(EngineError::PaperNotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let Some(title) = &paper.title else { return Ok(None) };
    let options = SearchOptions {
        mode: Mode::Keyword,
        page: Page::new(Some(N_NAMESAKES), None, None)?,
        ..SearchOptions::default()
    };
    // A title that is no query, since it is too long, is nobody's here either.
    let Ok(request) = SearchRequest::new(title.replace('"', " "), options) else { return Ok(None) };
    let letters = |title: &str| -> String {
        text::normalize(title).to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let wanted = letters(title);
    let mut hits = engine.search(&request)?.hits.into_iter().map(|hit| hit.paper.paper);
    let same = hits.find(|own| own.title.as_deref().is_some_and(|own| letters(own) == wanted));
    Ok(same.map(|own| own.id.to_string()))
}
