//! The HTTP service over the engine: statuses, limits, shutdown.
//!
//! `docs/http.md` describes the interface. Handlers do no work of their own: they turn a request into
//! an engine call on a blocking thread, and its answer into a body of `cognate_wire`.

mod access;
mod answer;
mod body;
mod compat;
mod connection;
mod decisions;
mod document;
mod error;
mod guard;
mod limits;
mod manners;
mod page;
mod rates;
mod routes;
mod saved;
mod serve;
mod tasks;
mod telemetry;

pub use access::AccessOptions;
pub use answer::{exported, feed_meta};
pub use guard::Guard;
pub use rates::Rate;
pub use serve::{ServeError, ServeOptions, serve};
