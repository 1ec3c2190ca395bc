//! Where the store keeps which model made its vectors.

use rusqlite::{Connection, OptionalExtension};

use crate::error::EngineError;
use crate::stored_model::StoredModel;

/// The model recorded under `key`, if any.
pub(super) fn load(connection: &Connection, key: &str) -> Result<Option<StoredModel>, EngineError> {
    let json: Option<String> =
        connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get(0)).optional()?;
    json.map(|json| {
        serde_json::from_str(&json)
            .map_err(|source| EngineError::DamagedRow { place: format!("meta key `{key}`"), source })
    })
    .transpose()
}

/// Records `model` under `key`.
pub(super) fn save(connection: &Connection, key: &str, model: &StoredModel) -> Result<(), EngineError> {
    let json = serde_json::to_string(model)
        .map_err(|source| EngineError::DamagedRow { place: format!("meta key `{key}`"), source })?;
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", [key, &json])?;
    Ok(())
}
