//! What is wrong with a data folder, and what helps.

use std::path::Path;

use cognate_embed::ModelFolder;
use rusqlite::Connection;

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::error::{EngineError, with_causes};
use crate::model::ModelChoice;
use crate::search::{SearchOptions, SearchRequest};
use crate::store::{Reader, SCHEMA_VERSION, STORE_FILE, Store, described, tables};
use crate::stored_model::StoredModel;
use crate::view::{examine_catalog_file, examine_keyword_files, examine_map_file, examine_vector_files};

/// One thing examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was examined.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What helps; `None` when it is well.
    pub remedy: Option<Remedy>,
}

/// What helps against something that is wrong. Whoever tells it knows how that is done where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing has to be done: the next search makes it anew from the store.
    MadeAnew,
    /// Nothing has to be done: it was made anew, but a disk that loses bytes loses more.
    WasMadeAnew,
    /// To index papers, or to name the folder where they are.
    IndexPapers,
    /// To name another folder.
    AnotherFolder,
    /// To use the release that wrote the store, or a later one.
    LaterRelease,
    /// To put a backup in the store's place, or to index all papers into a new one.
    Restore,
    /// To index the files of the damaged papers again, or to put a backup in the store's place.
    IndexAgain,
    /// To embed all papers anew, with the store's own model.
    Reembed,
    /// To embed all papers anew with the model of this name.
    ReembedWith(String),
    /// To download the model of this name.
    PullModel(String),
    /// To start the engine with which the papers lie, or to name another address.
    StartEngine,
    /// To use the model behind the vectors that are there.
    AnotherModel,
}

impl Check {
    fn well(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, detail: detail.into(), remedy: None }
    }

    fn ill(name: &'static str, detail: impl Into<String>, remedy: Remedy) -> Self {
        Self { name, ok: false, detail: detail.into(), remedy: Some(remedy) }
    }
}

/// Examines a data folder and its model: the folder, the store's format and integrity, papers, dropped
/// duplicates and vectors, the derived files, the model's files. Reads everything, changes nothing but what opening
/// a store changes (an earlier schema version is migrated).
#[must_use]
pub fn examine(data_dir: &Path, model: &ModelChoice) -> Vec<Check> {
    if !data_dir.join(STORE_FILE).is_file() {
        let none = Check::ill(
            "store",
            format!("`{}` holds no {STORE_FILE}", data_dir.display()),
            Remedy::IndexPapers,
        );
        return vec![none, examine_model(model, None)];
    }
    let mut checks = examine_store(data_dir);
    let Ok(store) = Store::open(data_dir) else { return checks };
    match store.reader().and_then(|reader| reader.model()) {
        Ok(Some(stored)) => {
            checks.push(examine_index(&store, data_dir, &stored));
            checks.push(examine_texts(&store, data_dir));
            checks.push(examine_catalog(&store, data_dir));
            checks.push(examine_map(&store, data_dir, &stored));
            checks.push(examine_model(model, Some(&stored)));
        }
        Ok(None) => checks.push(examine_model(model, None)),
        Err(error) => checks.push(Check::ill("model record", with_causes(&error), Remedy::Restore)),
    }
    checks
}

/// Examines papers that lie with another engine, and the model: whether it answers, what lies there, whether searches find it.
#[must_use]
pub fn examine_elsewhere(engine: &Engine, model: &ModelChoice) -> Vec<Check> {
    let cancel = Cancel::default();
    let fault = |name, error: &EngineError| {
        let remedy = match error {
            EngineError::NotOurs { .. } => Remedy::AnotherFolder,
            EngineError::ModelMismatch { .. } => Remedy::AnotherModel,
            _ => Remedy::StartEngine,
        };
        Check::ill(name, with_causes(error), remedy)
    };
    if let Err(error) = engine.check_place(&cancel) {
        return vec![fault("engine", &error), examine_model(model, None)];
    }
    let mut checks = vec![Check::well("engine", format!("{} answers", engine.place_name()))];
    let stored = match engine.stats() {
        Ok(stats) => {
            let Some(stored) = stats.model else {
                checks.push(Check::ill("papers", "nothing was indexed there yet", Remedy::IndexPapers));
                checks.push(examine_model(model, None));
                return checks;
            };
            checks.push(Check::well("papers", format!("{} papers, embedded with {stored}", stats.n_papers)));
            Some(stored)
        }
        Err(error) => {
            checks.push(fault("papers", &error));
            None
        }
    };
    if stored.is_some() {
        let searched = SearchRequest::new("", SearchOptions::default())
            .and_then(|request| engine.search_unless(&cancel, &request));
        checks.push(match searched {
            Ok(answer) => Check::well("search", format!("{} papers are listed", answer.total)),
            // So many of one day cannot be listed, which is no fault.
            Err(EngineError::NotThere { reason, .. }) => Check::well("search", reason),
            Err(error) => fault("search", &error),
        });
    }
    checks.push(examine_model(model, stored.as_ref()));
    checks
}

