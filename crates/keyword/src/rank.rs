//! Scoring every row for a query.
//!
//! All postings of the query's terms are read, and added up in one array of scores with a place for each
//! row. Over 100,000 abstracts this is faster than skipping what cannot be among the best, which would need
//! an upper bound for each term; and it gives the number of matches, the set of them and the score of any
//! row at no further cost.
//!
//! The score of a row is BM25F's: for each term `t` of the query
//!
//! `√count(t) · idf(t) · (k1 + 1) · f / (f + k1 · (1 - b + b · l / average l))`
//!
//! with `count` the number of times that the query has the term, `f` the number of times that the row has the term, in each field times that field's weight, and `l`
//! the length of its title (times its weight) and abstract. (S. Robertson, H. Zaragoza and M. Taylor, Simple
//! BM25 extension to multiple weighted fields, CIKM 2004.) `idf` is of the rows that live.

use std::sync::{Arc, OnceLock};

use roaring::RoaringBitmap;
use tantivy::TERMINATED;
use tantivy::postings::BlockSegmentPostings;
use tantivy::schema::IndexRecordOption;

use crate::analysis::{self, Kind};
use crate::document::Field;
use crate::error::KeywordError;
use crate::phrase;
use crate::query::{Asked, Phrase, Query, QueryTerm};
use crate::schema;
use crate::scoring::idf;
use crate::snapshot::{Segment, Snapshot};
use crate::top;

/// The score of every row of a snapshot for a query.
#[derive(Debug)]
pub struct Ranking {
    snapshot: Arc<Snapshot>,
    /// By place; 0 where nothing matches.
    scores: Vec<f32>,
    /// Of every chunk of scores (see [`Snapshot::chunks`]) the highest, once they are needed.
    highest: OnceLock<Vec<f32>>,
    /// By place: the weight of the query's words that it has.
    covered: Vec<f32>,
    /// The weight of all of them.
    words_weight: f32,
    bound: f32,
    n_telling_words: f32,
    /// The rows that may be answers; `None` for all.
    permitted: Option<RoaringBitmap>,
    /// The query in the words that rows have.
    query: Query,
    missing_phrases: Vec<String>,
}

/// What a pass over the postings gives.
struct Scores {
    /// Of every place.
    scores: Vec<f32>,
    /// Of every place: the weight of the query's words that it has.
    covered: Vec<f32>,
    /// The weight of all of them.
    words_weight: f32,
    bound: f32,
    n_telling_words: f32,
    /// The places that may be answers.
    permitted: Option<Vec<u32>>,
    missing_phrases: Vec<String>,
}

impl Snapshot {
    /// Scores every row for a query; the formula is in docs/keyword.md.
    ///
    /// # Errors
    /// [`KeywordError::Damaged`], [`KeywordError::Io`], [`KeywordError::Panicked`]: the files changed since
    /// they were opened.
    pub fn rank(self: &Arc<Self>, query: &Query) -> Result<Ranking, KeywordError> {
        let (query, scores) = self.searching(|| {
            let query = self.resolved(query)?;
            let scores = self.scores(&query)?;
            Ok((query, scores))
        })?;
        let Scores { scores, covered, words_weight, bound, n_telling_words, permitted, missing_phrases } =
            scores;
        Ok(Ranking {
            snapshot: Arc::clone(self),
            scores,
            highest: OnceLock::new(),
            covered,
            words_weight,
            bound,
            n_telling_words,
            permitted: permitted.map(|permitted| self.rows_of(&permitted)),
            query,
            missing_phrases,
        })
    }

