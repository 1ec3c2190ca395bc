//! Parameters of searches. Each set is the query string of a `GET`, the body of a `POST`, and what the
//! command line's flags become.

use std::borrow::Cow;
use std::str::FromStr;

use cognate_corpus::export::{ExportFormat, UnknownExportFormat};
use cognate_engine::{
    EngineError, ExportRequest, Filter, Page, RangeRequest, RecommendRequest, SearchOptions, SearchRequest,
    Seed, SemanticRatio, Sort,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::filter::{ConditionParams, OneOrMany};
use crate::hit::{FieldNames, Fields};
use crate::lenient::{
    Object, flag, objects, optional_cosine, optional_flag, optional_limit, optional_offset, optional_part,
    optional_unique, optional_years,
};
use crate::names::{FacetName, FormatName, ModeName, SortName, StrategyName, VersionsName};

/// Most searches in one batch.
pub const MAX_BATCH: usize = 100;
/// Most hits of all searches in one batch together.
const MAX_BATCH_HITS: usize = 10_000;
/// Hits of a search that does not say how many.
const DEFAULT_LIMIT: usize = 10;

/// Defines sets of parameters that say which papers fit. Serde's `flatten` would do, if it let unknown names be refused.
macro_rules! filtered {
    ($($(#[$about:meta])* struct $name:ident {
        $($(#[$about_field:meta])* $field:ident: $type:ty,)*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
        #[into_params(parameter_in = Query)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$about_field])* pub $field: $type,)*
            /// Years: `2020`, `2020-2023`, `2020-`, `-2023`.
            #[serde(default, deserialize_with = "optional_years")]
            pub year: Option<String>,
            /// Days, months or years: `2019-03:2020-06`.
            pub publication_date: Option<String>,
            /// Categories, of which one must fit; `cs` covers `cs.CL`.
            #[param(value_type = Option<Vec<String>>)]
            pub categories: Option<OneOrMany>,
            /// An author's name, or words of it.
            pub author: Option<String>,
            /// A venue's name, or words of it.
            pub venue: Option<String>,
            /// Whether there must be an abstract, or none.
            #[serde(default, deserialize_with = "optional_flag")]
            pub has_abstract: Option<bool>,
            /// A filter in JSON: `must`, `should` and `must_not` of conditions such as `{"year": "2020-"}`.
            #[serde(default, deserialize_with = "optional_unique")]
            #[param(value_type = Option<String>)]
            pub filter: Option<Value>,
        }

        impl $name {
            /// The same, of the papers that fit `conditions`.
            #[must_use]
            pub fn among(self, conditions: ConditionParams) -> Self {
                let ConditionParams { year, publication_date, categories, author, venue, has_abstract, filter } =
                    conditions;
                Self {
                    $($field: self.$field,)*
                    year,
                    publication_date,
                    categories,
                    author,
                    venue,
                    has_abstract,
                    filter,
                }
            }

            fn to_filter(&self) -> Result<Filter, EngineError> {
                ConditionParams {
                    year: self.year.clone(),
                    publication_date: self.publication_date.clone(),
                    categories: self.categories.clone(),
                    author: self.author.clone(),
                    venue: self.venue.clone(),
                    has_abstract: self.has_abstract,
                    filter: self.filter.clone(),
                }
                .to_filter()
            }
        }
    )*};
}

/// Defines sets of parameters that also share the page, and what is told of hits.
macro_rules! searches {
    ($($(#[$about:meta])* struct $name:ident { $($(#[$about_field:meta])* $field:ident: $type:ty,)* })*) => {$(
        filtered! {
            $(#[$about])*
            struct $name {
                $($(#[$about_field])* $field: $type,)*
                /// Hits on the page, 1 to 1,000; 10 if absent.
                #[schema(minimum = 1, maximum = 1000)]
                #[param(minimum = 1, maximum = 1000)]
                #[serde(default, deserialize_with = "optional_limit")]
                limit: Option<usize>,
                /// Hits to skip, at most 10,000.
                #[schema(maximum = 10000)]
                #[param(maximum = 10000)]
                #[serde(default, deserialize_with = "optional_offset")]
                offset: Option<usize>,
                /// `new`, or the cursor of the page before.
                cursor: Option<String>,
                /// Lowest cosine of a hit, from -1 to 1.
                #[schema(minimum = -1, maximum = 1)]
                #[param(minimum = -1, maximum = 1)]
                #[serde(default, deserialize_with = "optional_cosine")]
                min_score: Option<f32>,
                /// Whether to compare every paper, so that nothing is missed.
                #[serde(default, deserialize_with = "flag")]
                exact: bool,
                /// `relevance` or `newest`.
                #[schema(value_type = Option<SortName>)]
                #[param(value_type = Option<SortName>)]
                sort: Option<String>,
                /// `all`, or `collapse` for one of the publications of each work.
                #[schema(value_type = Option<VersionsName>)]
                #[param(value_type = Option<VersionsName>)]
                versions: Option<String>,
                /// What to count the matching papers by: `year`, `categories`, `venue`.
                #[param(value_type = Option<Vec<FacetName>>)]
                facets: Option<OneOrMany>,
                /// Fields of each hit to give; all, if absent.
                #[param(value_type = Option<Vec<String>>)]
                fields: Option<FieldNames>,
                /// Another form of answer than JSON with scores.
                #[schema(value_type = Option<FormatName>)]
                #[param(value_type = Option<FormatName>)]
                format: Option<String>,
            }
        }

        impl $name {
            /// The part of the engine's request that all searches share.
            fn shared_options(&self) -> Result<SearchOptions, EngineError> {
                let facets = self.facets.as_ref().map_or_else(Vec::new, OneOrMany::parts);
                if self.cursor.is_some() && self.offset.is_some() {
                    return Err(invalid("offset", "none with `cursor`".to_owned(), "one".to_owned()));
                }
                Ok(SearchOptions {
                    cursor: self.cursor.as_deref().map(str::parse).transpose()?,
                    page: Page::new(self.limit, self.offset, self.min_score)?,
                    filter: self.to_filter()?,
                    facets: facets.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
                    sort: self.sort.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
                    exact: self.exact,
                    versions: self.versions.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
                    ..SearchOptions::default()
                })
            }
        }
    )*};
}

/// What is told of an answer, and in which form: of `format`, what is left out by it, and `fields`.
fn shape_of(
    format: Option<&str>,
    [has_facets, is_explained, has_cursor]: [bool; 3],
    fields: Option<&FieldNames>,
) -> Result<AnswerShape, EngineError> {
    let checked = Fields::checked(fields)?;
    let Some(name) = format else { return Ok(AnswerShape { fields: checked, format: None }) };
    let format = name.parse().map_err(|error: UnknownExportFormat| {
        let expected = ExportFormat::ALL.map(ExportFormat::name).join(", ");
        invalid("format", expected, format!("{:?}", error.found))
    })?;
    // Such lists are of whole papers, and of nothing else.
    let left_out = [
        ("fields", fields.is_some()),
        ("facets", has_facets),
        ("explain", is_explained),
        ("cursor", has_cursor),
    ];
    match left_out.into_iter().find(|(_, is_given)| *is_given) {
        Some((parameter, _)) => {
            Err(invalid(parameter, format!("none with `format={name}`"), "some".to_owned()))
        }
        None => Ok(AnswerShape { fields: checked, format: Some(format) }),
    }
}

fn invalid(parameter: &'static str, expected: String, found: String) -> EngineError {
    EngineError::InvalidRequest { parameter, expected, found }
}

/// What is told of an answer, and in which form. Checked.
#[derive(Debug, Clone, Default)]
pub struct AnswerShape {
    /// What is told of each hit.
    pub fields: Fields,
    /// `None` for JSON with scores.
    pub format: Option<ExportFormat>,
}

searches! {
    /// Parameters of `GET /v1/search`, and the body of `POST /v1/search`.
    struct SearchParams {
        /// The query.
        q: Option<String>,
        /// `hybrid`, `semantic` or `keyword`.
        #[schema(value_type = Option<ModeName>)]
        #[param(value_type = Option<ModeName>)]
        mode: Option<String>,
        /// The part of meaning in a hybrid score: `auto`, or from 0 to 1.
        semantic_ratio: Option<RatioParam>,
        /// Lowest relevance of a hit, from 0 to 1.
        #[serde(default, deserialize_with = "optional_part")]
        min_relevance: Option<f32>,
        /// Whether to say why each hit is one.
        #[serde(default, deserialize_with = "flag")]
        explain: bool,
    }

    /// Parameters of `GET /v1/papers/{id}/similar`.
    struct SimilarParams {
        /// Whether to say why each hit is one.
        #[serde(default, deserialize_with = "flag")]
        explain: bool,
    }

    /// What a saved query asks.
    struct SavedParams {
        /// What to call it; the first words of the query, if absent.
        name: Option<String>,
        /// The query.
        q: Option<String>,
        /// `hybrid`, `semantic` or `keyword`.
        #[schema(value_type = Option<ModeName>)]
        #[param(value_type = Option<ModeName>)]
        mode: Option<String>,
        /// The part of meaning in a hybrid score: `auto`, or from 0 to 1.
        semantic_ratio: Option<RatioParam>,
        /// Lowest relevance of a hit, from 0 to 1.
        #[serde(default, deserialize_with = "optional_part")]
        min_relevance: Option<f32>,
        /// More like these.
        #[serde(default)]
        seeds: Vec<SeedParam>,
        /// Less like these, beside some of `seeds`.
        #[serde(default)]
        negative: Vec<SeedParam>,
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
        #[schema(value_type = Option<StrategyName>)]
        #[param(value_type = Option<StrategyName>)]
        strategy: Option<String>,
        /// From 0 to 1.
        #[serde(default, deserialize_with = "optional_part")]
        diversity: Option<f32>,
        /// Ids that are no answer.
        #[serde(default)]
        exclude: Vec<String>,
    }
}

/// The part of meaning in a hybrid score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RatioParam {
    /// As it suits the query.
    Auto,
    /// From 0 to 1.
    Ratio(f32),
}

impl RatioParam {
    /// The engine's ratio; `None` for [`RatioParam::Auto`].
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if it is outside of 0 to 1.
    pub fn to_ratio(self) -> Result<Option<SemanticRatio>, EngineError> {
        match self {
            Self::Auto => Ok(None),
            Self::Ratio(ratio) => SemanticRatio::new(ratio).map(Some),
        }
    }
}

impl PartialSchema for RatioParam {
    fn schema() -> RefOr<Schema> {
        let auto = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["auto"]));
        let ratio = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1));
        OneOfBuilder::new().item(auto).item(ratio).into()
    }
}

impl ToSchema for RatioParam {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Ratio")
    }
}

impl FromStr for RatioParam {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Ratio).map_err(|_| EngineError::InvalidRequest {
            parameter: "semantic_ratio",
            expected: "`auto`, or a number from 0 to 1".to_owned(),
            found: format!("{text:?}"),
        })
    }
}

