//! `cognate mcp`: the tools of a language model, on standard input and output.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cognate_mcp::{Tools, serve_stdio};

use crate::config::Config;

pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let engine = Arc::new(config.open_to_follow()?);
    // What other processes index is found within a second.
    let stopping = Arc::new(AtomicBool::new(false));
    let follower = {
        let (engine, stopping) = (Arc::clone(&engine), Arc::clone(&stopping));
        thread::Builder::new().name("store-follower".to_owned()).spawn(move || engine.follow(&stopping))?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(serve_stdio(Tools::new(engine)));
    stopping.store(true, Ordering::Relaxed);
    follower.thread().unpark();
    // A read of standard input that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    Ok(ended?)
}
