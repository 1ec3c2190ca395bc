//! Duplicates: records of the same paper, found by identifiers, words and meaning, judged by all the evidence
//! there is, and grouped around the one to keep.
//!
//! The way of a run, read downwards: [`Engine::dedup`] takes a sketch of every paper, finds candidates
//! (`candidates`), compares the two papers of each (`profile`, `evidence`), gives each a probability and a verdict
//! (`model`, `verdict`), and makes clusters (`cluster`, `keep`). Nothing depends on the order in which papers came,
//! and nothing is changed.

mod candidates;
mod check;
mod decided;
mod pairs;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use cognate_corpus::Paper;
use cognate_dedup::{
    Action, Cluster, Containers, DedupReport, DedupRequest, DedupStats, Evidence, Group, Judging, KeepPolicy,
    Kind, Link, Match, Member, Profile, Relation, ScoredPair, Verdict, groups, kind, merged, probability,
    reason, relation,
};
use rayon::prelude::*;
use roaring::RoaringBitmap;

pub(crate) use check::containers;
pub use check::{CheckedRecord, Found};
pub use pairs::{JudgedPair, PairJudge};

use candidates::{Candidate, Near};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::scored_pairs::{RowPair, RowPairs, labels_by_rows};
use crate::store::Reader;
use crate::view::Snapshot;

/// Papers whose words are held at a time: 250 MB.
const MAX_PROFILES: usize = 100_000;
/// Below this probability two papers are surely two.
const SURELY_DISTINCT: f64 = 0.01;