    /// The rows that have every word of a query, in whatever fields.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn with_every_word(&self, query: &Query) -> Result<RoaringBitmap, KeywordError> {
        let words = query.terms.iter().filter(|term| term.kind == Kind::Word && !term.is_prefix);
        let required: Vec<_> = words.map(|term| vec![Asked::Phrase(Phrase::of_term(term))]).collect();
        let query = Query { required, ..Query::default() };
        let places = self.searching(|| phrase::permitted(self, &query))?;
        Ok(self.rows_of(&places.unwrap_or_default()))
    }

    /// All scores with their rows, by place: also of rows that do not live, which have 0.
    fn chunks<'a>(&'a self, scores: &'a [f32]) -> impl Iterator<Item = (&'a [f32], &'a [u32])> {
        self.parts().flat_map(move |(segment, base)| {
            let scores = &scores[base as usize..][..segment.rows.len()];
            scores.chunks(CHUNK).zip(segment.rows.chunks(CHUNK))
        })
    }

    /// The rows at places in ascending order.
    fn rows_of(&self, places: &[u32]) -> RoaringBitmap {
        let rows = self.rows().iter().zip(self.places());
        rows.filter(|(_, place)| places.binary_search(place).is_ok()).map(|(&row, _)| row).collect()
    }

    /// The `top_k` best rows among `allowed`, with their scores: best first, equal ones by row. Fewer only
    /// where fewer match.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn search(
        self: &Arc<Self>,
        query: &Query,
        top_k: usize,
        allowed: Option<&RoaringBitmap>,
    ) -> Result<Vec<(u32, f32)>, KeywordError> {
        Ok(self.rank(query)?.top(top_k, allowed))
    }

    /// The score of each of these rows; 0 where nothing matches, and for a row that is not here.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn score_rows(self: &Arc<Self>, query: &Query, rows: &[u32]) -> Result<Vec<f32>, KeywordError> {
        let ranking = self.rank(query)?;
        Ok(rows.iter().map(|&row| ranking.score(row)).collect())
    }

    /// How many rows among `allowed` match.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn count(
        self: &Arc<Self>,
        query: &Query,
        allowed: Option<&RoaringBitmap>,
    ) -> Result<u64, KeywordError> {
        Ok(self.rank(query)?.count(allowed))
    }

    /// The rows that match.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn matching(self: &Arc<Self>, query: &Query) -> Result<RoaringBitmap, KeywordError> {
        Ok(self.rank(query)?.matching())
    }

    fn scores(&self, query: &Query) -> tantivy::Result<Scores> {
        let mut found = Scores {
            scores: vec![0.0; self.n_places()],
            covered: vec![0.0; self.n_places()],
            words_weight: 0.0,
            bound: 0.0,
            n_telling_words: 0.0,
            permitted: phrase::permitted(self, query)?,
            missing_phrases: Vec::new(),
        };
        if found.permitted.as_ref().is_some_and(Vec::is_empty) {
            return Ok(found);
        }
        let mut telling = Telling::default();
        let scoring = self.scoring();
        let mut frequencies = Frequencies::new(self.n_places());
        for term in &query.terms {
            if term.is_prefix {
                frequencies.read_beginning(self, &term.term)?;
            } else {
                frequencies.read(self, &term.term)?;
            }
            if term.kind == Kind::Whole && (frequencies.places.is_empty() || query.terms.len() > 1) {
                // Words that tell nothing, unless they are the whole question and a whole title.
                frequencies.take().for_each(drop);
                continue;
            }
            let idf = idf(self.len(), frequencies.places.len());
            telling.add(term, idf, &frequencies.places);
            let weight = scoring.weight_of_term(term) * idf;
            let weight = weight * (scoring.k1 + 1.0);
            found.bound += weight;
            for (place, frequency) in frequencies.take() {
                found.scores[place] += weight * frequency / (frequency + self.norms()[place]);
            }
        }
        found.n_telling_words = telling.number();
        found.words_weight = telling.sum();
        telling.cover(&mut found.covered);
        for phrase in &query.preferred {
            let places = phrase::places_of(self, phrase)?;
            if places.is_empty() {
                found.missing_phrases.push(phrase.surface.clone());
            }
            let weight = scoring.phrase * idf(self.len(), places.len()) * (scoring.k1 + 1.0);
            found.bound += weight;
            for place in places {
                found.scores[place as usize] += weight / (1.0 + self.norms()[place as usize]);
            }
        }
        if let Some(permitted) = &found.permitted {
            let mut of_permitted = vec![0.0f32; found.scores.len()];
            // What is required makes an answer, also where nothing tells for it but that something is not there.
            let least = if query.required.is_empty() { 0.0 } else { f32::MIN_POSITIVE };
            for &place in permitted {
                of_permitted[place as usize] = found.scores[place as usize].max(least);
            }
            found.scores = of_permitted;
        }
        Ok(found)
    }
}

/// The words of a query, and what each tells by its rarity.
#[derive(Default)]
struct Telling<'a>(Vec<Word<'a>>);

/// A word of the query in all its forms.
struct Word<'a> {
    surface: &'a str,
    /// That of its rarest form.
    idf: f32,
    /// The rows that have it in any form, by place; some more than once.
    places: Vec<u32>,
    n_forms: usize,
}

impl<'a> Telling<'a> {
    fn add(&mut self, term: &'a QueryTerm, idf: f32, places: &[u32]) {
        // An acronym's stem and its capitals are one word of the query, and so are two spellings.
        let known = self.0.iter_mut().find(|word| word.surface == term.surface);
        match (term.kind, known) {
            // It says again what its parts say.
            (Kind::Compound, _) | (Kind::Variant, None) => {}
            (kind, Some(word)) => {
                word.idf = if kind == Kind::Variant { word.idf } else { word.idf.max(idf) };
                word.places.extend_from_slice(places);
                word.n_forms += 1;
            }
            (_, None) => {
                self.0.push(Word { surface: &term.surface, idf, places: places.to_vec(), n_forms: 1 });
            }
        }
    }

