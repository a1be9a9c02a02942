use std::{num::NonZeroU32, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::{code::Code, config::Limits, failure::Failure};

/// What a client is told whose body is not what its headers say.
const BROKEN: &str = "the body broke off, or its chunks are malformed";

/// The whole body, if it has at most `max` bytes and comes fast enough: it may not pause for longer than
/// [`Limits::body_pause`], nor, with this much behind, fall below [`Limits::client_rate`].
///
/// # Errors
/// [`Code::BodyTooLarge`], at once if the body announces its length; [`Code::BodyTimeout`]; [`Code::BadBody`] if it cannot be
/// read to its end.
pub(crate) async fn read(mut body: Body, max: usize, limits: &Limits) -> Result<Bytes, Failure> {
    let (pause, rate) = (limits.body_pause, limits.client_rate);
    let began = Instant::now();
    let too_large = || Failure::new(Code::BodyTooLarge, format!("the body may have at most {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    loop {
        let late = began + pause + at_rate(whole.len(), rate);
        let next = timeout_at(late.min(Instant::now() + pause), body.frame());
        let Some(frame) = next.await.or(Err(Failure::of(Code::BodyTimeout)))? else { break };
        // How the client ends or frames its body is its own affair, and nothing to tell the operator of.
        let frame = frame.or(Err(Failure::new(Code::BadBody, BROKEN)))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > max {
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// How long so many bytes take at `rate` bytes a second.
pub(crate) fn at_rate(bytes: usize, rate: NonZeroU32) -> Duration {
    Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000 / u64::from(rate.get())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(pause: Duration, rate: u32) -> Limits {
        Limits { body_pause: pause, client_rate: NonZeroU32::new(rate).unwrap(), ..Limits::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_and_one_that_comes_at_the_rate_is_not() {
        let (pause, rate) = (Duration::from_secs(10), 100);
        for (bytes, is_read) in [(100, true), (90, false)] {
            let (mut sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(1);
            let sending = tokio::spawn(async move {
                for _ in 0..200 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if sender.send_data(Bytes::from(vec![b'x'; bytes])).await.is_err() {
                        break;
                    }
                }
            });
            let began = Instant::now();
            let read = read(Body::new(body), 1 << 20, &limits(pause, rate)).await;
            assert_eq!(read.map(|body| body.len()).map_err(|failure| failure.code).ok(), is_read.then_some(20_000));
            // It is a second behind after ten, and ten seconds behind after a hundred.
            assert!(is_read || began.elapsed() <= Duration::from_secs(101), "{:?}", began.elapsed());
            sending.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        let limits = limits(Duration::from_secs(1), 1);
        let read = |len: usize| read(Body::from(vec![b'x'; len]), 100, &limits);
        assert_eq!(read(0).await.unwrap().len(), 0);
        assert_eq!(read(100).await.unwrap().len(), 100);
        assert_eq!(read(101).await.unwrap_err().code, Code::BodyTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let (_sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(1);
        let failure = read(Body::new(body), 100, &limits(Duration::from_secs(10), 1)).await.unwrap_err();
        assert_eq!(failure.code, Code::BodyTimeout);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_the_clients_affair() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(1);
        sender.send_data(Bytes::from_static(b"{")).await.unwrap();
        sender.abort(axum::Error::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
        let failure = read(Body::new(body), 100, &limits(Duration::from_secs(10), 1)).await.unwrap_err();
        assert_eq!((failure.code, failure.cause), (Code::BadBody, None));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_limited_too() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(8);
        for _ in 0..3 {
            sender.send_data(Bytes::from(vec![b'x'; 40])).await.unwrap();
        }
        drop(sender);
        let failure = read(Body::new(body), 100, &limits(Duration::from_secs(10), 1)).await.unwrap_err();
        assert_eq!(failure.code, Code::BodyTooLarge);
    }
}
