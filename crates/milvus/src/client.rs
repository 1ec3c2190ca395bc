//! Talking to the server: a connection, a runtime of its own, and calls that end when nobody waits for them any more.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cognate_engine::{Cancel, EngineError};
use http::uri::PathAndQuery;
use prost::Message;
use serde_json::json;
use tokio::runtime::Runtime;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::address::{Address, Consistency, Credentials};
use crate::expression;
use crate::layout::field;
use crate::messages::{
    Answer, BoolResponse, CollectionRequest, CreateCollectionRequest, CreateIndexRequest, DeleteRequest,
    DescribeCollectionResponse, DescribeIndexRequest, DescribeIndexResponse, FILTER, FieldData, FlushRequest,
    FlushResponse, FlushStateRequest, FlushStateResponse, KeyValuePair, MutationResult, PlaceholderGroup,
    PlaceholderValue, QueryRequest, QueryResults, SearchRequest, SearchResults, Status, UpsertRequest,
    VersionRequest, VersionResponse, bytes_of_sparse, kind,
};
use crate::rows::{Malformed, Row, Rows};

/// Most rows that Milvus gives at once.
pub(crate) const MAX_ROWS: usize = 16_384;
/// Ids that are named in one question.
pub(crate) const IDS_AT_A_TIME: usize = 1_000;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer to a question.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for what is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for what the server does to a whole collection.
const LONG_TIMEOUT: Duration = Duration::from_secs(600);
/// How often it is asked whether the answer is still wanted, or whether what takes long is done.
const PATIENCE: Duration = Duration::from_millis(25);
/// How often the server is asked whether something is done.
const POLL: Duration = Duration::from_millis(500);
/// How often a call is made that fails for a reason that passes.
const ATTEMPTS: u32 = 3;
/// Bytes of an answer at the most, as Milvus has it.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// What the server says of a collection that it does not keep ready for searches.
const NOT_LOADED: i32 = 101;
/// What it says where a field has no index.
const NO_INDEX: i32 = 700;

/// The calls of the interface that are used.
mod method {
    macro_rules! method {
        ($name:literal) => {
            concat!("/milvus.proto.milvus.MilvusService/", $name)
        };
    }

    pub(super) const GET_VERSION: &str = method!("GetVersion");
    pub(super) const HAS_COLLECTION: &str = method!("HasCollection");
    pub(super) const DESCRIBE_COLLECTION: &str = method!("DescribeCollection");
    pub(super) const CREATE_COLLECTION: &str = method!("CreateCollection");
    pub(super) const LOAD_COLLECTION: &str = method!("LoadCollection");
    pub(super) const CREATE_INDEX: &str = method!("CreateIndex");
    pub(super) const DESCRIBE_INDEX: &str = method!("DescribeIndex");
    pub(super) const QUERY: &str = method!("Query");
    pub(super) const SEARCH: &str = method!("Search");
    pub(super) const UPSERT: &str = method!("Upsert");
    pub(super) const DELETE: &str = method!("Delete");
    pub(super) const FLUSH: &str = method!("Flush");
    pub(super) const GET_FLUSH_STATE: &str = method!("GetFlushState");
}

/// A connection to the server, made when it is first needed, and again when it was lost.
pub(crate) struct Client {
    address: Address,
    name: String,
    authorization: Option<MetadataValue<Ascii>>,
    channel: Channel,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

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
    pub(crate) fn new(address: Address, credentials: &Credentials) -> Result<Self, EngineError> {
        let name = address.to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("milvus")
            .enable_all()
            .build()
            .map_err(|error| away(&name, &error))?;
        let endpoint = endpoint(&address, credentials)?;
        let channel = {
            let _guard = runtime.enter();
            endpoint.connect_lazy()
        };
        let authorization = match &credentials.token {
            Some(token) => Some(
                MetadataValue::try_from(STANDARD.encode(token))
                    .map_err(|error| away(&name, &with_causes(&error)))?,
            ),
            None => None,
        };
        Ok(Self { address, name, authorization, channel, runtime: Some(runtime) })
    }

    /// What people call the place.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// An error of the server, or on the way to it.
    pub(crate) fn away(&self, reason: &dyn std::fmt::Display) -> EngineError {
        away(&self.name, reason)
    }

    /// A value that the server gave, if it can be used.
    pub(crate) fn told<T>(&self, value: Result<T, Malformed>) -> Result<T, EngineError> {
        value.map_err(|malformed| self.away(&malformed))
    }

    /// What cannot be done here.
    pub(crate) fn not_there(&self, reason: &str) -> EngineError {
        EngineError::NotThere { place: self.name.clone(), reason: reason.to_owned() }
    }

    /// Waits for `work` as long as it is wanted, and until `end` at the most.
    fn wait<T>(
        &self,
        cancel: &Cancel,
        end: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let Some(runtime) = &self.runtime else { return Err(self.away(&"it is being closed")) };
        runtime.block_on(async {
            tokio::pin!(work);
            loop {
                tokio::select! {
                    done = &mut work => return Ok(done),
                    () = tokio::time::sleep(PATIENCE) => {
                        if cancel.is_cancelled() {
                            return Err(EngineError::Superseded);
                        }
                        if Instant::now() >= end {
                            return Err(self.away(&"it took too long to answer"));
                        }
                    }
                }
            }
        })
    }

    async fn once<Q, A>(&self, method: &'static str, message: Q) -> Result<A, tonic::Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        grpc.ready().await.map_err(|error| tonic::Status::unavailable(with_causes(&error)))?;
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let path = PathAndQuery::from_static(method);
        Ok(grpc.unary(request, path, ProstCodec::<Q, A>::default()).await?.into_inner())
    }

