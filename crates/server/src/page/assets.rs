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

const ASSETS: [Asset; 7] = [
    Asset {
        name: "style.css",
        media_type: "text/css; charset=utf-8",
        text: include_str!("../../assets/style.css"),
    },
    Asset {
        name: "page.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/page.js"),
    },
    Asset {
        name: "map.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/map.js"),
    },
    Asset {
        name: "try.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/try.js"),
    },
    Asset {
        name: "import.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/import.js"),
    },
    Asset {
        name: "duplicates.js",
        media_type: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/duplicates.js"),
    },
    Asset { name: "icon.svg", media_type: "image/svg+xml", text: include_str!("../../assets/icon.svg") },
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
