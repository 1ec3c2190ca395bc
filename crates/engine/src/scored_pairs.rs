//! The scored pairs of the last deduplication, in a file, so that another cut needs no second run.
//!
//! `docs/format.md` specifies the file. It is derived: of another store, model, rules or generation, damaged or
//! missing, it is no use, and the next deduplication writes it anew. It is replaced as a whole, by whichever
//! process deduplicates.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cognate_dedup::{Kind, Probability, Relation, rules};
use sha2::{Digest, Sha256};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::files::{self, Kind as FileKind, replace};
use crate::store::{INDEX_DIR, Reader, Store};
use crate::stored_model::StoredModel;

/// The file's name inside [`INDEX_DIR`].
const PAIRS_FILE: &str = "pairs";
const VERSION: u32 = 3;
const HEADER_LEN: usize = 96;
const KIND: FileKind = FileKind { magic: *b"COGNPAI\n", version: VERSION, header_len: HEADER_LEN };
const PAIR_LEN: usize = 32;
const KINDS: [Kind; 4] = [Kind::SameRecord, Kind::Version, Kind::NearText, Kind::Semantic];
const RELATIONS: [Option<Relation>; 4] =
    [None, Some(Relation::Duplicate), Some(Relation::Version), Some(Relation::Related)];

/// Two papers that were compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RowPair {
    /// Rows, the smaller first.
    pub(crate) rows: (u32, u32),
    /// Cosine, in `[-1, 1]`.
    pub(crate) score: f32,
    /// How likely they are one.
    pub(crate) probability: Probability,
    pub(crate) kind: Kind,
    pub(crate) relation: Option<Relation>,
    /// They have an identifier, the title or words in common, and so are scored whatever the threshold.
    pub(crate) has_key: bool,
}

impl RowPair {
    /// Whether a deduplication with this threshold scores it.
    pub(crate) fn is_at(&self, threshold: f32) -> bool {
        self.has_key || self.score >= threshold
    }
}

/// All pairs that a deduplication scored, but for those that are surely two papers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowPairs {
    /// The generation of the papers.
    pub(crate) generation: u64,
    /// What changed after this generation has not been reported or acted on yet: at most `generation`.
    pub(crate) seen: u64,
    /// Papers compared.
    pub(crate) n_papers: u64,
    /// Pairs compared, with those that are surely two papers.
    pub(crate) n_judged: u64,
    /// The lowest cosine at which meaning alone made two papers candidates.
    pub(crate) threshold: f32,
    /// In order of rows.
    pub(crate) pairs: Vec<RowPair>,
}

impl RowPairs {
    /// The pairs that a deduplication with this threshold would have scored; `None` if it may have scored more.
    pub(crate) fn at_threshold(mut self, threshold: f32) -> Option<Self> {
        if threshold < self.threshold {
            return None;
        }
        self.pairs.retain(|pair| pair.is_at(threshold));
        Some(Self { threshold, ..self })
    }

