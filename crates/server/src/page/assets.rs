//! The files that pages load: in the binary, and under names that change with what they hold, so that a
//! browser may keep them for ever.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    text: &'static str,
}

/// The file of this name in `crates/server/assets`.
macro_rules! asset {
    ($name:literal, $media_type:expr) => {
        Asset { name: $name, media_type: $media_type, text: include_str!(concat!("../../assets/", $name)) }
    };
}

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const ASSETS: [Asset; 13] = [
    asset!("style.css", STYLE),
    asset!("map.css", STYLE),
    asset!("paper.css", STYLE),
    asset!("work.css", STYLE),
    asset!("docs.css", STYLE),
    asset!("asking.js", SCRIPT),
    asset!("page.js", SCRIPT),
    asset!("library.js", SCRIPT),
    asset!("map.js", SCRIPT),
    asset!("try.js", SCRIPT),
    asset!("import.js", SCRIPT),
    asset!("duplicates.js", SCRIPT),
    asset!("icon.svg", "image/svg+xml"),
];

/// Tells one release's files from another's.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    ASSETS.iter().for_each(|asset| asset.text.hash(&mut hasher));
    format!("{:016x}", hasher.finish())
});

/// The address of a file.
pub(super) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// `GET /assets/{version}/{name}`
pub(super) async fn serve(Path((version, name)): Path<(String, String)>) -> Result<Response, ApiError> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| ApiError::not_found(format!("there is no file {name:?}")))?;
    let caching = if version == *VERSION { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, caching)];
    Ok((headers, asset.text).into_response())
}
