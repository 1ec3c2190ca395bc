//! What is asked of the server, and what it is told.

use std::collections::BTreeMap;
use std::time::Instant;

use cognate_engine::{Cancel, EngineError};
use prost::Message;
use serde_json::json;

use super::{ASK_TIMEOUT, Client, LONG_TIMEOUT, Method, POLL, WRITE_TIMEOUT, method, pause, reason_of};
use crate::address::Consistency;
use crate::expression;
use crate::layout::field;
use crate::messages::{
    BoolResponse, CollectionRequest, CreateCollectionRequest, CreateIndexRequest, DeleteRequest,
    DescribeCollectionResponse, DescribeIndexRequest, DescribeIndexResponse, FILTER, FieldData, FlushRequest,
    FlushResponse, FlushStateRequest, FlushStateResponse, KeyValuePair, MutationResult, PlaceholderGroup,
    PlaceholderValue, QueryRequest, QueryResults, SearchRequest, SearchResults, Status, UpsertRequest,
    VersionRequest, VersionResponse, bytes_of_sparse, kind,
};
use crate::rows::{Row, Rows};

/// Most rows that Milvus gives at once.
pub(crate) const MAX_ROWS: usize = 16_384;
/// Ids that are named in one question.
pub(crate) const IDS_AT_A_TIME: usize = 1_000;
/// What the server says where a field has no index.
const NO_INDEX: i32 = 700;

