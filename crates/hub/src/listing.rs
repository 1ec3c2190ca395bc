//! What the hub says about a model, and which of its files a model folder needs.
//!
//! The description is `GET {endpoint}/api/models/{repository}/revision/{revision}?blobs=true`, see
//! <https://huggingface.co/docs/hub/api>. Nothing in it is trusted: names and sizes are checked here, content
//! is held against its hashes after the download.

use serde::Deserialize;

use crate::digest::{Expected, Hash};
use crate::error::HubError;

/// The longest description that is read, in bytes. Those of the largest repositories are about a tenth.
pub(crate) const MAX_DESCRIPTION: u64 = 16 << 20;
/// The largest file of weights that is accepted, in bytes: 4 GiB, ten times the largest BERT in f32.
const MAX_WEIGHTS: u64 = 4 << 30;
/// The largest file of any other kind that is accepted, in bytes: 64 MiB.
const MAX_OTHER: u64 = 64 << 20;

const WEIGHTS: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const CONFIG: &str = "config.json";
const MODULES: &str = "modules.json";

/// The files in the root of a repository that are taken when they are there.
const ROOT_FILES: [&str; 11] = [
    CONFIG,
    MODULES,
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    WEIGHTS,
    "LICENSE",
    "LICENSE.txt",
    "LICENSE.md",
];

/// One commit of a repository, as far as a model folder needs it.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The commit, 40 hex digits.
    pub(crate) commit: String,
    /// The licence as the repository declares it (`apache-2.0`), if it does.
    pub(crate) licence: Option<String>,
    /// The files to get: weights last, so that a folder without its weights is the sign of an interruption.
    pub(crate) files: Vec<WantedFile>,
}

/// One file to get.
#[derive(Debug, Clone)]
pub(crate) struct WantedFile {
    /// Its path below the model's folder, with `/` between parts; safe to join to a folder.
    pub(crate) path: String,
    /// What it must be.
    pub(crate) expected: Expected,
}

#[derive(Deserialize)]
struct Description {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
    /// The head of the model's page: whatever its author wrote there.
    #[serde(default, rename = "cardData")]
    card: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

/// Reads the hub's description of `repository`, which came from `address`.
///
/// # Errors
/// [`HubError::Listing`] if it is not such a description, [`HubError::Untrusted`] for a name, size or hash that
/// is refused, [`HubError::Missing`] if there is no model that could be loaded.
pub(crate) fn parse(json: &[u8], repository: &str, address: &str) -> Result<Listing, HubError> {
    let description: Description = serde_json::from_slice(json)
        .map_err(|source| HubError::Listing { address: address.to_owned(), source })?;
    let untrusted = |field: String, expected: &str, found: String| HubError::Untrusted {
        address: address.to_owned(),
        field,
        expected: expected.to_owned(),
        found,
    };
    if !is_hex(&description.sha, 40) {
        return Err(untrusted("sha".to_owned(), "a commit of 40 hex digits", description.sha));
    }
    let mut files: Vec<WantedFile> = Vec::new();
    for sibling in &description.siblings {
        let name = &sibling.rfilename;
        if !is_safe_path(name) {
            return Err(untrusted("rfilename".to_owned(), "a path inside the repository", name.clone()));
        }
        if !is_needed(name) {
            continue;
        }
        if files.iter().any(|file| file.path == *name) {
            return Err(untrusted("rfilename".to_owned(), "each file once", name.clone()));
        }
        let field = |field: &str| format!("{field} of {name}");
        let (size, hash) = match (&sibling.lfs, &sibling.blob_id, sibling.size) {
            (Some(lfs), _, _) if is_hex(&lfs.sha256, 64) => {
                (lfs.size, Hash::Sha256(lfs.sha256.to_lowercase()))
            }
            (Some(lfs), _, _) => {
                return Err(untrusted(field("lfs.sha256"), "64 hex digits", lfs.sha256.clone()));
            }
            (None, Some(id), Some(size)) if is_hex(id, 40) => (size, Hash::GitBlob(id.to_lowercase())),
            (None, id, size) => {
                let found = format!("blobId {id:?}, size {size:?}");
                return Err(untrusted(
                    field("blobId and size"),
                    "40 hex digits and a number of bytes",
                    found,
                ));
            }
        };
        let limit = if name.rsplit('/').next() == Some(WEIGHTS) { MAX_WEIGHTS } else { MAX_OTHER };
        if size > limit {
            return Err(untrusted(field("size"), &format!("at most {limit} bytes"), size.to_string()));
        }
        files.push(WantedFile { path: name.clone(), expected: Expected { size, hash } });
    }
    for (missing, advice) in [
        (WEIGHTS, without_weights(&description.siblings)),
        (
            TOKENIZER,
            "the model has only a slow tokenizer; choose another model, or load this one with transformers' \
             AutoTokenizer and save it, which writes tokenizer.json, and pass the folder with --model",
        ),
        (CONFIG, "this is no transformers model; choose another"),
        (
            MODULES,
            "this is no sentence-transformers model, so nothing says how its token vectors become one; choose \
             a model with that tag on the hub",
        ),
    ] {
        if !files.iter().any(|file| file.path == missing) {
            return Err(HubError::Missing {
                repository: repository.to_owned(),
                commit: description.sha,
                missing,
                advice,
                found: shorten(description.siblings.iter().map(|sibling| sibling.rfilename.as_str())),
            });
        }
    }
    weights_last(&mut files);
    // A list of licences is no single answer and is left to the reader of the model's page.
    let licence = description.card["license"].as_str().filter(|text| is_printable(text)).map(str::to_owned);
    Ok(Listing { commit: description.sha.to_lowercase(), licence, files })
}

/// Puts files in the order in which they are got and put in place.
pub(crate) fn weights_last(files: &mut [WantedFile]) {
    files.sort_by(|a, b| (a.path == WEIGHTS, &a.path).cmp(&(b.path == WEIGHTS, &b.path)));
}

/// What to do about a repository without `model.safetensors`.
fn without_weights(siblings: &[Sibling]) -> &'static str {
    let has = |name: &str| siblings.iter().any(|sibling| sibling.rfilename == name);
    if has("model.safetensors.index.json") {
        "its weights are split over several files, which cognate does not load; choose a smaller model"
    } else if has("pytorch_model.bin") {
        "its weights are only there as pytorch_model.bin, which is not read because loading it can run code; \
         look for a pull request on the hub that adds model.safetensors and name it (--revision refs/pr/1)"
    } else {
        "this is no model that cognate can load; choose a sentence-transformers model of the BERT family"
    }
}