/// Progress of a run: a step in words, how much of it is done, and of how much.
pub type OnProgress<'a> = &'a mut (dyn FnMut(&'static str, usize, usize) + Send);

/// A pair of rows, and what is to be done about it.
struct JudgedRows {
    rows: (u32, u32),
    score: f32,
    probability: f64,
    kind: Kind,
    relation: Option<Relation>,
    verdict: Verdict,
    /// What a person said, which goes before everything else.
    label: Option<bool>,
}

impl Engine {
    /// Finds the duplicates among all papers. `stop` ends the run; `on_progress` is told how far it is. Pairs are
    /// scored once for each generation and kept, so that another run with another cut is quick.
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
        let Some(view) = self.view()? else {
            let (threshold, min_probability) = (request.threshold(), request.judging().min_probability());
            let stats = DedupStats { threshold, min_probability, ..DedupStats::default() };
            return Ok(DedupReport { clusters: Vec::new(), stats });
        };
        let moment = view.exact_moment(self.store()?)?;
        moment.read(|reader| self.dedup_at((&moment.snapshot, reader), request, (stop, on_progress)))
    }

    fn dedup_at(
        &self,
        (snapshot, reader): (&Snapshot, &Reader),
        request: &DedupRequest,
        (stop, on_progress): (&AtomicBool, OnProgress<'_>),
    ) -> Result<DedupReport, EngineError> {
        let vectors = &snapshot.vectors;
        let Some(model) = reader.model()? else { return Err(EngineError::NoScoredPairs) };
        let file = self.pairs_file(&model)?;
        let kept = file.read();
        // What has been seen, until a run over everything or an application.
        let seen = match &kept {
            _ if !request.asks_for_new() => vectors.generation(),
            Some(kept) => kept.seen,
            None => 0,
        };
        let before = kept.as_ref().map(|kept| (kept.generation, kept.seen));
        let kept = kept.and_then(|pairs| pairs.at_threshold(request.threshold()));
        let scored = match kept {
            Some(kept) if kept.generation == vectors.generation() => kept,
            Some(kept) if request.asks_for_new() => {
                let changed = reader.rows_since(kept.generation)?;
                score(
                    reader,
                    vectors,
                    (request.threshold(), Some((kept, &changed))),
                    (stop, &mut *on_progress),
                )?
            }
            _ => score(reader, vectors, (request.threshold(), None), (stop, &mut *on_progress))?,
        };
        let scored = RowPairs { seen, ..scored };
        if before != Some((scored.generation, seen))
            && let Err(error) = file.write(&scored)
        {
            tracing::warn!("{error}: the next run scores all pairs again");
        }
        on_progress("making clusters", 0, scored.pairs.len());
        self.report(reader, &scored, request)
    }

    /// As [`Engine::dedup`], from the pairs that were scored last, with another cut: nothing is compared again.
    ///
    /// # Errors
    /// [`EngineError::NoScoredPairs`] unless the papers are as that run found them, and its threshold was not
    /// higher, or a failure of the store.
    pub fn rethreshold(&self, request: &DedupRequest) -> Result<DedupReport, EngineError> {
        let reader = self.store()?.reader()?;
        let scored = self.scored_pairs(&reader)?.at_threshold(request.threshold());
        self.report(&reader, &scored.ok_or(EngineError::NoScoredPairs)?, request)
    }

    /// The pairs that were scored last, with their verdicts: those that are not surely two papers (a probability
    /// of 0.01 or a cosine of 0.85 at least), in order of `a`, then `b`.
    ///
    /// # Errors
    /// As [`Engine::rethreshold`].
    pub fn scored_by_id(&self, request: &DedupRequest) -> Result<Vec<ScoredPair>, EngineError> {
        let reader = self.store()?.reader()?;
        let scored = self.scored_pairs(&reader)?.at_threshold(request.threshold());
        let scored = scored.ok_or(EngineError::NoScoredPairs)?;
        let judged = with_labels(&reader, (&scored.pairs, labels_by_rows(&reader)?), request.judging())?;
        let mut rows: Vec<u32> = judged.iter().flat_map(|pair| [pair.rows.0, pair.rows.1]).collect();
        rows.sort_unstable();
        rows.dedup();
        let ids = reader.paper_ids(&rows)?;
        let with_ids = judged.into_iter().filter_map(|pair| {
            let (a, b) = ids.get(&pair.rows.0).zip(ids.get(&pair.rows.1))?;
            let (a, b) = if a <= b { (a, b) } else { (b, a) };
            let JudgedRows { score, probability, kind, relation, verdict, .. } = pair;
            Some(ScoredPair { a: a.clone(), b: b.clone(), score, probability, kind, relation, verdict })
        });
        let mut pairs: Vec<ScoredPair> = with_ids.collect();
        pairs.par_sort_unstable_by(|x, y| (&x.a, &x.b).cmp(&(&y.a, &y.b)));
        Ok(pairs)
    }

    /// What scored pairs and people's labels come to.
    fn report(
        &self,
        reader: &Reader,
        scored: &RowPairs,
        request: &DedupRequest,
    ) -> Result<DedupReport, EngineError> {
        let judged = with_labels(reader, (&scored.pairs, labels_by_rows(reader)?), request.judging())?;
        let new = if request.asks_for_new() { Some(reader.rows_since(scored.seen)?) } else { None };
        let clusters = clusters(reader, &judged, (request, new.as_ref()))?;
        let n_new = match new {
            Some(new) => Some(reader.ids(&new.iter().collect::<Vec<u32>>())?.len()),
            None => None,
        };
        let stats = DedupStats {
            n_papers: scored.n_papers as usize,
            n_new,
            n_pairs: scored.n_judged as usize,
            threshold: request.threshold(),
            min_probability: request.judging().min_probability(),
            generation: scored.generation,
            ..DedupStats::default()
        };
        let stats = counted(&clusters, stats);
        Ok(DedupReport { clusters, stats })
    }
}

/// Counts of a report with what there is to count in its clusters.
fn counted(clusters: &[Cluster], stats: DedupStats) -> DedupStats {
    let count = |action| clusters.iter().flat_map(|c| &c.members).filter(|m| m.action == action).count();
    DedupStats {
        n_clusters: clusters.len(),
        n_drop: count(Action::Drop),
        n_review: count(Action::Review),
        ..stats
    }
}

/// Scores every pair that may be one paper; given those scored before, and the rows that changed since, only pairs with
/// one of these.
fn score(
    reader: &Reader,
    vectors: &cognate_index::Snapshot,
    (threshold, before): (f32, Option<(RowPairs, &RoaringBitmap)>),
    (stop, on_progress): (&AtomicBool, OnProgress<'_>),
) -> Result<RowPairs, EngineError> {
    let sketches = candidates::sketches(reader, vectors.len(), (stop, &mut *on_progress))?;
    on_progress("looking for candidates", 0, sketches.len());
    let containers = candidates::containers(reader, &sketches)?;
    let changed = before.as_ref().map(|(_, changed)| *changed);
    let near = Near { vectors, threshold, changed };
    let candidates = candidates::candidates(&sketches, &near, (stop, &mut *on_progress))?;
    let n_papers = sketches.len();
    drop(sketches);
    let mut pairs = judge(reader, vectors, (&candidates, &containers), (stop, on_progress))?;
    pairs.retain(|pair| pair.is_at(threshold));
    let mut n_judged = candidates.len() as u64;
    if let Some((before, changed)) = before {
        let is_as_before = |pair: &RowPair| !changed.contains(pair.rows.0) && !changed.contains(pair.rows.1);
        pairs.extend(before.pairs.into_iter().filter(is_as_before));
        pairs.par_sort_unstable_by_key(|pair| pair.rows);
        n_judged += before.n_judged;
    }
    Ok(RowPairs {
        generation: vectors.generation(),
        seen: vectors.generation(),
        n_papers: n_papers as u64,
        n_judged,
        threshold,
        pairs,
    })
}

/// Judges every pair, and gives those that are not surely two papers. Holds the words of [`MAX_PROFILES`] papers
/// at a time.
fn judge(
    reader: &Reader,
    vectors: &cognate_index::Snapshot,
    (pairs, containers): (&[Candidate], &Containers),
    (stop, on_progress): (&AtomicBool, OnProgress<'_>),
) -> Result<Vec<RowPair>, EngineError> {
    let mut judged = Vec::new();
    let mut start = 0;
    while start < pairs.len() {
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted);
        }
        on_progress("comparing", start, pairs.len());
        let mut rows = BTreeSet::new();
        let fits = |pair: &&Candidate| {
            rows.extend([pair.rows.0, pair.rows.1]);
            rows.len() <= MAX_PROFILES
        };
        let n = pairs[start..].iter().take_while(fits).count();
        let chunk = &pairs[start..start + n];
        start += n;
        let rows: Vec<u32> = rows.into_iter().collect();
        let profiles = profiles(reader, &rows, containers)?;
        let found: Vec<Option<RowPair>> = chunk
            .par_iter()
            .map(|&Candidate { rows: (a, b), has_key }| {
                let Some((first, second)) = profiles.get(&a).zip(profiles.get(&b)) else { return Ok(None) };
                // Not the index's score, which is rounded differently one way and the other: which row came first
                // must change nothing. A paper without a text has no vector.
                let score = vectors.vector(a)?.zip(vectors.vector(b)?).map(|(a, b)| a.cosine(&b));
                let evidence = Evidence::new(first, second, score);
                let probability = probability(&evidence);
                let (kind, relation) = (kind(&evidence, probability), relation(&evidence, probability));
                let score = score.unwrap_or(0.0);
                let is_kept = probability.same_work >= SURELY_DISTINCT || score >= candidates::WITHOUT_AUTHOR;
                Ok(is_kept.then_some(RowPair { rows: (a, b), score, probability, kind, relation, has_key }))
            })
            .collect::<Result<_, EngineError>>()?;
        judged.extend(found.into_iter().flatten());
    }
    Ok(judged)
}

fn profiles(
    reader: &Reader,
    rows: &[u32],
    containers: &Containers,
) -> Result<HashMap<u32, Profile>, EngineError> {
    /// Papers whose texts are held at a time.
    const BATCH: usize = 4_096;
    let mut profiles = HashMap::with_capacity(rows.len());
    for rows in rows.chunks(BATCH) {
        let papers = reader.papers(rows)?;
        profiles.par_extend(
            papers
                .into_par_iter()
                .map(|(row, stored)| (row, Profile::new(&stored.paper).without(containers))),
        );
    }
    Ok(profiles)
}

/// What people said of pairs, by their rows, the smaller first.
type Labels = HashMap<(u32, u32), bool>;

/// The pairs with what is to be done about them. What a person said goes before every rule: pairs said to be
/// duplicates are so with certainty, also where nothing else found them.
fn with_labels(
    reader: &Reader,
    (scored, mut labels): (&[RowPair], Labels),
    judging: &Judging,
) -> Result<Vec<JudgedRows>, EngineError> {
    let judged = |pair: &RowPair, label: Option<bool>| JudgedRows {
        rows: pair.rows,
        score: pair.score,
        probability: label
            .map_or(judging.probability(pair.probability), |is_duplicate| f64::from(u8::from(is_duplicate))),
        kind: pair.kind,
        relation: pair.relation,
        verdict: match label {
            Some(true) => Verdict::Duplicate,
            Some(false) => Verdict::Distinct,
            None => judging.verdict(pair.probability),
        },
        label,
    };
    let mut all: Vec<JudgedRows> =
        scored.iter().map(|pair| judged(pair, labels.remove(&pair.rows))).collect();
    for (rows, is_duplicate) in labels {
        let papers = reader.papers(&[rows.0, rows.1])?;
        let Some((a, b)) = papers.get(&rows.0).zip(papers.get(&rows.1)) else { continue };
        let score = reader.vector(rows.0)?.zip(reader.vector(rows.1)?).map(|(a, b)| a.cosine(&b));
        let containers = check::containers(reader, [&a.paper, &b.paper].into_iter())?;
        let profile = |paper: &Paper| Profile::new(paper).without(&containers);
        let evidence = Evidence::new(&profile(&a.paper), &profile(&b.paper), score);
        let probability = probability(&evidence);
        let (kind, relation) = (kind(&evidence, probability), relation(&evidence, probability));
        let score = score.unwrap_or(0.0);
        let pair = RowPair { rows, score, probability, kind, relation, has_key: false };
        all.push(judged(&pair, Some(is_duplicate)));
    }
    Ok(all)
}

/// Clusters of the pairs that are duplicates or to be reviewed; those with a new paper, where new ones are given.
fn clusters(
    reader: &Reader,
    judged: &[JudgedRows],
    (request, new): (&DedupRequest, Option<&RoaringBitmap>),
) -> Result<Vec<Cluster>, EngineError> {
    let matches = judged.iter().filter(|pair| pair.verdict != Verdict::Distinct);
    let mut rows: Vec<u32> = matches.flat_map(|pair| [pair.rows.0, pair.rows.1]).collect();
    rows.sort_unstable();
    rows.dedup();
    let papers = reader.papers(&rows)?;
    let containers = check::containers(reader, papers.values().map(|stored| &stored.paper))?;
    let sources = match request.keep() {
        KeepPolicy::Source(_) => reader.source_names(&rows)?,
        _ => HashMap::new(),
    };
    let profile = |paper: &Paper| Profile::new(paper).without(&containers);
    let mut records: Vec<(u32, &Paper, Profile)> =
        papers.iter().map(|(row, stored)| (*row, &stored.paper, profile(&stored.paper))).collect();
    records.sort_by_cached_key(|(row, paper, profile)| {
        let sources = sources.get(row).map_or(&[][..], Vec::as_slice);
        request.keep().preference(paper, profile, sources)
    });
    let places: HashMap<u32, usize> =
        records.iter().enumerate().map(|(place, record)| (record.0, place)).collect();

    let mut found: HashMap<(usize, usize), &JudgedRows> = HashMap::new();
    let mut links = Vec::new();
    for pair in judged.iter().filter(|pair| pair.verdict != Verdict::Distinct || pair.label.is_some()) {
        let Some((&a, &b)) = places.get(&pair.rows.0).zip(places.get(&pair.rows.1)) else { continue };
        let (a, b) = (a.min(b), a.max(b));
        let is_forbidden = pair.label == Some(false);
        links.push(Link { a, b, probability: pair.probability, verdict: pair.verdict, is_forbidden });
        found.insert((a, b), pair);
    }
    let mut groups = groups(records.len(), &links, request.clusters());
    if let Some(new) = new {
        let is_new = |place: usize| new.contains(records[place].0);
        groups.retain(|group| is_new(group.keep) || group.others.iter().any(|other| is_new(other.place)));
    }
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
    let member = |place: usize, action, found| {
        let Paper { id, title, source, .. } = records[place].1;
        Member { id: id.clone(), action, title: title.clone(), source: source.clone(), found }
    };
    let mut others: Vec<Member> = Vec::with_capacity(group.others.len());
    for other in &group.others {
        let ends = (other.through.min(other.matched_to), other.through.max(other.matched_to));
        let Some(pair) = found.get(&ends) else { continue };
        let ends = (&records[other.through].2, &records[other.matched_to].2);
        let through = match other.through {
            through if through == other.place => String::new(),
            through => format!("by its duplicate {}: ", id(through)),
        };
        let reason = reason(&Evidence::new(ends.0, ends.1, Some(pair.score)), ends);
        let said = if pair.label.is_some() { "a person said that they are duplicates; " } else { "" };
        let action = if other.verdict == Verdict::Duplicate { Action::Drop } else { Action::Review };
        let found = Match {
            matched_to: id(other.matched_to),
            score: pair.score,
            probability: pair.probability,
            kind: pair.kind,
            relation: pair.relation,
            reason: format!("{through}{said}{reason}"),
        };
        others.push(member(other.place, action, Some(found)));
    }
    let probability = |member: &Member| member.found.as_ref().map_or(0.0, |found| found.probability);
    others.sort_by(|a, b| {
        let by_action = (a.action == Action::Review).cmp(&(b.action == Action::Review));
        by_action.then(probability(b).total_cmp(&probability(a))).then_with(|| a.id.cmp(&b.id))
    });
    let merged = request.merges().then(|| {
        // Places are in order of preference.
        let dropped: BTreeSet<usize> =
            group.others.iter().filter(|o| o.verdict == Verdict::Duplicate).map(|o| o.place).collect();
        merged(records[group.keep].1, dropped.into_iter().map(|place| records[place].1))
    });
    let kept = member(group.keep, Action::Keep, None);
    Cluster { keep: id(group.keep), members: [vec![kept], others].concat(), merged }
}

/// What speaks for and against a pair, in words.
pub(crate) fn reason_of((a, b): (&Paper, &Paper), containers: &Containers, score: f32) -> String {
    let (a, b) = (Profile::new(a).without(containers), Profile::new(b).without(containers));
    reason(&Evidence::new(&a, &b, Some(score)), (&a, &b))
}
