//! Papers as columns: the fields of a collection, and their values on the way there.

use std::collections::BTreeMap;

use cognate_engine::{UnitVector, Upsert};
use half::f16;

use crate::layout::{MAX_PARTS, MAX_TEXT_BYTES, MAX_VALUES, Row, field};
use crate::messages::{CollectionSchema, FieldData, FieldSchema, KeyValuePair, kind};

/// Values of papers on their way, field by field.
#[derive(Default)]
pub(crate) struct Columns {
    pub(crate) ids: Vec<String>,
    vectors: Vec<Vec<f32>>,
    sparse: Vec<BTreeMap<u32, f32>>,
    terms: Vec<Vec<i64>>,
    papers: Vec<Vec<String>>,
    years: Vec<i64>,
    days: Vec<i64>,
    categories: Vec<Vec<String>>,
    category_names: Vec<Vec<String>>,
    authors: Vec<Vec<i64>>,
    venues: Vec<String>,
    venue_names: Vec<String>,
    identifiers: Vec<Vec<String>>,
    titles: Vec<i64>,
    has_abstract: Vec<bool>,
    has_text: Vec<bool>,
    text_hashes: Vec<String>,
    paper_hashes: Vec<String>,
    first_indexed: Vec<String>,
    pub(crate) n_bytes: usize,
}

impl Columns {
    pub(crate) fn push(&mut self, row: Row, upsert: &Upsert<'_>, dim: usize) {
        let bytes_of = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        self.n_bytes += bytes_of(&row.paper) + 2 * bytes_of(&row.categories) + bytes_of(&row.identifiers);
        self.n_bytes += row.sparse.len() * 8 + row.terms.len() * 8 + row.authors.len() * 8 + dim * 4 + 512;
        self.vectors.push(match upsert.vector {
            // As they lie on this machine, so that scores are the same.
            Some(vector) => values_at_rest(vector),
            // Some vector there must be; it is in no ranking.
            None => (0..dim).map(|at| f32::from(u8::from(at == 0))).collect(),
        });
        self.has_text.push(row.has_text && upsert.vector.is_some());
        self.ids.push(row.id);
        self.sparse.push(row.sparse);
        self.terms.push(row.terms);
        self.papers.push(row.paper);
        self.years.push(row.year);
        self.days.push(row.day);
        self.categories.push(row.categories);
        self.category_names.push(row.category_names);
        self.authors.push(row.authors);
        self.venues.push(row.venue);
        self.venue_names.push(row.venue_name);
        self.identifiers.push(row.identifiers);
        self.titles.push(row.title);
        self.has_abstract.push(row.has_abstract);
        self.text_hashes.push(hex(&upsert.known.text_hash));
        self.paper_hashes.push(hex(&upsert.known.paper_hash));
        self.first_indexed.push(upsert.known.first_indexed.clone());
    }

    pub(crate) fn into_fields(self, dim: usize) -> Vec<FieldData> {
        vec![
            FieldData::texts(field::ID, self.ids),
            FieldData::vectors(field::VECTOR, dim, &self.vectors),
            FieldData::sparse(field::SPARSE, &self.sparse),
            FieldData::lists_of_numbers(field::TERMS, self.terms),
            FieldData::lists_of_texts(field::PAPER, self.papers),
            FieldData::numbers(field::YEAR, self.years),
            FieldData::numbers(field::DAY, self.days),
            FieldData::lists_of_texts(field::CATEGORIES, self.categories),
            FieldData::lists_of_texts(field::CATEGORY_NAMES, self.category_names),
            FieldData::lists_of_numbers(field::AUTHORS, self.authors),
            FieldData::texts(field::VENUE, self.venues),
            FieldData::texts(field::VENUE_NAME, self.venue_names),
            FieldData::lists_of_texts(field::IDENTIFIERS, self.identifiers),
            FieldData::numbers(field::TITLE, self.titles),
            FieldData::flags(field::HAS_ABSTRACT, self.has_abstract),
            FieldData::flags(field::HAS_TEXT, self.has_text),
            FieldData::texts(field::TEXT_HASH, self.text_hashes),
            FieldData::texts(field::PAPER_HASH, self.paper_hashes),
            FieldData::texts(field::FIRST_INDEXED, self.first_indexed),
        ]
    }
}

