//! What is said to a server of Milvus itself, which milvus-lite is not: calls and filters as cognate makes them, on papers as it
//! puts them. A release before 2.5, which cognate refuses, keeps no weights of terms: they are left out there.

use cognate_corpus::{Paper, Place, paper_from_json};
use cognate_engine::{Cancel, Clause, Condition, Filter, Known, Remote, UnitVector, Upsert};
use prost::Message;
use serde_json::json;

use crate::address::{Address, Credentials};
use crate::client::Target;
use crate::columns::{Columns, schema};
use crate::expression;
use crate::layout::{AVERAGE_LENGTH, PROPERTY, Row, field};
use crate::messages::KeyValuePair;
use crate::place::{Milvus, OF_PAPERS, OLDEST, release_of};

/// The variable that has the address of a collection; others are made beside it, which are not there yet.
const ADDRESS: &str = "COGNATE_TEST_MILVUS";
const DIM: usize = 32;
const N_PAPERS: usize = 300;

/// Papers of all sorts with vectors that are nearly alike nowhere.
fn papers() -> Vec<(Paper, UnitVector)> {
    let mut state = 1_u64;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let paper = |n: usize| {
        let record = json!({
            "id": format!("p/{n:03} \"x\" \\y"), "title": format!("The Äther, part {n}"), "abstract": "ä word ".repeat(20 + n % 50),
            "year": 1990 + n % 30, "authors": [if n.is_multiple_of(3) { "Jürgen A. Müller" } else { "Ann Lee" }],
            "categories": [if n.is_multiple_of(2) { "cs.CL" } else { "hep-th" }], "venue": "J. of Things", "doi": format!("10.5555/{n}"),
        });
        paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper
    };
    (0..N_PAPERS)
        .map(|n| {
            let vector = UnitVector::normalize((0..DIM).map(|_| number()).collect()).unwrap();
            (paper(n), vector.rounded_to_f16())
        })
        .collect()
}

fn put(milvus: &Milvus, papers: &[(Paper, UnitVector)], has_terms: bool) {
    let mut columns = Columns::default();
    for (paper, vector) in papers {
        let known = Known {
            text_hash: [1; 32],
            paper_hash: [2; 32],
            first_indexed: "2026-01-01T00:00:00Z".to_owned(),
        };
        let upsert = Upsert { paper, vector: Some(vector), known };
        columns.push(Row::new(paper, AVERAGE_LENGTH).unwrap(), &upsert, DIM);
    }
    let mut fields = columns.into_fields(DIM);
    fields.retain(|column| has_terms || column.field_name != field::SPARSE);
    milvus.client.upsert(&Cancel::default(), fields, papers.len()).unwrap();
}

#[test]
#[ignore = "asks a server of Milvus: `scripts/check-full milvus` starts one and names it in COGNATE_TEST_MILVUS"]
fn a_server_takes_and_gives_papers() {
    let address: Address = std::env::var(ADDRESS).unwrap().parse().unwrap();
    for kind in ["FLAT", "HNSW"] {
        let collection = format!("{}_{kind}", address.collection);
        papers_come_and_go(Address { collection, ..address.clone() }, kind);
    }
}

