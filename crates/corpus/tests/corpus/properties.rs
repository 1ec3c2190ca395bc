//! Properties that hold for any input.

use cognate_corpus::{Format, IdentifierKind, Paper, PaperId, lookup};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;

use crate::support::{parse, read};

/// Texts that come near identifiers, dates, names and filler.
fn near_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(doi:|https?://(dx\\.)?doi\\.org/)?10\\.[0-9]{3,5}/[ -~é]{0,12}",
        "(arXiv:|https://arxiv\\.org/(abs|pdf)/)?([0-9]{4}\\.[0-9]{4,5}|[a-z-]{2,8}(\\.[A-Z]{2})?/[0-9]{7})(v[0-9])?(\\.pdf)?",
        "(PMC|PMID:|pmcid:)?[0-9]{1,10}(\\.0)?",
        "(ACL:)?([A-Z][0-9]{2}-[0-9]{4}|20[0-9]{2}\\.[a-z]{3}-[a-z]{4}\\.[0-9])",
        "[0-9]{1,4}[-/. ][0-9]{1,4}([-/. T][0-9:]{1,4})?",
        "(Mon, )?[0-9]{1,2} (Jan|Feb|Dec) [0-9]{2,4}( 00:00:00 GMT)?",
        "([A-Z][a-z.]{0,4}[ ,;(){}]{0,2}(and )?){0,6}",
        "(N/A|none|null|-|\\[No abstract\\.\\])",
        "(cs\\.LG|hep-th|math|tides|[,; ]){0,6}",
    ]
}

/// Any JSON, with objects that often have the fields that records have.
fn any_json() -> impl Strategy<Value = Value> {
    #[rustfmt::skip]
    let names = prop::sample::select(vec![
        "id", "_id", "paper_id", "arxiv_id", "doi", "pmid", "pmcid", "acl_id", "title", "Title", "abstract", "summary",
        "text", "authors", "author", "authors_parsed", "name", "year", "date", "published", "publication_date",
        "venue", "journal", "journal-ref", "categories", "keywords", "source", "upvotes", "url", "versions", "created",
        "externalIds", "external_ids", "extra", "DOI", "ArXiv", "PubMed", "MAG", "papers", "data",
    ]);
    let name = prop_oneof![4 => names.prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        4 => near_text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (1000_i64..2200).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 12, move |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..6).prop_map(Value::from),
            3 => hash_map(name.clone(), inner, 0..12).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Bytes that are, or nearly are, a file of some format, perhaps compressed, perhaps damaged.
fn near_file() -> impl Strategy<Value = Vec<u8>> {
    let jsonl = vec(any_json(), 0..4)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let json = any_json().prop_map(|value| format!("{value:#}"));
    let table = "(id|title|abstract)[,;\t](title|x)\n([a-z\"0-9]{0,3}[,;\t\n]){0,20}";
    let page = "(Daily Papers\n\n)?([A-Z][a-z ]{1,20}\n\n([a-z ]{120,200}\\.\n\n)?){0,4}";
    let bibtex = "(@(article|string|comment|a)[{(]|[a-z]{1,3}|title|author|month| and |=|[{}\"#,%@$\\\\&~\n -]|\\\\\"|\\\\[a-z]{1,3}|é){0,40}";
    let tagged = "((TY|TI|AU|AB|KW|UR|DO|ER|AN|C2|PY|DA|T2|PMID|FAU|DP|LID)( {0,2})-( [ -~é]{0,12})?\n|      [a-z]{0,5}\n|\n){0,12}";
    let text = prop_oneof![jsonl, json, table, page, bibtex, tagged].prop_map(String::into_bytes);
    let bytes = prop_oneof![4 => text, 1 => vec(any::<u8>(), 0..200)];
    (bytes, 0..3_u8, any::<Option<(prop::sample::Index, u8)>>()).prop_map(|(bytes, compression, damage)| {
        let mut stored = match compression {
            0 => bytes,
            1 => zstd::stream::encode_all(bytes.as_slice(), 1).unwrap(),
            _ => {
                let mut gzip = Vec::new();
                let mut encoder = flate2::read::GzEncoder::new(bytes.as_slice(), flate2::Compression::fast());
                std::io::Read::read_to_end(&mut encoder, &mut gzip).unwrap();
                gzip
            }
        };
        if let Some((at, byte)) = damage
            && !stored.is_empty()
        {
            let at = at.index(stored.len());
            stored[at] ^= byte;
            stored.truncate(stored.len() - at % 3);
        }
        stored
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_bytes_in_any_format_come_to_an_end(bytes in near_file()) {
        for format in Format::ALL {
            read(bytes.clone(), format);
        }
    }

    #[test]
    fn any_json_is_a_paper_or_an_error_and_papers_round_trip(record in any_json()) {
        if let Ok(parsed) = parse(record) {
            let text = serde_json::to_string(&parsed.paper).unwrap();
            let again = parse(serde_json::from_str(&text).unwrap()).unwrap();
            prop_assert_eq!(&again.paper, &parsed.paper);
            prop_assert!(again.warnings.is_empty());
            let deserialized: Paper = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(deserialized, parsed.paper);
        }
    }

    #[test]
    fn canonical_identifiers_are_their_own_canonical_form(text in near_text()) {
        for kind in IdentifierKind::ALL {
            if let Some(canonical) = kind.canonical(&text) {
                prop_assert_eq!(kind.canonical(&canonical), Some(canonical.clone()));
                let prefixed = lookup(&format!("{}:{canonical}", kind.name()));
                prop_assert_eq!(&prefixed.identifiers[0].value, &canonical);
            }
        }
    }

    #[test]
    fn a_record_id_is_found_by_itself(text in near_text()) {
        if let Ok(id) = PaperId::new(text.as_str()) {
            let ids = lookup(&text).ids;
            prop_assert_eq!(ids.first(), Some(&id));
        }
    }
}
