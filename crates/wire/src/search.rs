//! Parameters of searches. Each set is the query string of a `GET`, the body of a `POST`, and what the
//! command line's flags become.

use cognate_corpus::export::{ExportFormat, UnknownExportFormat};
use cognate_engine::{
    EngineError, Filter, Page, RangeRequest, RecommendRequest, SearchOptions, SearchRequest, Seed,
    SemanticRatio,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::filter::{Conditions, OneOrMany};
use crate::hit::FieldNames;

/// Most searches in one batch.
pub const MAX_BATCH: usize = 100;
/// Most hits of all searches in one batch together.
const MAX_BATCH_HITS: usize = 10_000;
/// Hits of a search that does not say how many.
const DEFAULT_LIMIT: usize = 10;

/// Defines sets of parameters that share the filters, the page, and what is told of hits. Serde's `flatten`
/// would do, if it let unknown names be refused.
macro_rules! searches {
    ($($(#[$about:meta])* struct $name:ident { $($(#[$about_field:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$about_field])* pub $field: $type,)*
            /// Hits on the page.
            pub limit: Option<usize>,
            /// Hits to skip.
            pub offset: Option<usize>,
            /// Lowest cosine of a hit.
            pub min_score: Option<f32>,
            /// Whether to compare every paper, so that nothing is missed.
            #[serde(default)]
            pub exact: bool,
            /// `relevance` or `newest`.
            pub sort: Option<String>,
            /// `all`, or `collapse` for one of the publications of each work.
            pub versions: Option<String>,
            /// Years: `2020`, `2020-2023`, `2020-`, `-2023`.
            pub year: Option<String>,
            /// Days, months or years: `2019-03:2020-06`.
            pub publication_date: Option<String>,
            /// Categories, of which one must fit; `cs` covers `cs.CL`.
            pub categories: Option<OneOrMany>,
            /// An author's name, or words of it.
            pub author: Option<String>,
            /// A venue's name, or words of it.
            pub venue: Option<String>,
            /// Whether there must be an abstract, or none.
            pub has_abstract: Option<bool>,
            /// A filter in JSON; see [`filter_of`](crate::filter_of).
            pub filter: Option<Value>,
            /// What to count the matching papers by: `year`, `categories`, `venue`.
            pub facets: Option<OneOrMany>,
            /// Fields of each hit to give; all, if absent.
            pub fields: Option<FieldNames>,
            /// Another form of answer than JSON with scores: `json`, `jsonl`, `csv`, `bibtex`, `ris` or `atom`.
            pub format: Option<String>,
        }

        impl $name {
            /// The part of the engine's request that all searches share.
            fn shared_options(&self) -> Result<SearchOptions, EngineError> {
                let facets = self.facets.as_ref().map_or_else(Vec::new, OneOrMany::parts);
                Ok(SearchOptions {
                    page: Page::new(self.limit, self.offset, self.min_score)?,
                    filter: self.to_filter()?,
                    facets: facets.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
                    sort: self.sort.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
                    exact: self.exact,
                    versions: self.versions.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
                    ..SearchOptions::default()
                })
            }

            fn to_filter(&self) -> Result<Filter, EngineError> {
                Conditions {
                    year: self.year.as_deref(),
                    publication_date: self.publication_date.as_deref(),
                    categories: self.categories.as_ref(),
                    author: self.author.as_deref(),
                    venue: self.venue.as_deref(),
                    has_abstract: self.has_abstract,
                    filter: self.filter.as_ref(),
                }
                .to_filter()
            }

            /// The form of the answer; `None` for the usual one.
            ///
            /// # Errors
            /// [`EngineError::InvalidRequest`] for a form that there is not.
            pub fn export_format(&self) -> Result<Option<ExportFormat>, EngineError> {
                let parse = |name: &String| {
                    name.parse().map_err(|error: UnknownExportFormat| {
                        EngineError::InvalidRequest {
                            parameter: "format",
                            expected: ExportFormat::ALL.map(ExportFormat::name).join(", "),
                            found: format!("{:?}", error.found),
                        }
                    })
                };
                self.format.as_ref().map(parse).transpose()
            }
        }
    )*};
}

searches! {
    /// Parameters of `GET /v1/search`, and the body of `POST /v1/search`.
    struct SearchParams {
        /// The query.
        q: Option<String>,
        /// `hybrid`, `semantic` or `keyword`.
        mode: Option<String>,
        /// The part of meaning in a hybrid score, from 0 to 1.
        semantic_ratio: Option<f32>,
        /// Whether to say why each hit is one.
        #[serde(default)]
        explain: bool,
    }

    /// Parameters of `GET /v1/papers/{id}/similar`.
    struct SimilarParams {
        /// Whether to say why each hit is one.
        #[serde(default)]
        explain: bool,
    }

    /// What a saved query asks.
    struct SavedParams {
        /// The query.
        q: Option<String>,
        /// `hybrid`, `semantic` or `keyword`.
        mode: Option<String>,
        /// The part of meaning in a hybrid score, from 0 to 1.
        semantic_ratio: Option<f32>,
        /// More like these.
        #[serde(default)]
        seeds: Vec<SeedParam>,
    }

    /// Body of `POST /v1/recommend`.
    struct RecommendParams {
        /// More like these.
        #[serde(default)]
        positive: Vec<SeedParam>,
        /// Less like these.
        #[serde(default)]
        negative: Vec<SeedParam>,
        /// `average_vector`, `best_score` or `sum_scores`.
        strategy: Option<String>,
        /// From 0 to 1.
        diversity: Option<f32>,
        /// Ids that are no answer.
        #[serde(default)]
        exclude: Vec<String>,
    }
}

/// A seed: an id, or a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum SeedParam {
    /// `"1706.03762"`
    Id(String),
    /// `{"id": "1706.03762"}`
    NamedId(IdSeed),
    /// `{"text": "attention in networks"}`
    Text(TextSeed),
}

