//! End-to-end tests: the real binary, the real model, real files, real sockets, real kills.
//!
//! `scripts/fetch-model` must have run. What needs `../shared` says `SKIPPED` where there is none.

mod cli;
mod crash;
mod derived;
mod documents;
mod eval;
mod harness;
mod http;
mod store_versions;
mod two_processes;
