//! Opening a collection: reading its list, its segments, and removing what is no part of it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;

use super::manifest::{self, Manifest, segment_name};
use super::snapshot::{Live, Snapshot};
use super::{Access, Collection, CollectionOptions, State};
use crate::bitmap::Bitmap;
use crate::error::{IndexError, Section};
use crate::files::Folder;
use crate::segment::format::{MAX_DIM, damaged};
use crate::segment::{Layout, Segment};

impl Collection {
    /// Opens the collection in a folder, as far as it is as it was written, and checks it: lists,
    /// headers, rows and graphs before this returns, the vectors on a thread that this starts. The
    /// collection then shows [`generation`](Self::generation) of the store.
    ///
    /// Damage is no error: the collection begins empty, at generation 0, and what was found is given
    /// beside it, to be told to the user. So is a collection of another store, model or dimension,
    /// or of a later generation than the store's.
    ///
    /// # Errors
    /// [`IndexError::GraphParam`] for options out of range, and [`IndexError::Io`] if the folder
    /// cannot be made or the system fails to read a file that is there.
    pub fn open(options: CollectionOptions) -> Result<(Self, Option<IndexError>), IndexError> {
        options.build.check()?;
        crate::build::check_range("dim", options.dim, 1, MAX_DIM)?;
        let folder = Folder::open(&options.dir, options.access == Access::Write)?;
        let (found, damage) = match load(&folder, &options) {
            Ok(found) => (found, None),
            Err(error @ IndexError::Io { .. }) if !error.calls_for_rebuild() => return Err(error),
            Err(error) => (None, Some(error)),
        };
        let is_used = found.is_some();
        let (manifest, segments) = found.unwrap_or_else(|| {
            let next_number = free_number(&folder);
            (Manifest { generation: 0, next_number, dim: options.dim, segments: Vec::new() }, Vec::new())
        });
        if options.access == Access::Write {
            remove_leftovers(&folder, &segments, is_used);
        }
        let found_damaged = Arc::new(OnceLock::new());
        let snapshot = Snapshot::new(options.dim, manifest.generation, segments, &found_damaged);
        let collection = Self {
            folder,
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            state: Mutex::new(State {
                generation_on_disk: manifest.generation,
                next_number: manifest.next_number,
            }),
            working: Mutex::default(),
            background: OnceLock::new(),
            damage: found_damaged,
            options,
        };
        collection.verify_in_background();
        Ok((collection, damage))
    }

    /// Checks the vectors of all segments on a thread of its own.
    fn verify_in_background(&self) {
        let segments: Vec<Arc<Segment>> =
            self.snapshot().segments().iter().map(|live| Arc::clone(&live.segment)).collect();
        if segments.is_empty() {
            return;
        }
        let damage = Arc::clone(&self.damage);
        let layout = self.options.layout;
        // Where there is more to make than to check, by threads that give way to searches.
        let pool = (layout == Layout::Wide).then(|| self.pool(1));
        let verified = move |segment: &Segment| match &pool {
            Some(Ok(pool)) => pool.install(|| segment.verify(layout)),
            Some(Err(_)) | None => segment.verify(layout),
        };
        let verify = move || {
            for segment in segments {
                if let Err(error) = verified(&segment) {
                    tracing::error!("{error}");
                    // The first is enough to make the collection be opened anew.
                    let _ = damage.set(Arc::new(error));
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("verify-index".to_owned()).spawn(verify) {
            tracing::warn!("could not start the thread that checks the index: {error}");
        }
    }
}

type Loaded = (Manifest, Vec<Live>);

fn load(folder: &Folder, options: &CollectionOptions) -> Result<Option<Loaded>, IndexError> {
    let Some(manifest) = Manifest::read(folder, &options.binding)? else { return Ok(None) };
    if manifest.dim != options.dim {
        let (path, expected) = (folder.path_of(manifest::NAME), format!("vectors of {}", options.dim));
        return Err(damaged(&path, Section::Header, &expected, manifest.dim));
    }
    if manifest.generation > options.latest_generation {
        let (path, expected) = (folder.path_of(manifest::NAME), options.latest_generation);
        return Err(IndexError::GenerationAhead { path, expected, found: manifest.generation });
    }
    let mut segments = Vec::with_capacity(manifest.segments.len());
    for entry in &manifest.segments {
        let path = folder.path_of(&segment_name(entry.number));
        let segment = Segment::open(&path, &options.binding)?;
        if segment.identity() != entry.identity || segment.len() as u64 != entry.n {
            return Err(damaged(&path, Section::Header, "the file that the manifest lists", "another"));
        }
        if segment.dim() != options.dim {
            return Err(damaged(
                &path,
                Section::Header,
                &format!("vectors of {}", options.dim),
                segment.dim(),
            ));
        }
        let mut dead = Bitmap::new(segment.len());
        for &position in &entry.dead {
            dead.insert(position as usize);
        }
        segments.push(Live {
            segment: Arc::new(segment),
            dead: Arc::new(dead),
            is_sealing: false,
            number: entry.number,
        });
    }
    Ok(Some((manifest, segments)))
}

/// A number above that of every segment file in the folder.
fn free_number(folder: &Folder) -> u64 {
    let names = folder.names().unwrap_or_default();
    let numbers =
        names.iter().filter_map(|name| name.strip_prefix("segment-")?.get(..8)?.parse::<u64>().ok());
    numbers.max().map_or(1, |last| last + 1)
}

/// Removes what a writer that was cut short left, and the segments of a collection that is not used.
fn remove_leftovers(folder: &Folder, segments: &[Live], list_is_used: bool) {
    let used: HashSet<String> = segments.iter().map(|live| segment_name(live.number)).collect();
    for name in folder.names().unwrap_or_default() {
        let is_list = name == manifest::NAME && list_is_used;
        if manifest::is_ours(&name)
            && !is_list
            && !used.contains(&name)
            && let Err(error) = folder.remove(&name)
        {
            // Space, not answers.
            tracing::warn!("{error}");
        }
    }
}
