use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use thiserror::Error;
use ticketscope_engine::{CheckpointError, Engine, FatalError};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    app::App,
    auth::Access,
    brake::{Brake, Braked},
    code::Code,
    config::{Config, Fault, Limits},
    metrics::Counting,
    operator::Operator,
    routes::router,
    stall::Stall,
};

/// How long nothing is accepted after the system refused to: it has no room for a connection, and will have.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the files of keys and canaries are looked at.
const FILES_REFRESH: Duration = Duration::from_secs(1);

/// How often is looked whether faults were kept back for long enough.
const FAULTS_SETTLE: Duration = Duration::from_secs(1);

/// Why a server cannot begin.
#[derive(Debug, Error)]
pub enum BindError {
    /// Development mode, and an address that others reach.
    #[error("development mode lets everybody do everything, and {0} is not a loopback address; listen on 127.0.0.1")]
    Exposed(SocketAddr),
    /// The system refuses.
    #[error("listen on {address}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is no randomness to be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

/// Why a server ended other than by being told to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// It could not begin.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The system gives no threads or signals.
    #[error("start the server")]
    Start(#[source] io::Error),
    /// A disk failed. What was acknowledged before is found by a process that starts anew.
    #[error(transparent)]
    Fatal(Arc<FatalError>),
    /// The tenants could not be closed well; nothing acknowledged is lost.
    #[error("close the tenants")]
    Close(#[from] CheckpointError),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

impl Server {
    /// Begins to listen. Connections wait until [`Self::run`].
    ///
    /// # Errors
    /// [`BindError`], in particular for development mode on an address that is not loopback.
    pub async fn bind(engine: Arc<Engine>, config: Config) -> Result<Self, BindError> {
        let address = config.listen;
        if matches!(config.access, Access::Dev) && !address.ip().is_loopback() {
            return Err(BindError::Exposed(address));
        }
        let failed = |source| BindError::Io { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let faults = config.faults.clone();
        engine.tell_damage(move |tenant, what| {
            let (tenant, cause) = (Some(tenant.clone()), what.to_string());
            faults.tell(&Fault { code: "damage", tenant, request_id: None, cause, left_out: 0 });
        });
        let app = App::new(engine, config).or(Err(BindError::NoRandomness))?;
        Ok(Self { listener, address, app: Arc::new(app) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` ends, or a [disk fails](Engine::fatal): then no connection is accepted, running requests are answered, those that take
    /// longer than [`Limits::stop`] are cut off, batches that have begun are brought to their end, and the
    /// [operator](Operator::ended_by) ends what else runs. The engine stays open.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, app, .. } = self;
        let limits = app.config.limits;
        let places = Arc::new(Semaphore::new(limits.connections as usize));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let serving = Serving { router: router(Arc::clone(&app)), app: Arc::clone(&app), limits };
        let keys = tokio::spawn(refresh_keys(Arc::clone(&app)));
        let canaries = tokio::spawn(refresh_canaries(Arc::clone(&app)));
        let faults = tokio::spawn(settle_faults(Arc::clone(&app)));
        let mut shutdown = pin!(shutdown);
        let failed = Arc::new(Notify::new());
        app.engine.on_fatal({
            let (failed, faults) = (Arc::clone(&failed), app.config.faults.clone());
            move |error| {
                faults.tell(&Fault::of_server(Code::Storage.entry().name, error.to_string()));
                // Kept for whoever comes to wait for it.
                failed.notify_one();
            }
        });
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                () = failed.notified() => break,
                Some(_) = connections.join_next() => {}
                accepted = accept(&listener, &places) => match accepted {
                    Ok((stream, place)) => {
                        connections.spawn(serving.clone().connection(stream, place, graceful.watcher()));
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(listener);
        keys.abort();
        canaries.abort();
        faults.abort();
        // Beside the connections, so that whoever asked for it is still told what became of it.
        let operator = app.config.operator.clone();
        let commands = tokio::task::spawn_blocking(move || operator.iter().for_each(Operator::end));
        // Those that are left are cut off when the set is dropped.
        let all = async { while connections.join_next().await.is_some() {} };
        let stopped = async { tokio::join!(graceful.shutdown(), all) };
        let in_time = timeout(limits.stop, stopped).await.is_ok();
        if !in_time {
            let cause = "connections were cut off because they outlived the time to stop";
            app.config.faults.tell(&Fault::of_server("timeout", cause));
        }
        connections.shutdown().await;
        app.batches.drain().await;
        app.commands.drain().await;
        if let Err(error) = commands.await {
            app.config.faults.tell(&Fault::of_server(Code::Internal.entry().name, error.to_string()));
        }
        app.questions.drain().await;
        app.records.drain().await;
        app.faults.end(Instant::now());
    }
}

/// A connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// What every connection is served with.
#[derive(Debug, Clone)]
struct Serving {
    router: Router,
    app: Arc<App>,
    limits: Limits,
}

impl Serving {
    async fn connection(self, stream: TcpStream, place: OwnedSemaphorePermit, watcher: Watcher) {
        let _held = (place, Counting::new(&self.app.metrics.connections));
        // Answers are small and whole: waiting for more to send would only make them late.
        drop(stream.set_nodelay(true));
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_read)
            .max_header_size(self.limits.header_bytes)
            .max_headers(self.limits.headers as usize);
        let brake = Arc::new(Brake::default());
        let io = Stall::new(stream, self.limits.write_pause, self.limits.client_rate, Arc::clone(&brake));
        let service = Braked { inner: TowerToHyperService::new(self.router), brake };
        let connection = builder.serve_connection(TokioIo::new(io), service);
        // How a connection ends is between it and the client.
        drop(watcher.watch(connection).await);
    }
}

/// Sees keys that another process made or took back, and whom it signed out.
async fn refresh_keys(app: Arc<App>) {
    let Access::Checked { keys, tokens } = &app.config.access else { return };
    let mut ticks = interval(FILES_REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        ticks.tick().await;
        let (keys, tokens) = (Arc::clone(keys), tokens.clone());
        let refreshed = tokio::task::spawn_blocking(move || {
            let keys = keys.refresh().err().map(|error| error.to_string());
            let tokens = tokens.and_then(|tokens| tokens.keys.refresh().err()).map(|error| error.to_string());
            let failed: Vec<String> = keys.into_iter().chain(tokens).collect();
            (!failed.is_empty()).then(|| failed.join("; "))
        });
        let failed = refreshed.await.unwrap_or_else(|error| Some(error.to_string()));
        if let Some(cause) = failed.clone().filter(|_| failed != told) {
            app.config.faults.tell(&Fault::of_server("keys", cause));
        }
        told = failed;
    }
}

/// Tells of faults that were kept back and are followed by no other.
async fn settle_faults(app: Arc<App>) {
    let mut ticks = interval(FAULTS_SETTLE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.faults.settle(Instant::now());
    }
}

/// Sees canaries that were planted or removed.
pub(crate) async fn refresh_canaries(app: Arc<App>) {
    let Some(canaries) = &app.config.canaries else { return };
    let mut ticks = interval(FILES_REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        ticks.tick().await;
        let canaries = Arc::clone(canaries);
        let refreshed = tokio::task::spawn_blocking(move || canaries.refresh()).await;
        let failed = refreshed.ok().and_then(Result::err).map(|error| error.to_string());
        if let Some(cause) = failed.clone().filter(|_| failed != told) {
            app.config.faults.tell(&Fault::of_server("canaries", cause));
        }
        told = failed;
    }
}

/// Serves on threads of its own until the process is told to end (SIGINT or SIGTERM), or a disk fails, then closes the
/// engine. `ready` is told the address.
///
/// # Errors
/// [`ServeError`].
pub fn serve(engine: &Arc<Engine>, config: Config, ready: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Start)?;
    runtime.block_on(async {
        let server = Server::bind(Arc::clone(engine), config).await?;
        let told = told_to_end().map_err(ServeError::Start)?;
        ready(server.local_addr());
        server.run(told).await;
        Ok::<(), ServeError>(())
    })?;
    drop(runtime);
    let closed = engine.close();
    match engine.fatal() {
        Some(error) => Err(ServeError::Fatal(error)),
        None => Ok(closed?),
    }
}

#[cfg(unix)]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told_to_end() -> io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
