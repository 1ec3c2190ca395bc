//! The part of Milvus's public interface that is used here, as its messages lie on the wire: names and numbers are those of
//! `milvus.proto`, `schema.proto` and `common.proto` of milvus-proto, which only ever gains fields. What a server says beyond
//! them is skipped.
//!
//! They are written here rather than generated: the whole interface is five thousand lines, and its SDK for Rust is another
//! seventy thousand, of which this is what papers need.

#![allow(clippy::too_many_arguments, reason = "what `prost` derives has five")]

use std::collections::{BTreeMap, HashMap};

/// How a call ended. Old servers set the first number, new ones the second; 0 is success.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) error_code: i32,
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
    #[prost(int32, tag = "3")]
    pub(crate) code: i32,
    #[prost(bool, tag = "4")]
    pub(crate) retriable: bool,
}

impl Status {
    /// Whether it says that the call failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.code != 0 || self.error_code != 0
    }
}

/// An answer that says how the call ended.
pub(crate) trait Answer: prost::Message + Default + 'static {
    /// What the server said of it; nothing means success.
    fn status(&self) -> Option<&Status>;
}

/// For messages whose field `status` says it.
macro_rules! answers {
    ($($message:ty),*) => {
        $(impl Answer for $message {
            fn status(&self) -> Option<&Status> {
                self.status.as_ref()
            }
        })*
    };
}

answers!(
    BoolResponse,
    DescribeCollectionResponse,
    DescribeIndexResponse,
    MutationResult,
    SearchResults,
    QueryResults,
    FlushResponse,
    FlushStateResponse,
    VersionResponse
);

impl Answer for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyValuePair {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

impl KeyValuePair {
    pub(crate) fn new(key: &str, value: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.into() }
    }
}

/// Kinds of fields.
pub(crate) mod kind {
    pub(crate) const BOOL: i32 = 1;
    pub(crate) const INT64: i32 = 5;
    pub(crate) const VARCHAR: i32 = 21;
    pub(crate) const ARRAY: i32 = 22;
    pub(crate) const FLOAT_VECTOR: i32 = 101;
    pub(crate) const SPARSE_FLOAT_VECTOR: i32 = 104;
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FieldSchema {
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(bool, tag = "3")]
    pub(crate) is_primary_key: bool,
    #[prost(int32, tag = "5")]
    pub(crate) data_type: i32,
    #[prost(message, repeated, tag = "6")]
    pub(crate) type_params: Vec<KeyValuePair>,
    #[prost(int32, tag = "10")]
    pub(crate) element_type: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CollectionSchema {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) description: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) fields: Vec<FieldSchema>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateCollectionRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    /// A [`CollectionSchema`].
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) schema: Vec<u8>,
    #[prost(int32, tag = "6")]
    pub(crate) consistency_level: i32,
    #[prost(message, repeated, tag = "7")]
    pub(crate) properties: Vec<KeyValuePair>,
}

/// Names a collection: what `HasCollection`, `DescribeCollection` and `LoadCollection` take.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CollectionRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BoolResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(bool, tag = "2")]
    pub(crate) value: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DescribeCollectionResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(crate) schema: Option<CollectionSchema>,
    #[prost(message, repeated, tag = "13")]
    pub(crate) properties: Vec<KeyValuePair>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CreateIndexRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    #[prost(string, tag = "4")]
    pub(crate) field_name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) extra_params: Vec<KeyValuePair>,
    #[prost(string, tag = "6")]
    pub(crate) index_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DescribeIndexRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    #[prost(string, tag = "4")]
    pub(crate) field_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct IndexDescription {
    #[prost(message, repeated, tag = "3")]
    pub(crate) params: Vec<KeyValuePair>,
    #[prost(string, tag = "4")]
    pub(crate) field_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DescribeIndexResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) index_descriptions: Vec<IndexDescription>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UpsertRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) fields_data: Vec<FieldData>,
    #[prost(uint32, tag = "7")]
    pub(crate) num_rows: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DeleteRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    #[prost(string, tag = "5")]
    pub(crate) expr: String,
    #[prost(int32, tag = "7")]
    pub(crate) consistency_level: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MutationResult {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(uint32, repeated, tag = "4")]
    pub(crate) err_index: Vec<u32>,
}

