//! `cognate saved`: queries that are kept, and what is new for them.

use cognate_engine::SavedQuery;
use cognate_wire::{Fields, SavedBody, SavedListBody, SavedRequest, SearchBody, saved_question};
use serde_json::json;

use crate::args::{SavedAddArgs, SavedCommand, SavedNewArgs};
use crate::config::Config;
use crate::output::{self, Output};

pub(crate) fn run(config: &Config, output: &Output, command: SavedCommand) -> anyhow::Result<()> {
    match command {
        SavedCommand::Add(args) => add(config, output, *args),
        SavedCommand::List => {
            let saved = config.open()?.saved_queries()?;
            let body = SavedListBody { saved: saved.into_iter().map(SavedBody::from).collect() };
            output.print(&body, in_words)
        }
        SavedCommand::Delete { id } => {
            config.open()?.delete_saved(&id)?;
            output.print(&json!({ "deleted": id }), |_| format!("deleted {id}"))
        }
        SavedCommand::New(args) => new(config, output, &args),
    }
}

fn add(config: &Config, output: &Output, args: SavedAddArgs) -> anyhow::Result<()> {
    let SavedAddArgs { query, name, seeds, mode, min_score, limit, filters } = args;
    let body = json!({
        "name": name,
        "q": query,
        "seeds": (!seeds.is_empty()).then_some(seeds),
        "mode": mode,
        "min_score": min_score,
        "limit": limit,
        "year": filters.conditions.year,
        "publication_date": filters.conditions.date,
        "categories": filters.conditions.categories,
        "author": filters.conditions.author,
        "venue": filters.conditions.venue,
        "has_abstract": filters.conditions.has_abstract,
        "filter": filters.conditions.filter,
        "facets": filters.facets,
    });
    let SavedRequest { name, request, question } = SavedRequest::read(serde_json::from_value(body)?)?;
    let saved = config.open()?.save_query(&name, &request, &question)?;
    output.print(&SavedBody::from(saved), |saved| format!("saved as {}", saved.id))
}

fn in_words(body: &SavedListBody) -> String {
    if body.saved.is_empty() {
        return "No queries are saved.".to_owned();
    }
    let line = |saved: &SavedBody| format!("{}  {}\n", saved.id, output::one_line(&saved.name));
    body.saved.iter().map(line).collect()
}

fn new(config: &Config, output: &Output, args: &SavedNewArgs) -> anyhow::Result<()> {
    let engine = config.open()?;
    let saved: SavedQuery = engine.saved_query(&args.id)?;
    let period = engine.period_after(saved.looked)?;
    let found = engine.answer_within(period, &saved_question(&saved)?)?;
    output.print(&SearchBody::new(found, Fields::default()), output::hits)?;
    if !args.peek {
        engine.mark_looked(&saved.id, period)?;
    }
    Ok(())
}
