//! Answers of searches.

use std::collections::BTreeMap;

use cognate_corpus::{IdentifierKind, Paper, PublicationKind};
use cognate_engine::{
    Correction, EngineError, Explanation, Facet, FacetCount, FacetField, Field, Hit, Part, Reading,
    SearchPath, SearchResponse,
};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::filter::OneOrMany;

/// Answer of a search.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SearchBody {
    /// Papers that match; see docs/http.md.
    pub total: u64,
    /// Of these, the papers that fit well, where the facets are of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_relevant: Option<u64>,
    /// Hits skipped.
    pub offset: usize,
    /// The hits of the page, each reduced to the fields asked for.
    #[schema(value_type = Vec<HitBody>)]
    pub data: HitsBody,
    /// For each field that was asked for, the values that the matching papers have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<FacetsBody>,
    /// How the answer came about.
    pub meta: MetaBody,
}

/// The hits of a page. They become JSON one by one when they are written: as trees of values they would take many times
/// their size.
#[derive(Debug, Clone)]
pub struct HitsBody {
    hits: Vec<HitBody>,
    fields: Fields,
}

impl HitsBody {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// Each hit, reduced to the fields asked for.
    pub fn iter(&self) -> impl Iterator<Item = Map<String, Value>> {
        self.hits.iter().map(|hit| hit.reduced_to(&self.fields))
    }
}

impl Serialize for HitsBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.fields.0 {
            None => self.hits.serialize(serializer),
            Some(_) => serializer.collect_seq(self.iter()),
        }
    }
}

/// What the matching papers are counted by: of these, what was asked for.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = Facets)]
pub struct FacetsBody {
    /// By year, that with most papers first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<Vec<FacetBody>>,
    /// By category, that with most papers first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<FacetBody>>,
    /// By venue, that with most papers first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<Vec<FacetBody>>,
}

/// How many papers have a value.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = FacetValue)]
pub struct FacetBody {
    /// The value.
    pub value: String,
    /// The papers.
    pub n_papers: u64,
}

impl FacetsBody {
    fn of(facets: Vec<Facet>) -> Option<Self> {
        let mut body = (!facets.is_empty()).then(Self::default)?;
        for Facet { field, counts } in facets {
            let counts =
                counts.into_iter().map(|FacetCount { value, n_papers }| FacetBody { value, n_papers });
            let place = match field {
                FacetField::Year => &mut body.year,
                FacetField::Categories => &mut body.categories,
                FacetField::Venue => &mut body.venue,
            };
            *place = Some(counts.collect());
        }
        Some(body)
    }

    /// Those that were asked for, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &[FacetBody])> {
        let all = [("year", &self.year), ("categories", &self.categories), ("venue", &self.venue)];
        all.into_iter().filter_map(|(name, values)| Some((name, values.as_deref()?)))
    }
}

/// How an answer came about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MetaBody {
    /// Ranking mode.
    pub mode: String,
    /// The model; null for an empty store.
    pub model: Option<String>,
    /// Generation of the snapshot searched.
    pub generation: Option<u64>,
    /// `exact` or `hnsw`.
    pub path: &'static str,
    /// The part of meaning in hybrid scores; absent in the other modes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic_ratio: Option<f32>,
    /// The relevance of the best paper; absent where no text was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Whether it is enough to say that something fits well; absent where no text was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits_well: Option<bool>,
    /// Where a listing that was begun with a cursor goes on; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Milliseconds from request to answer.
    pub took_ms: f64,
    /// How the query was read; absent where it was read as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<ReadingBody>,
}

/// What whoever asked should know of how the query was read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadingBody {
    /// The identifier that was asked for, where no paper has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_identifier: Option<String>,
    /// What looks like an operator and was read as text: a `-word` at the very start, `year:` with what is no year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_text: Option<String>,
    /// Words that no paper has, and those that were looked for instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectionBody>,
    /// Phrases that no paper has, and that were not required.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_phrases: Vec<String>,
    /// What would fit without the quotation marks, where nothing fits with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_marks: Option<WithoutMarksBody>,
}

/// A word that no paper has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CorrectionBody {
    /// As the query writes it.
    pub from: String,
    /// What was looked for.
    pub to: String,
}

/// A query without its quotation marks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WithoutMarksBody {
    /// The query.
    pub q: String,
    /// The papers that have every word of it.
    pub total: u64,
}

impl ReadingBody {
    /// What there is to tell, if anything.
    #[must_use]
    pub fn of(reading: Reading) -> Option<Self> {
        if reading == Reading::default() {
            return None;
        }
        let correction = |Correction { from, to }| CorrectionBody { from, to };
        Some(Self {
            unknown_identifier: reading.unknown_identifier,
            as_text: reading.as_text,
            corrections: reading.corrections.into_iter().map(correction).collect(),
            missing_phrases: reading.missing_phrases,
            without_marks: reading
                .without_marks
                .map(|without| WithoutMarksBody { q: without.query, total: without.total }),
        })
    }

