//! What the library shows: its seeds, and the papers that are like them.

use std::collections::HashMap;

use cognate_corpus::Paper;
use cognate_engine::{
    Cancel, Engine, EngineError, Fault, MAX_SEEDS, Page, RecommendRequest, SearchOptions, SearchResponse,
    Seed, StoredPaper,
};

use super::Params;
use crate::page::address::{self, Address};
use crate::page::item::{Item, Link};
use crate::page::search::counted;

/// Recommendations on a page.
const LIMIT: usize = 20;

/// What there is of a seed.
pub(super) enum Here {
    Paper(Box<StoredPaper>),
    /// The paper that stays for it, and what to say of that.
    InItsPlace(Box<StoredPaper>, String),
    /// None, and why.
    Missing(String),
}

/// The paper of a seed. One that is gone or unclear is told of, and the others go on; for a duplicate that was dropped
/// there is the one that stays.
pub(super) fn here(engine: &Engine, key: &str) -> Result<Here, EngineError> {
    let told = |error: EngineError| match error.fault() {
        Fault::NotFound | Fault::Conflict => Ok(Here::Missing(error.to_string())),
        _ => Err(error),
    };
    match engine.paper(key) {
        Ok(stored) => Ok(Here::Paper(Box::new(stored))),
        Err(EngineError::PaperDropped { kept, .. }) => match engine.paper(&kept) {
            Ok(stored) => {
                let told = format!("{key} was dropped as a duplicate of this one");
                Ok(Here::InItsPlace(Box::new(stored), told))
            }
            Err(error) => told(error),
        },
        Err(error) => told(error),
    }
}

/// A seed as the page shows it.
pub(super) struct SeedView {
    pub(super) id: String,
    pub(super) title: String,
    /// Its page; `None` for a text.
    pub(super) href: Option<String>,
    pub(super) is_negative: bool,
    pub(super) without_href: String,
    /// Its name in the list.
    pub(super) entry: String,
    /// Why it is not one to find others by, or what it stands for.
    pub(super) problem: Option<String>,
    /// Whether others are looked for by it.
    pub(super) is_used: bool,
    /// Whether it is the title of a paper that is not here.
    pub(super) is_text: bool,
}

impl SeedView {
    fn of((params, here): (&Params, &Address), entry: &str, is_negative: bool) -> Self {
        Self {
            id: entry.to_owned(),
            title: entry.to_owned(),
            href: None,
            is_negative,
            without_href: params.without(here, entry),
            entry: entry.to_owned(),
            problem: None,
            is_used: true,
            is_text: false,
        }
    }

    fn take(&mut self, paper: Paper) {
        let id = paper.id.to_string();
        self.href = Some(address::paper(&id));
        self.title = paper.title.unwrap_or_else(|| id.clone());
        self.id = id;
    }
}