/// How a text of a filter is to be read: as a filter.
pub(crate) const FILTER: i32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SearchRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    /// The filter.
    #[prost(string, tag = "5")]
    pub(crate) dsl: String,
    /// A [`PlaceholderGroup`].
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) placeholder_group: Vec<u8>,
    #[prost(int32, tag = "7")]
    pub(crate) dsl_type: i32,
    #[prost(string, repeated, tag = "8")]
    pub(crate) output_fields: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) search_params: Vec<KeyValuePair>,
    /// Queries.
    #[prost(int64, tag = "12")]
    pub(crate) nq: i64,
    #[prost(int32, tag = "14")]
    pub(crate) consistency_level: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PlaceholderValue {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    /// A [`kind`] of vector.
    #[prost(int32, tag = "2")]
    pub(crate) kind: i32,
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub(crate) values: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PlaceholderGroup {
    #[prost(message, repeated, tag = "1")]
    pub(crate) placeholders: Vec<PlaceholderValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SearchResults {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(crate) results: Option<SearchResultData>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SearchResultData {
    #[prost(message, repeated, tag = "3")]
    pub(crate) fields_data: Vec<FieldData>,
    #[prost(float, repeated, tag = "4")]
    pub(crate) scores: Vec<f32>,
    #[prost(message, optional, tag = "5")]
    pub(crate) ids: Option<Ids>,
}

/// Ids of rows, where they are texts.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ids {
    #[prost(message, optional, tag = "2")]
    pub(crate) str_id: Option<StringArray>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, tag = "3")]
    pub(crate) collection_name: String,
    #[prost(string, tag = "4")]
    pub(crate) expr: String,
    #[prost(string, repeated, tag = "5")]
    pub(crate) output_fields: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) query_params: Vec<KeyValuePair>,
    #[prost(int32, tag = "11")]
    pub(crate) consistency_level: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct QueryResults {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) fields_data: Vec<FieldData>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlushRequest {
    #[prost(string, tag = "2")]
    pub(crate) db_name: String,
    #[prost(string, repeated, tag = "3")]
    pub(crate) collection_names: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlushResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    /// By collection.
    #[prost(map = "string, message", tag = "3")]
    pub(crate) segments: HashMap<String, LongArray>,
    /// By collection.
    #[prost(map = "string, uint64", tag = "6")]
    pub(crate) flush_ts: HashMap<String, u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlushStateRequest {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) segment_ids: Vec<i64>,
    #[prost(uint64, tag = "2")]
    pub(crate) flush_ts: u64,
    #[prost(string, tag = "3")]
    pub(crate) db_name: String,
    #[prost(string, tag = "4")]
    pub(crate) collection_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FlushStateResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(bool, tag = "2")]
    pub(crate) flushed: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VersionRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VersionResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}

