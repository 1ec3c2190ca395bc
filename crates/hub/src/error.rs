//! Everything that can go wrong while a model is pulled.

use std::io;
use std::path::PathBuf;

/// Why a model could not be pulled. No error leaves a model that looks complete: what was downloaded so
/// far stays in the staging folder, and the next pull goes on from it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// A value of the request (or of the environment variable behind it) cannot be used.
    #[error("{what}: expected {expected}, found {found:?}")]
    Invalid {
        /// The value at fault, such as `revision` or `HF_ENDPOINT`.
        what: &'static str,
        /// What it has to look like.
        expected: &'static str,
        /// What it was. A token is never shown.
        found: String,
    },

    /// The manifest beside the folder pins something other than what was asked for.
    #[error(
        "{}: expected {field} {pinned:?} as this manifest pins it, found a request for {requested:?}; {advice}",
        manifest.display()
    )]
    Pinned {
        /// The manifest file.
        manifest: PathBuf,
        /// Which of its fields stands in the way.
        field: &'static str,
        /// What the manifest says.
        pinned: String,
        /// What the request, or the hub, says.
        requested: String,
        /// What the user can do.
        advice: &'static str,
    },

    /// Another process is pulling the same model.
    #[error(
        "{} is locked: another pull of this model is running; wait until it has finished and run this again",
        lock.display()
    )]
    Busy {
        /// The lock file.
        lock: PathBuf,
    },

    /// The repository lacks a file that a model cannot do without.
    #[error("{repository} at {commit} has no {missing}; {advice}. Its files: {found}")]
    Missing {
        /// The repository on the hub.
        repository: String,
        /// The commit that was looked at.
        commit: String,
        /// The file that is not there.
        missing: &'static str,
        /// What the user can do.
        advice: &'static str,
        /// The names of the files that are there, cut short when they are many.
        found: String,
    },

    /// The hub refused, or could not serve, a request.
    #[error("the hub answered {status} to {address}: {advice}{detail}")]
    Status {
        /// Scheme, host and path of the request; no query, which may be signed.
        address: String,
        /// The HTTP status.
        status: u16,
        /// What that means and what the user can do.
        advice: String,
        /// The hub's own words in brackets, or empty.
        detail: String,
    },

    /// No connection, or it broke, and trying again did not help.
    #[error(
        "no answer from {address} (attempts: {attempts}); check the network, HF_ENDPOINT and the proxy \
         settings, then run this again: the download goes on where it stopped"
    )]
    Connection {
        /// Scheme, host and path of the request.
        address: String,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt met.
        source: Box<ureq::Error>,
    },

    /// A redirect that is not followed.
    #[error("{address} redirects to {location:?}, which is not followed: {reason}")]
    Redirect {
        /// Scheme, host and path of the request.
        address: String,
        /// Where the hub wanted to send us, without its query.
        location: String,
        /// Why we do not go there.
        reason: &'static str,
    },

    /// The hub's description of a model is not JSON of the form we know.
    #[error("{address}: expected the hub's description of a model; is HF_ENDPOINT a Hugging Face hub?")]
    Listing {
        /// Scheme, host and path of the request.
        address: String,
        /// What the JSON parser met.
        source: serde_json::Error,
    },

    /// The hub's description of a model holds something that we refuse to act on.
    #[error("{address}: expected {expected} in {field}, found {found:?}; nothing was downloaded")]
    Untrusted {
        /// Scheme, host and path of the request.
        address: String,
        /// The field of the description.
        field: String,
        /// What would have been accepted.
        expected: String,
        /// What was there.
        found: String,
    },

    /// The server sent less, or more, of a file than the manifest or the hub's description says.
    #[error("{file}: expected {expected} bytes, found {found} (attempts: {attempts}); run this again later")]
    Length {
        /// The file, relative to the model's folder.
        file: String,
        /// Its size in bytes.
        expected: u64,
        /// What the server sent or announced, in bytes.
        found: u64,
        /// How often it was tried.
        attempts: u32,
    },

    /// A file arrived whole, twice, and its content was wrong both times.
    #[error(
        "{file}: expected {expected}, found {found}, in two downloads from {address}; the broken copy was \
         deleted. A proxy or mirror may be changing files: check HF_ENDPOINT and the proxy settings"
    )]
    Broken {
        /// The file, relative to the model's folder.
        file: String,
        /// The hash it must have, with the hash's name.
        expected: String,
        /// The hash it has.
        found: String,
        /// Scheme, host and path of the request.
        address: String,
    },

    /// The model's folder holds something that no pull put there.
    #[error(
        "{} is not the file of that name on the hub, and there is no manifest that says where it comes from; \
         move its folder away, or use it as it is by passing the folder with --model",
        path.display()
    )]
    Foreign {
        /// The file, which was left as it is.
        path: PathBuf,
    },

    /// A path below the models folder is a symbolic link, through which nothing is written.
    #[error(
        "{} is a symbolic link and nothing is written through it; remove it, or name the real models folder \
         in COGNATE_MODELS",
        path.display()
    )]
    Symlink {
        /// The link.
        path: PathBuf,
    },

    /// The file system refused something.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, such as `create`.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },

    /// The manifest beside the folder cannot be read, or the new one cannot be written.
    #[error(transparent)]
    Manifest(#[from] cognate_embed::EmbedError),
}

/// Whose doing an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request asks for something that is not there, not allowed, or not well formed.
    Caller,
    /// The hub, or the network on the way to it.
    Hub,
    /// This machine: its disk, its permissions, another process.
    System,
}

impl HubError {
    /// Whose doing the error is: whether to change the request, try later, or look after the machine.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Invalid { .. } | Self::Pinned { .. } | Self::Missing { .. } => Fault::Caller,
            Self::Status { status: 400..=407, .. } => Fault::Caller,
            Self::Status { .. }
            | Self::Connection { .. }
            | Self::Redirect { .. }
            | Self::Listing { .. }
            | Self::Untrusted { .. }
            | Self::Length { .. }
            | Self::Broken { .. } => Fault::Hub,
            Self::Busy { .. }
            | Self::Foreign { .. }
            | Self::Symlink { .. }
            | Self::Io { .. }
            | Self::Manifest(_) => Fault::System,
        }
    }
}
