//! Clients on real connections who ask too much, too slowly or too strangely, and what the others notice of it.

use std::num::NonZeroU32;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    serving::{Running, rest, running},
    *,
};

/// Longer than anything here takes on a busy machine, and shorter than anything would that waited for ever.
const PATIENCE: Duration = Duration::from_mins(2);

/// Limits that cut off whoever is slow after a moment.
fn impatient() -> Limits {
    let soon = Duration::from_millis(200);
    Limits { header_read: soon, body_pause: soon, write_pause: soon, client_rate: RATE, ..Limits::default() }
}

/// More than a client sends who sends a byte each ten milliseconds.
const RATE: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// One answer: its status, headers and body.
async fn answer(stream: &mut TcpStream) -> (u16, String, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    (status, head, String::from_utf8(body).unwrap())
}

impl Running {
    /// A question by GET.
    fn question(&self, path: &str) -> String {
        let key = &self.key;
        format!("GET /v1/tenants/acme/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n")
    }

    async fn is_well(&self) {
        let mut stream = self.connect().await;
        stream.write_all(self.question("count?as=ann").as_bytes()).await.unwrap();
        let (status, _, body) = answer(&mut stream).await;
        assert_eq!((status, body.as_str()), (200, r#"{"count":3}"#));
    }

    /// The value of a metric.
    async fn metric(&self, name: &str) -> u64 {
        let mut stream = self.connect().await;
        stream.write_all(self.metrics().as_bytes()).await.unwrap();
        let text = rest(&mut stream).await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().unwrap()
    }

    /// Waits until only the connection that asks is open.
    async fn lets_all_go(&self) {
        let gone = async {
            while self.metric("ticketscope_http_connections_open").await > 1 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.expect("connections are left open");
    }
}

#[tokio::test]
async fn a_flood_of_idle_and_half_open_clients_leaves_room_for_others_and_goes() {
    let server = running(impatient()).await;
    let mut flood = Vec::new();
    for number in 0..200 {
        let mut stream = server.connect().await;
        if number % 2 == 0 {
            stream.write_all(b"GET /v1/tenants HTTP/1.1\r\nx-").await.unwrap();
        }
        flood.push(stream);
    }
    server.is_well().await;
    for mut stream in flood {
        assert_eq!(rest(&mut stream).await, "");
    }
    server.lets_all_go().await;
}

#[tokio::test]
async fn headers_byte_by_byte_are_cut_off_however_steadily_they_come() {
    let server = running(impatient()).await;
    let stream = server.connect().await;
    let (mut from, mut to) = stream.into_split();
    let sending = tokio::spawn(async move {
        let head = format!("GET /health/livez HTTP/1.1\r\nhost: x\r\nx-long: {}", "x".repeat(10_000));
        for byte in head.into_bytes() {
            if to.write_u8(byte).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it took all of them");
    });
    let mut text = Vec::new();
    drop(from.read_to_end(&mut text).await);
    assert!(text.is_empty(), "{}", String::from_utf8_lossy(&text));
    sending.await.unwrap();
    server.is_well().await;
}

#[tokio::test]
async fn a_body_byte_by_byte_is_cut_off_however_steadily_it_comes() {
    let server = running(impatient()).await;
    let stream = server.connect().await;
    let (mut from, mut to) = stream.into_split();
    to.write_all(server.head(10_000).as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        while to.write_u8(b' ').await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut text = Vec::new();
    drop(from.read_to_end(&mut text).await);
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("HTTP/1.1 408 ") && text.contains("body_timeout"), "{text}");
    sending.await.unwrap();
    server.lets_all_go().await;
}

#[tokio::test]
async fn an_endless_body_in_chunks_is_refused_at_its_limit() {
    let limits = Limits { batch_bytes: 1 << 20, ..Limits::default() };
    let server = running(limits).await;
    let stream = server.connect().await;
    let (mut from, mut to) = stream.into_split();
    let head = format!(
        "POST /v1/tenants/acme/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        server.key
    );
    to.write_all(head.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, " ".repeat(1 << 16));
        let mut sent = 0;
        while to.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 1 << 16;
        }
        sent
    });
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(from.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&head));
    drop(from);
    // What the system keeps for the connection comes on top.
    assert!(sending.await.unwrap() < 64 << 20);
    server.is_well().await;
}