/// Which vectors a search goes by.
pub(crate) enum Target<'a> {
    /// That of a meaning, in [`field::VECTOR`]: by cosine.
    Meaning(&'a [f32]),
    /// Weights of terms, in [`field::SPARSE`]: by product.
    Terms(&'a BTreeMap<u32, f32>),
}

/// Papers that a search found, best first: fields of each, and scores in the same order.
pub(crate) struct Found {
    pub(crate) rows: Rows,
    pub(crate) ids: Vec<String>,
    pub(crate) scores: Vec<f32>,
}

impl Client {
    fn consistency(&self) -> i32 {
        match self.address.consistency {
            Consistency::Strong => 0,
            Consistency::Bounded => 2,
        }
    }

    /// The server's version, as it tells it.
    pub(crate) fn version(&self, cancel: &Cancel) -> Result<String, EngineError> {
        let answer: VersionResponse =
            self.call(cancel, ASK_TIMEOUT, (method::GET_VERSION, &VersionRequest::default()))?;
        Ok(answer.version)
    }

    /// Whether the collection is there.
    pub(crate) fn has_collection(&self, cancel: &Cancel) -> Result<bool, EngineError> {
        let answer: BoolResponse =
            self.call(cancel, ASK_TIMEOUT, (method::HAS_COLLECTION, &self.collection()))?;
        Ok(answer.value)
    }

    /// What the collection says of itself: its properties.
    pub(crate) fn properties(&self, cancel: &Cancel) -> Result<Vec<KeyValuePair>, EngineError> {
        let answer: DescribeCollectionResponse =
            self.call(cancel, ASK_TIMEOUT, (method::DESCRIBE_COLLECTION, &self.collection()))?;
        Ok(answer.properties)
    }

    pub(crate) fn create(
        &self,
        cancel: &Cancel,
        schema: Vec<u8>,
        properties: Vec<KeyValuePair>,
    ) -> Result<(), EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        // What searches see is said with each of them; without it, all.
        let request =
            CreateCollectionRequest { db_name, collection_name, schema, consistency_level: 0, properties };
        self.call::<_, Status>(cancel, LONG_TIMEOUT, (method::CREATE_COLLECTION, &request)).map(drop)
    }

    /// The kind of the index of a field, as the server calls it; `None` where there is none.
    pub(crate) fn index_of(&self, cancel: &Cancel, field: &str) -> Result<Option<String>, EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let request = DescribeIndexRequest { db_name, collection_name, field_name: field.to_owned() };
        let answer = self.call_unless_refused(cancel, ASK_TIMEOUT, (method::DESCRIBE_INDEX, &request))?;
        let answer: DescribeIndexResponse = match answer {
            Err(status) if status.code == NO_INDEX => return Ok(None),
            answer => answer.map_err(|status| self.away(&reason_of(&status)))?,
        };
        let of_field = answer.index_descriptions.into_iter().find(|index| index.field_name == field);
        let kind = of_field.map(|index| {
            let kind = index.params.into_iter().find(|param| param.key == "index_type");
            kind.map_or_else(String::new, |param| param.value)
        });
        Ok(kind)
    }

    pub(crate) fn create_index(
        &self,
        cancel: &Cancel,
        field: &str,
        params: Vec<KeyValuePair>,
    ) -> Result<(), EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let (field_name, index_name) = (field.to_owned(), field.to_owned());
        let request =
            CreateIndexRequest { db_name, collection_name, field_name, extra_params: params, index_name };
        self.call::<_, Status>(cancel, LONG_TIMEOUT, (method::CREATE_INDEX, &request)).map(drop)
    }

    fn query(
        &self,
        cancel: &Cancel,
        (method, expression): (Method, &str),
        (fields, params): (&[&str], Vec<KeyValuePair>),
    ) -> Result<Vec<FieldData>, EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let request = QueryRequest {
            db_name,
            collection_name,
            expr: expression.to_owned(),
            output_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            query_params: params,
            consistency_level: self.consistency(),
        };
        let answer: QueryResults = self.call(cancel, ASK_TIMEOUT, (method, &request))?;
        Ok(answer.fields_data)
    }

    /// How many papers pass an expression; empty for all.
    pub(crate) fn count(&self, cancel: &Cancel, expression: &str) -> Result<u64, EngineError> {
        const COUNT: &str = "count(*)";
        let fields = self.query(cancel, (method::COUNT, expression), (&[COUNT], Vec::new()))?;
        let rows = Rows::new(fields, 1);
        let n =
            rows.iter().next().map_or_else(|| Err("it counted nothing".to_owned()), |row| row.number(COUNT));
        let n = self.told(n)?;
        u64::try_from(n).map_err(|_| self.away(&"it counted less than none"))
    }

    /// Fields of the papers that pass an expression, at most [`MAX_ROWS`], in no order. Their ids are always among them.
    pub(crate) fn rows(
        &self,
        cancel: &Cancel,
        expression: &str,
        fields: &[&str],
    ) -> Result<Rows, EngineError> {
        self.rows_by(cancel, (method::LIST, expression), fields)
    }

    fn rows_by(
        &self,
        cancel: &Cancel,
        (method, expression): (Method, &str),
        fields: &[&str],
    ) -> Result<Rows, EngineError> {
        let params = vec![KeyValuePair::new("limit", MAX_ROWS.to_string())];
        let expression = if expression.is_empty() { expression::ALL } else { expression };
        Ok(Rows::counted_by(field::ID, self.query(cancel, (method, expression), (fields, params))?))
    }

    /// The same of the first `limit` papers in order of id, of those behind an id.
    pub(crate) fn rows_after(
        &self,
        cancel: &Cancel,
        (expression, after, limit): (&str, &str, usize),
        fields: &[&str],
    ) -> Result<Rows, EngineError> {
        let params = vec![
            KeyValuePair::new("limit", limit.min(MAX_ROWS).to_string()),
            // Asks for the order of ids, as the iterators of Milvus's own clients do.
            KeyValuePair::new("iterator", "True"),
            KeyValuePair::new("reduce_stop_for_best", "True"),
        ];
        let expression = expression::all(vec![expression.to_owned(), expression::behind(after)]);
        let rows =
            Rows::counted_by(field::ID, self.query(cancel, (method::LIST, &expression), (fields, params))?);
        let mut last = after;
        for row in rows.iter() {
            let id = self.told(row.text(field::ID))?;
            if id <= last {
                // A server that ignores the order would lose papers without a word.
                return Err(self.not_there("this server does not give papers in order of their ids"));
            }
            last = id;
        }
        Ok(rows)
    }

    /// Calls `each` with fields of the papers of these ids, some at a time.
    pub(crate) fn rows_of_ids(
        &self,
        cancel: &Cancel,
        (ids, fields): (&[&str], &[&str]),
        each: &mut dyn FnMut(Row<'_>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        for ids in ids.chunks(IDS_AT_A_TIME) {
            let expression = expression::of_ids(ids.iter().copied());
            let rows = self.rows_by(cancel, (method::FETCH, &expression), fields)?;
            rows.iter().try_for_each(&mut *each)?;
        }
        Ok(())
    }

    /// The papers nearest to a target, among those that pass an expression: at most `limit`, best first, with fields of
    /// them.
    pub(crate) fn search(
        &self,
        cancel: &Cancel,
        (target, fields): (&Target<'_>, &[&str]),
        (expression, limit, least): (&str, usize, Option<f32>),
    ) -> Result<Found, EngineError> {
        let limit = limit.clamp(1, MAX_ROWS);
        let (name, metric, kind, vector) = match target {
            Target::Meaning(vector) => {
                let bytes = vector.iter().flat_map(|component| component.to_le_bytes()).collect();
                (field::VECTOR, "COSINE", kind::FLOAT_VECTOR, bytes)
            }
            Target::Terms(weights) => {
                (field::SPARSE, "IP", kind::SPARSE_FLOAT_VECTOR, bytes_of_sparse(weights))
            }
        };
        let mut params = serde_json::Map::new();
        if let Target::Meaning(_) = target {
            // A walk keeps as many candidates as are wanted at the least.
            params.insert("ef".to_owned(), json!(limit.max(200)));
            params.insert("search_list".to_owned(), json!(limit.max(200)));
        }
        if let Some(least) = least {
            params.insert("radius".to_owned(), json!(least));
        }
        let placeholder = PlaceholderValue { tag: "$0".to_owned(), kind, values: vec![vector] };
        let CollectionRequest { db_name, collection_name } = self.collection();
        let request = SearchRequest {
            db_name,
            collection_name,
            dsl: expression.to_owned(),
            placeholder_group: PlaceholderGroup { placeholders: vec![placeholder] }.encode_to_vec(),
            dsl_type: FILTER,
            output_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            search_params: vec![
                KeyValuePair::new("anns_field", name),
                KeyValuePair::new("metric_type", metric),
                KeyValuePair::new("topk", limit.to_string()),
                KeyValuePair::new("params", serde_json::Value::Object(params).to_string()),
                KeyValuePair::new("round_decimal", "-1"),
            ],
            nq: 1,
            consistency_level: self.consistency(),
        };
        let answer: SearchResults = self.call(cancel, ASK_TIMEOUT, (method::SEARCH, &request))?;
        let found = answer.results.unwrap_or_default();
        let ids = found.ids.and_then(|ids| ids.str_id).unwrap_or_default().data;
        if ids.len() != found.scores.len() {
            return Err(self.away(&"it found other papers than it scored"));
        }
        let rows = Rows::new(found.fields_data, ids.len());
        Ok(Found { rows, ids, scores: found.scores })
    }

    /// Puts rows in the place of those of their ids.
    pub(crate) fn upsert(
        &self,
        cancel: &Cancel,
        columns: Vec<FieldData>,
        n_rows: usize,
    ) -> Result<(), EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let num_rows = u32::try_from(n_rows).map_err(|error| self.away(&error))?;
        let request = UpsertRequest { db_name, collection_name, fields_data: columns, num_rows };
        let answer: MutationResult = self.call(cancel, WRITE_TIMEOUT, (method::UPSERT, &request))?;
        match answer.err_index.as_slice() {
            [] => Ok(()),
            failed => Err(self.away(&format!("{} papers were not taken", failed.len()))),
        }
    }

    pub(crate) fn delete(&self, cancel: &Cancel, id: &str) -> Result<(), EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let request =
            DeleteRequest { db_name, collection_name, expr: expression::of_ids([id]), consistency_level: 0 };
        self.call::<_, MutationResult>(cancel, WRITE_TIMEOUT, (method::DELETE, &request)).map(drop)
    }

    /// Has the server seal what came last, and index it.
    pub(crate) fn flush(&self, cancel: &Cancel) -> Result<(), EngineError> {
        let CollectionRequest { db_name, collection_name } = self.collection();
        let request =
            FlushRequest { db_name: db_name.clone(), collection_names: vec![collection_name.clone()] };
        let mut answer: FlushResponse = self.call(cancel, LONG_TIMEOUT, (method::FLUSH, &request))?;
        let state = FlushStateRequest {
            segment_ids: answer.segments.remove(&collection_name).unwrap_or_default().data,
            flush_ts: answer.flush_ts.remove(&collection_name).unwrap_or_default(),
            db_name,
            collection_name,
        };
        let end = Instant::now() + LONG_TIMEOUT;
        loop {
            let answer: FlushStateResponse =
                self.call(cancel, ASK_TIMEOUT, (method::GET_FLUSH_STATE, &state))?;
            if answer.flushed {
                return Ok(());
            }
            self.wait(cancel, end, pause(POLL))?;
        }
    }
}
