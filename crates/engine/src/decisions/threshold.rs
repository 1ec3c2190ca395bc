//! Where to cut: how many pairs have which score, what people said of them, and which pairs to ask about next.

use super::precision::{Precision, Stratum, precision};
use cognate_dedup::Kind;

use crate::dedup;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::scored_pairs::{RowPair, labels_by_rows};

/// Bins of a histogram, when the request names no number.
const DEFAULT_BINS: usize = 20;
/// Most bins of a histogram.
const MAX_BINS: usize = 200;
/// Most pairs to ask about in one answer.
const MAX_NEAREST: usize = 1_000;

/// By which of its numbers a pair is placed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PairScore {
    /// The probability that both are the same paper, from 0 to 1.
    #[default]
    Probability,
    /// The cosine of their vectors.
    Cosine,
}

impl PairScore {
    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Probability => "probability",
            Self::Cosine => "score",
        }
    }

    fn of(self, pair: &RowPair) -> f64 {
        match self {
            Self::Probability => pair.probability.same_publication,
            Self::Cosine => f64::from(pair.score),
        }
    }
}

impl std::str::FromStr for PairScore {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        [Self::Probability, Self::Cosine].into_iter().find(|score| score.name() == name).ok_or_else(|| {
            EngineError::InvalidRequest {
                parameter: "by",
                expected: "`probability` or `score`".to_owned(),
                found: format!("{name:?}"),
            }
        })
    }
}

/// A cut among scored pairs. Valid once made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    by: PairScore,
    at: f64,
}

impl Cut {
    /// Validates the value, from 0 to 1.
    ///
    /// # Errors
    /// [`EngineError::InvalidRequest`] if it is outside.
    pub fn new(by: PairScore, at: f64) -> Result<Self, EngineError> {
        if !(0.0..=1.0).contains(&at) {
            return Err(EngineError::InvalidRequest {
                parameter: "at",
                expected: "a number from 0 to 1".to_owned(),
                found: at.to_string(),
            });
        }
        Ok(Self { by, at })
    }
}

/// Pairs between two scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The lower end, which belongs to it.
    pub from: f64,
    /// The upper end, which belongs to the next bin, or to the last.
    pub to: f64,
    /// Its pairs and labels.
    pub pairs: Stratum,
    /// The part of duplicates among them.
    pub precision: Precision,
}

/// How many pairs have which score.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// The generation of the papers.
    pub generation: u64,
    /// By what pairs are placed.
    pub by: PairScore,
    /// Bins of equal width from 0 to 1, ascending; what is below 0 is in the first.
    pub bins: Vec<Bin>,
    /// The cut.
    pub at: f64,
    /// The pairs at the cut or above it, and the labels of those.
    pub above: Stratum,
    /// The part of duplicates among them: the precision of the cut.
    pub precision: Precision,
}

/// A pair to ask a person about.
#[derive(Debug, Clone, PartialEq)]
pub struct PairToLabel {
    /// Ids, in order.
    pub ids: (String, String),
    /// Titles, in the order of the ids.
    pub titles: (Option<String>, Option<String>),
    /// Cosine, in `[-1, 1]`.
    pub score: f32,
    /// That they are of the same paper, from 0 to 1.
    pub probability: f64,
    /// How they are alike.
    pub kind: Kind,
    /// What speaks for and against it, in words.
    pub reason: String,
}

impl Engine {
    /// How many of the pairs that the last deduplication scored have which score, and how precise a cut is by
    /// what people said of them. `n_bins` is from 1 to 200 (default 20).
    ///
    /// # Errors
    /// [`EngineError::NoScoredPairs`] unless the papers are as that deduplication found them,
    /// [`EngineError::InvalidRequest`], or a failure of the store.
    pub fn dedup_histogram(&self, cut: Cut, n_bins: Option<usize>) -> Result<Histogram, EngineError> {
        let n_bins = n_bins.unwrap_or(DEFAULT_BINS);
        check("bins", n_bins, MAX_BINS)?;
        let reader = self.store()?.reader()?;
        let scored = self.scored_pairs(&reader)?;
        let labels = labels_by_rows(&reader)?;
        let placed: Vec<(f64, Option<bool>)> =
            scored.pairs.iter().map(|pair| (cut.by.of(pair), labels.get(&pair.rows).copied())).collect();
        let edge = |n: usize| n as f64 / n_bins as f64;
        let bins = (0..n_bins).map(|n| {
            let (from, to) = (edge(n), edge(n + 1));
            let lower = if n == 0 { f64::NEG_INFINITY } else { from };
            let upper = if n + 1 == n_bins { f64::INFINITY } else { to };
            let pairs = stratum(&placed, lower, upper);
            Bin { from, to, pairs, precision: precision(&[pairs]) }
        });
        // The bins above the cut, the first of them cut in two.
        let mut edges = vec![cut.at];
        edges.extend((1..n_bins).map(edge).filter(|edge| *edge > cut.at));
        edges.push(f64::INFINITY);
        let strata: Vec<Stratum> = edges.windows(2).map(|ends| stratum(&placed, ends[0], ends[1])).collect();
        let sum = |of: fn(&Stratum) -> usize| strata.iter().map(of).sum();
        Ok(Histogram {
            generation: scored.generation,
            by: cut.by,
            bins: bins.collect(),
            at: cut.at,
            above: Stratum { n_pairs: sum(|s| s.n_pairs), n_yes: sum(|s| s.n_yes), n_no: sum(|s| s.n_no) },
            precision: precision(&strata),
        })
    }