/// What the page shows.
pub(super) struct Library {
    pub(super) seeds: Vec<SeedView>,
    /// Seeds that could not be taken, and why.
    pub(super) problems: Vec<String>,
    pub(super) items: Vec<Item>,
    pub(super) status: Option<String>,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl Library {
    pub(super) fn of(engine: &Engine, cancel: &Cancel, params: &Params) -> Result<Self, EngineError> {
        let mut library = Self {
            seeds: Vec::new(),
            problems: Vec::new(),
            items: Vec::new(),
            status: None,
            previous: None,
            next: None,
        };
        let mut request = RecommendRequest {
            exclude: params.hide.clone(),
            options: SearchOptions {
                page: Page::new(Some(LIMIT), Some(params.offset), None)?,
                ..SearchOptions::default()
            },
            ..RecommendRequest::default()
        };
        if params.left_out > 0 {
            library.problems.push(format!(
                "{} could not be taken: not readable, or beyond {MAX_SEEDS}.",
                counted(params.left_out as u64, "entry").replace("entrys", "entries")
            ));
        }
        let state = (params, &params.address());
        let papers = params.seeds.iter().map(|key| (key, false));
        let mut used: Vec<(Seed, bool)> = Vec::new();
        for (key, is_negative) in papers.chain(params.less.iter().map(|key| (key, true))) {
            let mut seed = SeedView::of(state, key, is_negative);
            match here(engine, key)? {
                Here::Missing(why) => (seed.problem, seed.is_used) = (Some(why), false),
                Here::Paper(stored) => seed.take(stored.paper),
                Here::InItsPlace(stored, told) => {
                    seed.take(stored.paper);
                    seed.problem = Some(told);
                }
            }
            let is_new = !used.iter().any(|(known, _)| *known == Seed::Paper(seed.id.clone()));
            if seed.is_used && is_new {
                used.push((Seed::Paper(seed.id.clone()), is_negative));
            }
            library.seeds.push(seed);
        }
        for title in &params.texts {
            used.push((Seed::Text(title.clone()), false));
            library.seeds.push(SeedView { is_text: true, ..SeedView::of(state, title, false) });
        }
        if used.len() > MAX_SEEDS {
            library.problems.push(format!(
                "Others are looked for by the last {MAX_SEEDS} of these {}.",
                counted(used.len() as u64, "paper")
            ));
            used.drain(..used.len() - MAX_SEEDS);
        }
        let response = loop {
            let of_sort = |wanted: bool| {
                used.iter()
                    .filter(move |(_, is_negative)| *is_negative == wanted)
                    .map(|(seed, _)| seed.clone())
            };
            (request.positive, request.negative) = (of_sort(false).collect(), of_sort(true).collect());
            if request.positive.is_empty() {
                if !request.negative.is_empty() {
                    let missing =
                        "Add a paper that others are to be like: “less like” alone recommends nothing.";
                    library.problems.push(missing.to_owned());
                }
                if params.n_seeds() > 0 {
                    let missing = "None of these papers is one to find others by.";
                    library.status = Some(library.problems.last().map_or(missing, String::as_str).to_owned());
                }
                return Ok(library);
            }
            match engine.recommend(cancel, &request) {
                // The others go on without it.
                Err(EngineError::PaperWithoutText { id })
                    if used.iter().any(|(seed, _)| *seed == Seed::Paper(id.clone())) =>
                {
                    used.retain(|(seed, _)| *seed != Seed::Paper(id.clone()));
                    for seed in library.seeds.iter_mut().filter(|seed| seed.id == id) {
                        seed.problem = Some("It has neither title nor abstract to compare".to_owned());
                    }
                }
                found => break found?,
            }
        };
        library.show(state, response);
        Ok(library)
    }

    /// Puts an answer on the page.
    fn show(&mut self, (params, here): (&Params, &Address), response: SearchResponse) {
        let titles: HashMap<&str, &str> =
            self.seeds.iter().map(|seed| (seed.id.as_str(), seed.title.as_str())).collect();
        let n_hits = response.hits.len();
        self.items = response
            .hits
            .into_iter()
            .map(|hit| {
                let nearest = hit.nearest_seed.clone();
                let nearest = nearest.as_deref().map(|seed| titles.get(seed).copied().unwrap_or(seed));
                let mut item = Item::of_hit(hit);
                item.note = nearest.map(|title| format!("Nearest to “{title}”"));
                item.level = 3;
                item.keep_href = here.clone().with("seed", &item.id).into_text();
                item.acts = vec![
                    Link {
                        href: here.clone().with("less", &item.id).into_text(),
                        text: "Less like this".to_owned(),
                    },
                    Link { href: here.clone().with("hide", &item.id).into_text(), text: "Hide".to_owned() },
                ];
                item
            })
            .collect();
        self.status = Some(match n_hits {
            0 => "Nothing more to recommend.".to_owned(),
            n => {
                let first = params.offset + 1;
                format!("{first} to {} of {}", params.offset + n, counted(response.total, "paper"))
            }
        });
        let page_at = |offset: usize| here.clone().with("offset", offset.to_string()).into_text();
        self.previous = (params.offset > 0).then(|| page_at(params.offset.saturating_sub(LIMIT)));
        self.next = (n_hits == LIMIT && ((params.offset + n_hits) as u64) < response.total)
            .then(|| page_at(params.offset + LIMIT));
    }
}
