//! Papers that lie in Milvus.
//!
//! One collection of Milvus is one collection of papers, and the only truth: cognate keeps nothing but caches. `Milvus` is
//! what the engine asks ([`Remote`](cognate_engine::Remote)); only this crate knows Milvus's interface, and gRPC, and only with
//! the feature `client`.
//!
//! Read downwards: [`Address`] says where, `layout` how a paper lies there, `expression` how a filter is asked for,
//! `messages` has what is said, `client` talks to the server, `rows` reads what it gives, `columns` has what is put,
//! `place` makes, fills and describes the collection, `moment`, `words` and `counts` answer one request.
//! docs/engines.md says what differs from papers on this machine.

#![cfg_attr(
    not(feature = "client"),
    allow(dead_code, reason = "how papers lie there is tested without what asks for them")
)]

mod address;
mod expression;
mod layout;

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "client")]
mod columns;
#[cfg(feature = "client")]
mod counts;
#[cfg(feature = "client")]
mod messages;
#[cfg(feature = "client")]
mod moment;
#[cfg(feature = "client")]
mod place;
#[cfg(feature = "client")]
#[cfg(test)]
mod real_server;
#[cfg(feature = "client")]
mod rows;
#[cfg(feature = "client")]
mod words;

pub use address::{Address, Consistency, Credentials, VectorIndex};
#[cfg(feature = "client")]
pub use place::Milvus;
