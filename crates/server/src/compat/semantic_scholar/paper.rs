//! Papers as this service gives them, and the fields that may be asked for.

use std::collections::BTreeMap;

use cognate_corpus::export::ExportFormat;
use cognate_corpus::{IdentifierKind, Paper};
use cognate_engine::{Engine, StoredPaper};
use serde::Serialize;
use utoipa::ToSchema;

use super::study::studies_of;
use crate::answer::citation;
use crate::error::ApiError;

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

/// What may be asked for of a citation, beside fields of the paper.
const CITATION_FIELDS: [&str; 4] = ["contexts", "contextsWithIntent", "intents", "isInfluential"];

/// The fields that a request asks for.
pub(super) struct Fields {
    names: Vec<String>,
    /// Of each author, beside id and name.
    of_authors: Vec<String>,
}

/// Names with commas between.
fn names_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn refuse(unknown: &[&str]) -> Result<(), ApiError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let message = format!("Unrecognized or unsupported fields: [{}]", unknown.join(", "));
    Err(ApiError::bad_request("invalid_parameter", message))
}

impl Fields {
    /// Reads names with commas between; id and title, if there are none. A name that no paper has is refused.
    pub(super) fn read(text: Option<&str>) -> Result<Self, ApiError> {
        let mut fields = Self { names: vec!["paperId".to_owned()], of_authors: Vec::new() };
        let mut unknown = Vec::new();
        for name in names_of(text.unwrap_or("title")) {
            let (top, rest) = name.split_once('.').map_or((name, None), |(top, rest)| (top, Some(rest)));
            if !is_of_papers(top, rest) {
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
        refuse(&unknown)?;
        Ok(fields)
    }

    fn contains(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

fn is_of_papers(top: &str, rest: Option<&str>) -> bool {
    FIELDS.contains(&top)
        && match (top, rest) {
            (_, None) => true,
            ("authors", Some(rest)) => AUTHOR_FIELDS.contains(&rest),
            // Nothing is known of either, whatever is asked.
            ("citations" | "references", Some(rest)) => FIELDS.contains(&rest),
            ("embedding", Some(_)) => true,
            _ => false,
        }
}

/// Refuses names that no citation has.
pub(super) fn check_citation_fields(text: &str) -> Result<(), ApiError> {
    let is_known = |name: &&str| {
        let name = name.strip_prefix("citingPaper.").or(name.strip_prefix("citedPaper.")).unwrap_or(name);
        let (top, rest) = name.split_once('.').map_or((name, None), |(top, rest)| (top, Some(rest)));
        CITATION_FIELDS.contains(&name) || is_of_papers(top, rest)
    };
    refuse(&names_of(text).filter(|name| !is_known(name)).collect::<Vec<_>>())
}

/// The fields of authors among these names, which none else may be. Of their papers nothing is known, whatever is asked.
pub(super) fn author_fields(text: &str) -> Result<Vec<String>, ApiError> {
    let of_papers = |name: &str| {
        name == "papers" || name.strip_prefix("papers.").is_some_and(|rest| FIELDS.contains(&rest))
    };
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        names_of(text).partition(|name| AUTHOR_FIELDS.contains(name) || of_papers(name));
    refuse(&unknown)?;
    Ok(known.into_iter().filter(|name| AUTHOR_FIELDS.contains(name)).map(str::to_owned).collect())
}

/// What cognate knows nothing of: null.
type Unknown = ();

/// A paper, of which there is what was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarPaper)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaperBody {
    paper_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    corpus_id: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    external_ids: Option<BTreeMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    url: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    title: Option<Option<String>>,
    #[serde(rename = "abstract", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    abstract_text: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    venue: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    publication_venue: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i16>)]
    year: Option<Option<i16>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    reference_count: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    citation_count: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    influential_citation_count: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    is_open_access: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    open_access_pdf: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields_of_study: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s2_fields_of_study: Option<Vec<StudyBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    publication_types: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    publication_date: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<JournalBody>)]
    journal: Option<Option<JournalBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citation_styles: Option<StylesBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authors: Option<Vec<AuthorBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    citations: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    references: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EmbeddingBody>)]
    embedding: Option<Option<EmbeddingBody>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    tldr: Option<Unknown>,
    /// How well the title fits, of a search for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    match_score: Option<f64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScholarStudy)]
struct StudyBody {
    category: String,
    source: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScholarJournal)]
struct JournalBody {
    name: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScholarStyles)]
struct StylesBody {
    bibtex: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ScholarEmbedding)]
struct EmbeddingBody {
    model: String,
    vector: Vec<f32>,
}

