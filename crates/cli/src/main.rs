//! The `cognate` command: arguments and configuration in, progress and answers out.

mod advice;
mod args;
mod commands;
mod config;
mod mail;
mod npy;
mod output;
mod progress;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use cognate_engine::{EngineError, Fault};
use cognate_hub::HubError;
use cognate_keys::KeysError;
use cognate_wire::ErrorBody;

use crate::args::{Args, LogFormat};
use crate::output::Output;

/// Everything went well.
const SUCCESS: u8 = 0;
/// The machine, the data folder or the model is not as it should be.
const FAILURE: u8 = 1;
/// The command line, the configuration or the input is wrong. clap uses the same.
const USAGE: u8 = 2;
/// What was asked for is not there.
const NOT_FOUND: u8 = 3;
/// Stopped by Ctrl-C or SIGTERM: 128 + 2, as shells have it.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let args = match Args::try_parse_from(args::with_marked_words(std::env::args_os())) {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    start_log(args.verbose, args.log_format);
    let output = Output::new(args.json);
    match commands::run(args, &output) {
        Ok(()) => ExitCode::from(SUCCESS),
        Err(error) if error.is::<commands::Answered>() => {
            output.complain(&error);
            ExitCode::from(USAGE)
        }
        Err(error) => {
            let (code, body) = judge(&error);
            output.error(&error, &body);
            ExitCode::from(code)
        }
    }
}

/// Tells of a command line that cannot be understood, also for machines if they asked for JSON; or gives help.
fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if the streams are gone.
    let _ = error.print();
    if !error.use_stderr() {
        return ExitCode::from(SUCCESS);
    }
    let wants_json = std::env::args_os().skip(1).take_while(|arg| arg != "--").any(|arg| arg == "--json");
    if wants_json {
        let message = error.render().to_string();
        let message = message.trim().strip_prefix("error: ").unwrap_or(message.trim()).to_owned();
        let body =
            ErrorBody { error: message.clone(), message, code: "invalid_usage", kind: "invalid_request" };
        if let Ok(json) = serde_json::to_string(&body) {
            let _ = Output::new(true).line(&json);
        }
    }
    ExitCode::from(USAGE)
}

/// Logs go to standard error; `COGNATE_LOG` takes the filters of `tracing-subscriber`.
fn start_log(verbose: bool, format: LogFormat) {
    let default = if verbose {
        "cognate=debug,warn"
    } else {
        // What tantivy warns of is handled by whoever called it.
        "warn,tantivy=error,cognate_engine=info,cognate_server=info"
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("COGNATE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// The exit code of an error, and its body for `--json`.
fn judge(error: &anyhow::Error) -> (u8, ErrorBody) {
    let (exit, code, kind) = match error.downcast_ref::<EngineError>() {
        Some(EngineError::Interrupted) => (INTERRUPTED, "interrupted", "interrupted"),
        Some(error) => match error.fault() {
            Fault::Caller => (USAGE, "invalid_parameter", "invalid_request"),
            Fault::NotFound => match error {
                EngineError::SavedQueryNotFound { .. } => (NOT_FOUND, "saved_query_not_found", "not_found"),
                _ => (NOT_FOUND, "paper_not_found", "not_found"),
            },
            Fault::Gone => (NOT_FOUND, "cursor_gone", "not_found"),
            Fault::Conflict => (USAGE, "conflict", "conflict"),
            Fault::Unsupported => (USAGE, "not_supported", "unsupported"),
            Fault::Early => (FAILURE, "not_ready", "system"),
            Fault::Away => (FAILURE, "engine_away", "system"),
            Fault::System => (FAILURE, "failed", "system"),
        },
        None if error.is::<commands::InvalidInput>()
            || error.is::<config::ConfigError>()
            || error.downcast_ref::<KeysError>().is_some_and(KeysError::is_callers)
            || error
                .downcast_ref::<HubError>()
                .is_some_and(|error| error.fault() == cognate_hub::Fault::Caller) =>
        {
            (USAGE, "invalid_input", "invalid_request")
        }
        None => (FAILURE, "failed", "system"),
    };
    let message = output::told(error);
    (exit, ErrorBody { error: message.clone(), message, code, kind })
}