impl<'de> Deserialize<'de> for RatioParam {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f32),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(ratio) => Ok(Self::Ratio(ratio)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// A seed: an id, or a text.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SeedParam {
    /// `"1706.03762"`
    Id(String),
    /// `{"id": "1706.03762"}`
    NamedId(Object<IdSeed>),
    /// `{"text": "attention in networks"}`
    Text(Object<TextSeed>),
}

/// `{"id": …}`
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IdSeed {
    id: String,
}

/// `{"text": …}`
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSeed {
    text: String,
}

impl From<&SeedParam> for Seed {
    fn from(seed: &SeedParam) -> Self {
        match seed {
            SeedParam::Id(id) | SeedParam::NamedId(Object(IdSeed { id })) => Self::Paper(id.clone()),
            SeedParam::Text(Object(TextSeed { text })) => Self::Text(text.clone()),
        }
    }
}

/// Refuses a ratio beside a mode that has no two parts.
fn check_ratio(mode: Option<&str>, ratio: Option<RatioParam>) -> Result<(), EngineError> {
    match (mode, ratio) {
        (Some(mode @ ("semantic" | "keyword")), Some(RatioParam::Ratio(ratio))) => {
            Err(invalid("semantic_ratio", format!("none with `mode={mode}`"), ratio.to_string()))
        }
        _ => Ok(()),
    }
}