/// The values of one field, a value for each row.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FieldData {
    /// A [`kind`].
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) field_name: String,
    #[prost(oneof = "Values", tags = "3, 4")]
    pub(crate) values: Option<Values>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Values {
    #[prost(message, tag = "3")]
    Scalars(ScalarField),
    #[prost(message, tag = "4")]
    Vectors(VectorField),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ScalarField {
    #[prost(oneof = "Scalars", tags = "1, 3, 6, 8")]
    pub(crate) data: Option<Scalars>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Scalars {
    #[prost(message, tag = "1")]
    Bools(BoolArray),
    #[prost(message, tag = "3")]
    Longs(LongArray),
    #[prost(message, tag = "6")]
    Strings(StringArray),
    #[prost(message, tag = "8")]
    Arrays(ArrayArray),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BoolArray {
    #[prost(bool, repeated, tag = "1")]
    pub(crate) data: Vec<bool>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct LongArray {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) data: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StringArray {
    #[prost(string, repeated, tag = "1")]
    pub(crate) data: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ArrayArray {
    #[prost(message, repeated, tag = "1")]
    pub(crate) data: Vec<ScalarField>,
    #[prost(int32, tag = "2")]
    pub(crate) element_type: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct VectorField {
    #[prost(int64, tag = "1")]
    pub(crate) dim: i64,
    #[prost(oneof = "Vectors", tags = "2, 6")]
    pub(crate) data: Option<Vectors>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Vectors {
    #[prost(message, tag = "2")]
    Floats(FloatArray),
    #[prost(message, tag = "6")]
    Sparse(SparseFloatArray),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FloatArray {
    #[prost(float, repeated, tag = "1")]
    pub(crate) data: Vec<f32>,
}

/// Each row as [`bytes_of_sparse`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SparseFloatArray {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) contents: Vec<Vec<u8>>,
    #[prost(int64, tag = "2")]
    pub(crate) dim: i64,
}

impl FieldData {
    fn scalars(name: &str, kind: i32, data: Scalars) -> Self {
        let values = Some(Values::Scalars(ScalarField { data: Some(data) }));
        Self { kind, field_name: name.to_owned(), values }
    }

    pub(crate) fn texts(name: &str, data: Vec<String>) -> Self {
        Self::scalars(name, kind::VARCHAR, Scalars::Strings(StringArray { data }))
    }

    pub(crate) fn numbers(name: &str, data: Vec<i64>) -> Self {
        Self::scalars(name, kind::INT64, Scalars::Longs(LongArray { data }))
    }

    pub(crate) fn flags(name: &str, data: Vec<bool>) -> Self {
        Self::scalars(name, kind::BOOL, Scalars::Bools(BoolArray { data }))
    }

    pub(crate) fn lists_of_texts(name: &str, lists: Vec<Vec<String>>) -> Self {
        let lists = lists.into_iter().map(|data| Scalars::Strings(StringArray { data }));
        Self::lists(name, kind::VARCHAR, lists)
    }

    pub(crate) fn lists_of_numbers(name: &str, lists: Vec<Vec<i64>>) -> Self {
        Self::lists(name, kind::INT64, lists.into_iter().map(|data| Scalars::Longs(LongArray { data })))
    }

    fn lists(name: &str, element_type: i32, lists: impl Iterator<Item = Scalars>) -> Self {
        let data = lists.map(|list| ScalarField { data: Some(list) }).collect();
        Self::scalars(name, kind::ARRAY, Scalars::Arrays(ArrayArray { data, element_type }))
    }

    /// Vectors of `dim` components each.
    pub(crate) fn vectors(name: &str, dim: usize, vectors: &[Vec<f32>]) -> Self {
        let data = Some(Vectors::Floats(FloatArray { data: vectors.concat() }));
        let values = Some(Values::Vectors(VectorField { dim: dim as i64, data }));
        Self { kind: kind::FLOAT_VECTOR, field_name: name.to_owned(), values }
    }

    pub(crate) fn sparse(name: &str, vectors: &[BTreeMap<u32, f32>]) -> Self {
        let last = vectors.iter().filter_map(|vector| vector.keys().next_back()).max();
        let dim = last.map_or(0, |last| i64::from(*last) + 1);
        let contents = vectors.iter().map(bytes_of_sparse).collect();
        let data = Some(Vectors::Sparse(SparseFloatArray { contents, dim }));
        let values = Some(Values::Vectors(VectorField { dim, data }));
        Self { kind: kind::SPARSE_FLOAT_VECTOR, field_name: name.to_owned(), values }
    }
}

/// A sparse vector on the wire: ascending pairs of index and value, four bytes each, little-endian.
pub(crate) fn bytes_of_sparse(vector: &BTreeMap<u32, f32>) -> Vec<u8> {
    vector.iter().flat_map(|(index, value)| [index.to_le_bytes(), value.to_le_bytes()]).flatten().collect()
}

/// The reverse of [`bytes_of_sparse`]; `None` for what is no such vector.
pub(crate) fn sparse_of_bytes(bytes: &[u8]) -> Option<BTreeMap<u32, f32>> {
    let (pairs, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| {
        let pair = |pair: &[u8; 8]| {
            let [a, b, c, d, e, f, g, h] = *pair;
            (u32::from_le_bytes([a, b, c, d]), f32::from_le_bytes([e, f, g, h]))
        };
        pairs.iter().map(pair).collect()
    })
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn sparse_vectors_come_back() {
        let vector = BTreeMap::from([(1, 0.5), (7, 2.0), (u32::MAX - 1, 1.0)]);
        let bytes = bytes_of_sparse(&vector);
        assert_eq!(bytes.len(), 24);
        assert_eq!(sparse_of_bytes(&bytes), Some(vector));
        assert_eq!(sparse_of_bytes(&bytes[..23]), None);
        assert_eq!(sparse_of_bytes(&[]), Some(BTreeMap::new()));
    }

    #[test]
    fn messages_are_on_the_wire_what_the_interface_says() {
        // Field 3 is text, field 4 text, field 5 text, field 11 a number: as `milvus.proto` numbers them.
        let request = QueryRequest {
            collection_name: "c".to_owned(),
            expr: "e".to_owned(),
            output_fields: vec!["o".to_owned()],
            consistency_level: 2,
            ..QueryRequest::default()
        };
        assert_eq!(request.encode_to_vec(), b"\x1a\x01c\x22\x01e\x2a\x01o\x58\x02");
        // Unknown fields are skipped: field 99 behind a status.
        let answer = QueryResults::decode(&b"\x0a\x02\x18\x64\x9a\x06\x01x"[..]).unwrap();
        assert_eq!(answer.status.unwrap().code, 100);
        assert!(QueryResults::decode(&b"\x0a\x05\x18"[..]).is_err());
    }
}
