//! A server on loopback in this process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use ticketscope_engine::Engine;
use ticketscope_server::{Access, Budgets, Config, KeyClass, Keys, Server};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

/// A server that runs.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    /// The text of a search key for all tenants.
    pub key: String,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Served {
    /// Serves `engine` on a free port, without budgets, configured further by `configure`.
    pub fn start(engine: &Arc<Engine>, configure: impl FnOnce(Config) -> Config) -> Self {
        let keys = Arc::new(Keys::in_memory().expect("random numbers"));
        let key = keys.create(KeyClass::Search, None).expect("a key").text;
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config =
            Config { budgets: Budgets::UNLIMITED, ..Config::new(anywhere, Access::Checked { keys, tokens: None }) };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let server = runtime.block_on(Server::bind(Arc::clone(engine), configure(config))).expect("a free port");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let serving = runtime.spawn(server.run(async { drop(stopped.await) }));
        Self { address, key, runtime, stop, serving }
    }

    /// Ends the server, once its connections are gone.
    pub fn stop(self) {
        self.stop.send(()).expect("the server runs");
        self.runtime.block_on(self.serving).expect("the server ends");
    }
}
