//! `cognate mcp`: the tools of a language model, on standard input and output.

use std::sync::Arc;

use cognate_engine::{DerivedFiles, Engine, EngineOptions};
use cognate_mcp::{Tools, serve_stdio};

use crate::config::Config;

pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let options = EngineOptions { derived_files: DerivedFiles::Follow, ..config.engine_options() };
    let engine = Arc::new(Engine::open(options)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(serve_stdio(Tools::new(engine)));
    // A read of standard input that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    Ok(ended?)
}
