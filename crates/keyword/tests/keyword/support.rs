//! What the tests share.

use std::convert::Infallible;
use std::path::Path;

use cognate_keyword::{Access, Changes, Document, KeywordError, KeywordIndex, KeywordOptions, Query};

pub(crate) fn options(dir: &Path, access: Access) -> KeywordOptions {
    KeywordOptions { access, n_threads: Some(1), ..KeywordOptions::new(dir, [7; 32]) }
}

pub(crate) fn open(dir: &Path) -> KeywordIndex {
    KeywordIndex::open(options(dir, Access::Write)).unwrap()
}

pub(crate) fn open_to_read(dir: &Path) -> Result<KeywordIndex, KeywordError> {
    KeywordIndex::open(options(dir, Access::Read))
}

/// A document with a title and an abstract.
pub(crate) fn document(title: &str, abstract_text: &str) -> Document {
    Document { title: title.to_owned(), abstract_text: abstract_text.to_owned(), ..Document::default() }
}

pub(crate) fn apply(index: &KeywordIndex, upserts: &[(u32, Document)], deletes: &[u32], generation: u64) {
    let upserts = upserts.iter().cloned().map(Ok::<_, Infallible>);
    index.apply(Changes { upserts, deletes: deletes.to_vec(), generation }).unwrap();
}

/// An index of documents that have a title alone, whose rows are their numbers.
pub(crate) fn titles(dir: &Path, titles: &[&str]) -> KeywordIndex {
    let index = open(dir);
    let upserts: Vec<_> = (0..).zip(titles).map(|(row, title)| (row, document(title, ""))).collect();
    apply(&index, &upserts, &[], 1);
    index
}

/// The rows that match a query, ascending.
pub(crate) fn matching(index: &KeywordIndex, query: &str) -> Vec<u32> {
    index.snapshot().matching(&query_of(query)).unwrap().into_iter().collect()
}

/// A query whose parts in straight quotation marks must match, word for word.
pub(crate) fn query_of(text: &str) -> Query {
    let mut query = Query::default();
    for (at, part) in text.split('"').enumerate() {
        if at % 2 == 1 { query.require_any(&[part]) } else { query.add_words(part) }
    }
    query
}