/// `{"id": …}`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdSeed {
    id: String,
}

/// `{"text": …}`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSeed {
    text: String,
}

impl From<&SeedParam> for Seed {
    fn from(seed: &SeedParam) -> Self {
        match seed {
            SeedParam::Id(id) | SeedParam::NamedId(IdSeed { id }) => Self::Paper(id.clone()),
            SeedParam::Text(TextSeed { text }) => Self::Text(text.clone()),
        }
    }
}

impl SearchParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is missing or out of bounds.
    pub fn to_request(&self) -> Result<SearchRequest, EngineError> {
        let options = SearchOptions {
            mode: self.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            semantic_ratio: self.semantic_ratio.map(SemanticRatio::new).transpose()?,
            explain: self.explain,
            ..self.shared_options()?
        };
        SearchRequest::new(self.q.as_deref().unwrap_or_default(), options)
    }
}

impl SimilarParams {
    /// The engine's options.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is out of bounds.
    pub fn to_options(&self) -> Result<SearchOptions, EngineError> {
        Ok(SearchOptions { explain: self.explain, ..self.shared_options()? })
    }
}

impl SavedParams {
    /// Reads the parameters of a saved query.
    pub(crate) fn deserialize_from(request: &Map<String, Value>) -> Result<Self, EngineError> {
        Self::deserialize(request).map_err(|error| EngineError::InvalidRequest {
            parameter: "saved",
            expected: "the parameters of a search, and `seeds`".to_owned(),
            found: error.to_string(),
        })
    }

    /// The engine's options, with so many papers where the limit is open.
    pub(crate) fn to_options(&self, default_limit: usize) -> Result<SearchOptions, EngineError> {
        Ok(SearchOptions {
            mode: self.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            semantic_ratio: self.semantic_ratio.map(SemanticRatio::new).transpose()?,
            page: Page::new(Some(self.limit.unwrap_or(default_limit)), None, self.min_score)?,
            ..self.shared_options()?
        })
    }
}

impl RecommendParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is out of bounds.
    pub fn to_request(&self) -> Result<RecommendRequest, EngineError> {
        Ok(RecommendRequest {
            positive: self.positive.iter().map(Seed::from).collect(),
            negative: self.negative.iter().map(Seed::from).collect(),
            strategy: self.strategy.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            diversity: self.diversity.unwrap_or(0.0),
            exclude: self.exclude.clone(),
            options: self.shared_options()?,
        })
    }
}

/// Body of `POST /v1/search/batch`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchParams {
    /// The searches; at most [`MAX_BATCH`].
    pub searches: Vec<SearchParams>,
}

impl BatchParams {
    /// The engine's requests.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] for too many, or of the first that is wrong.
    pub fn to_requests(&self) -> Result<Vec<SearchRequest>, EngineError> {
        if self.searches.is_empty() || self.searches.len() > MAX_BATCH {
            return Err(EngineError::InvalidRequest {
                parameter: "searches",
                expected: format!("1 to {MAX_BATCH} searches"),
                found: self.searches.len().to_string(),
            });
        }
        if self.searches.iter().any(|search| search.format.is_some()) {
            return Err(EngineError::InvalidRequest {
                parameter: "format",
                expected: "none in a batch, which is answered in JSON".to_owned(),
                found: "one".to_owned(),
            });
        }
        let n_hits: usize = self
            .searches
            .iter()
            .map(|search| search.limit.unwrap_or(DEFAULT_LIMIT))
            .fold(0, usize::saturating_add);
        if n_hits > MAX_BATCH_HITS {
            return Err(EngineError::InvalidRequest {
                parameter: "limit",
                expected: format!("at most {MAX_BATCH_HITS} hits in all searches of a batch"),
                found: n_hits.to_string(),
            });
        }
        self.searches.iter().map(SearchParams::to_request).collect()
    }
}

/// Body of `POST /v1/search/range`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeParams {
    /// The query.
    pub q: Option<String>,
    /// Lowest cosine of a hit.
    pub min_score: Option<f32>,
    /// As for a search.
    pub year: Option<String>,
    /// As for a search.
    pub publication_date: Option<String>,
    /// As for a search.
    pub categories: Option<OneOrMany>,
    /// As for a search.
    pub author: Option<String>,
    /// As for a search.
    pub venue: Option<String>,
    /// As for a search.
    pub has_abstract: Option<bool>,
    /// As for a search.
    pub filter: Option<Value>,
    /// Fields of each hit to give; all, if absent.
    pub fields: Option<FieldNames>,
}

impl RangeParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is missing or out of bounds.
    pub fn to_request(&self) -> Result<RangeRequest, EngineError> {
        let conditions = Conditions {
            year: self.year.as_deref(),
            publication_date: self.publication_date.as_deref(),
            categories: self.categories.as_ref(),
            author: self.author.as_deref(),
            venue: self.venue.as_deref(),
            has_abstract: self.has_abstract,
            filter: self.filter.as_ref(),
        };
        RangeRequest::new(self.q.as_deref().unwrap_or_default(), self.min_score, conditions.to_filter()?)
    }
}