/// The part of [`examine`] that is about the store's file.
pub(crate) fn examine_store(data_dir: &Path) -> Vec<Check> {
    let (store, reader) = match Store::open(data_dir).and_then(|store| store.reader().map(|r| (store, r))) {
        Ok(opened) => opened,
        Err(error) => {
            let remedy = match &error {
                EngineError::StoreTooNew { .. } => Remedy::LaterRelease,
                EngineError::NotAStore { .. } => Remedy::AnotherFolder,
                _ => Remedy::Restore,
            };
            return vec![Check::ill("store", with_causes(&error), remedy)];
        }
    };
    let format = format!("`{}`, schema version {SCHEMA_VERSION}", store.path().display());
    let mut checks = vec![Check::well("store", format)];
    if !store.mended().is_empty() {
        let what = format!("{} were damaged, and are made anew", store.mended().join(", "));
        checks.push(Check::ill("meta", what, Remedy::WasMadeAnew));
    }
    checks.push(examine_integrity(&reader));
    checks.push(examine_schema(&reader));
    checks.push(examine_rows(&reader));
    checks.push(examine_papers(&reader));
    checks.push(examine_drops(&reader));
    if let Ok(Some(stored)) = reader.model() {
        checks.push(examine_vectors(&reader, stored.dim));
    }
    checks
}

/// Damaged rows that are named.
const MAX_NAMED: usize = 20;

fn examine_integrity(connection: &Connection) -> Check {
    let name = "sqlite integrity";
    let findings: Result<Vec<String>, rusqlite::Error> = connection
        .prepare("PRAGMA integrity_check(5)")
        .and_then(|mut statement| statement.query_map([], |r| r.get(0))?.collect());
    match findings {
        Ok(findings) if findings == ["ok"] => Check::well(name, "every page is sound"),
        Ok(findings) => Check::ill(name, findings.join("; "), Remedy::Restore),
        Err(error) => Check::ill(name, error.to_string(), Remedy::Restore),
    }
}

/// Whether tables, indexes and triggers are those of a store of this release.
fn examine_schema(reader: &Reader) -> Check {
    let name = "schema";
    match (described(reader), Store::schema_of_this_release()) {
        (Ok(found), Ok(expected)) if found == expected => {
            Check::well(name, format!("{} tables, indexes and triggers", found.len()))
        }
        (Ok(found), Ok(expected)) => {
            let others = found.iter().filter(|part| !expected.contains(part));
            let others: Vec<String> =
                others.map(|part| part.lines().next().unwrap_or_default().to_owned()).collect();
            Check::ill(name, format!("not as this release makes it: {}", others.join("; ")), Remedy::Restore)
        }
        (Err(error), _) | (_, Err(error)) => Check::ill(name, with_causes(&error), Remedy::Restore),
    }
}

/// Whether every row of every table is as it was written.
fn examine_rows(reader: &Reader) -> Check {
    let name = "rows";
    let examined = tables(reader).and_then(|tables| {
        let (mut n_rows, mut damaged) = (0, Vec::new());
        for table in &tables {
            n_rows += reader
                .query_row(&format!("SELECT count(*) FROM {}", table.name), [], |r| r.get::<_, u64>(0))?;
            // The id of a paper is what its user knows it by.
            let key = if table.name == "papers" { "id".to_owned() } else { table.key.join(" || ' ' || ") };
            let sql = format!(
                "SELECT CAST({key} AS TEXT) FROM {} WHERE NOT ({}) LIMIT {MAX_NAMED}",
                table.name,
                table.is_sound()
            );
            let mut statement = reader.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let which = String::from_utf8_lossy(
                    row.get_ref(0)?.as_bytes_or_null().ok().flatten().unwrap_or(b"?"),
                );
                damaged.push(format!("{} {which}", table.name));
            }
        }
        Ok((n_rows, damaged))
    });
    match examined {
        Ok((n_rows, damaged)) if damaged.is_empty() => {
            Check::well(name, format!("{n_rows} rows, each as it was written"))
        }
        Ok((_, damaged)) => Check::ill(name, format!("damaged: {}", damaged.join(", ")), Remedy::IndexAgain),
        Err(error) => Check::ill(name, with_causes(&error), Remedy::Restore),
    }
}

fn examine_papers(reader: &Reader) -> Check {
    let mut n_papers = 0_u64;
    let result: Result<(), EngineError> = reader.for_each_paper(&mut |_| {
        n_papers += 1;
        Ok(())
    });
    match result {
        Ok(()) => Check::well("papers", format!("{n_papers} papers, all readable")),
        Err(error) => Check::ill("papers", with_causes(&error), Remedy::Restore),
    }
}

fn examine_drops(reader: &Reader) -> Check {
    let name = "duplicates";
    let unexplained = reader.query_row(
        "SELECT count(*) FROM papers p LEFT JOIN drops d ON d.row = p.row AND d.ended IS NULL \
         WHERE (p.deleted = 2) != (d.row IS NOT NULL)",
        [],
        |r| r.get::<_, u64>(0),
    );
    match (unexplained.map_err(EngineError::from), reader.n_dropped()) {
        (Ok(0), Ok(n_dropped)) => {
            Check::well(name, format!("{n_dropped} papers are dropped, each with what it matched"))
        }
        (Ok(n), Ok(_)) => {
            Check::ill(name, format!("{n} papers are dropped without a record of it"), Remedy::Restore)
        }
        (Err(error), _) | (_, Err(error)) => Check::ill(name, with_causes(&error), Remedy::Restore),
    }
}