    /// Makes a call, and makes it again where it failed for a reason that passes. All calls may be made twice.
    fn call<Q, A>(
        &self,
        cancel: &Cancel,
        longest: Duration,
        call: (&'static str, &Q),
    ) -> Result<A, EngineError>
    where
        Q: Message + Clone + 'static,
        A: Answer,
    {
        self.call_unless_refused(cancel, longest, call)?.map_err(|status| self.away(&reason_of(&status)))
    }

    /// The same, with what the server says where it refuses.
    fn call_unless_refused<Q, A>(
        &self,
        cancel: &Cancel,
        longest: Duration,
        (method, message): (&'static str, &Q),
    ) -> Result<Result<A, Status>, EngineError>
    where
        Q: Message + Clone + 'static,
        A: Answer,
    {
        let end = Instant::now() + longest;
        let mut n_failures = 0;
        loop {
            let answer: Result<A, tonic::Status> =
                self.wait(cancel, end, self.once(method, message.clone()))?;
            n_failures += 1;
            let is_last = n_failures >= ATTEMPTS;
            match answer {
                Ok(answer) => match answer.status().filter(|status| has_failed(status)) {
                    None => return Ok(Ok(answer)),
                    // A server that was started again.
                    Some(status) if is_unloaded(status) && method != method::LOAD_COLLECTION && !is_last => {
                        self.load(cancel)?;
                    }
                    Some(status) if status.retriable && !is_last => {}
                    Some(status) => return Ok(Err(status.clone())),
                },
                Err(status) => {
                    let passes = matches!(status.code(), Code::Unavailable | Code::Aborted | Code::Unknown);
                    let reason = reason_on_the_way(&status);
                    if !passes || is_last {
                        return Err(self.away(&reason));
                    }
                    tracing::debug!("{}: {reason}; trying again", self.name);
                }
            }
            self.wait(cancel, end, pause(PATIENCE * 4_u32.pow(n_failures)))?;
        }
    }

    fn consistency(&self) -> i32 {
        match self.address.consistency {
            Consistency::Strong => 0,
            Consistency::Bounded => 2,
        }
    }

    /// The database's name, as requests take it.
    fn database(&self) -> String {
        self.address.database.clone().unwrap_or_default()
    }

    fn collection(&self) -> CollectionRequest {
        CollectionRequest { db_name: self.database(), collection_name: self.address.collection.clone() }
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

    /// Has the server keep the collection ready for searches.
    pub(crate) fn load(&self, cancel: &Cancel) -> Result<(), EngineError> {
        self.call::<_, Status>(cancel, LONG_TIMEOUT, (method::LOAD_COLLECTION, &self.collection())).map(drop)
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
        expression: &str,
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
        let answer: QueryResults = self.call(cancel, ASK_TIMEOUT, (method::QUERY, &request))?;
        Ok(answer.fields_data)
    }

    /// How many papers pass an expression; empty for all.
    pub(crate) fn count(&self, cancel: &Cancel, expression: &str) -> Result<u64, EngineError> {
        const COUNT: &str = "count(*)";
        let fields = self.query(cancel, expression, (&[COUNT], Vec::new()))?;
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
        let params = vec![KeyValuePair::new("limit", MAX_ROWS.to_string())];
        let expression = if expression.is_empty() { expression::ALL } else { expression };
        Ok(Rows::counted_by(field::ID, self.query(cancel, expression, (fields, params))?))
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
        let rows = Rows::counted_by(field::ID, self.query(cancel, &expression, (fields, params))?);
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
            self.rows(cancel, &expression, fields)?.iter().try_for_each(&mut *each)?;
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

/// Made within the runtime, which has the clock.
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

fn endpoint(address: &Address, credentials: &Credentials) -> Result<Endpoint, EngineError> {
    let name = address.to_string();
    let fault = |error: &dyn std::error::Error| away(&name, &with_causes(error));
    let scheme = if credentials.tls { "https" } else { "http" };
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{}", address.authority)).map_err(|error| fault(&error))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // Finds out within half a minute that the other machine is gone; a busy server may be silent for some seconds.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(15));
    if !credentials.tls {
        return Ok(endpoint);
    }
    let tls = match &credentials.ca_file {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|source| EngineError::Io {
                action: "read",
                path: file.into(),
                source,
            })?;
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
        }
        None => ClientTlsConfig::new().with_native_roots(),
    };
    endpoint.tls_config(tls).map_err(|error| fault(&error))
}

fn is_unloaded(status: &Status) -> bool {
    status.code == NOT_LOADED
}

fn has_failed(status: &Status) -> bool {
    status.code != 0 || status.error_code != 0
}

/// What a server says of a call, in one line.
fn reason_of(status: &Status) -> String {
    let reason = status.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() { format!("error {}", status.code) } else { reason }
}

fn reason_on_the_way(status: &tonic::Status) -> String {
    let cause = std::error::Error::source(status).map(with_causes);
    match (status.message(), cause) {
        ("", None) => status.code().description().to_owned(),
        ("", Some(cause)) => cause,
        (message, None) => message.to_owned(),
        (message, Some(cause)) if cause.contains(message) => cause,
        (message, Some(cause)) => format!("{message}: {cause}"),
    }
}

/// An error and its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

impl Drop for Client {
    fn drop(&mut self) {
        // A runtime that is dropped among the tasks of another would wait there for its own.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn away(place: &str, reason: &dyn std::fmt::Display) -> EngineError {
    EngineError::Away { place: place.to_owned(), reason: reason.to_string() }
}
