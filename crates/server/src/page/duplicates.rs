//! Duplicates: what a deduplication found, for people to say yes or no to.
//!
//! Nothing is dropped here. What people say is stored and respected by every later deduplication. All papers are compared by a
//! task, which the page watches.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cognate_corpus::Paper;
use cognate_engine::{Action, Cluster, Engine, EngineError, Label, Undo};

use super::address::{self, Address};
use super::compare::{Row, compare};
use super::item::Item;
use super::search::counted;
use super::{Frame, Listing, PageError, WaitingPage, page, soon, within_patience};
use crate::error::ApiError;
use crate::routes::{App, off_thread};
use crate::tasks;
use cognate_wire::DedupParams;

/// What there is to say while the report of many pairs is made.
const IS_MADE: &str = "Groups are being made of the pairs that were found. This takes a moment.";
/// Clusters on a page.
const LIMIT: usize = 10;
/// Pairs on a page that are compared field by field.
const MAX_COMPARED: usize = 60;
/// Pairs that people said are two papers, of which the latest are shown.
const MAX_DISTINCT: usize = 50;

/// `GET /duplicates`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    params: Result<Query<Listing>, QueryRejection>,
) -> Result<Response, PageError> {
    let Query(params) = params?;
    let offset = params.offset;
    let frame = Frame::new("Duplicates", "duplicates");
    if let Some((step, n_done, n)) = app.tasks.running() {
        let told = format!("All papers are being compared: {step}.");
        let progress = Some((n_done, n)).filter(|(_, n)| *n > 0);
        return Ok(WaitingPage { frame, told, progress }.into_response());
    }
    let found = soon(&app, "duplicates".to_owned(), move |app| Ok(Found::of(&app.engine, offset)?));
    Ok(match found.await? {
        Some(found) => page(StatusCode::OK, &DuplicatesPage { frame, offset, found }),
        None => WaitingPage::new(frame, IS_MADE).into_response(),
    })
}

/// What a form of the page asks for.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Compare all papers.
    Compare,
    /// Of two papers: that they are duplicates, that they are not, or neither.
    Pair { a: String, b: String, is_duplicate: Option<bool> },
}

impl Said {
    /// Reads the body of a form, and the offset of the page that it was on.
    fn parse(form: &[u8]) -> Result<(Self, usize), ApiError> {
        let mut fields: HashMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let offset = fields.remove("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let said = match (fields.remove("a"), fields.remove("b"), fields.remove("label").as_deref()) {
            (None, None, Some("compare")) => Self::Compare,
            (Some(a), Some(b), Some("yes")) => Self::Pair { a, b, is_duplicate: Some(true) },
            (Some(a), Some(b), Some("no")) => Self::Pair { a, b, is_duplicate: Some(false) },
            (Some(a), Some(b), Some("neither")) => Self::Pair { a, b, is_duplicate: None },
            (_, _, label) => {
                let expected =
                    "`label`: expected `yes`, `no` or `neither` with `a` and `b`, or `compare` alone";
                let message = format!("{expected}, found {:?}", label.unwrap_or_default());
                return Err(ApiError::bad_request("invalid_parameter", message));
            }
        };
        Ok((said, offset))
    }
}

/// `POST /duplicates`
pub(super) async fn say(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let (said, offset) = Said::parse(&body?)?;
    match said {
        Said::Compare => {
            if app.tasks.running().is_none() {
                let (_, task) = tasks::begin(&app, DedupParams::default().to_request()?)?;
                // Of many papers the page tells how far it is.
                within_patience(&app, task.ended()).await?;
            }
        }
        Said::Pair { a, b, is_duplicate } => {
            off_thread(&app, move |app| Ok(app.engine.label(&a, &b, is_duplicate)?)).await?;
        }
    }
    let offset = if offset > 0 { offset.to_string() } else { String::new() };
    let address = Address::new("/duplicates").with("offset", offset).into_text();
    Ok(Redirect::to(&address).into_response())
}

/// The papers that a form is about, where it was on the page of `kept`.
fn pair_in(form: &[u8]) -> Result<(String, String), ApiError> {
    let mut fields: HashMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
    let mut field = |name: &str| {
        let found = fields.remove(name).filter(|value| !value.trim().is_empty());
        found.ok_or_else(|| ApiError::bad_request("invalid_parameter", format!("`{name}`: expected an id")))
    };
    Ok((field("paper")?, field("kept")?))
}