/// An author: the name, and null for whatever else was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = ScholarAuthor)]
pub(super) struct AuthorBody {
    #[serde(rename = "authorId")]
    #[schema(value_type = Option<String>)]
    author_id: Unknown,
    name: String,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    others: BTreeMap<String, Unknown>,
}

impl AuthorBody {
    pub(super) fn new(name: String, fields: &[String]) -> Self {
        let others = fields.iter().filter(|field| !["authorId", "name"].contains(&field.as_str()));
        Self { author_id: (), name, others: others.map(|field| (field.clone(), ())).collect() }
    }
}

impl PaperBody {
    /// The paper, reduced to `fields`.
    pub(super) fn new(engine: &Engine, stored: StoredPaper, fields: &Fields) -> Result<Self, ApiError> {
        let asked = |name: &str| fields.contains(name);
        let unknown = |name: &str| asked(name).then_some(());
        let citation_styles = match asked("citationStyles") {
            true => Some(StylesBody { bibtex: citation(&stored.paper, ExportFormat::Bibtex)? }),
            false => None,
        };
        let embedding = match asked("embedding") {
            true => Some(embedding(engine, &stored)?),
            false => None,
        };
        let Paper { id, title, abstract_text, authors, year, publication_date, venue, categories, .. } =
            stored.paper;
        let studies = studies_of(&categories);
        let of_study =
            || studies.iter().map(|category| StudyBody { category: category.clone(), source: "external" });
        Ok(Self {
            paper_id: id.into(),
            corpus_id: unknown("corpusId"),
            external_ids: asked("externalIds").then(|| external_ids(&stored.paper.external_ids)),
            url: asked("url").then_some(stored.paper.url),
            title: asked("title").then_some(title),
            abstract_text: asked("abstract").then_some(abstract_text),
            publication_venue: unknown("publicationVenue"),
            year: asked("year").then_some(year),
            reference_count: unknown("referenceCount"),
            citation_count: unknown("citationCount"),
            influential_citation_count: unknown("influentialCitationCount"),
            is_open_access: unknown("isOpenAccess"),
            open_access_pdf: unknown("openAccessPdf"),
            s2_fields_of_study: asked("s2FieldsOfStudy").then(|| of_study().collect()),
            fields_of_study: asked("fieldsOfStudy").then_some(studies),
            publication_types: unknown("publicationTypes"),
            publication_date: asked("publicationDate").then(|| publication_date.map(|date| date.to_string())),
            journal: asked("journal").then(|| venue.clone().map(|name| JournalBody { name })),
            venue: asked("venue").then_some(venue),
            citation_styles,
            authors: asked("authors")
                .then(|| authors.into_iter().map(|name| AuthorBody::new(name, &fields.of_authors)).collect()),
            citations: unknown("citations"),
            references: unknown("references"),
            embedding,
            tldr: unknown("tldr"),
            match_score: None,
        })
    }

    /// The same, with how well its title fits.
    pub(super) fn matched(self, score: f64) -> Self {
        Self { match_score: Some(score), ..self }
    }

    /// Several.
    pub(super) fn several(
        engine: &Engine,
        papers: impl Iterator<Item = StoredPaper>,
        fields: &Fields,
    ) -> Result<Vec<Self>, ApiError> {
        papers.map(|paper| Self::new(engine, paper, fields)).collect()
    }
}

/// Identifiers by the names and in the forms that this service has for them.
fn external_ids(ids: &BTreeMap<IdentifierKind, String>) -> BTreeMap<&'static str, String> {
    let named = ids.iter().map(|(kind, id)| match kind {
        IdentifierKind::Acl => ("ACL", id.as_str()),
        IdentifierKind::CorpusId => ("CorpusId", id.as_str()),
        IdentifierKind::OpenAlex => ("OpenAlex", id.as_str()),
        IdentifierKind::Arxiv => ("ArXiv", id.as_str()),
        IdentifierKind::Doi => ("DOI", id.as_str()),
        IdentifierKind::Pmid => ("PubMed", id.as_str()),
        IdentifierKind::Pmcid => ("PubMedCentral", id.strip_prefix("PMC").unwrap_or(id)),
    });
    named.map(|(name, id)| (name, id.to_owned())).collect()
}

fn embedding(engine: &Engine, stored: &StoredPaper) -> Result<Option<EmbeddingBody>, ApiError> {
    let Some(vector) = engine.vector_of(stored)? else { return Ok(None) };
    Ok(Some(EmbeddingBody { model: engine.load_model()?.name, vector: vector.as_slice().to_vec() }))
}