fn papers_come_and_go(address: Address, kind: &str) {
    let variable = |name: &str| std::env::var(format!("COGNATE_MILVUS_{name}")).ok();
    let credentials =
        Credentials { token: variable("TOKEN"), tls: variable("TLS").is_some(), ca_file: variable("CA") };
    let milvus = Milvus::new(address.clone(), credentials).unwrap();
    let (client, cancel) = (&milvus.client, Cancel::default());
    let version = client.version(&cancel).unwrap();
    let has_terms = release_of(&version).is_none_or(|release| release >= OLDEST);
    println!("Milvus {version}, {} terms", if has_terms { "with" } else { "without" });
    if !has_terms {
        let refused = milvus.model(&cancel).unwrap_err().to_string();
        assert!(refused.contains(&version) && refused.contains("2.5 or later"), "{refused}");
    }

    assert!(!client.has_collection(&cancel).unwrap(), "the collection is made here");
    let mut schema = schema(&address.collection, DIM);
    schema.fields.retain(|column| has_terms || column.name != field::SPARSE);
    let properties = vec![KeyValuePair::new(PROPERTY, "{\"of\": \"a test\"}")];
    client.create(&cancel, schema.encode_to_vec(), properties.clone()).unwrap();
    assert!(client.has_collection(&cancel).unwrap());
    let told = client.properties(&cancel).unwrap();
    assert!(properties.iter().all(|own| told.contains(own)), "{told:?}");
    assert_eq!(client.index_of(&cancel, field::VECTOR).unwrap(), None);
    for (name, kind, metric) in
        [(field::VECTOR, kind, "COSINE"), (field::SPARSE, "SPARSE_INVERTED_INDEX", "IP")]
    {
        if has_terms || name != field::SPARSE {
            let params = if kind == "HNSW" { "{\"M\": 16, \"efConstruction\": 200}" } else { "{}" };
            let params = [("index_type", kind), ("metric_type", metric), ("params", params)];
            let params = params.iter().map(|(key, value)| KeyValuePair::new(key, *value)).collect();
            client.create_index(&cancel, name, params).unwrap();
            assert_eq!(client.index_of(&cancel, name).unwrap().as_deref(), Some(kind));
        }
    }
    client.load(&cancel).unwrap();

    let papers = papers();
    papers.chunks(128).for_each(|papers| put(&milvus, papers, has_terms));
    assert_eq!(client.count(&cancel, "").unwrap(), N_PAPERS as u64);
    // Once more, nothing is doubled; then all lies in files.
    put(&milvus, &papers[..100], has_terms);
    assert_eq!(client.count(&cancel, "").unwrap(), N_PAPERS as u64);
    client.flush(&cancel).unwrap();
    assert_eq!(client.count(&cancel, "").unwrap(), N_PAPERS as u64);

    filters(&milvus, &papers);
    nearest(&milvus, &papers, kind == "FLAT");
    one_after_the_other(&milvus, &papers);

    let gone = papers[7].0.id.as_str();
    client.delete(&cancel, gone).unwrap();
    assert_eq!(client.count(&cancel, "").unwrap(), N_PAPERS as u64 - 1);
    assert_eq!(client.rows(&cancel, &expression::of_ids([gone]), &[field::ID]).unwrap().len(), 0);
}

fn filters(milvus: &Milvus, papers: &[(Paper, UnitVector)]) {
    type Passes = Box<dyn Fn(&Paper) -> bool>;
    let by_mueller = |paper: &Paper| paper.authors[0].contains("Müller");
    let author = |name: &str| Condition::Author(name.to_owned());
    let conditions: Vec<(Condition, Passes)> = vec![
        (
            Condition::Year("2000-2004".parse().unwrap()),
            Box::new(|paper| (2000..=2004).contains(&paper.year.unwrap())),
        ),
        (
            Condition::PublicationDate("2001:2002".parse().unwrap()),
            Box::new(|paper| (2001..=2002).contains(&paper.year.unwrap())),
        ),
        (Condition::Categories(vec!["cs".to_owned()]), Box::new(|paper| paper.categories[0] == "cs.CL")),
        (author("mueller"), Box::new(by_mueller)),
        (author("Müller JA"), Box::new(by_mueller)),
        (author("J. Lee"), Box::new(|_| false)),
        (Condition::HasAbstract(true), Box::new(|_| true)),
        (
            Condition::Ids(vec![papers[3].0.id.to_string()]),
            Box::new(|paper| paper.id.as_str().starts_with("p/003")),
        ),
    ];
    let cancel = Cancel::default();
    for (condition, passes) in conditions {
        for not in [false, true] {
            let clause = vec![Clause::Condition(condition.clone())];
            let filter = match not {
                false => Filter { must: clause, ..Filter::default() },
                true => Filter { must_not: clause, ..Filter::default() },
            };
            let found = milvus
                .client
                .rows(&cancel, &expression::of_filter(&filter), &[field::ID, field::YEAR])
                .unwrap();
            let mut ids: Vec<&str> = found.iter().map(|row| row.text(field::ID).unwrap()).collect();
            ids.sort_unstable();
            let expected = papers.iter().map(|(paper, _)| paper).filter(|paper| passes(paper) != not);
            assert_eq!(ids, expected.map(|paper| paper.id.as_str()).collect::<Vec<_>>(), "{filter:?}");
        }
    }
    let title = expression::of_title("the ather: part 12").unwrap();
    assert_eq!(milvus.client.count(&cancel, &title).unwrap(), 1);
    let terms = expression::of_all_terms(["word"].into_iter());
    assert_eq!(milvus.client.count(&cancel, &terms).unwrap(), N_PAPERS as u64);
}