fn count_readable_vectors(reader: &Reader) -> Result<usize, EngineError> {
    const PORTION: usize = 20_000;
    let (latest, mut reached, mut n_vectors) = (reader.generation()?, 0, 0);
    while reached < latest {
        let changes = reader.vectors_since(reached, PORTION)?;
        reached = changes.generation;
        n_vectors += changes.upserts.len();
    }
    Ok(n_vectors)
}

fn examine_vectors(reader: &Reader, dim: usize) -> Check {
    let name = "vectors";
    let count = |sql: &str| reader.query_row(sql, [], |r| r.get::<_, i64>(0));
    let missing = count(
        "SELECT count(*) FROM papers p LEFT JOIN vectors v ON v.row = p.row WHERE p.deleted != 1 AND v.row IS NULL \
         AND (p.title IS NOT NULL OR p.abstract IS NOT NULL)",
    );
    let wrong = count(&format!("SELECT count(*) FROM vectors WHERE length(vector) != {}", 2 * dim));
    let orphans = count(
        "SELECT count(*) FROM vectors v LEFT JOIN papers p ON p.row = v.row WHERE p.row IS NULL OR p.deleted = 1",
    );
    match (missing, wrong, orphans) {
        (Ok(0), Ok(0), Ok(0)) => match count_readable_vectors(reader) {
            Ok(n_vectors) => Check::well(name, format!("{n_vectors} vectors of {dim} components")),
            Err(error) => Check::ill(name, with_causes(&error), Remedy::Reembed),
        },
        (Ok(missing), Ok(wrong), Ok(orphans)) => Check::ill(
            name,
            format!(
                "{missing} papers without a vector, {wrong} vectors of a wrong length, {orphans} without a paper"
            ),
            Remedy::Reembed,
        ),
        (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
            Check::ill(name, error.to_string(), Remedy::Restore)
        }
    }
}

fn examine_index(store: &Store, data_dir: &Path, model: &StoredModel) -> Check {
    let name = "index";
    match examine_vector_files(store, data_dir, model) {
        Ok(status) if status.generation == 0 => Check::well(name, "not written yet"),
        Ok(status) => Check::well(
            name,
            format!(
                "{} vectors in {} segments, every byte as written; generation {}",
                status.n_rows,
                status.segments.len(),
                status.generation
            ),
        ),
        Err(error) => Check::ill(name, with_causes(&error), Remedy::MadeAnew),
    }
}

fn examine_texts(store: &Store, data_dir: &Path) -> Check {
    let name = "keywords";
    match examine_keyword_files(store, data_dir) {
        Ok(status) if status.generation == 0 => Check::well(name, "not written yet"),
        Ok(status) => Check::well(
            name,
            format!(
                "texts of {} papers in {} segments, every byte as written; generation {}",
                status.n_rows,
                status.segments.len(),
                status.generation
            ),
        ),
        Err(error) => Check::ill(name, with_causes(&error), Remedy::MadeAnew),
    }
}

fn examine_catalog(store: &Store, data_dir: &Path) -> Check {
    let name = "catalogue";
    match examine_catalog_file(store, data_dir) {
        Ok(None) => Check::well(name, "not written yet"),
        Ok(Some((generation, n_papers))) => {
            Check::well(name, format!("{n_papers} papers, every byte as written; generation {generation}"))
        }
        Err(found) => Check::ill(name, found, Remedy::MadeAnew),
    }
}

fn examine_map(store: &Store, data_dir: &Path, model: &StoredModel) -> Check {
    let name = "map";
    match examine_map_file(store, data_dir, model) {
        Ok(None) => Check::well(name, "not drawn yet"),
        Ok(Some((generation, n_papers))) => {
            Check::well(name, format!("{n_papers} papers, every byte as written; generation {generation}"))
        }
        Err(found) => Check::ill(name, found, Remedy::MadeAnew),
    }
}

fn examine_model(choice: &ModelChoice, stored: Option<&StoredModel>) -> Check {
    let name = "model";
    let wanted = choice.name_for(stored);
    let loaded = ModelFolder::locate(wanted, &choice.roots)
        .and_then(|folder| folder.verify().map(|()| folder))
        .map_err(EngineError::from)
        .and_then(|folder| Ok((folder, StoredModel::of(choice.load(stored)?.identity()))));
    match loaded {
        Ok((folder, model)) => match stored {
            Some(stored) if !stored.is_compatible(&model) => {
                let error =
                    EngineError::ModelMismatch { stored: Box::new(stored.clone()), given: Box::new(model) };
                Check::ill(name, error.to_string(), Remedy::ReembedWith(wanted.to_owned()))
            }
            _ => Check::well(name, format!("{} in `{}`", model, folder.dir().display())),
        },
        Err(error) => Check::ill(name, with_causes(&error), Remedy::PullModel(wanted.to_owned())),
    }
}

#[cfg(test)]
mod tests;