/// Whether a model folder needs the file: see [`ROOT_FILES`], and the configuration and weights of the numbered modules
/// (`1_Pooling/config.json`, `2_Dense/model.safetensors`). Everything else (other formats of the weights, training data, pictures) stays.
fn is_needed(path: &str) -> bool {
    match path.split_once('/') {
        None => ROOT_FILES.contains(&path),
        Some((folder, file)) => {
            let module = folder.split_once('_').is_some_and(|(number, name)| {
                let is =
                    |text: &str, class: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|b| class(&b));
                is(number, u8::is_ascii_digit) && is(name, u8::is_ascii_alphanumeric)
            });
            module && [CONFIG, WEIGHTS].contains(&file)
        }
    }
}

/// Whether joining `path` to a folder always names something below that folder, on every system.
pub(crate) fn is_safe_path(path: &str) -> bool {
    path.len() <= 500
        && !path.contains(['\\', ':'])
        && !path.contains(char::is_control)
        && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.len() <= 100 && !text.contains(char::is_control)
}

/// The first names of a list, and how many more there are.
fn shorten<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_paths() {
        for path in ["config.json", "1_Pooling/config.json", ".gitattributes", "a b/c..d", "..."] {
            assert!(is_safe_path(path), "{path:?}");
        }
        let long = "a".repeat(501);
        for path in [
            "",
            "/etc/passwd",
            "../config.json",
            "a/../b",
            "a//b",
            "a/",
            ".",
            "a/./b",
            "a\\b",
            "C:x",
            "a\nb",
            &long,
        ] {
            assert!(!is_safe_path(path), "{path:?}");
        }
    }

    #[test]
    fn needed_files() {
        for path in [
            "config.json",
            "model.safetensors",
            "1_Pooling/config.json",
            "2_Dense/model.safetensors",
            "LICENSE",
        ] {
            assert!(is_needed(path), "{path:?}");
        }
        for path in [
            "README.md",
            "pytorch_model.bin",
            "onnx/config.json",
            "_Pooling/config.json",
            "a/1_Pooling/config.json",
            "1_Pooling/config.json/config.json",
            "openvino/model.safetensors",
            "2_Dense/pytorch_model.bin",
        ] {
            assert!(!is_needed(path), "{path:?}");
        }
    }

    #[test]
    fn anything_else_is_an_error_and_no_panic() {
        let check = |json: &str| {
            assert!(parse(json.as_bytes(), "o/n", "http://h/").is_err(), "{json}");
        };
        check("");
        check("<html>");
        check("[]");
        check("{}");
        check(r#"{"sha":"main"}"#);
        let listing = |siblings: &str| format!(r#"{{"sha":"{}","siblings":[{siblings}]}}"#, "a".repeat(40));
        check(&listing(""));
        check(&listing(r#"{"rfilename":"config.json"}"#));
        check(&listing(r#"{"rfilename":"config.json","size":-1,"blobId":"00"}"#));
        check(&listing(r#"{"rfilename":"config.json","size":3,"lfs":{"sha256":"xyz","size":3}}"#));
    }
}