/// Where all vectors are compared, nothing is missed.
fn nearest(milvus: &Milvus, papers: &[(Paper, UnitVector)], is_exact: bool) {
    let cancel = Cancel::default();
    for (_, vector) in &papers[..20] {
        let cosine = |other: &UnitVector| {
            vector.as_slice().iter().zip(other.as_slice()).map(|(a, b)| a * b).sum::<f32>()
        };
        let mut expected: Vec<(&str, f32)> =
            papers.iter().map(|(paper, other)| (paper.id.as_str(), cosine(other))).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        let target = Target::Meaning(vector.as_slice());
        let found =
            milvus.client.search(&cancel, (&target, &[field::ID, field::VECTOR]), ("", 10, None)).unwrap();
        assert_eq!(found.ids.len(), 10);
        let n_common = expected[..10].iter().filter(|(id, _)| found.ids.iter().any(|own| own == id)).count();
        assert!(n_common >= if is_exact { 10 } else { 9 }, "{:?} beside {:?}", found.ids, &expected[..10]);
        for ((row, id), score) in found.rows.iter().zip(&found.ids).zip(&found.scores) {
            let (_, exact) = expected.iter().find(|(own, _)| own == id).unwrap();
            assert!((score - exact).abs() < 1e-3, "{id}: {score} for {exact}");
            assert_eq!(row.vector(field::VECTOR).unwrap().len(), DIM);
        }
        let n_near = expected.iter().filter(|(_, cosine)| *cosine >= 0.25).count();
        let found = milvus.client.search(&cancel, (&target, &[field::ID]), ("", 300, Some(0.25))).unwrap();
        assert!(!is_exact || found.ids.len().abs_diff(n_near) <= 1, "{} for {n_near}", found.ids.len());
        assert!(found.scores.iter().all(|score| *score >= 0.249), "{:?}", found.scores);
    }
}

fn one_after_the_other(milvus: &Milvus, papers: &[(Paper, UnitVector)]) {
    let (cancel, mut last, mut n_read) = (Cancel::default(), String::new(), 0);
    loop {
        let rows = milvus.client.rows_after(&cancel, ("", &last, 70), &OF_PAPERS).unwrap();
        for row in rows.iter() {
            let stored = milvus.stored(row, 0).unwrap();
            assert_eq!(stored.paper, papers[n_read].0);
            last = stored.paper.id.to_string();
            n_read += 1;
        }
        if rows.len() < 70 {
            break;
        }
    }
    assert_eq!(n_read, N_PAPERS);
    let ids: Vec<&str> = papers.iter().take(150).map(|(paper, _)| paper.id.as_str()).collect();
    let mut n_found = 0;
    let counted = milvus.client.rows_of_ids(&cancel, (&ids, &OF_PAPERS), &mut |row| {
        n_found += usize::from(milvus.stored(row, 0).is_ok());
        Ok(())
    });
    counted.unwrap();
    assert_eq!(n_found, ids.len());
}
