//! Real connections.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::*;
use crate::{
    BindError, Server,
    operator::{Done, Operator},
};

/// A server on a socket.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) ended: JoinHandle<()>,
    pub(super) key: String,
    pub(super) engine: Arc<Engine>,
    _dir: TempDir,
}

pub(super) async fn running(limits: Limits) -> Running {
    let Desk { dir, engine, app, keys, .. } = Desk::with_limits(limits);
    let key = keys.create(KeyClass::Admin, None).unwrap().text;
    let server = Server::bind(Arc::clone(&engine), app.config.clone()).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(server.run(async { drop(stopped.await) }));
    Running { address, stop, ended, key, engine, _dir: dir }
}

impl Running {
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A request for the metrics, and for nothing after them.
    pub(super) fn metrics(&self) -> String {
        let key = &self.key;
        format!("GET /metrics HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n")
    }

    /// The head of a batch of `length` bytes.
    pub(super) fn head(&self, length: usize) -> String {
        format!(
            "POST /v1/tenants/acme/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {length}\r\n\r\n",
            self.key
        )
    }
}

/// What a connection still says until it is closed.
pub(super) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is a way to close, too.
    drop(stream.read_to_end(&mut text).await);
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_connection_answers_one_request_after_another() {
    let server = running(Limits::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut text = String::new();
        while !text.ends_with('}') {
            text.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    }
}

#[tokio::test]
async fn the_operators_commands_are_told_that_the_server_ends_and_it_waits_for_them() {
    let Desk { dir, engine, app, .. } = Desk::new();
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = parking_lot::Mutex::new(told);
    let operator = Operator::new(OperatorKey::generate().unwrap(), |_| Done::default());
    let operator = operator.ended_by(move || told.lock().recv().unwrap());
    let config = Config { operator: Some(operator), ..app.config.clone() };
    let server = Server::bind(Arc::clone(&engine), config).await.unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let ended = tokio::spawn(server.run(async { drop(stopped.await) }));
    stop.send(()).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!ended.is_finished(), "it waits");
    tell.send(()).unwrap();
    ended.await.unwrap();
    drop(dir);
}

#[tokio::test]
async fn headers_that_come_slowly_are_cut_off() {
    let server = running(Limits { header_read: Duration::from_millis(50), ..Limits::default() }).await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /health/livez HTTP/1.1\r\nhost: ").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    let mut silent = server.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    let mut idle = server.connect().await;
    idle.write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_body_that_comes_slowly_is_cut_off() {
    let server = running(Limits { body_pause: Duration::from_millis(50), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(server.head(10).as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert!(text.contains("body_timeout"), "{text}");
}

#[tokio::test]
async fn headers_that_are_too_many_or_too_long_are_refused() {
    let server = running(Limits::default()).await;
    let long = format!("x-long: {}\r\n", "x".repeat(Limits::default().header_bytes));
    let many = "x-many: 1\r\n".repeat(Limits::default().headers as usize + 1);
    for headers in [long, many] {
        let mut stream = server.connect().await;
        let request = format!("GET /health/livez HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        drop(stream.write_all(request.as_bytes()).await);
        let text = rest(&mut stream).await;
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    }
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_before_it_is_sent() {
    let server = running(Limits { batch_bytes: 100, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(server.head(1 << 40).as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let server = running(Limits { connections: 1, ..Limits::default() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /health/livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(first.read_u8().await.unwrap(), b'H');
    let mut second = server.connect().await;
    second.write_all(server.metrics().as_bytes()).await.unwrap();
    drop(first);
    let text = rest(&mut second).await;
    assert!(text.contains("ticketscope_http_connections_open 1\n"), "{text}");
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_was_asked() {
    let server = running(Limits::default()).await;
    let lines = r#"{"k":"ticket","id":7,"group":"billing"}"#;
    let mut busy = server.connect().await;
    busy.write_all(server.head(lines.len()).as_bytes()).await.unwrap();
    busy.write_all(&lines.as_bytes()[..10]).await.unwrap();
    let mut idle = server.connect().await;
    // The server has both connections once it has answered a third one that came after them.
    let mut probe = server.connect().await;
    probe.write_all(server.metrics().as_bytes()).await.unwrap();
    assert!(rest(&mut probe).await.contains("ticketscope_http_requests_in_flight 2\n"));
    server.stop.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err());
    busy.write_all(&lines.as_bytes()[10..]).await.unwrap();
    let text = rest(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    server.ended.await.unwrap();
    let tenant = server.engine.tenant(&id("acme")).unwrap();
    assert!(tenant.snapshot().index().find(&7.into()).is_some());
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_ever() {
    let server = running(Limits { stop: Duration::from_millis(50), ..Limits::default() }).await;
    let mut stuck = server.connect().await;
    stuck.write_all(server.head(10).as_bytes()).await.unwrap();
    server.stop.send(()).unwrap();
    server.ended.await.unwrap();
    assert_eq!(rest(&mut stuck).await, "");
}

#[tokio::test]
async fn development_mode_is_refused_where_others_reach_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(Engine::open(dir.path()).unwrap());
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let config = Config { listen: address.parse().unwrap(), ..config(Access::Dev) };
        let refused = Server::bind(Arc::clone(&engine), config).await;
        assert!(matches!(refused, Err(BindError::Exposed(_))), "{address}");
    }
    Server::bind(engine, config(Access::Dev)).await.unwrap();
}

#[tokio::test]
async fn a_key_taken_back_by_another_process_is_refused_by_the_next_look_at_the_file() {
    let desk = Desk::new();
    let elsewhere = Keys::open(desk.dir.path().join("keys.json")).unwrap();
    let made = elsewhere.create(KeyClass::Admin, None).unwrap();
    let credential = format!("Bearer {}", made.text);
    assert_eq!(desk.get(&credential, "/v1/tenants").await.code(), "unauthenticated");
    desk.keys.refresh().unwrap();
    desk.get(&credential, "/v1/tenants").await.ok();
    elsewhere.revoke(&made.id).unwrap();
    desk.keys.refresh().unwrap();
    assert_eq!(desk.get(&credential, "/v1/tenants").await.code(), "unauthenticated");
}