/// `POST /duplicates/drop`: drops `paper` for `kept`, on whose page the form was.
pub(super) async fn drop_one(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let (paper, kept) = pair_in(&body?)?;
    let address = address::paper(&kept);
    off_thread(&app, move |app| Ok(app.engine.drop_for(&paper, &kept)?)).await?;
    Ok(Redirect::to(&address).into_response())
}

/// `POST /duplicates/undo`: brings `paper` back, which was dropped for `kept`, and takes back what was said of the two.
pub(super) async fn bring_back(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, PageError> {
    let (paper, kept) = pair_in(&body?)?;
    let address = address::paper(&paper);
    off_thread(&app, move |app| {
        app.engine.undo(&Undo::Papers(vec![paper.clone()]))?;
        Ok(app.engine.label(&paper, &kept, None)?)
    })
    .await?;
    Ok(Redirect::to(&address).into_response())
}

/// A pair of a cluster: a paper, and the one that it was matched to.
struct PairView {
    paper: Item,
    matched_to: String,
    /// `duplicate`, or `perhaps`.
    verdict: &'static str,
    percent: String,
    cosine: String,
    reason: String,
    /// Whether a person said that they are the same.
    is_said: bool,
    /// Both records, field by field: the one that it was matched to, and this one.
    rows: Vec<Row>,
}

/// Two papers that people said are not the same.
struct Distinct {
    label: Label,
    /// The titles; the ids of papers that are gone.
    titles: [String; 2],
}

/// Papers that are perhaps the same.
struct ClusterView {
    keep: Item,
    pairs: Vec<PairView>,
}

/// What the last comparison found.
#[derive(Default)]
struct Found {
    /// What there is to say of it; `None` if the papers have changed since, or were never compared.
    status: Option<String>,
    clusters: Vec<ClusterView>,
    previous: Option<String>,
    next: Option<String>,
    /// Pairs that people said are two papers, the latest first.
    distinct: Vec<Distinct>,
    /// Pairs that people decided about, and those that wait for it.
    n_decided: usize,
    n_waiting: usize,
}

impl Found {
    fn of(engine: &Engine, offset: usize) -> Result<Self, EngineError> {
        let labels = engine.labels()?;
        let n_decided = labels.len();
        let mut distinct: Vec<Label> = labels.iter().filter(|label| !label.is_duplicate).cloned().collect();
        distinct.sort_by(|a, b| b.labelled.cmp(&a.labelled));
        distinct.truncate(MAX_DISTINCT);
        let distinct = distinct.into_iter().map(|label| Distinct::of(engine, label));
        let distinct = distinct.collect::<Result<Vec<_>, _>>()?;
        let report = match engine.report_at_hand(&DedupParams::default().to_request()?) {
            Ok(report) => report,
            Err(EngineError::NoScoredPairs) => return Ok(Self { distinct, ..Self::default() }),
            Err(error) => return Err(error),
        };
        let said: HashSet<(&str, &str)> = labels
            .iter()
            .filter(|label| label.is_duplicate)
            .map(|label| (label.a.as_str(), label.b.as_str()))
            .collect();
        let is_said = |a: &str, b: &str| said.contains(&if a < b { (a, b) } else { (b, a) });
        let waits = |cluster: &&Cluster| cluster.members.iter().any(|member| member.action == Action::Review);
        // What needs a person comes first.
        let (waiting, decided): (Vec<&Cluster>, Vec<&Cluster>) = report.clusters.iter().partition(waits);
        let n_clusters = report.clusters.len();
        let mut views = Vec::new();
        let mut n_compared = 0;
        for cluster in waiting.into_iter().chain(decided).skip(offset).take(LIMIT) {
            views.extend(ClusterView::of(engine, cluster, (&is_said, &mut n_compared))?);
        }
        let n_shown = offset.saturating_add(LIMIT).min(n_clusters);
        let at = |offset: usize| Address::new("/duplicates").with("offset", offset.to_string()).into_text();
        Ok(Self {
            status: Some(format!(
                "{} in which papers are alike: {} surely a duplicate, {} to be decided",
                counted(n_clusters as u64, "group"),
                counted(report.stats.n_drop as u64, "paper"),
                report.stats.n_review
            )),
            clusters: views,
            previous: (offset > 0).then(|| at(offset.saturating_sub(LIMIT))),
            next: (n_shown < n_clusters).then(|| at(n_shown)),
            distinct,
            n_decided,
            n_waiting: report.stats.n_review,
        })
    }
}

impl Distinct {
    fn of(engine: &Engine, label: Label) -> Result<Self, EngineError> {
        let title = |id: &str| match engine.paper(id) {
            Ok(stored) => Ok(stored.paper.title.unwrap_or_else(|| id.to_owned())),
            Err(EngineError::PaperNotFound { .. } | EngineError::PaperDropped { .. }) => Ok(id.to_owned()),
            Err(error) => Err(error),
        };
        Ok(Self { titles: [title(&label.a)?, title(&label.b)?], label })
    }
}

/// Whether somebody decided on a pair of ids.
type IsSaid<'a> = &'a dyn Fn(&str, &str) -> bool;

impl ClusterView {
    /// `None` if its papers went meanwhile.
    fn of(
        engine: &Engine,
        cluster: &Cluster,
        (is_said, n_compared): (IsSaid<'_>, &mut usize),
    ) -> Result<Option<Self>, EngineError> {
        let find = |id: &str| match engine.paper(id) {
            Ok(stored) => Ok(Some(stored.paper)),
            Err(EngineError::PaperNotFound { .. } | EngineError::PaperDropped { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let mut papers: HashMap<String, Paper> = HashMap::new();
        for id in std::iter::once(&cluster.keep).chain(cluster.members.iter().map(|member| &member.id)) {
            if let Some(paper) = find(id.as_str())? {
                papers.insert(id.to_string(), paper);
            }
        }
        let Some(keep) = papers.get(cluster.keep.as_str()) else { return Ok(None) };
        let mut pairs = Vec::new();
        for member in &cluster.members {
            let (Some(found), Some(paper)) = (&member.found, papers.get(member.id.as_str())) else {
                continue;
            };
            let matched_to = papers.get(found.matched_to.as_str());
            let matched_to = matched_to.filter(|_| *n_compared < MAX_COMPARED);
            let rows = matched_to.map_or_else(Vec::new, |matched_to| compare(matched_to, paper));
            *n_compared += 1;
            pairs.push(PairView {
                is_said: is_said(member.id.as_str(), found.matched_to.as_str()),
                matched_to: found.matched_to.to_string(),
                verdict: if member.action == Action::Drop { "Duplicate" } else { "Perhaps" },
                percent: format!("{:.0} %", found.probability * 100.0),
                cosine: format!("{:.2}", found.score),
                reason: found.reason.clone(),
                paper: Item::new(paper.clone()),
                rows,
            });
        }
        Ok((!pairs.is_empty()).then_some(Self { keep: Item::new(keep.clone()), pairs }))
    }
}

#[derive(Template)]
#[template(path = "duplicates.html", whitespace = "minimize")]
struct DuplicatesPage {
    frame: Frame,
    offset: usize,
    found: Found,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_say_what_they_mean() {
        let check = |form: &str, expected: Option<(Said, usize)>| {
            assert_eq!(Said::parse(form.as_bytes()).ok(), expected, "{form}");
        };
        let pair = |is_duplicate| Said::Pair { a: "x/1".to_owned(), b: "y".to_owned(), is_duplicate };
        check("label=compare", Some((Said::Compare, 0)));
        check("a=x%2F1&b=y&label=yes&offset=20", Some((pair(Some(true)), 20)));
        check("a=x/1&b=y&label=no", Some((pair(Some(false)), 0)));
        check("a=x/1&b=y&label=neither", Some((pair(None), 0)));
        check("a=x/1&label=no", None);
        check("a=x/1&b=y&label=maybe", None);
        check("a=x/1&b=y&label=compare", None);
        let pair = ("a/1".to_owned(), "b".to_owned());
        assert_eq!(pair_in(b"paper=a%2F1&kept=b").ok(), Some(pair));
        assert!(pair_in(b"paper=a&kept=+").unwrap_err().message().contains("`kept`"));
    }
}
