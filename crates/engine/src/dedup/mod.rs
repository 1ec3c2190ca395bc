//! Duplicates: records of the same paper, found by identifiers, words and meaning, judged by all the evidence
//! there is, and grouped around the one to keep.
//!
//! The way of a run, read downwards: [`Engine::dedup`] takes a sketch of every paper, finds candidates
//! (`candidates`), compares the two papers of each (`profile`, `evidence`), gives each a probability and a verdict
//! (`model`, `verdict`), and makes clusters (`cluster`, `keep`). Nothing depends on the order in which papers came,
//! and nothing is changed.

mod candidates;
mod check;
mod cluster;
mod coefficients;
mod evidence;
mod keep;
mod model;
mod pairs;
mod profile;
mod report;
mod request;
mod sketch;
mod title;
mod venue;
mod verdict;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use cognate_corpus::Paper;
use rayon::prelude::*;

pub use check::{CheckedRecord, Found};
pub use evidence::{AuthorEvidence, Evidence, TextEvidence, TitleEvidence, VenueEvidence};
pub use model::named_features;
pub use pairs::{JudgedPair, PairJudge};
pub use report::{Action, Cluster, DedupReport, DedupStats, Match, Member, ScoredPair};
pub use request::{ClusterMode, DedupRequest, Judging, KeepPolicy, Versions};
pub use verdict::{Judgment, Kind, Verdict};

use candidates::Pair;
use cluster::{Group, Link};
use profile::Profile;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::Reader;

/// Papers whose words are held at a time: 250 MB.
const MAX_PROFILES: usize = 100_000;
/// Below this probability two papers are surely two.
const SURELY_DISTINCT: f64 = 0.01;

