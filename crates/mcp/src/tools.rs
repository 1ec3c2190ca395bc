//! The tools: arguments in, engine call, short JSON out.

use std::sync::Arc;

use cognate_corpus::{Numbers, Paper, ReadOptions, Source};
use cognate_engine::{Cancel, DayOrder, DayRequest, Engine, EngineError, SearchResponse};
use cognate_wire::{
    CheckedBody, Fields, PaperBody, RecommendParams, SavedBody, SearchBody, SearchParams, SimilarParams,
    saved_question, to_judging,
};
use rmcp::model::ToolAnnotations;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::budget::{Answer, DEFAULT_TOKENS, MAX_TOKENS, MIN_TOKENS};
use crate::error::ToolError;
use crate::schema::{self, DEFAULT_LIMIT, MAX_LIMIT};

type Arguments = Map<String, Value>;
type Run = fn(&Engine, &Cancel, Arguments) -> Result<Answer, ToolError>;

/// A tool.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    description: &'static str,
    parameters: fn() -> Map<String, Value>,
    run: Run,
}

/// All tools.
pub(crate) static ALL: [Tool; 8] = [
    Tool {
        name: "search_papers",
        description: "Find papers for a question in plain language, or for words and phrases. Quotation marks require a \
                      phrase, -word excludes one. Without a query: the newest papers that pass the filters.",
        parameters: || {
            schema::object(
                schema::with_page(schema::with_filters(json!({
                    "query": {"type": "string"},
                    "mode": {"enum": ["hybrid", "semantic", "keyword"], "default": "hybrid"},
                    "sort": {"enum": ["relevance", "newest"], "default": "relevance"}
                }))),
                &[],
            )
        },
        run: search,
    },
    Tool {
        name: "get_paper",
        description: "Get one paper whole, by its id, DOI, arXiv id, PubMed id or address.",
        parameters: || {
            schema::object(json!({"id": {"type": "string"}, "max_tokens": schema::max_tokens()}), &["id"])
        },
        run: get,
    },
    Tool {
        name: "similar_papers",
        description: "Find the papers nearest in meaning to a paper.",
        parameters: || {
            let id = json!({"id": {"type": "string", "description": "Id, DOI, arXiv id or address"}});
            schema::object(schema::with_page(schema::with_filters(id)), &["id"])
        },
        run: similar,
    },
    Tool {
        name: "recommend_papers",
        description: "Find papers like some and unlike others.",
        parameters: || {
            let ids = json!({"type": "array", "items": {"type": "string"}});
            schema::object(
                schema::with_page(schema::with_filters(json!({
                    "positive": ids, "negative": ids,
                    "diversity": {"type": "number", "minimum": 0, "maximum": 1}
                }))),
                &["positive"],
            )
        },
        run: recommend,
    },
    Tool {
        name: "check_duplicates",
        description: "Say of records whether the collection has them already. Nothing is added.",
        parameters: || {
            schema::object(
                json!({
                    "records": {
                        "type": "array", "minItems": 1, "maxItems": MAX_RECORDS,
                        "items": {"type": "object", "description": "title, and abstract, authors, year, doi, … as known"}
                    },
                    "versions": {
                        "enum": ["distinct", "same"], "default": "distinct",
                        "description": "whether preprint and article count as one"
                    },
                    "max_tokens": schema::max_tokens()
                }),
                &["records"],
            )
        },
        run: check,
    },
    Tool {
        name: "saved_queries",
        description: "List the queries that the user keeps.",
        parameters: || schema::object(json!({"max_tokens": schema::max_tokens()}), &[]),
        run: saved,
    },
    Tool {
        name: "whats_new",
        description: "List what came for a saved query since the user's last look. It does not count as a look.",
        parameters: || {
            schema::object(
                json!({
                    "id": {"type": "string", "description": "Of saved_queries"},
                    "max_tokens": schema::max_tokens()
                }),
                &["id"],
            )
        },
        run: whats_new,
    },
    Tool {
        name: "papers_of_day",
        description: "List the papers of a day, a week or a month; without a date those of the latest day that has some.",
        parameters: || {
            schema::object(
                schema::with_page(json!({
                    "date": {"type": "string", "description": "2026-07-30, 2026-W31 or 2026-07"},
                    "sort": {"enum": ["new", "trending"], "default": "new"}
                })),
                &[],
            )
        },
        run: of_day,
    },
];

/// Most records in one check.
const MAX_RECORDS: usize = 50;

pub(crate) fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|tool| tool.name == name)
}

impl Tool {
    pub(crate) fn described(&self) -> rmcp::model::Tool {
        rmcp::model::Tool::new(self.name, self.description, Arc::new((self.parameters)()))
            .with_annotations(ToolAnnotations::new().read_only(true).open_world(false))
    }

