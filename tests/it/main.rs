//! End-to-end tests: the real binary, the real model, real files, real sockets, real kills.
//!
//! `scripts/fetch-model` must have run. What needs `../shared` says `SKIPPED` where there is none.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test ends by panicking, and says on standard error what it skipped"
)]

mod browser;
mod cli;
mod clients;
mod copies;
mod crash;
mod damage;
mod decisions;
mod dedup;
mod derived;
mod descriptors;
mod documents;
mod engines;
mod eval;
mod harness;
mod http;
mod import;
mod keys;
mod layers;
mod library;
mod mcp;
mod metrics;
mod one_box;
mod openapi;
mod page;
mod parameters;
mod resources;
mod reviewing;
mod round_trips;
mod saved;
mod search;
mod store_versions;
mod trends;
mod two_processes;