/// Progress of a run: a step in words, how much of it is done, and of how much.
pub type OnProgress<'a> = &'a mut dyn FnMut(&'static str, usize, usize);

/// A pair of rows as judged.
struct JudgedRows {
    rows: (u32, u32),
    score: f32,
    judgment: Judgment,
}

impl Engine {
    /// Finds the duplicates among all papers. `stop` ends the run; `on_progress` is told how far it is.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] if stopped, [`EngineError::InvalidRequest`] if there are too many pairs above the
    /// threshold, else [`EngineError`] if store or index cannot be read.
    pub fn dedup(
        &self,
        request: &DedupRequest,
        stop: &AtomicBool,
        on_progress: OnProgress<'_>,
    ) -> Result<DedupReport, EngineError> {
        let stats = DedupStats {
            threshold: request.threshold,
            min_probability: request.judging.min_probability,
            ..DedupStats::default()
        };
        let Some(view) = self.view()? else {
            return Ok(DedupReport { clusters: Vec::new(), pairs: Vec::new(), stats });
        };
        view.catch_up(&self.store)?;
        let vectors = view.snapshot().vectors;
        let reader = self.store.reader()?;

        on_progress("reading", 0, vectors.len());
        let sketches = candidates::sketches(&reader, stop)?;
        on_progress("looking for candidates", 0, sketches.len());
        let pairs = candidates::candidates(&sketches, &vectors, request.threshold)?;
        let n_papers = sketches.len();
        drop(sketches);
        let judged = judge(&reader, &vectors, &pairs, &request.judging, (stop, &mut *on_progress))?;
        on_progress("making clusters", 0, judged.len());
        let clusters = clusters(&reader, &judged, request)?;

        let count = |action| clusters.iter().flat_map(|c| &c.members).filter(|m| m.action == action).count();
        let stats = DedupStats {
            n_papers,
            n_pairs: pairs.len(),
            n_clusters: clusters.len(),
            n_drop: count(Action::Drop),
            n_review: count(Action::Review),
            generation: vectors.generation(),
            ..stats
        };
        Ok(DedupReport { clusters, pairs: scored(&reader, judged)?, stats })
    }
}

/// Judges every pair, and gives those that are not surely two papers. Holds the words of [`MAX_PROFILES`] papers
/// at a time.
fn judge(
    reader: &Reader<'_>,
    vectors: &cognate_index::Snapshot,
    pairs: &[Pair],
    judging: &Judging,
    (stop, on_progress): (&AtomicBool, &mut dyn FnMut(&'static str, usize, usize)),
) -> Result<Vec<JudgedRows>, EngineError> {
    let mut judged = Vec::new();
    let mut start = 0;
    while start < pairs.len() {
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        on_progress("comparing", start, pairs.len());
        let mut rows = BTreeSet::new();
        let fits = |pair: &&Pair| {
            rows.extend([pair.0, pair.1]);
            rows.len() <= MAX_PROFILES
        };
        let n = pairs[start..].iter().take_while(fits).count();
        let chunk = &pairs[start..start + n];
        start += n;
        let rows: Vec<u32> = rows.into_iter().collect();
        let profiles = profiles(reader, &rows)?;
        let found: Vec<Option<JudgedRows>> = chunk
            .par_iter()
            .map(|&(a, b, cosine)| {
                let Some((first, second)) = profiles.get(&a).zip(profiles.get(&b)) else { return Ok(None) };
                let score = match cosine {
                    Some(cosine) => cosine,
                    None => match vectors.vector(a)? {
                        Some(vector) => vectors.score(&vector, b)?.unwrap_or_default(),
                        None => return Ok(None),
                    },
                };
                let judgment = Judgment::new(Evidence::new(first, second, Some(score)), judging);
                let is_kept = judgment.probability >= SURELY_DISTINCT || score >= candidates::WITHOUT_AUTHOR;
                Ok(is_kept.then_some(JudgedRows { rows: (a, b), score, judgment }))
            })
            .collect::<Result<_, EngineError>>()?;
        judged.extend(found.into_iter().flatten());
    }
    Ok(judged)
}

fn profiles(reader: &Reader<'_>, rows: &[u32]) -> Result<HashMap<u32, Profile>, EngineError> {
    /// Papers whose texts are held at a time.
    const BATCH: usize = 4_096;
    let mut profiles = HashMap::with_capacity(rows.len());
    for rows in rows.chunks(BATCH) {
        let papers = reader.papers(rows)?;
        profiles.par_extend(papers.into_par_iter().map(|(row, stored)| (row, Profile::new(&stored.paper))));
    }
    Ok(profiles)
}

/// Clusters of the pairs that are duplicates or to be reviewed.
fn clusters(
    reader: &Reader<'_>,
    judged: &[JudgedRows],
    request: &DedupRequest,
) -> Result<Vec<Cluster>, EngineError> {
    let judged: Vec<&JudgedRows> =
        judged.iter().filter(|pair| pair.judgment.verdict != Verdict::Distinct).collect();
    let mut rows: Vec<u32> = judged.iter().flat_map(|pair| [pair.rows.0, pair.rows.1]).collect();
    rows.sort_unstable();
    rows.dedup();
    let papers = reader.papers(&rows)?;
    let mut records: Vec<(u32, &Paper, Profile)> =
        papers.iter().map(|(row, stored)| (*row, &stored.paper, Profile::new(&stored.paper))).collect();
    records.sort_by_cached_key(|(_, paper, profile)| request.keep.preference(paper, profile));
    let places: HashMap<u32, usize> =
        records.iter().enumerate().map(|(place, record)| (record.0, place)).collect();

    let mut found: HashMap<(usize, usize), &JudgedRows> = HashMap::with_capacity(judged.len());
    let mut links = Vec::with_capacity(judged.len());
    for pair in judged {
        let Some((&a, &b)) = places.get(&pair.rows.0).zip(places.get(&pair.rows.1)) else { continue };
        let (a, b) = (a.min(b), a.max(b));
        let Judgment { probability, verdict, .. } = pair.judgment;
        links.push(Link { a, b, probability, verdict, is_forbidden: false });
        found.insert((a, b), pair);
    }
    let groups = cluster::groups(records.len(), &links, request.clusters);
    let mut clusters: Vec<Cluster> =
        groups.iter().map(|group| described(group, &records, &found, request)).collect();
    clusters.sort_by(|a, b| a.keep.cmp(&b.keep));
    Ok(clusters)
}

/// A group with ids, scores and reasons.
fn described(
    group: &Group,
    records: &[(u32, &Paper, Profile)],
    found: &HashMap<(usize, usize), &JudgedRows>,
    request: &DedupRequest,
) -> Cluster {
    let id = |place: usize| records[place].1.id.clone();
    let mut others: Vec<Member> = Vec::with_capacity(group.others.len());
    for other in &group.others {
        let ends = (other.place.min(other.matched_to), other.place.max(other.matched_to));
        let Some(pair) = found.get(&ends) else { continue };
        let judgment = &pair.judgment;
        let reason =
            verdict::reason(&judgment.evidence, (&records[other.place].2, &records[other.matched_to].2));
        others.push(Member {
            id: id(other.place),
            action: if other.verdict == Verdict::Duplicate { Action::Drop } else { Action::Review },
            found: Some(Match {
                matched_to: id(other.matched_to),
                score: pair.score,
                probability: judgment.probability,
                kind: judgment.kind,
                reason,
            }),
        });
    }
    let probability = |member: &Member| member.found.as_ref().map_or(0.0, |found| found.probability);
    others.sort_by(|a, b| {
        let by_action = (a.action == Action::Review).cmp(&(b.action == Action::Review));
        by_action.then(probability(b).total_cmp(&probability(a))).then_with(|| a.id.cmp(&b.id))
    });
    let merged = request.merge.then(|| {
        // Places are in order of preference.
        let dropped: BTreeSet<usize> =
            group.others.iter().filter(|o| o.verdict == Verdict::Duplicate).map(|o| o.place).collect();
        keep::merged(records[group.keep].1, dropped.into_iter().map(|place| records[place].1))
    });
    let kept = Member { id: id(group.keep), action: Action::Keep, found: None };
    Cluster { keep: id(group.keep), members: [vec![kept], others].concat(), merged }
}

/// The pairs by id.
fn scored(reader: &Reader<'_>, judged: Vec<JudgedRows>) -> Result<Vec<ScoredPair>, EngineError> {
    let mut rows: Vec<u32> = judged.iter().flat_map(|pair| [pair.rows.0, pair.rows.1]).collect();
    rows.sort_unstable();
    rows.dedup();
    let ids = reader.paper_ids(&rows)?;
    let with_ids = judged.into_iter().filter_map(|pair| {
        let (a, b) = ids.get(&pair.rows.0).zip(ids.get(&pair.rows.1))?;
        let (a, b) = if a <= b { (a, b) } else { (b, a) };
        let Judgment { verdict, probability, kind, evidence } = pair.judgment;
        Some(ScoredPair {
            a: a.clone(),
            b: b.clone(),
            score: pair.score,
            probability,
            kind,
            verdict,
            evidence,
        })
    });
    let mut pairs: Vec<ScoredPair> = with_ids.collect();
    pairs.par_sort_unstable_by(|x, y| (&x.a, &x.b).cmp(&(&y.a, &y.b)));
    Ok(pairs)
}