    /// Answers a call, in JSON.
    pub(crate) fn call(
        &self,
        engine: &Engine,
        cancel: &Cancel,
        mut arguments: Arguments,
    ) -> Result<String, ToolError> {
        let known = (self.parameters)();
        let known = known.get("properties").and_then(Value::as_object);
        if let Some(name) =
            arguments.keys().find(|name| !known.is_some_and(|known| known.contains_key(*name)))
        {
            let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
            return Err(ToolError::Arguments(format!("expected only {}, found {name:?}", names.join(", "))));
        }
        arguments.retain(|_, value| !value.is_null());
        let budget = whole_number(&mut arguments, "max_tokens", MIN_TOKENS..=MAX_TOKENS)?;
        (self.run)(engine, cancel, arguments)?.within(budget.unwrap_or(DEFAULT_TOKENS))
    }
}

/// Takes a whole number out of the arguments.
fn whole_number(
    arguments: &mut Arguments,
    name: &str,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<Option<usize>, ToolError> {
    let Some(value) = arguments.remove(name) else { return Ok(None) };
    // Models write numbers as texts, too.
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    let number = number.and_then(|number| usize::try_from(number).ok());
    match number.filter(|number| allowed.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => Err(ToolError::Arguments(format!(
            "`{name}`: expected a whole number from {} to {}, found {value}",
            allowed.start(),
            allowed.end()
        ))),
    }
}

/// Puts the limit in, checked against that of the tools.
fn with_limit(mut arguments: Arguments) -> Result<Arguments, ToolError> {
    let limit = whole_number(&mut arguments, "limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    arguments.insert("limit".to_owned(), json!(limit));
    Ok(arguments)
}

fn params<T: DeserializeOwned>(arguments: Arguments) -> Result<T, ToolError> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| ToolError::Arguments(error.to_string()))
}

fn text(arguments: &mut Arguments, name: &str) -> Result<String, ToolError> {
    match arguments.remove(name) {
        Some(Value::String(text)) => Ok(text),
        other => Err(ToolError::Arguments(format!(
            "`{name}`: expected a text, found {}",
            other.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
        ))),
    }
}

fn search(engine: &Engine, cancel: &Cancel, mut arguments: Arguments) -> Result<Answer, ToolError> {
    if let Some(query) = arguments.remove("query") {
        arguments.insert("q".to_owned(), query);
    }
    let params: SearchParams = params(with_limit(arguments)?)?;
    hits(engine.search_unless(cancel, &params.to_request()?)?)
}

fn similar(engine: &Engine, cancel: &Cancel, mut arguments: Arguments) -> Result<Answer, ToolError> {
    let id = text(&mut arguments, "id")?;
    let params: SimilarParams = params(with_limit(arguments)?)?;
    hits(engine.similar(cancel, &id, &params.to_options()?)?)
}

fn recommend(engine: &Engine, cancel: &Cancel, arguments: Arguments) -> Result<Answer, ToolError> {
    let params: RecommendParams = params(with_limit(arguments)?)?;
    hits(engine.recommend(cancel, &params.to_request()?)?)
}

/// A list of hits with what a model needs to choose.
fn hits(response: SearchResponse) -> Result<Answer, ToolError> {
    let body = SearchBody::new(response, Fields::default());
    let mut head = Map::new();
    head.insert("total".to_owned(), json!(body.total));
    head.insert("offset".to_owned(), json!(body.offset));
    if let Some(reading) = &body.meta.query {
        head.insert("query_read_as".to_owned(), json!(reading));
    }
    if body.meta.fits_well == Some(false) {
        let words = "nothing fits the question well: these papers are only the nearest";
        head.insert("fits_well".to_owned(), json!(false));
        head.insert("note".to_owned(), json!(words));
    }
    let items = body.data.iter().map(|hit| brief(&hit, &["score", "relevance"])).collect();
    Ok(Answer { head, name: "papers", items })
}

/// Authors of a paper that are named; the others are counted.
const MAX_AUTHORS: usize = 4;

/// What of a paper's JSON a list tells, with these further fields.
fn brief(paper: &Map<String, Value>, more: &[&str]) -> Map<String, Value> {
    let mut item = Map::new();
    let mut keep = |name: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            item.insert(name.to_owned(), value.clone());
        }
    };
    keep("id", paper.get("id"));
    keep("title", paper.get("title"));
    let published = paper.get("publication_date").filter(|date| !date.is_null());
    keep("published", published.or_else(|| paper.get("year")));
    keep("venue", paper.get("venue"));
    if let Some(Value::Array(authors)) = paper.get("authors")
        && !authors.is_empty()
    {
        let name = |author: &Value| author.get("name").unwrap_or(author).clone();
        let mut named: Vec<Value> = authors.iter().take(MAX_AUTHORS).map(name).collect();
        if authors.len() > MAX_AUTHORS {
            named.push(json!(format!("and {} more", authors.len() - MAX_AUTHORS)));
        }
        keep("authors", Some(&Value::Array(named)));
    }
    for name in more {
        // Three digits tell as much, and cost a model less.
        let rounded =
            paper.get(*name).and_then(Value::as_f64).map(|score| json!((score * 1e3).round() / 1e3));
        keep(name, rounded.as_ref());
    }
    keep("abstract", paper.get("abstract"));
    item
}

