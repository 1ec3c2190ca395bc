//! The map in a file, so that a process need not draw it when it starts.
//!
//! `docs/format.md` specifies the file. It is derived: of another store, model or layout, damaged or missing, it is no use, and
//! the map is drawn again. Its bytes are checked before any is used. Whichever process drew a map replaces it as a whole.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Map, MapGroup, MapPoint, MapRegion};
use crate::error::EngineError;
use crate::files::{self, Cursor, Kind, put_text, replace};
use crate::region::Region;
use crate::store::Store;
use crate::stored_model::StoredModel;

/// The file's name in the folder of derived files.
const NAME: &str = "map";
/// Raised whenever the file, or the map that is drawn of the same papers, is another.
const VERSION: u32 = 1;
const HEADER_LEN: usize = 96;
const KIND: Kind = Kind { magic: *b"COGNMAP\n", version: VERSION, header_len: HEADER_LEN };
const POINT_LEN: usize = 16;
const OTHER_LEN: usize = 8;
/// In place of a year that is not known.
const NO_YEAR: i16 = i16::MIN;

/// Where the map of a store is kept, and what tells it from any other.
pub(crate) struct AtlasFile {
    path: PathBuf,
    binding: [u8; 32],
}

impl AtlasFile {
    /// The file of a store in its folder of derived files.
    pub(crate) fn of(store: &Store, folder: &Path, model: &StoredModel) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(store.store_id().as_bytes());
        hasher.update([0]);
        model.bind(&mut hasher);
        hasher.update(VERSION.to_le_bytes());
        Self { path: folder.join(NAME), binding: hasher.finalize().into() }
    }

    /// The map in the file; `None` if that is of no use.
    pub(super) fn read(&self) -> Option<Map> {
        let bytes = fs::read(&self.path).ok()?;
        let map = decode(&bytes, &self.binding);
        if map.is_none() {
            tracing::warn!(
                "{}: damaged, or of another store or model; the map is drawn again",
                self.path.display()
            );
        }
        map
    }

    /// Checks every byte of the file: the generation of the papers on the map and how many they are; `None` where there is none.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn examine(&self, latest_generation: u64) -> Result<Option<(u64, u64)>, String> {
        let Some(bytes) = files::read(&self.path)? else { return Ok(None) };
        let wrong = |what: &str| format!("`{}` is {what}; it is drawn again", self.path.display());
        let map =
            decode(&bytes, &self.binding).ok_or_else(|| wrong("damaged, or of another store or model"))?;
        if map.generation > latest_generation {
            return Err(wrong("of a later state of the store"));
        }
        Ok(Some((map.generation, map.n_papers as u64)))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// [`EngineError::Io`] if it cannot be written; what was there before stays then.
    pub(super) fn write(&self, map: &Map) -> Result<(), EngineError> {
        replace(&self.path, &encode(map, &self.binding)).map_err(|source| EngineError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

fn encode(map: &Map, binding: &[u8; 32]) -> Vec<u8> {
    let len = HEADER_LEN + POINT_LEN * map.points.len() + OTHER_LEN * map.others.len();
    let mut bytes = Vec::with_capacity(len + (1 << 16));
    KIND.begin(&mut bytes, binding);
    bytes.extend_from_slice(&map.generation.to_le_bytes());
    for number in [map.n_papers, map.points.len(), map.others.len()] {
        bytes.extend_from_slice(&(number as u64).to_le_bytes());
    }
    for number in [map.groups.len(), map.regions.len()] {
        bytes.extend_from_slice(&(number as u32).to_le_bytes());
    }
    bytes.extend_from_slice(&map.kept.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for point in &map.points {
        bytes.extend_from_slice(&point.row.to_le_bytes());
        bytes.extend_from_slice(&point.x.to_le_bytes());
        bytes.extend_from_slice(&point.y.to_le_bytes());
        bytes.extend_from_slice(&point.year.unwrap_or(NO_YEAR).to_le_bytes());
        bytes.extend_from_slice(&[point.group, 0]);
    }
    for (row, at) in &map.others {
        bytes.extend_from_slice(&row.to_le_bytes());
        bytes.extend_from_slice(&at.to_le_bytes());
    }
    for group in &map.groups {
        bytes.extend_from_slice(&(group.n_papers as u64).to_le_bytes());
        bytes.extend_from_slice(&u32::from(group.name.is_some()).to_le_bytes());
        put_text(&mut bytes, group.name.as_deref().unwrap_or_default());
    }
    for region in &map.regions {
        bytes.extend_from_slice(&(region.n_papers as u64).to_le_bytes());
        region.middle.iter().for_each(|part| bytes.extend_from_slice(&part.to_le_bytes()));
        bytes.extend_from_slice(&(region.label.len() as u32).to_le_bytes());
        region.label.iter().for_each(|term| put_text(&mut bytes, term));
        put_text(&mut bytes, &region.shape.to_string());
    }
    files::seal(&mut bytes);
    bytes
}

/// `None` for bytes that are not what [`encode`] makes with this binding.
fn decode(bytes: &[u8], binding: &[u8; 32]) -> Option<Map> {
    let mut cursor = KIND.open(bytes, binding)?;
    let generation = cursor.long()?;
    let size = |number: u64| usize::try_from(number).ok();
    let [n_papers, n_points, n_others] =
        [size(cursor.long()?)?, size(cursor.long()?)?, size(cursor.long()?)?];
    let (n_groups, n_regions) = (cursor.number()?, cursor.number()?);
    let kept = cursor.real()?;
    cursor.take(4)?;
    let points = cursor.numbers(n_points, |bytes: [u8; POINT_LEN]| bytes)?;
    let point = |bytes: [u8; POINT_LEN]| -> Option<MapPoint> {
        let mut cursor = Cursor::new(&bytes);
        let (row, x, y) = (cursor.number()? as u32, cursor.real()?, cursor.real()?);
        let year = i16::from_le_bytes(*cursor.take(2)?.first_chunk()?);
        let group = *cursor.take(1)?.first()?;
        let is_here = [x, y].iter().all(|part| (-1.0..=1.0).contains(part)) && usize::from(group) < n_groups;
        is_here.then_some(MapPoint { row, x, y, group, year: (year != NO_YEAR).then_some(year) })
    };
    let points = points.into_iter().map(point).collect::<Option<Vec<_>>>()?;
    let others = cursor.numbers(n_others, |[a, b, c, d, e, f, g, h]: [u8; OTHER_LEN]| {
        (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
    })?;
    if others.iter().any(|(_, at)| *at as usize >= points.len()) {
        return None;
    }
    let mut groups = Vec::new();
    for _ in 0..n_groups {
        let n_papers = size(cursor.long()?)?;
        let is_named = cursor.number()? == 1;
        let name = cursor.text()?;
        groups.push(MapGroup { name: is_named.then(|| name.to_owned()), n_papers });
    }
    let mut regions = Vec::new();
    for _ in 0..n_regions {
        let n_papers = size(cursor.long()?)?;
        let middle = [cursor.real()?, cursor.real()?];
        let mut label = Vec::new();
        for _ in 0..cursor.number()? {
            label.push(cursor.text()?.to_owned());
        }
        let shape: Region = cursor.text()?.parse().ok()?;
        regions.push(MapRegion { label, n_papers, middle, shape });
    }
    cursor.is_empty().then_some(Map { generation, n_papers, points, groups, regions, others, kept })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BINDING: [u8; 32] = [7; 32];

    fn maps() -> impl Strategy<Value = Map> {
        let place = || -1.0..=1.0_f32;
        let point = (any::<u32>(), place(), place(), prop::option::of(-4_000..4_000_i16), 0..3_u8);
        let point = point.prop_map(|(row, x, y, year, group)| MapPoint { row, x, y, group, year });
        let group = (prop::option::of(".{0,8}"), 0..1_000_usize);
        let group = group.prop_map(|(name, n_papers)| MapGroup { name, n_papers });
        let corner = prop::array::uniform2(-1_000..1_000_i16);
        let region = (
            prop::collection::vec(".{1,9}", 1..4),
            0..1_000_usize,
            prop::array::uniform2(place()),
            prop::collection::vec(corner, 3..9),
        );
        let region = region.prop_map(|(label, n_papers, middle, corners)| {
            let shape = Region::new(corners).unwrap();
            MapRegion { label, n_papers, middle, shape }
        });
        (
            any::<u32>(),
            prop::collection::vec(point, 1..20),
            prop::collection::vec(group, 3),
            prop::collection::vec(region, 0..4),
            prop::collection::vec((any::<u32>(), 0..1_u32), 0..5),
            0.0..=1.0_f32,
        )
            .prop_map(|(generation, points, groups, regions, others, kept)| Map {
                generation: generation.into(),
                n_papers: points.len() + others.len(),
                points,
                groups,
                regions,
                others,
                kept,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_nothing_else(
            map in maps(),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let bytes = encode(&map, &BINDING);
            prop_assert_eq!(decode(&bytes, &BINDING), Some(map));
            prop_assert_eq!(decode(&bytes, &[8; 32]), None);
            let at = at.index(bytes.len());
            prop_assert_eq!(decode(&bytes[..at], &BINDING), None);
            let mut flipped = bytes;
            flipped[at] ^= 1 << bit;
            prop_assert_eq!(decode(&flipped, &BINDING), None);
        }

        /// A checksum is no lock: whoever makes one for any bytes is read without a panic.
        #[test]
        fn bytes_with_a_right_checksum_are_read_or_refused(
            map in maps(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = encode(&map, &BINDING);
            let mut body = bytes[..bytes.len() - 8].to_vec();
            let at = at.index(body.len());
            body[at] = byte;
            body.truncate(cut.index(body.len()) + 1);
            files::seal(&mut body);
            if let Some(map) = decode(&body, &BINDING) {
                let all: Region = "-1000.-1000_1000.-1000_1000.1000_-1000.1000".parse().unwrap();
                prop_assert!(map.rows_within(&all).len() <= map.points.len() + map.others.len());
            }
        }
    }
}
