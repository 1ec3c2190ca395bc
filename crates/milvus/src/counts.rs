//! How many papers have a term, which scores by words need: asked for seldom, and believed for some minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cognate_engine::{Cancel, EngineError};

use crate::client::Client;
use crate::expression;
use crate::layout::{field, term_key};

/// How long it is believed how many papers have a term.
const COUNTS_LIFE: Duration = Duration::from_secs(300);
/// Terms whose counts are remembered at the most.
const MAX_COUNTS: usize = 1_000_000;
/// Papers that are read whole to count their terms.
const FEW_PAPERS: u64 = 50_000;
/// Papers that are read at a time.
const SCAN_ROWS: usize = 5_000;
/// Questions that are asked at the same time.
const N_QUESTIONS: usize = 8;

/// What was counted, and when.
#[derive(Default)]
pub(crate) struct Counts(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    n_papers: Option<(u64, Instant)>,
    /// When the terms of all papers were.
    of_all: Option<Instant>,
    /// Papers that have a term, by its key.
    of_terms: HashMap<u32, (u64, Instant)>,
}

impl Counts {
    /// How many papers there are, and how many have each of these terms, as it was in the last minutes.
    pub(crate) fn of(
        &self,
        cancel: &Cancel,
        client: &Client,
        terms: &[&str],
    ) -> Result<(u64, HashMap<String, u64>), EngineError> {
        let is_fresh = |since: &Instant| since.elapsed() < COUNTS_LIFE;
        let keys: HashMap<&str, u32> = terms.iter().map(|term| (*term, term_key(term))).collect();
        let (known, missing, has_all) = {
            let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = counts.n_papers.filter(|(_, since)| is_fresh(since)).map(|(n, _)| n);
            let of_terms = |key: &u32| counts.of_terms.get(key).is_some_and(|(_, since)| is_fresh(since));
            let missing: Vec<u32> = keys.values().copied().filter(|key| !of_terms(key)).collect();
            (known, missing, counts.of_all.as_ref().is_some_and(is_fresh))
        };
        let n_papers = match known {
            Some(n) => n,
            None => client.count(cancel, "")?,
        };
        let is_few = n_papers <= FEW_PAPERS;
        let reads_all = is_few && !has_all && !missing.is_empty();
        let found: Vec<(u32, u64)> = match (reads_all, is_few) {
            (true, _) => counts_of_all(cancel, client)?.into_iter().collect(),
            // What was not there when all were read is counted as nothing until they are read again.
            (false, true) => Vec::new(),
            (false, false) => counts_of_some(cancel, client, &missing)?,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.of_terms.len() + found.len() > MAX_COUNTS {
            (counts.of_terms, counts.of_all) = (HashMap::new(), None);
        }
        let now = Instant::now();
        if known.is_none() {
            counts.n_papers = Some((n_papers, now));
        }
        if reads_all {
            counts.of_all = Some(now);
        }
        counts.of_terms.extend(found.iter().map(|(key, n)| (*key, (*n, now))));
        let of_term = |key: &u32| counts.of_terms.get(key).map_or(0, |(n, _)| *n);
        let n_with = keys.iter().map(|(term, key)| ((*term).to_owned(), of_term(key))).collect();
        Ok((n_papers, n_with))
    }
}

/// How many papers have each term that there is: one reading of all papers costs less than many questions where there
/// are few.
fn counts_of_all(cancel: &Cancel, client: &Client) -> Result<HashMap<u32, u64>, EngineError> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let mut last = String::new();
    loop {
        let rows = client.rows_after(cancel, ("", &last, SCAN_ROWS), &[field::ID, field::SPARSE])?;
        for row in rows.iter() {
            for key in client.told(row.sparse(field::SPARSE))?.keys() {
                *counts.entry(*key).or_default() += 1;
            }
            last = client.told(row.text(field::ID))?.to_owned();
        }
        if rows.len() < SCAN_ROWS {
            return Ok(counts);
        }
    }
}

/// How many papers have each of these terms, of which some are asked for at a time.
fn counts_of_some(cancel: &Cancel, client: &Client, keys: &[u32]) -> Result<Vec<(u32, u64)>, EngineError> {
    let count = |key: &u32| Ok((*key, client.count(cancel, &expression::of_key(*key))?));
    let counted: Vec<Result<Vec<(u32, u64)>, EngineError>> = std::thread::scope(|scope| {
        let parts = keys.chunks(keys.len().div_ceil(N_QUESTIONS).max(1));
        let threads: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(count).collect())).collect();
        let gone = || EngineError::ThreadGone { thread: "counting" };
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    Ok(counted.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}