fn object(value: impl serde::Serialize) -> Result<Map<String, Value>, ToolError> {
    match serde_json::to_value(value)? {
        Value::Object(object) => Ok(object),
        other => Ok(Map::from_iter([("value".to_owned(), other)])),
    }
}

fn get(engine: &Engine, _cancel: &Cancel, mut arguments: Arguments) -> Result<Answer, ToolError> {
    let id = text(&mut arguments, "id")?;
    let not_found = || EngineError::PaperNotFound { key: id.clone() };
    let body = PaperBody::of_matches(engine.papers(&id)?).ok_or_else(not_found)?;
    Ok(Answer { head: Map::new(), name: "papers", items: vec![object(body)?] })
}

#[derive(Deserialize)]
struct CheckArguments {
    records: Vec<Value>,
    versions: Option<String>,
}

fn check(engine: &Engine, _cancel: &Cancel, arguments: Arguments) -> Result<Answer, ToolError> {
    let CheckArguments { records, versions } = params(arguments)?;
    if !(1..=MAX_RECORDS).contains(&records.len()) {
        let message = format!("`records`: expected 1 to {MAX_RECORDS}, found {}", records.len());
        return Err(ToolError::Arguments(message));
    }
    let judging = to_judging(None, versions.as_deref())?;
    let papers = records.iter().enumerate().map(|(number, record)| read(number, record));
    let papers: Vec<Paper> = papers.collect::<Result<_, _>>()?;
    let items = engine.check(&papers, &judging)?.into_iter().map(|checked| {
        let mut item = object(CheckedBody::from(checked))?;
        item.retain(|name, _| {
            ["id", "verdict", "relation", "matched_to", "probability", "reason"].contains(&name.as_str())
        });
        Ok(item)
    });
    let items: Vec<Map<String, Value>> = items.collect::<Result<_, ToolError>>()?;
    Ok(Answer { head: Map::new(), name: "records", items })
}

/// A record in JSON, read as import reads it.
fn read(number: usize, record: &Value) -> Result<Paper, ToolError> {
    let wrong = |message: String| ToolError::Arguments(format!("`records[{number}]`: {message}"));
    let options = ReadOptions { numbers: Numbers::Ids, ..ReadOptions::default() };
    let source = Source::from_text("record", std::io::Cursor::new(record.to_string().into_bytes()));
    let mut records = source.records(&options).map_err(|error| wrong(error.to_string()))?;
    match records.next() {
        Some(Ok(Ok(record))) => Ok(record.paper),
        Some(Ok(Err(error))) => Err(wrong(error.to_string())),
        Some(Err(error)) => Err(wrong(error.to_string())),
        None => Err(wrong("expected an object with a title, found none".to_owned())),
    }
}

fn saved(engine: &Engine, _cancel: &Cancel, _arguments: Arguments) -> Result<Answer, ToolError> {
    let items = engine.saved_queries()?.into_iter().map(|saved| object(SavedBody::from(saved)));
    Ok(Answer { head: Map::new(), name: "saved", items: items.collect::<Result<_, _>>()? })
}

fn whats_new(engine: &Engine, _cancel: &Cancel, mut arguments: Arguments) -> Result<Answer, ToolError> {
    let saved = engine.saved_query(&text(&mut arguments, "id")?)?;
    let period = engine.period_after(saved.looked)?;
    hits(engine.answer_within(period, &saved_question(&saved)?)?)
}

#[derive(Deserialize)]
struct DayArguments {
    date: Option<String>,
    sort: Option<String>,
    limit: usize,
    #[serde(default)]
    offset: usize,
}

fn of_day(engine: &Engine, _cancel: &Cancel, arguments: Arguments) -> Result<Answer, ToolError> {
    let arguments: DayArguments = params(with_limit(arguments)?)?;
    let order = match arguments.sort.as_deref() {
        None | Some("new") => DayOrder::New,
        Some("trending") => DayOrder::Trending,
        Some(other) => {
            return Err(ToolError::Arguments(format!("`sort`: expected new or trending, found {other:?}")));
        }
    };
    let period = arguments.date.as_deref().map(str::parse).transpose()?;
    let page = engine.day(&DayRequest::new(period, order, arguments.limit, arguments.offset)?)?;
    let mut head = Map::new();
    head.insert("period".to_owned(), json!(page.period.map(|period| period.to_string())));
    head.insert("total".to_owned(), json!(page.total));
    head.insert("previous".to_owned(), json!(page.previous.map(|period| period.to_string())));
    let items = page.papers.into_iter().map(|stored| Ok(brief(&object(stored.paper)?, &[])));
    Ok(Answer { head, name: "papers", items: items.collect::<Result<_, ToolError>>()? })
}