impl SearchParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is missing or out of bounds.
    pub fn to_request(&self) -> Result<SearchRequest, EngineError> {
        let shared = self.shared_options()?;
        check_ratio(self.mode.as_deref(), self.semantic_ratio)?;
        // Where what comes first is not the best, or nobody looks on, what does not fit is left out.
        let is_cut = shared.sort == Sort::Newest || self.format.is_some();
        let options = SearchOptions {
            min_relevance: self.min_relevance,
            only_fitting: is_cut,
            mode: self.mode.as_deref().map(str::parse).transpose()?.unwrap_or_default(),
            semantic_ratio: self.semantic_ratio.map(RatioParam::to_ratio).transpose()?.flatten(),
            explain: self.explain,
            ..shared
        };
        SearchRequest::new(self.q.as_deref().unwrap_or_default(), options)
    }

    /// The shape of the answer.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] for fields and forms that there are not, or that leave out what is asked for.
    pub fn to_shape(&self) -> Result<AnswerShape, EngineError> {
        shape_of(
            self.format.as_deref(),
            [self.facets.is_some(), self.explain, self.cursor.is_some()],
            self.fields.as_ref(),
        )
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

    /// The shape of the answer.
    ///
    /// # Errors
    /// As [`SearchParams::to_shape`].
    pub fn to_shape(&self) -> Result<AnswerShape, EngineError> {
        shape_of(
            self.format.as_deref(),
            [self.facets.is_some(), self.explain, self.cursor.is_some()],
            self.fields.as_ref(),
        )
    }
}

