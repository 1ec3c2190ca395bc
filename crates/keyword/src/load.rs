//! From the files to a snapshot.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tantivy::directory::{Directory, FileSlice};
use tantivy::index::SegmentComponent;
use tantivy::{Index, IndexMeta, SegmentMeta, SegmentReader};

use crate::directory::{MANAGED, META, SealedDirectory};
use crate::error::{KeywordError, of_tantivy};
use crate::index::KeywordOptions;
use crate::snapshot::{Segment, Snapshot};
use crate::stamp::Stamp;
use crate::verified::OpenFiles;
use crate::{analysis, schema};

/// Times that a reader begins again because the writer replaced the list meanwhile.
const MAX_TRIES: usize = 20;

/// Files of each segment.
const COMPONENTS: [SegmentComponent; 6] = [
    SegmentComponent::Postings,
    SegmentComponent::Positions,
    SegmentComponent::Terms,
    SegmentComponent::Store,
    SegmentComponent::FastFields,
    SegmentComponent::FieldNorms,
];

/// What was found in the folder.
pub(crate) enum Loaded {
    /// No index.
    Nothing,
    /// What the snapshot before shows.
    Same,
    /// A new state.
    New(Snapshot),
}

/// What travels with each commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Payload {
    schema: u32,
    analysis: u32,
    /// In hex.
    binding: String,
    generation: u64,
}

impl Payload {
    pub(crate) fn new(options: &KeywordOptions, generation: u64) -> Self {
        let binding = options.binding.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { schema: schema::VERSION, analysis: analysis::VERSION, binding, generation }
    }

    pub(crate) fn encode(&self) -> String {
        serde_json::to_string(self).expect("numbers and text are JSON")
    }

    /// What has to be the same for files to be used.
    fn identity(&self) -> String {
        format!("schema {}, analysis {}, binding {}", self.schema, self.analysis, self.binding)
    }
}

/// Takes the state of the files, if it is another than the snapshot's. Files that it does not show are
/// checked in full.
pub(crate) fn load(
    options: &KeywordOptions,
    open_files: &OpenFiles,
    before: Option<&Snapshot>,
) -> Result<Loaded, KeywordError> {
    let dir = &options.dir;
    let is_there = |name| dir.join(name).exists();
    match (is_there(MANAGED), is_there(META)) {
        (false, false) => return Ok(Loaded::Nothing),
        (true, true) => {}
        (has_managed, _) => {
            let name = if has_managed { META } else { MANAGED };
            let path = dir.join(name);
            return Err(KeywordError::Damaged {
                path,
                expected: "a list of files",
                found: "none".to_owned(),
            });
        }
    }
    let failed = of_tantivy("read", dir);
    let mut tries = 0;
    loop {
        let directory = SealedDirectory::open(dir, open_files).map_err(&failed)?;
        let index = Index::open(directory).map_err(&failed)?;
        let meta = index.load_metas().map_err(&failed)?;
        let payload = payload_of(options, &meta)?;
        if before.is_some_and(|before| before.shows(&meta, payload.generation)) {
            return Ok(Loaded::Same);
        }
        match segments(options, &index, (&meta, before)) {
            Ok(segments) => {
                let snapshot = Snapshot::new(dir, payload.generation, segments);
                return Ok(Loaded::New(snapshot.with_scoring(options.scoring)));
            }
            // A merge may have ended, and its segments gone, since the list was read.
            Err(_) if tries < MAX_TRIES && is_replaced(&index, &meta) => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

fn is_replaced(index: &Index, meta: &IndexMeta) -> bool {
    index.load_metas().is_ok_and(|now| format!("{now:?}") != format!("{meta:?}"))
}

fn payload_of(options: &KeywordOptions, meta: &IndexMeta) -> Result<Payload, KeywordError> {
    let damaged = |found: String| KeywordError::Damaged {
        path: options.dir.join(META),
        expected: "a commit with the generation that it holds",
        found,
    };
    let text = meta.payload.as_deref().ok_or_else(|| damaged("none".to_owned()))?;
    let payload: Payload = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let expected = Payload::new(options, payload.generation);
    if payload != expected {
        return Err(KeywordError::OfAnother {
            path: options.dir.clone(),
            expected: expected.identity(),
            found: payload.identity(),
        });
    }
    Ok(payload)
}

/// The segments of a list: those that the snapshot before has as they are, the others checked and opened.
fn segments(
    options: &KeywordOptions,
    index: &Index,
    (meta, before): (&IndexMeta, Option<&Snapshot>),
) -> Result<Vec<Arc<Segment>>, KeywordError> {
    let known = |segment: &SegmentMeta| before.and_then(|before| before.segment(segment.id()));
    let files = meta.segments.iter().flat_map(|segment| {
        let is_known = known(segment).is_some();
        let components = COMPONENTS.iter().filter(move |_| !is_known);
        let dead = segment.has_deletes().then_some(&SegmentComponent::Delete);
        components.chain(dead).map(|component| segment.relative_path(component.clone()))
    });
    let files: Vec<_> = files.collect();
    // Before they are checked, so that nothing is missed that is written meanwhile.
    let stamps: Vec<Stamp> = files.iter().filter_map(|file| Stamp::of(options.dir.join(file)).ok()).collect();
    // Opened on all threads, which checks them, and kept until their segments have them.
    let open = |file| index.directory().open_read(file);
    let _open: Vec<FileSlice> = files
        .par_iter()
        .map(|file| open(file).map_err(|error| of_tantivy("read", &options.dir)(error.into())))
        .collect::<Result<_, _>>()?;
    meta.segments
        .par_iter()
        .map(|segment| {
            if let Some(known) = known(segment)
                && known.shows(segment)
            {
                return Ok(known);
            }
            let reader = SegmentReader::open(&index.segment(segment.clone()));
            let opened = reader.and_then(Segment::new).map_err(of_tantivy("read", &options.dir))?;
            match opened.is_as(segment) {
                true => {
                    let name = segment.id().uuid_string();
                    let is_of_it = |stamp: &&Stamp| {
                        stamp.path().file_name().is_some_and(|file| file.to_string_lossy().starts_with(&name))
                    };
                    let mut files: Vec<Stamp> = stamps.iter().filter(is_of_it).cloned().collect();
                    // Those of a segment that is known, but for what was dead before.
                    let of_known = known(segment).into_iter().flat_map(|known| known.files().to_vec());
                    files
                        .extend(of_known.filter(|stamp| stamp.path().extension().is_none_or(|e| e != "del")));
                    Ok(Arc::new(opened.of_files(files)))
                }
                false => Err(KeywordError::Damaged {
                    path: options.dir.join(segment.id().uuid_string()),
                    expected: "as many rows as the list says",
                    found: "another number".to_owned(),
                }),
            }
        })
        .collect()
}
