//! The store, ingest, search, deduplication and evaluation.