    fn encode(&self, binding: &[u8; 32]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + PAIR_LEN * self.pairs.len() + 8);
        KIND.begin(&mut bytes, binding);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&self.n_papers.to_le_bytes());
        bytes.extend_from_slice(&self.n_judged.to_le_bytes());
        bytes.extend_from_slice(&(self.pairs.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&self.threshold.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.seen.to_le_bytes());
        for pair in &self.pairs {
            bytes.extend_from_slice(&pair.probability.same_work.to_le_bytes());
            bytes.extend_from_slice(&pair.probability.same_publication.to_le_bytes());
            bytes.extend_from_slice(&pair.rows.0.to_le_bytes());
            bytes.extend_from_slice(&pair.rows.1.to_le_bytes());
            bytes.extend_from_slice(&pair.score.to_le_bytes());
            let kind = KINDS.iter().position(|kind| *kind == pair.kind).unwrap_or(0);
            let relation = RELATIONS.iter().position(|relation| *relation == pair.relation).unwrap_or(0);
            bytes.extend_from_slice(&[kind as u8, u8::from(pair.has_key), relation as u8, 0]);
        }
        files::seal(&mut bytes);
        bytes
    }

    /// `None` for bytes that are not what [`encode`](Self::encode) makes with this binding.
    fn decode(bytes: &[u8], binding: &[u8; 32]) -> Option<Self> {
        let mut cursor = KIND.open(bytes, binding)?;
        let [generation, n_papers, n_judged, n_pairs] =
            [cursor.long()?, cursor.long()?, cursor.long()?, cursor.long()?];
        let threshold = f32::from_bits(cursor.number()? as u32);
        cursor.take(4)?;
        let seen = cursor.long()?;
        let pairs = cursor.numbers(usize::try_from(n_pairs).ok()?, |pair: [u8; PAIR_LEN]| pair)?;
        if !cursor.is_empty() {
            return None;
        }
        let pair = |bytes: &[u8]| {
            Some(RowPair {
                probability: Probability {
                    same_work: f64::from_bits(u64_at(bytes, 0)?),
                    same_publication: f64::from_bits(u64_at(bytes, 8)?),
                },
                rows: (u32_at(bytes, 16)?, u32_at(bytes, 20)?),
                score: f32::from_bits(u32_at(bytes, 24)?),
                kind: *KINDS.get(usize::from(*bytes.get(28)?))?,
                has_key: *bytes.get(29)? == 1,
                relation: *RELATIONS.get(usize::from(*bytes.get(30)?))?,
            })
        };
        let pairs = pairs.iter().map(|bytes| pair(bytes)).collect::<Option<_>>()?;
        Some(Self { generation, n_papers, n_judged, threshold, seen, pairs })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the pairs of a store are kept, and what tells them from any others.
pub(crate) struct PairsFile {
    path: PathBuf,
    binding: [u8; 32],
}

impl PairsFile {
    /// The file of a store. `rules` is a number that changes whenever a pair may be scored differently.
    pub(crate) fn of(store: &Store, data_dir: &Path, model: &StoredModel, rules: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(store.store_id().as_bytes());
        hasher.update([0]);
        model.bind(&mut hasher);
        hasher.update(rules.to_le_bytes());
        Self { path: data_dir.join(INDEX_DIR).join(PAIRS_FILE), binding: hasher.finalize().into() }
    }

    /// What the file holds; `None` if that is of no use.
    pub(crate) fn read(&self) -> Option<RowPairs> {
        RowPairs::decode(&fs::read(&self.path).ok()?, &self.binding)
    }

    /// When it was written, and its bytes; `None` where there is none.
    pub(crate) fn stamp(&self) -> Option<(SystemTime, u64)> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// [`EngineError::Io`] if it cannot be written; what was there before stays then.
    pub(crate) fn write(&self, pairs: &RowPairs) -> Result<(), EngineError> {
        replace(&self.path, &pairs.encode(&self.binding)).map_err(|source| EngineError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

impl Engine {
    /// The pairs that the last deduplication scored, if the papers are still as it found them.
    pub(crate) fn scored_pairs(&self, reader: &Reader) -> Result<RowPairs, EngineError> {
        let generation = reader.generation()?;
        let file = reader.model()?.map(|model| self.pairs_file(&model)).transpose()?;
        let stored = file.and_then(|file| file.read());
        stored.filter(|pairs| pairs.generation == generation).ok_or(EngineError::NoScoredPairs)
    }

    /// Remembers that whatever came up to `generation`, at which pairs were scored, was acted on.
    pub(crate) fn mark_seen(&self, generation: u64) -> Result<(), EngineError> {
        let Some(model) = self.store()?.reader()?.model()? else { return Ok(()) };
        let file = self.pairs_file(&model)?;
        match file.read() {
            Some(pairs) if pairs.generation == generation && pairs.seen < generation => {
                file.write(&RowPairs { seen: generation, ..pairs })
            }
            _ => Ok(()),
        }
    }

    /// Where scored pairs are kept.
    ///
    /// # Errors
    /// [`EngineError::LocalOnly`].
    pub(crate) fn pairs_file(&self, model: &StoredModel) -> Result<PairsFile, EngineError> {
        let local = self.local()?;
        Ok(PairsFile::of(&local.store, &local.data_dir, model, rules()))
    }
}

/// What people said of pairs that are there, by their rows, the smaller first.
pub(crate) fn labels_by_rows(reader: &Reader) -> Result<HashMap<(u32, u32), bool>, EngineError> {
    let labels = reader.labels()?;
    let rows = reader.rows_of(labels.iter().flat_map(|label| [&*label.a, &*label.b]))?;
    let by_rows = labels.iter().filter_map(|label| {
        let (a, b) = (*rows.get(&label.a)?, *rows.get(&label.b)?);
        Some(((a.min(b), a.max(b)), label.is_duplicate))
    });
    Ok(by_rows.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{KINDS, Kind, Probability, RELATIONS, RowPair, RowPairs};

    const BINDING: [u8; 32] = [7; 32];

    fn pairs() -> impl Strategy<Value = RowPairs> {
        let pair = (any::<(u32, u32)>(), -1.0..=1.0_f32, 0.0..=1.0, 0..KINDS.len(), any::<bool>());
        let pair = pair.prop_map(|(rows, score, probability, kind, has_key)| RowPair {
            rows,
            score,
            probability: Probability { same_work: probability, same_publication: probability / 2.0 },
            kind: KINDS[kind],
            relation: RELATIONS[kind],
            has_key,
        });
        (any::<[u32; 4]>(), 0.5..1.0_f32, prop::collection::vec(pair, 0..20)).prop_map(
            |([generation, seen, n_papers, n_judged], threshold, pairs)| RowPairs {
                generation: generation.into(),
                seen: seen.into(),
                n_papers: n_papers.into(),
                n_judged: n_judged.into(),
                threshold,
                pairs,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(pairs in pairs(), at in any::<prop::sample::Index>()) {
            let bytes = pairs.encode(&BINDING);
            prop_assert_eq!(RowPairs::decode(&bytes, &BINDING), Some(pairs));
            prop_assert_eq!(RowPairs::decode(&bytes, &[8; 32]), None);
            let at = at.index(bytes.len());
            prop_assert_eq!(RowPairs::decode(&bytes[..at], &BINDING), None);
            let mut flipped = bytes;
            flipped[at] ^= 0x10;
            prop_assert_eq!(RowPairs::decode(&flipped, &BINDING), None);
        }
    }

    #[test]
    fn every_kind_has_a_number() {
        for kind in [Kind::SameRecord, Kind::Version, Kind::NearText, Kind::Semantic] {
            assert!(KINDS.contains(&kind));
        }
    }
}
