//! The way of one model from the hub to disk, read downwards.

use std::path::PathBuf;

use cognate_embed::{HubSource, ManifestFile, ModelManifest};
use ureq::http::Uri;

use crate::digest::{Digest, Expected, Hash};
use crate::download::Transfer;
use crate::error::HubError;
use crate::folder::{self, Place, checked};
use crate::http::{Client, shown};
use crate::listing::{self, MAX_DESCRIPTION, WantedFile};
use crate::prefixes;
use crate::request::{PullRequest, Revision};

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The file that is being got, relative to the model's folder.
    pub file: &'a str,
    /// Bytes of the whole model that are there, those found on the disk included. It goes back when a server
    /// cannot resume or sent a broken file.
    pub done_bytes: u64,
    /// Bytes of the whole model, known before the first is downloaded.
    pub total_bytes: u64,
}

/// A model that is there, whole, and matches its manifest.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The model's folder: `NAME` in the models folder.
    pub folder: PathBuf,
    /// The manifest, which now stands beside it as `NAME.toml`.
    pub manifest: ModelManifest,
    /// Bytes of the files that this pull added or replaced; 0 if everything was there.
    pub fetched_bytes: u64,
}

/// One commit of a repository and the files to get from it.
struct Wanted {
    source: HubSource,
    files: Vec<WantedFile>,
    origin: Origin,
}

/// Who says which files a model has.
enum Origin {
    /// The manifest on disk.
    Manifest(Box<ModelManifest>),
    /// The hub, so that a new manifest is due.
    Hub { licence: Option<String> },
}