    fn sum(&self) -> f32 {
        self.0.iter().map(|word| word.idf).sum()
    }

    /// How many words of equal rarity would tell as much: the square of the sum by the sum of squares.
    fn number(&self) -> f32 {
        let squares: f32 = self.0.iter().map(|word| word.idf * word.idf).sum();
        if squares > 0.0 { self.sum() * self.sum() / squares } else { 0.0 }
    }

    /// Adds what each word tells to the places that have it.
    fn cover(self, covered: &mut [f32]) {
        for mut word in self.0 {
            if word.n_forms > 1 {
                word.places.sort_unstable();
                word.places.dedup();
            }
            word.places.iter().for_each(|place| covered[*place as usize] += word.idf);
        }
    }
}

/// How often each row has one term.
struct Frequencies {
    /// By place: the sum over fields, each times its weight.
    sums: Vec<f32>,
    /// Those that are not 0.
    places: Vec<u32>,
}

impl Frequencies {
    fn new(n_places: usize) -> Self {
        Self { sums: vec![0.0; n_places], places: Vec::new() }
    }

    /// Reads a term of all segments and fields.
    fn read(&mut self, snapshot: &Snapshot, term: &str) -> tantivy::Result<()> {
        let scoring = snapshot.scoring();
        let is_letter = analysis::is_letter(term);
        for field in Field::ALL.into_iter().filter(|field| !is_letter || *field != Field::Authors) {
            let weight = scoring.weight_of_field(field);
            let term = schema::text_term(field, term);
            for (segment, base) in snapshot.parts() {
                let postings = &segment.postings[field as usize];
                if let Some(block) = postings.read_block_postings(&term, IndexRecordOption::WithFreqs)? {
                    self.read_block(block, segment, (weight, base))?;
                }
            }
        }
        Ok(())
    }

    /// Reads all terms that begin so, and that of the beginning as a word, as if they were one.
    fn read_beginning(&mut self, snapshot: &Snapshot, prefix: &str) -> tantivy::Result<()> {
        let whole = analysis::term_of_spelling(prefix);
        if !whole.starts_with(prefix) {
            self.read(snapshot, &whole)?;
        }
        for field in Field::ALL {
            let weight = snapshot.scoring().weight_of_field(field);
            for (segment, base) in snapshot.parts() {
                let postings = &segment.postings[field as usize];
                let mut stream = postings.terms().range().ge(prefix).into_stream()?;
                while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
                    let option = IndexRecordOption::WithFreqs;
                    let block = postings.read_block_postings_from_terminfo(stream.value(), option)?;
                    self.read_block(block, segment, (weight, base))?;
                }
            }
        }
        Ok(())
    }

    fn read_block(
        &mut self,
        mut block: BlockSegmentPostings,
        segment: &Segment,
        (weight, base): (f32, u32),
    ) -> tantivy::Result<()> {
        let has_dead = segment.has_dead();
        while block.block_len() > 0 {
            for (&doc, &frequency) in block.docs().iter().zip(block.freqs()) {
                if doc == TERMINATED || (has_dead && segment.is_dead(doc)) {
                    continue;
                }
                let place = base + doc;
                let sum = &mut self.sums[place as usize];
                if *sum == 0.0 {
                    self.places.push(place);
                }
                *sum += weight * frequency as f32;
            }
            block.advance();
        }
        Ok(())
    }

    /// Every place with its frequency, which is forgotten.
    fn take(&mut self) -> impl Iterator<Item = (usize, f32)> {
        let sums = &mut self.sums;
        self.places.drain(..).map(|place| {
            let place = place as usize;
            (place, std::mem::take(&mut sums[place]))
        })
    }
}

/// Scores that are compared with a bound at once.
const CHUNK: usize = 32;

fn is_among(allowed: Option<&RoaringBitmap>) -> impl Fn(u32) -> bool {
    move |row| allowed.is_none_or(|allowed| allowed.contains(row))
}

impl Ranking {
    /// The `top_k` best rows among `allowed`, with their scores: best first, equal ones by row. Fewer only
    /// where fewer match.
    #[must_use]
    pub fn top(&self, top_k: usize, allowed: Option<&RoaringBitmap>) -> Vec<(u32, f32)> {
        match allowed.filter(|allowed| self.are_few(allowed)) {
            Some(few) => top::top(top_k, self.scored_rows(few)),
            None => {
                let least = if allowed.is_none() { top::least_of_best(top_k, self.highest()) } else { 0.0 };
                top::top_of_chunks((top_k, least), self.chunks(), is_among(allowed))
            }
        }
    }

