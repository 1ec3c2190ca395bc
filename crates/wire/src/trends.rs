//! What is trending.

use cognate_engine::{
    BURST_SCORE, EngineError, Growth, TrendBasis, TrendGroup, TrendReport, TrendRequest, Trending,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::papers::PaperBody;

/// Papers that are told when the request does not say.
const DEFAULT_LIMIT: usize = 10;

/// Parameters of `GET /v1/trends`.
#[derive(Debug, Clone, Default, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TrendParams {
    /// The window's last day, `YYYY-MM-DD`; the latest day that has papers, if absent.
    pub date: Option<String>,
    /// Days of the window.
    pub days: Option<u16>,
    /// Days of the history before it.
    pub history: Option<u16>,
    /// Papers to tell.
    pub limit: Option<usize>,
}

impl TrendParams {
    /// The engine's request and its limit.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] naming the parameter that is out of bounds.
    pub fn to_request(&self) -> Result<(TrendRequest, usize), EngineError> {
        let date = |text: &String| {
            text.parse::<Date>().map_err(|_| EngineError::InvalidRequest {
                parameter: "date",
                expected: "a day such as `2026-07-30`".to_owned(),
                found: format!("{text:?}"),
            })
        };
        let as_of = self.date.as_ref().map(date).transpose()?;
        let request = TrendRequest::new(as_of, self.days, self.history)?;
        Ok((request, self.limit.unwrap_or(DEFAULT_LIMIT)))
    }
}

/// Answer of `GET /v1/trends`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrendsBody {
    generation: u64,
    basis: &'static str,
    window: SpanBody,
    history: SpanBody,
    burst_score: f64,
    papers: Vec<TrendingBody>,
    groups: Vec<GroupBody>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct SpanBody {
    first: Option<String>,
    last: Option<String>,
    n_papers: usize,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct TrendingBody {
    score: f64,
    growth: Option<GrowthBody>,
    paper: PaperBody,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct GroupBody {
    label: Vec<String>,
    score: f64,
    growth: GrowthBody,
    papers: Vec<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct GrowthBody {
    n_near: usize,
    n_recent: usize,
    expected: f64,
    ratio: f64,
    radius: f32,
}

impl TrendsBody {
    /// The papers, each as (score, title or id), best first.
    pub fn papers(&self) -> impl Iterator<Item = (f64, &str)> {
        self.papers.iter().map(|trending| (trending.score, trending.paper.title_or_id()))
    }

    /// The groups, each as (label, papers, growth), the strongest first.
    pub fn groups(&self) -> impl Iterator<Item = (&[String], usize, f64)> {
        self.groups.iter().map(|group| (group.label.as_slice(), group.papers.len(), group.growth.ratio))
    }
}

impl From<TrendReport> for TrendsBody {
    fn from(report: TrendReport) -> Self {
        let span = |days: Option<(Date, Date)>, n_papers| SpanBody {
            first: days.map(|(first, _)| first.to_string()),
            last: days.map(|(_, last)| last.to_string()),
            n_papers,
        };
        Self {
            generation: report.generation,
            basis: match report.basis {
                TrendBasis::Votes => "votes",
                TrendBasis::Growth => "growth",
            },
            window: span(report.window, report.n_window),
            history: span(report.history, report.n_history),
            burst_score: BURST_SCORE,
            papers: report.papers.into_iter().map(TrendingBody::from).collect(),
            groups: report.groups.into_iter().map(GroupBody::from).collect(),
        }
    }
}

impl From<Trending> for TrendingBody {
    fn from(trending: Trending) -> Self {
        Self {
            score: trending.score,
            growth: trending.growth.map(GrowthBody::from),
            paper: trending.paper.into(),
        }
    }
}

impl From<TrendGroup> for GroupBody {
    fn from(group: TrendGroup) -> Self {
        Self { label: group.label, score: group.score, growth: group.growth.into(), papers: group.papers }
    }
}

impl From<Growth> for GrowthBody {
    fn from(growth: Growth) -> Self {
        Self {
            n_near: growth.n_near,
            n_recent: growth.n_recent,
            expected: growth.expected,
            ratio: growth.ratio(),
            radius: growth.radius,
        }
    }
}
