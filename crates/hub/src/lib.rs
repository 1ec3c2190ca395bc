//! Downloading models from the Hugging Face hub, verified and resumable.
//!
//! [`pull`] gets the files that a model folder needs at one commit, holds each against the hash that the hub
//! reports, and writes a [manifest](cognate_embed::ModelManifest) with its own SHA-256 of each. From then on the
//! manifest rules: pulling again verifies, repairs, and refuses another revision unless told to update.
//!
//! The client is `ureq` and two routes of the hub's API. The official `hf-hub` 1.0 was weighed and left: it
//! brings over 300 packages (an async runtime, the Xet protocol with its compression), keeps a cache laid out
//! for sharing between Python programs rather than a folder one can copy, and does not check a file that is
//! there. What it does beyond this crate, cognate has no use for.
//!
//! This crate knows the network and the disk. It does not know what is in the files: `cognate-embed` loads them.

mod digest;
mod download;
mod error;
mod folder;
mod http;
mod listing;
mod prefixes;
mod pull;
mod request;

pub use error::{Fault, HubError};
pub use pull::{Progress, Pulled, pull};
pub use request::{DEFAULT_ENDPOINT, Endpoint, PullRequest, Repository, RetryPolicy, Revision, Token};