    /// What to tell, a sentence each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let unknown =
            self.unknown_identifier.iter().map(|text| format!("No paper here has the identifier {text}."));
        let as_text = self.as_text.iter().map(|word| {
            if word.contains(':') {
                return format!("“{word}” is no filter and was read as text.");
            }
            format!(
                "“{word}” comes first and was read as text; what is to be left out stands behind other words."
            )
        });
        let corrected = self.corrections.iter().map(|correction| {
            let CorrectionBody { from, to } = correction;
            format!("No paper has “{from}”; “{to}” was looked for instead.")
        });
        let missing = self.missing_phrases.iter().map(|phrase| {
            format!("No paper has “{phrase}” word for word; papers with its words were looked for.")
        });
        let without = self.without_marks.iter().map(|without| match without.total {
            0 => format!("No paper has every word of {} either.", without.q),
            1 => format!("Without quotation marks, 1 paper has every word: {}", without.q),
            total => format!("Without quotation marks, {total} papers have every word: {}", without.q),
        });
        unknown.chain(as_text).chain(corrected).chain(missing).chain(without).collect()
    }
}

/// What to tell where nothing fits well, though papers are listed.
pub const NOTHING_FITS: &str = "Nothing fits well; these are the nearest papers.";

/// Answer of `POST /v1/search/batch`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BatchBody {
    /// An answer for each search, in their order.
    pub results: Vec<SearchBody>,
}

/// The first line of a streamed answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RangeHeadBody {
    /// The hits that follow, a line each.
    pub total: u64,
}

/// Names of fields: one text with commas, or a list.
pub type FieldNames = OneOrMany;

/// One hit, with every field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HitBody {
    id: String,
    #[schema(required = false)]
    score: f32,
    relevance: Option<f32>,
    #[schema(required = false)]
    scores: ScoresBody,
    title: Option<String>,
    #[serde(rename = "abstract")]
    abstract_text: Option<String>,
    #[schema(required = false)]
    authors: Vec<AuthorBody>,
    year: Option<i16>,
    publication_date: Option<String>,
    venue: Option<String>,
    #[schema(required = false)]
    categories: Vec<String>,
    #[schema(required = false)]
    external_ids: BTreeMap<String, String>,
    url: Option<String>,
    #[schema(required = false)]
    editors: Vec<AuthorBody>,
    #[serde(flatten)]
    details: DetailsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_seed: Option<String>,
}

/// What bibliographies need of a paper beside what searches show.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DetailsBody {
    #[serde(rename = "type")]
    kind: Option<&'static str>,
    volume: Option<String>,
    issue: Option<String>,
    pages: Option<String>,
    publisher: Option<String>,
    #[schema(required = false)]
    issn: Vec<String>,
    #[schema(required = false)]
    isbn: Vec<String>,
    language: Option<String>,
}

impl DetailsBody {
    /// Takes them out of a paper.
    pub(crate) fn take(paper: &mut Paper) -> Self {
        Self {
            kind: paper.kind.map(PublicationKind::name),
            volume: paper.volume.take(),
            issue: paper.issue.take(),
            pages: paper.pages.take(),
            publisher: paper.publisher.take(),
            issn: std::mem::take(&mut paper.issn),
            isbn: std::mem::take(&mut paper.isbn),
            language: paper.language.take(),
        }
    }
}

/// The scores computed for a hit.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct ScoresBody {
    semantic: Option<f32>,
    keyword: Option<f32>,
}