/// Gets a model whole, or says why not. Where a manifest pins it already, each file is held against the
/// manifest's SHA-256, only the missing and damaged ones are downloaded, and the hub is not asked when there are
/// none. Else the hub's current commit is pinned. `on_progress` is called often, from this thread.
///
/// A pull may be killed at any moment: the model's folder only ever receives files that were checked, the
/// manifest comes last, and the next pull takes up what the last one left.
///
/// # Errors
/// See [`HubError`].
pub fn pull(
    request: &PullRequest<'_>,
    on_progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Pulled, HubError> {
    let place = Place::lock(request.models_dir, request.repository.name())?;
    let client = Client::new(request.endpoint.clone(), request.token.clone(), request.retry);
    let pinned = read_manifest(&place)?;
    let Wanted { source, files, origin } = want(request, &client, &place, pinned.as_ref())?;

    let total_bytes = files.iter().map(|file| file.expected.size).sum();
    let mut done_bytes = 0;
    let mut digests = Vec::with_capacity(files.len());
    let mut staged = Vec::new();
    for file in &files {
        let mut on_bytes = |bytes| {
            on_progress(Progress { file: &file.path, done_bytes: done_bytes + bytes, total_bytes });
        };
        let settled = place.folder.join(&file.path);
        let digest = match checked(&settled, &file.expected)? {
            Some(digest) => digest,
            None if pinned.is_none() && folder::length_of(&settled)?.is_some() => {
                return Err(HubError::Foreign { path: settled });
            }
            None => {
                staged.push(file);
                let address = client.file_address(&source, &file.path)?;
                stage(&client, &place, (file, &address), &mut on_bytes)?
            }
        };
        on_bytes(file.expected.size);
        done_bytes += file.expected.size;
        digests.push(digest);
    }

    // Short, and without the network: what happens from here on happens within moments.
    for file in &staged {
        folder::rename(&place.staged(&file.path)?, &place.settled(&file.path)?)?;
    }
    let fetched_bytes = staged.iter().map(|file| file.expected.size).sum();
    let manifest = match origin {
        Origin::Manifest(manifest) => *manifest,
        Origin::Hub { licence } => {
            let new = NewManifest { name: request.repository.name(), licence, source };
            let manifest = new_manifest(new, &files, &digests, pinned.as_ref());
            for stale in pinned.iter().flat_map(|pinned| &pinned.files) {
                if manifest.files.iter().all(|file| file.path != stale.path) {
                    folder::remove_file(&place.folder.join(&stale.path))?;
                }
            }
            manifest.write(&place.manifest)?;
            folder::flush(request.models_dir)?;
            manifest
        }
    };
    place.clear()?;
    Ok(Pulled { folder: place.folder, manifest, fetched_bytes })
}

/// Brings one file, whole and checked, from its address to the staging folder.
fn stage(
    client: &Client,
    place: &Place,
    (file, address): (&WantedFile, &Uri),
    on_bytes: &mut dyn FnMut(u64),
) -> Result<Digest, HubError> {
    let whole = place.staged(&file.path)?;
    if let Some(digest) = checked(&whole, &file.expected)? {
        return Ok(digest);
    }
    // The part keeps its name, so that a later run finds it.
    let part = place.staged(&format!("{}.part", file.path))?;
    let digest = Transfer { client, file, address, part: &part }.run(on_bytes)?;
    folder::rename(&part, &whole)?;
    Ok(digest)
}

/// What to get: the files that the manifest on disk pins, or else those of the hub's commit.
fn want(
    request: &PullRequest<'_>,
    client: &Client,
    place: &Place,
    pinned: Option<&ModelManifest>,
) -> Result<Wanted, HubError> {
    let conflict = |field, pinned: &str, requested: &str, advice| HubError::Pinned {
        manifest: place.manifest.clone(),
        field,
        pinned: pinned.to_owned(),
        requested: requested.to_owned(),
        advice,
    };
    let source = match pinned {
        Some(ModelManifest { hub: None, .. }) => {
            let advice = "this model does not come from the hub: get it with scripts/fetch-model, or pull into \
                          another models folder (COGNATE_MODELS)";
            return Err(conflict("hub", "nothing", &request.repository.or_default_owner(), advice));
        }
        Some(ModelManifest { hub: Some(source), .. }) => Some(source),
        None => None,
    };
    let repository = match (request.repository.full(), source) {
        (Some(asked), Some(source)) if asked != source.repository => {
            let advice = "two models cannot share a folder: pull this one into another models folder \
                          (COGNATE_MODELS)";
            return Err(conflict("hub.repository", &source.repository, &asked, advice));
        }
        (Some(asked), _) => asked,
        (None, Some(source)) => source.repository.clone(),
        (None, None) => request.repository.or_default_owner(),
    };
    let asked = request.revision.as_ref().map(Revision::as_str);
    let pinned = pinned.zip(source);
    if let Some((manifest, source)) = pinned
        && !request.update
        && asked.is_none_or(|asked| asked == source.revision)
    {
        return Ok(pinned_files(manifest, source));
    }
    let address = client.description_address(&repository, asked.unwrap_or("main"))?;
    let description = client.get_whole(&address, MAX_DESCRIPTION)?;
    let listing = listing::parse(&description, &repository, &shown(&address))?;
    match pinned {
        Some((manifest, source)) if listing.commit == source.revision => Ok(pinned_files(manifest, source)),
        Some((_, source)) if !request.update => {
            let advice = "vectors of two revisions cannot be compared; to move on, pull with --update and embed \
                          again";
            Err(conflict("hub.revision", &source.revision, &listing.commit, advice))
        }
        _ => Ok(Wanted {
            source: HubSource { repository, revision: listing.commit },
            files: listing.files,
            origin: Origin::Hub { licence: listing.licence },
        }),
    }
}

/// The files of a manifest, weights last as in a listing.
fn pinned_files(manifest: &ModelManifest, source: &HubSource) -> Wanted {
    let wanted = |file: &ManifestFile| WantedFile {
        path: file.path.clone(),
        expected: Expected { size: file.size, hash: Hash::Sha256(file.sha256.clone()) },
    };
    let mut files: Vec<WantedFile> = manifest.files.iter().map(wanted).collect();
    listing::weights_last(&mut files);
    Wanted { source: source.clone(), files, origin: Origin::Manifest(Box::new(manifest.clone())) }
}

/// What a new manifest says beside its files.
struct NewManifest<'a> {
    name: &'a str,
    licence: Option<String>,
    source: HubSource,
}

/// The manifest of what was just downloaded. Prefixes that stood in an earlier one are kept: a user may have set
/// them.
fn new_manifest(
    new: NewManifest<'_>,
    files: &[WantedFile],
    digests: &[Digest],
    earlier: Option<&ModelManifest>,
) -> ModelManifest {
    let NewManifest { name, licence, source } = new;
    let (query_prefix, passage_prefix) = match earlier {
        Some(earlier) => (earlier.query_prefix.clone(), earlier.passage_prefix.clone()),
        None => prefixes::of_repository(&source.repository),
    };
    let files = files.iter().zip(digests).map(|(file, digest)| ManifestFile {
        path: file.path.clone(),
        size: file.expected.size,
        sha256: digest.sha256.clone(),
    });
    ModelManifest {
        name: name.to_owned(),
        licence: licence.unwrap_or_default(),
        query_prefix,
        passage_prefix,
        hub: Some(source),
        pypi: None,
        files: files.collect(),
    }
}

/// The manifest that stands beside the folder, if there is one.
fn read_manifest(place: &Place) -> Result<Option<ModelManifest>, HubError> {
    match folder::length_of(&place.manifest)? {
        Some(_) => Ok(Some(ModelManifest::read(&place.manifest)?)),
        None => Ok(None),
    }
}
