//! `cognate serve`: the HTTP service.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cognate_engine::Engine;
use cognate_server::{AccessOptions, Guard, Rate, ServeOptions, serve};

use crate::args::{AuthArg, ServeArgs};
use crate::config::Config;
use crate::output::Output;

/// Longest time for one request: an ingestion of the largest body on a slow machine may need it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest time to finish running requests once told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait for the last work to let go of the engine.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// More than the server works on at one time; see its limits.
const MAX_BLOCKING_THREADS: usize = 160;

/// Requests at once after a pause, in seconds' worth of the rate.
const BURST_SECONDS: u32 = 4;

fn access(config: &Config, args: &ServeArgs) -> AccessOptions {
    let per_second = NonZeroU32::new(args.rate_limit.unwrap_or(config.rate_limit));
    AccessOptions {
        keys: config.keys(args.keys.keys.as_ref()),
        is_open: args.auth.unwrap_or(config.auth) == AuthArg::None,
        public_read: args.public_read.unwrap_or(config.public_read),
        trusted_proxies: config.trust_proxy.iter().chain(&args.trust_proxy).copied().collect(),
        rate: per_second.map(|per_second| Rate {
            per_second,
            burst: per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1)),
        }),
    }
}

pub(crate) fn run(config: &Config, args: &ServeArgs) -> anyhow::Result<()> {
    let lower = |names: &[String], more: &[String]| -> Vec<String> {
        names.iter().chain(more).map(|name| name.trim_end_matches('/').to_ascii_lowercase()).collect()
    };
    let options = ServeOptions {
        bind: args.bind.unwrap_or(config.bind),
        allow_remote: args.allow_remote.unwrap_or(config.allow_remote),
        guard: Guard {
            allowed_hosts: lower(&config.allow_host, &args.allow_host),
            allowed_origins: lower(&config.allow_origin, &args.allow_origin),
            allow_any_address: false,
        },
        access: access(config, args),
        request_timeout: REQUEST_TIMEOUT,
        drain_timeout: DRAIN_TIMEOUT,
        demo: super::demo::CORPUS,
    };
    let engine = Arc::new(config.create()?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build()?;
    let output = Output::new(false);
    let at_the_end = Arc::clone(&engine);
    let result = runtime.block_on(serve(engine, options, |address| {
        // Whoever started us may have closed our output; the service goes on.
        let _ = output.line(&format!("listening on http://{address}"));
    }));
    // Blocking work that outlived the drain must not hold the process.
    runtime.shutdown_background();
    close(at_the_end);
    Ok(result?)
}

/// Leaves the store in one file. Work that outlived the drain may hold the engine; then all that is committed is brought
/// into that file at least.
fn close(engine: Arc<Engine>) {
    let began = Instant::now();
    while Arc::strong_count(&engine) > 1 && began.elapsed() < CLOSE_TIMEOUT {
        std::thread::sleep(Duration::from_millis(10));
    }
    engine.settle_store();
}