/// An author.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AuthorBody {
    name: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct ExplanationBody {
    semantic: Option<PartBody>,
    keyword: Option<PartBody>,
    semantic_ratio: Option<f32>,
    neighbours: Option<f32>,
    best_sentence: Option<SentenceBody>,
    matched_terms: Vec<MatchedTermBody>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct PartBody {
    rank: Option<usize>,
    score: f32,
    scaled: f32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct SentenceBody {
    start: usize,
    end: usize,
    score: f32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct MatchedTermBody {
    term: String,
    fields: Vec<&'static str>,
}

/// The names that `fields` may hold, in the order of [`HitBody`].
pub const HIT_FIELDS: [&str; 22] = [
    "id",
    "score",
    "relevance",
    "scores",
    "title",
    "abstract",
    "authors",
    "year",
    "publication_date",
    "venue",
    "categories",
    "external_ids",
    "url",
    "editors",
    "type",
    "volume",
    "issue",
    "pages",
    "publisher",
    "issn",
    "isbn",
    "language",
];

impl SearchBody {
    /// The body of `response`, each hit reduced to `fields` and its id.
    #[must_use]
    pub fn new(response: SearchResponse, fields: Fields) -> Self {
        let facets = FacetsBody::of(response.facets);
        let data = HitsBody { hits: response.hits.into_iter().map(HitBody::from).collect(), fields };
        Self {
            total: response.total,
            total_relevant: response.total_relevant,
            offset: response.offset,
            data,
            facets,
            meta: MetaBody {
                mode: response.meta.mode.to_string(),
                model: response.meta.model,
                generation: response.meta.generation,
                path: path_name(response.meta.path),
                cursor: response.meta.cursor.map(|cursor| cursor.to_string()),
                semantic_ratio: response.meta.semantic_ratio,
                confidence: response.meta.evidence.map(|evidence| evidence.confidence()),
                fits_well: response.meta.evidence.map(|evidence| evidence.fits_well()),
                took_ms: (response.meta.took.as_secs_f64() * 1e6).round() / 1e3,
                query: ReadingBody::of(response.meta.reading),
            },
        }
    }
}

/// What is told of each hit: all of it, or its id and fields that hits have.
#[derive(Debug, Clone, Default)]
pub struct Fields(Option<Vec<String>>);

impl Fields {
    /// The fields of these names; all if there are none.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming one that hits do not have.
    pub fn checked(names: Option<&FieldNames>) -> Result<Self, EngineError> {
        let Some(names) = names.map(OneOrMany::parts) else { return Ok(Self(None)) };
        match names.iter().find(|name| !HIT_FIELDS.contains(&name.as_str())) {
            Some(unknown) => Err(EngineError::InvalidRequest {
                parameter: "fields",
                expected: HIT_FIELDS.join(", "),
                found: format!("{unknown:?}"),
            }),
            None => Ok(Self(Some(names))),
        }
    }
}

impl From<Hit> for HitBody {
    fn from(hit: Hit) -> Self {
        let mut paper = hit.paper.paper;
        let details = DetailsBody::take(&mut paper);
        Self {
            id: paper.id.into(),
            score: hit.score,
            relevance: hit.relevance,
            scores: ScoresBody { semantic: hit.scores.semantic, keyword: hit.scores.keyword },
            title: paper.title,
            abstract_text: paper.abstract_text,
            authors: author_bodies(paper.authors),
            year: paper.year,
            publication_date: paper.publication_date.map(|date| date.to_string()),
            venue: paper.venue,
            categories: paper.categories,
            external_ids: external_ids(paper.external_ids),
            url: paper.url,
            editors: author_bodies(paper.editors),
            details,
            explanation: hit.explanation.map(ExplanationBody::from),
            nearest_seed: hit.nearest_seed,
        }
    }
}

impl HitBody {
    /// The hit with its id, what was asked for beside the paper, and of the paper only `fields`.
    #[must_use]
    pub fn reduced_to(&self, fields: &Fields) -> Map<String, Value> {
        let Ok(Value::Object(mut object)) = serde_json::to_value(self) else { return Map::new() };
        if let Some(fields) = &fields.0 {
            object.retain(|name, _| {
                name == "id" || fields.contains(name) || !HIT_FIELDS.contains(&name.as_str())
            });
        }
        object
    }
}

impl From<Explanation> for ExplanationBody {
    fn from(explanation: Explanation) -> Self {
        let part = |part: Part| PartBody { rank: part.rank, score: part.score, scaled: part.scaled };
        Self {
            semantic: explanation.semantic.map(part),
            keyword: explanation.keyword.map(part),
            semantic_ratio: explanation.semantic_ratio,
            neighbours: explanation.neighbours,
            best_sentence: explanation.best_sentence.map(|sentence| SentenceBody {
                start: sentence.chars.start,
                end: sentence.chars.end,
                score: sentence.score,
            }),
            matched_terms: explanation
                .matched_terms
                .into_iter()
                .map(|term| MatchedTermBody {
                    term: term.surface,
                    fields: term.fields.into_iter().map(Field::name).collect(),
                })
                .collect(),
        }
    }
}

pub(crate) fn author_bodies(names: Vec<String>) -> Vec<AuthorBody> {
    names.into_iter().map(|name| AuthorBody { name }).collect()
}

pub(crate) fn external_ids(ids: BTreeMap<IdentifierKind, String>) -> BTreeMap<String, String> {
    ids.into_iter().map(|(kind, id)| (kind.name().to_owned(), id)).collect()
}

pub(crate) fn path_name(path: SearchPath) -> &'static str {
    match path {
        SearchPath::Exact => "exact",
        SearchPath::Hnsw | SearchPath::FilteredHnsw => "hnsw",
    }
}