impl SavedParams {
    /// Refuses what other modes than hybrid would leave out of account.
    pub(crate) fn check_ratio(&self) -> Result<(), EngineError> {
        check_ratio(self.mode.as_deref(), self.semantic_ratio)
    }

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
            semantic_ratio: self.semantic_ratio.map(RatioParam::to_ratio).transpose()?.flatten(),
            page: Page::new(Some(self.limit.unwrap_or(default_limit)), None, self.min_score)?,
            min_relevance: self.min_relevance,
            only_fitting: true,
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

    /// The shape of the answer.
    ///
    /// # Errors
    /// As [`SearchParams::to_shape`].
    pub fn to_shape(&self) -> Result<AnswerShape, EngineError> {
        shape_of(
            self.format.as_deref(),
            [self.facets.is_some(), false, self.cursor.is_some()],
            self.fields.as_ref(),
        )
    }
}

/// Body of `POST /v1/search/batch`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchParams {
    /// The searches, at most 100.
    #[serde(deserialize_with = "objects")]
    pub searches: Vec<SearchParams>,
}

impl BatchParams {
    /// The engine's requests, and what is told of the hits of each.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] for too many, or of the first that is wrong.
    pub fn to_requests(&self) -> Result<(Vec<SearchRequest>, Vec<Fields>), EngineError> {
        if self.searches.is_empty() || self.searches.len() > MAX_BATCH {
            return Err(EngineError::InvalidRequest {
                parameter: "searches",
                expected: format!("1 to {MAX_BATCH} searches"),
                found: self.searches.len().to_string(),
            });
        }
        if self.searches.iter().any(|search| search.cursor.is_some()) {
            return Err(invalid("cursor", "none in a batch".to_owned(), "one".to_owned()));
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
        let requests = self.searches.iter().map(SearchParams::to_request);
        let fields = self.searches.iter().map(|search| Fields::checked(search.fields.as_ref()));
        Ok((requests.collect::<Result<_, _>>()?, fields.collect::<Result<_, _>>()?))
    }
}

filtered! {
    /// Body of `POST /v1/search/range`.
    struct RangeParams {
        /// The query.
        q: Option<String>,
        /// Lowest cosine of a hit.
        #[serde(default, deserialize_with = "optional_cosine")]
        min_score: Option<f32>,
        /// Fields of each hit to give; all, if absent.
        fields: Option<FieldNames>,
    }

    /// Parameters of an export: which papers, and how they are written.
    struct ExportParams {
        /// Words and operators that papers must fit; all papers, if absent.
        q: Option<String>,
        /// The form of the file; `jsonl` if absent.
        #[schema(value_type = Option<FormatName>)]
        #[param(value_type = Option<FormatName>)]
        format: Option<String>,
    }
}

impl RangeParams {
    /// The engine's request.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is missing or out of bounds.
    pub fn to_request(&self) -> Result<RangeRequest, EngineError> {
        RangeRequest::new(self.q.as_deref().unwrap_or_default(), self.min_score, self.to_filter()?)
    }
}

impl ExportParams {
    /// The engine's request, and the form of the answer.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is out of bounds.
    pub fn to_request(&self) -> Result<(ExportRequest, ExportFormat), EngineError> {
        let format = match &self.format {
            None => ExportFormat::Jsonl,
            Some(name) => name.parse().map_err(|error: UnknownExportFormat| EngineError::InvalidRequest {
                parameter: "format",
                expected: ExportFormat::ALL.map(ExportFormat::name).join(", "),
                found: format!("{:?}", error.found),
            })?,
        };
        Ok((ExportRequest::new(self.q.clone().unwrap_or_default(), self.to_filter()?)?, format))
    }
}