#[tokio::test]
async fn who_does_not_read_is_cut_off_and_its_answer_let_go() {
    let server = running(impatient()).await;
    let mut deaf = server.connect().await;
    // More answers than fit into what the system keeps for a connection.
    let requests = server.question("search?as=ann").repeat(100);
    let sending = async { while deaf.write_all(requests.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sending).await.expect("it is cut off");
    drop(deaf);
    server.lets_all_go().await;
    server.is_well().await;
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_one_after_the_other_in_their_order() {
    let server = running(Limits { question_threads: 1, question_queue: 0, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    // None of them meets another, though only one may run and none may wait.
    let tickets = ["1", "2", "A-7", "3"];
    for _ in 0..20 {
        let ahead: String = tickets.map(|ticket| server.question(&format!("tickets/{ticket}?as=ann"))).concat();
        stream.write_all(ahead.as_bytes()).await.unwrap();
    }
    for _ in 0..20 {
        for ticket in tickets {
            let (status, _, body) = answer(&mut stream).await;
            if ticket == "3" {
                assert_eq!(status, 404, "{body}");
            } else {
                let id: Value = ticket.parse::<u64>().map_or_else(|_| json!(ticket), |id| json!(id));
                let body: Value = serde_json::from_str(&body).unwrap();
                assert_eq!((status, &body["id"]), (200, &id), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn more_questions_than_fit_are_refused_with_a_time_to_come_back_and_no_connection_is_lost() {
    let limits = Limits { question_threads: 1, question_queue: 4, ..Limits::default() };
    let server = running(limits).await;
    let request = server.question("search?as=ann&query=invoice");
    let clients: Vec<_> = (0..64)
        .map(|_| {
            let (request, address) = (request.clone(), server.address);
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut good = 0;
                for _ in 0..20 {
                    stream.write_all(request.as_bytes()).await.unwrap();
                    let (status, head, body) = answer(&mut stream).await;
                    match status {
                        200 => good += 1,
                        503 => {
                            assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
                            assert!(body.contains(r#""code":"busy""#), "{body}");
                        }
                        other => panic!("{other}: {body}"),
                    }
                }
                good
            })
        })
        .collect();
    let mut good = 0;
    for client in clients {
        good += client.await.unwrap();
    }
    assert!(good > 0);
    let refused = server.metric("ticketscope_http_requests_refused_total").await;
    assert_eq!(good + refused, 64 * 20);
    server.lets_all_go().await;
    server.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_among_batches_has_every_one_that_it_acknowledged_and_half_of_none() {
    for round in 0..5 {
        let server = running(Limits::default()).await;
        let writers: Vec<_> = (0..8)
            .map(|writer: u64| {
                let (address, key) = (server.address, server.key.clone());
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    let mut sent = Vec::new();
                    let Ok(mut stream) = TcpStream::connect(address).await else { return (sent, acknowledged) };
                    for batch in 0..1000 {
                        let first = 1_000_000 * (writer + 1) + 2 * batch;
                        let line = |id: u64| format!("{{\"k\":\"ticket\",\"id\":{id},\"group\":\"billing\"}}\n");
                        let lines = line(first) + &line(first + 1);
                        let request = format!(
                            "POST /v1/tenants/acme/changes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{lines}",
                            lines.len()
                        );
                        sent.push(first);
                        if stream.write_all(request.as_bytes()).await.is_err() {
                            break;
                        }
                        let mut head = [0; 12];
                        match stream.read_exact(&mut head).await {
                            Ok(_) if head.ends_with(b" 200") => acknowledged.push(first),
                            _ => break,
                        }
                        // The rest of the answer, which ends with the last bracket of its one object.
                        while stream.read_u8().await.is_ok_and(|byte| byte != b'}') {}
                    }
                    (sent, acknowledged)
                })
            })
            .collect();
        let tenant = server.engine.tenant(&id("acme")).unwrap();
        let begun = tenant.snapshot().opstamp();
        while tenant.snapshot().opstamp().0 < begun.0 + 20 + round * 7 {
            tokio::task::yield_now().await;
        }
        server.stop.send(()).unwrap();
        server.ended.await.unwrap();
        let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
        for writer in writers {
            let (its_sent, its_acknowledged) = writer.await.unwrap();
            sent.extend(its_sent);
            acknowledged.extend(its_acknowledged);
        }
        assert!(acknowledged.len() >= 20, "{}", acknowledged.len());
        drop(tenant);
        server.engine.close().unwrap();
        let tenant = server.engine.tenant(&id("acme")).unwrap();
        let has = |id: u64| tenant.snapshot().index().find(&i64::try_from(id).unwrap().into()).is_some();
        for first in sent {
            assert_eq!(has(first), has(first + 1), "round {round}: half of {first}");
            assert!(has(first) || !acknowledged.contains(&first), "round {round}: {first} is lost");
        }
    }
}
