//! Binding, running and stopping the service.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cognate_engine::{Engine, EngineError, Fault};
use cognate_keys::KeysError;
use metrics_exporter_prometheus::BuildError;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::{Access, AccessOptions};
use crate::connection;
use crate::guard::Guard;
use crate::routes::{App, router};
use crate::telemetry::Telemetry;

/// Time between two looks at the file of keys: a revoked one is seen within a second.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_millis(500);

/// How the service runs.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Whether to listen beyond loopback.
    pub allow_remote: bool,
    /// Which hosts and pages are answered.
    pub guard: Guard,
    /// Who may do what.
    pub access: AccessOptions,
    /// Longest time for one request.
    pub request_timeout: Duration,
    /// Longest time to finish running requests after a signal to stop.
    pub drain_timeout: Duration,
    /// A small collection in a format that is read, one record a line, which the page offers to whoever has no papers yet;
    /// empty for none.
    pub demo: &'static str,
}

/// Why the service could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is open to other machines and that was not allowed.
    #[error(
        "{bind} can be reached from other machines; \
         listen on 127.0.0.1, or add --allow-remote, and make keys with `cognate keys add`"
    )]
    RemoteNotAllowed {
        /// The address.
        bind: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {bind}; choose another with --bind ADDR:PORT (port 0 takes a free one)")]
    Bind {
        /// The address.
        bind: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system failed while serving.
    #[error("the service failed")]
    Io(#[from] io::Error),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Something else gathers metrics in this process.
    #[error("the metrics could not be set up")]
    Metrics(#[from] BuildError),
    /// The engine could not be made ready.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Serves until SIGTERM or SIGINT, then finishes the running requests and returns. `on_ready` is
/// called once with the address, when requests are answered.
///
/// # Errors
/// [`ServeError`] if the address cannot be used or the model or the vectors cannot be loaded.
pub async fn serve(
    engine: Arc<Engine>,
    options: ServeOptions,
    on_ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let bind = options.bind;
    if !bind.ip().is_loopback() && !options.allow_remote {
        return Err(ServeError::RemoteNotAllowed { bind });
    }
    let is_exposed =
        !bind.ip().is_loopback() || options.allow_remote || !options.guard.allowed_hosts.is_empty();
    let access = Access::new(options.access.clone(), is_exposed)?;
    if options.access.is_open {
        tracing::warn!("nobody is asked for a key: whoever reaches {bind} may change and delete papers");
    }
    let stop = stop_signal()?;
    let listener = TcpListener::bind(bind).await.map_err(|source| ServeError::Bind { bind, source })?;
    let address = listener.local_addr()?;

    let preparing = Arc::clone(&engine);
    let ready = tokio::task::spawn_blocking(move || {
        preparing.load_model()?;
        preparing.load_vectors()
    });
    match ready.await.map_err(io::Error::other)? {
        // It may come back: until then, requests are told so.
        Err(error) if error.fault() == Fault::Away => tracing::warn!("{error}"),
        ready => ready?,
    }
    let stopping = Arc::new(AtomicBool::new(false));
    let follower = {
        let (engine, stopping) = (Arc::clone(&engine), Arc::clone(&stopping));
        thread::Builder::new().name("store-follower".to_owned()).spawn(move || engine.follow(&stopping))?
    };

    let drain_timeout = options.drain_timeout;
    let app = Arc::new(App::new(engine, options, access, Telemetry::start()?));
    let housekeeping = {
        let (app, stopping) = (Arc::clone(&app), Arc::clone(&stopping));
        thread::Builder::new().name("housekeeping".to_owned()).spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                thread::park_timeout(HOUSEKEEPING_INTERVAL);
                app.access.refresh();
                app.telemetry.upkeep();
                if let Err(error) = app.engine.draw_wanted_map() {
                    tracing::warn!("the map could not be drawn: {error}");
                }
            }
        })?
    };
    on_ready(address);

    let (drain, draining) = tokio::sync::oneshot::channel();
    let signalled = {
        let app = Arc::clone(&app);
        async move {
            stop.await;
            tracing::info!("stopping: finishing the running requests");
            app.stop();
            let _ = drain.send(());
        }
    };
    let server = connection::serve(listener, router(app), signalled);
    let deadline = async move {
        let _ = draining.await;
        tokio::time::sleep(drain_timeout).await;
    };
    tokio::select! {
        () = server => {}
        () = deadline => tracing::warn!("some requests did not finish within {drain_timeout:?}"),
    }
    stopping.store(true, Ordering::Relaxed);
    follower.thread().unpark();
    housekeeping.thread().unpark();
    Ok(())
}

/// Completes at the first SIGTERM or SIGINT from now on.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