/// The fields of a collection for vectors of so many components.
pub(crate) fn schema(collection: &str, dim: usize) -> CollectionSchema {
    let plain = |name: &str, data_type: i32, params: &[(&str, usize)]| FieldSchema {
        name: name.to_owned(),
        data_type,
        type_params: params.iter().map(|(key, value)| KeyValuePair::new(key, value.to_string())).collect(),
        ..FieldSchema::default()
    };
    let text = |name: &str, most: usize| plain(name, kind::VARCHAR, &[("max_length", most)]);
    let texts = |name: &str, most: usize| FieldSchema {
        element_type: kind::VARCHAR,
        ..plain(name, kind::ARRAY, &[("max_capacity", most), ("max_length", MAX_TEXT_BYTES)])
    };
    let numbers = |name: &str| FieldSchema {
        element_type: kind::INT64,
        ..plain(name, kind::ARRAY, &[("max_capacity", MAX_VALUES)])
    };
    let number = |name: &str| plain(name, kind::INT64, &[]);
    let flag = |name: &str| plain(name, kind::BOOL, &[]);
    let fields = vec![
        FieldSchema { is_primary_key: true, ..text(field::ID, cognate_corpus::MAX_ID_BYTES) },
        plain(field::VECTOR, kind::FLOAT_VECTOR, &[("dim", dim)]),
        plain(field::SPARSE, kind::SPARSE_FLOAT_VECTOR, &[]),
        numbers(field::TERMS),
        texts(field::PAPER, MAX_PARTS),
        number(field::YEAR),
        number(field::DAY),
        texts(field::CATEGORIES, MAX_VALUES),
        texts(field::CATEGORY_NAMES, MAX_VALUES),
        numbers(field::AUTHORS),
        text(field::VENUE, MAX_TEXT_BYTES),
        text(field::VENUE_NAME, MAX_TEXT_BYTES),
        texts(field::IDENTIFIERS, MAX_VALUES),
        number(field::TITLE),
        flag(field::HAS_ABSTRACT),
        flag(field::HAS_TEXT),
        text(field::TEXT_HASH, 64),
        text(field::PAPER_HASH, 64),
        text(field::FIRST_INDEXED, 64),
    ];
    CollectionSchema { name: collection.to_owned(), description: "Papers of cognate".to_owned(), fields }
}

/// The components of a vector as they lie at rest on this machine.
fn values_at_rest(vector: &UnitVector) -> Vec<f32> {
    let bytes = vector
        .f16_le_bytes_of_rounded()
        .or_else(|| vector.rounded_to_f16().f16_le_bytes_of_rounded())
        .unwrap_or_else(|| vector.to_f16_le_bytes());
    let (values, _) = bytes.as_chunks::<2>();
    values.iter().map(|value| f16::from_le_bytes(*value).to_f32()).collect()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_back_as_they_are_at_rest() {
        let vector = UnitVector::normalize(vec![0.3, -0.7, 0.2, 0.61]).unwrap();
        let values: Vec<f16> = values_at_rest(&vector).iter().map(|value| f16::from_f32(*value)).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let read = UnitVector::from_f16_le_bytes(&bytes).unwrap();
        assert_eq!(read, vector.rounded_to_f16());
        // What came from there goes back as it was.
        assert_eq!(values_at_rest(&read), values_at_rest(&vector));
    }

    #[test]
    fn every_field_has_values() {
        let schema = schema("papers", 3);
        let fields = Columns::default().into_fields(3);
        let of_schema: Vec<(&str, i32)> =
            schema.fields.iter().map(|field| (field.name.as_str(), field.data_type)).collect();
        let of_rows: Vec<(&str, i32)> =
            fields.iter().map(|field| (field.field_name.as_str(), field.kind)).collect();
        assert_eq!(of_schema, of_rows);
    }

    #[test]
    fn hashes_are_read_as_they_are_written() {
        let hash: [u8; 32] = std::array::from_fn(|at| (at * 7) as u8);
        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        for text in ["", "0", &"0".repeat(63), &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(from_hex(text), None);
        }
    }
}
