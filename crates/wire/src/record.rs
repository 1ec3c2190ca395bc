//! Records as they are sent, for the document of the interface alone: `cognate_corpus` reads them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A record of a paper. It may have further fields, which are kept; names of other services are understood.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Record)]
pub struct RecordParams {
    /// Its id: a text or a number. Without one, an identifier or what it says makes one.
    pub id: Option<Value>,
    /// Title.
    pub title: Option<String>,
    /// Abstract.
    #[schema(rename = "abstract")]
    pub abstract_text: Option<String>,
    /// Names, as texts or as objects with `name`, or one text.
    pub authors: Option<Value>,
    /// Year of publication: a number or a text.
    pub year: Option<Value>,
    /// Day of publication, `2021-03-04`.
    pub publication_date: Option<String>,
    /// Journal or conference.
    pub venue: Option<String>,
    /// Names, or one text.
    pub categories: Option<Value>,
    /// Identifiers by kind, such as `doi`.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub external_ids: Option<BTreeMap<String, Value>>,
    /// Where it is to be read.
    pub url: Option<String>,
}

/// Records in one body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Records)]
#[serde(untagged)]
pub enum RecordsBody {
    /// One.
    #[schema(title = "Record")]
    One(Box<RecordParams>),
    /// Several.
    #[schema(title = "List")]
    List(Vec<RecordParams>),
    /// Several, with what is to become of them.
    #[schema(title = "Papers")]
    Papers(PapersParams),
}

/// Several records, with what is to become of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Papers)]
pub struct PapersParams {
    /// The records.
    pub papers: Vec<RecordParams>,
    /// Bring back papers that were dropped as duplicates.
    pub restore: Option<bool>,
}
