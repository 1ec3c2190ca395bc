//! Any text can be indexed and asked for.

use std::sync::LazyLock;

use cognate_keyword::{Document, KeywordIndex};
use proptest::prelude::*;

use crate::support::{apply, document, open, query_of, titles};

static INDEX: LazyLock<KeywordIndex> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    titles(&dir.keep(), &["Deep learning of proteins", "SARS-CoV-2 \\\"o 深度学习", "p53, TNF-α: it's C++"])
});

proptest! {
    #[test]
    fn any_text_is_a_query(text in "\\PC{0,60}|(\"|“|\\\\|'|-|é|α|深|a|S|9|\\.|\\{|\\}| ){0,30}") {
        let query = query_of(&text);
        let snapshot = INDEX.snapshot();
        let ranking = snapshot.rank(&query).unwrap();
        let hits = ranking.top(10, None);
        prop_assert_eq!(hits.len() as u64, ranking.count(None));
        prop_assert!(hits.iter().all(|hit| hit.1 > 0.0 && hit.1.is_finite()));
        for (row, _) in hits {
            prop_assert!(!snapshot.matched_terms(ranking.query(), row).unwrap().is_empty());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_text_can_be_indexed_and_finds_itself(texts in prop::collection::vec(any::<String>(), 1..4)) {
        let dir = tempfile::tempdir().unwrap();
        let index = open(dir.path());
        let upserts: Vec<(u32, Document)> = (0..)
            .zip(&texts)
            .map(|(row, text)| {
                let identifiers = vec![text.clone()];
                (row, Document { identifiers, ..document(text, &format!("{text} {text}")) })
            })
            .collect();
        apply(&index, &upserts, &[], 1);
        for (row, text) in (0u32..).zip(&texts) {
            let query = query_of(&text.replace(['"', '“', '”', '„', '«', '»'], " "));
            let found = index.snapshot().rank(&query).unwrap();
            prop_assert!(query.is_empty() || found.score(row) > 0.0);
        }
    }
}