    /// The pairs without a label that are nearest to a cut, the nearest first, ties by id: those of which a
    /// label tells most. At most `limit`, from 1 to 1,000.
    ///
    /// # Errors
    /// As [`Engine::dedup_histogram`].
    pub fn pairs_to_label(&self, cut: Cut, limit: usize) -> Result<Vec<PairToLabel>, EngineError> {
        check("limit", limit, MAX_NEAREST)?;
        let reader = self.store()?.reader()?;
        let scored = self.scored_pairs(&reader)?;
        let labels = labels_by_rows(&reader)?;
        let mut nearest: Vec<(f64, &RowPair)> = scored
            .pairs
            .iter()
            .filter(|pair| !labels.contains_key(&pair.rows))
            .map(|pair| ((cut.by.of(pair) - cut.at).abs(), pair))
            .collect();
        if nearest.len() > limit {
            // With all that tie with the last one, of which the ids decide.
            let (_, &mut (last, _), _) =
                nearest.select_nth_unstable_by(limit - 1, |(a, _), (b, _)| a.total_cmp(b));
            nearest.retain(|(distance, _)| *distance <= last);
        }
        let rows: Vec<u32> = nearest.iter().flat_map(|(_, pair)| [pair.rows.0, pair.rows.1]).collect();
        let ids = reader.ids(&rows)?;
        let ids_of = |pair: &RowPair| {
            let (a, b) = (ids.get(&pair.rows.0)?, ids.get(&pair.rows.1)?);
            Some(if a < b { (a, b) } else { (b, a) })
        };
        nearest.sort_by(|(a, a_pair), (b, b_pair)| {
            a.total_cmp(b).then_with(|| ids_of(a_pair).cmp(&ids_of(b_pair)))
        });
        nearest.truncate(limit);
        let rows: Vec<u32> = nearest.iter().flat_map(|(_, pair)| [pair.rows.0, pair.rows.1]).collect();
        let papers = reader.papers(&rows)?;
        let containers = dedup::containers(&reader, papers.values().map(|stored| &stored.paper))?;
        let to_label = nearest.iter().filter_map(|(_, pair)| {
            let (a, b) = (&papers.get(&pair.rows.0)?.paper, &papers.get(&pair.rows.1)?.paper);
            let (a, b) = if a.id < b.id { (a, b) } else { (b, a) };
            Some(PairToLabel {
                ids: (a.id.to_string(), b.id.to_string()),
                titles: (a.title.clone(), b.title.clone()),
                score: pair.score,
                probability: pair.probability.same_publication,
                kind: pair.kind,
                reason: dedup::reason_of((a, b), &containers, pair.score),
            })
        });
        Ok(to_label.collect())
    }
}

fn check(parameter: &'static str, found: usize, max: usize) -> Result<(), EngineError> {
    if (1..=max).contains(&found) {
        return Ok(());
    }
    Err(EngineError::InvalidRequest { parameter, expected: format!("1 to {max}"), found: found.to_string() })
}

/// The pairs from `from` to below `to`.
fn stratum(placed: &[(f64, Option<bool>)], from: f64, to: f64) -> Stratum {
    let mut stratum = Stratum::default();
    for (_, label) in placed.iter().filter(|(value, _)| (from..to).contains(value)) {
        stratum.n_pairs += 1;
        stratum.n_yes += usize::from(*label == Some(true));
        stratum.n_no += usize::from(*label == Some(false));
    }
    stratum
}