    /// The score of a row; 0 where nothing matches, and for a row that is not here.
    #[must_use]
    pub fn score(&self, row: u32) -> f32 {
        self.score_and_coverage(row).0
    }

    /// The score of a row, and the part of the query's words that it has, whatever the form and however often, from 0 to
    /// 1: a word counts by its rarity, and one that no row has counts most. Both are 0 for a row that is not here.
    #[must_use]
    pub fn score_and_coverage(&self, row: u32) -> (f32, f32) {
        let Some(place) = self.snapshot.place_of(row) else { return (0.0, 0.0) };
        let covered = self.covered[place];
        let coverage = if covered > 0.0 { (covered / self.words_weight).min(1.0) } else { 0.0 };
        (self.scores[place], coverage)
    }

    /// What no score reaches: that of a row which has every term of the query, known here or not, without
    /// end. How near the best row comes tells how much of the query the rows have at all.
    #[must_use]
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// How many words the query has that tell something: a word counts the less, the more common it is beside the
    /// others. From 1 for a query of one word; 0 for one of none.
    #[must_use]
    pub fn n_telling_words(&self) -> f32 {
        self.n_telling_words
    }

    /// Every row that matches among `allowed` and whose score `is_wanted`, with its score, in no particular order. Where a
    /// score is wanted, every higher one must be.
    #[must_use]
    pub fn matches(
        &self,
        allowed: Option<&RoaringBitmap>,
        is_wanted: impl Fn(f32) -> bool,
    ) -> Vec<(u32, f32)> {
        if let Some(few) = allowed.filter(|allowed| self.are_few(allowed)) {
            return self.scored_rows(few).filter(|(_, score)| is_wanted(*score)).collect();
        }
        let is_allowed = is_among(allowed);
        let chunks = self.chunks().filter(|(highest, ..)| *highest > 0.0 && is_wanted(*highest));
        let scored = chunks.flat_map(|(_, scores, rows)| rows.iter().copied().zip(scores.iter().copied()));
        scored.filter(|&(row, score)| score > 0.0 && is_wanted(score) && is_allowed(row)).collect()
    }

    /// How many rows among `allowed` match.
    #[must_use]
    pub fn count(&self, allowed: Option<&RoaringBitmap>) -> u64 {
        match allowed {
            None => self.scores.iter().filter(|&&score| score > 0.0).count() as u64,
            Some(allowed) => self.scored_rows(allowed).count() as u64,
        }
    }

    /// The rows that match.
    #[must_use]
    pub fn matching(&self) -> RoaringBitmap {
        let rows = self.snapshot.rows().iter().zip(self.snapshot.places());
        rows.filter(|&(_, &place)| self.scores[place as usize] > 0.0).map(|(&row, _)| row).collect()
    }

    /// The rows that may be answers, whatever else tells for them: those with the phrases that must match, without
    /// those that must not. `None` where the query has no such phrases.
    #[must_use]
    pub fn permitted(&self) -> Option<&RoaringBitmap> {
        self.permitted.as_ref()
    }

    /// The query in the words that rows have, as [`Snapshot::resolve`] gives it.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The phrases that would have made rows better, and that none has.
    #[must_use]
    pub fn missing_phrases(&self) -> &[String] {
        &self.missing_phrases
    }

    /// The snapshot whose rows these are.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    fn highest(&self) -> &[f32] {
        let of_chunks =
            || self.snapshot.chunks(&self.scores).map(|(scores, _)| top::highest(scores)).collect();
        self.highest.get_or_init(of_chunks)
    }

    /// The scores of [`Snapshot::chunks`], each with its highest.
    fn chunks(&self) -> impl Iterator<Item = top::Chunk<'_>> {
        let chunks = self.snapshot.chunks(&self.scores).zip(self.highest());
        chunks.map(|((scores, rows), &highest)| (highest, scores, rows))
    }

    /// Whether rows are so few that each is looked up.
    fn are_few(&self, rows: &RoaringBitmap) -> bool {
        rows.len() * (CHUNK as u64) < self.scores.len() as u64
    }

    /// Rows that match and are allowed, ascending.
    fn scored_rows<'a>(&'a self, allowed: &'a RoaringBitmap) -> impl Iterator<Item = (u32, f32)> + 'a {
        let (rows, places) = (self.snapshot.rows(), self.snapshot.places());
        let mut at = 0;
        allowed.iter().filter_map(move |row| {
            at += top::gallop(&rows[at..], row);
            let score = (*rows.get(at)? == row).then(|| self.scores[places[at] as usize])?;
            at += 1;
            (score > 0.0).then_some((row, score))
        })
    }
}
