//! Where to cut among scored pairs.

use cognate_engine::{
    Bin, Cut, DEFAULT_MIN_PROBABILITY, EngineError, Histogram, PairScore, PairToLabel, Precision, Stratum,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::names::PairScoreName;

/// The cut, when the request names none: the default of `min_probability`.
const DEFAULT_AT: f64 = DEFAULT_MIN_PROBABILITY;
/// Pairs to ask about, when the request does not say.
const DEFAULT_PAIRS: usize = 20;

/// Parameters of `GET /v1/dedup/histogram`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistogramParams {
    /// `probability` or `score`.
    #[schema(value_type = Option<PairScoreName>)]
    #[param(value_type = Option<PairScoreName>)]
    pub by: Option<String>,
    /// The cut.
    pub at: Option<f64>,
    /// Number of bins.
    pub bins: Option<usize>,
}

/// Parameters of `GET /v1/dedup/pairs`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PairsParams {
    /// `probability` or `score`.
    #[schema(value_type = Option<PairScoreName>)]
    #[param(value_type = Option<PairScoreName>)]
    pub by: Option<String>,
    /// The cut.
    pub at: Option<f64>,
    /// Pairs to give.
    pub limit: Option<usize>,
}

impl HistogramParams {
    /// The cut that they name.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] that names the parameter.
    pub fn cut(&self) -> Result<Cut, EngineError> {
        cut(self.by.as_deref(), self.at)
    }
}

impl PairsParams {
    /// The cut that they name.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] that names the parameter.
    pub fn cut(&self) -> Result<Cut, EngineError> {
        cut(self.by.as_deref(), self.at)
    }

    /// Pairs to give.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_PAIRS)
    }
}

fn cut(by: Option<&str>, at: Option<f64>) -> Result<Cut, EngineError> {
    let by = by.map_or(Ok(PairScore::default()), str::parse)?;
    Cut::new(by, at.unwrap_or(DEFAULT_AT))
}

/// Answer of `GET /v1/dedup/histogram`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistogramBody {
    /// The generation of the papers.
    pub generation: u64,
    /// `probability` or `score`.
    pub by: &'static str,
    /// The cut.
    pub at: f64,
    /// The pairs at the cut or above it.
    pub above: CountsBody,
    /// Pairs by score, ascending.
    pub bins: Vec<BinBody>,
}

/// Pairs between two scores.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BinBody {
    /// The lower end.
    pub from: f64,
    /// The upper end.
    pub to: f64,
    /// What is there.
    #[serde(flatten)]
    pub counts: CountsBody,
}

/// Pairs, labels of them, and the part of duplicates that these tell of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CountsBody {
    /// All pairs.
    pub n_pairs: usize,
    /// Labelled as duplicates.
    pub yes: usize,
    /// Labelled as none.
    pub no: usize,
    /// The part of duplicates.
    pub precision: PrecisionBody,
}

/// A part, with its 95 % interval.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct PrecisionBody {
    /// Null without labels.
    pub estimate: Option<f64>,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl CountsBody {
    fn new(pairs: Stratum, precision: Precision) -> Self {
        let Precision { estimate, low, high, .. } = precision;
        Self {
            n_pairs: pairs.n_pairs,
            yes: pairs.n_yes,
            no: pairs.n_no,
            precision: PrecisionBody { estimate, low, high },
        }
    }
}

impl From<Histogram> for HistogramBody {
    fn from(histogram: Histogram) -> Self {
        let Histogram { generation, by, bins, at, above, precision } = histogram;
        let bin = |Bin { from, to, pairs, precision }: Bin| BinBody {
            from,
            to,
            counts: CountsBody::new(pairs, precision),
        };
        Self {
            generation,
            by: by.name(),
            at,
            above: CountsBody::new(above, precision),
            bins: bins.into_iter().map(bin).collect(),
        }
    }
}

/// Answer of `GET /v1/dedup/pairs`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PairsBody {
    /// Pairs without a label, the nearest to the cut first.
    pub pairs: Vec<PairToLabelBody>,
}

/// A pair to ask a person about.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PairToLabelBody {
    /// A paper.
    pub a: PairPaperBody,
    /// Another paper.
    pub b: PairPaperBody,
    /// Cosine.
    pub score: f32,
    /// That they are of the same paper.
    pub probability: f64,
    /// How they are alike.
    pub kind: &'static str,
    /// What speaks for and against it.
    pub reason: String,
}

/// A paper of a pair.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PairPaperBody {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
}

impl From<Vec<PairToLabel>> for PairsBody {
    fn from(pairs: Vec<PairToLabel>) -> Self {
        let body = |pair: PairToLabel| PairToLabelBody {
            a: PairPaperBody { id: pair.ids.0, title: pair.titles.0 },
            b: PairPaperBody { id: pair.ids.1, title: pair.titles.1 },
            score: pair.score,
            probability: pair.probability,
            kind: pair.kind.name(),
            reason: pair.reason,
        };
        Self { pairs: pairs.into_iter().map(body).collect() }
    }
}
