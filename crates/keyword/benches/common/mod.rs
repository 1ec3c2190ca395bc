//! What the bench programs share: where the data is, and an index of it.

use std::path::{Path, PathBuf};

use cognate_keyword::{Access, Changes, Document, KeywordIndex, KeywordOptions};
use serde_json::Value;

/// Where the collections are, beside a checkout.
pub(crate) fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data")
}

/// An index of documents, whose rows are their numbers, in a folder.
pub(crate) fn index_of(dir: &Path, documents: impl IntoIterator<Item = Document>) -> KeywordIndex {
    let options = KeywordOptions { access: Access::Write, ..KeywordOptions::new(dir, [0; 32]) };
    let index = KeywordIndex::open(options).expect("the folder can be written");
    let upserts = (0..).zip(documents).map(Ok::<_, std::convert::Infallible>);
    index.apply(Changes { upserts, deletes: Vec::new(), generation: 1 }).expect("they can be indexed");
    index
}

/// A field of a record; empty where it has none.
pub(crate) fn text(record: &Value, field: &str) -> String {
    record[field].as_str().unwrap_or_default().to_owned()
}
