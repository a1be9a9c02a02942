use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{code::Code, failure::Failure};

/// Memory for bodies that are held at once, counted in blocks.
#[derive(Debug)]
pub(crate) struct Room {
    blocks: Arc<Semaphore>,
}

/// The unit in which room is counted, in bytes.
const BLOCK: u64 = 1 << 20;

impl Room {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { blocks: Arc::new(Semaphore::new(bytes / (1 << 20))) }
    }

    /// Room for `body`, which has at most `max` bytes and counts as that long if it does not say.
    ///
    /// # Errors
    /// [`Code::Busy`].
    pub(crate) fn take(&self, body: &Body, max: usize) -> Result<OwnedSemaphorePermit, Failure> {
        Arc::clone(&self.blocks).try_acquire_many_owned(blocks(body, max)).or(Err(Failure::of(Code::Busy)))
    }

    /// The same, as soon as there is room.
    ///
    /// # Errors
    /// [`Code::Busy`] if there never will be.
    pub(crate) fn wait(
        &self,
        body: &Body,
        max: usize,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, Failure>> + use<> {
        let (all, blocks) = (Arc::clone(&self.blocks), blocks(body, max));
        async move { all.acquire_many_owned(blocks).await.or(Err(Failure::of(Code::Busy))) }
    }
}

/// How much room `body` takes.
fn blocks(body: &Body, max: usize) -> u32 {
    let bytes = body.size_hint().upper().unwrap_or(u64::MAX).min(max as u64);
    u32::try_from(bytes.div_ceil(BLOCK)).unwrap_or(u32::MAX)
}

/// What a client is told whose body is not what its headers say.
const BROKEN: &str = "the body broke off, or its chunks are malformed";

/// The whole body, if it has at most `max` bytes and never pauses for longer than `pause`.
///
/// # Errors
/// [`Code::BodyTooLarge`], at once if the body announces its length; [`Code::BodyTimeout`]; [`Code::BadBody`] if it cannot be
/// read to its end.
pub(crate) async fn read(mut body: Body, max: usize, pause: Duration) -> Result<Bytes, Failure> {
    let too_large = || Failure::new(Code::BodyTooLarge, format!("the body may have at most {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = tokio::time::timeout(pause, body.frame()).await.or(Err(Failure::of(Code::BodyTimeout)))? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit_and_not_beyond() {
        let read = |len: usize| read(Body::from(vec![b'x'; len]), 100, Duration::from_secs(1));
        assert_eq!(read(0).await.unwrap().len(), 0);
        assert_eq!(read(100).await.unwrap().len(), 100);
        assert_eq!(read(101).await.unwrap_err().code, Code::BodyTooLarge);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let (_sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(1);
        let failure = read(Body::new(body), 100, Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(failure.code, Code::BodyTimeout);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_the_clients_affair() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(1);
        sender.send_data(Bytes::from_static(b"{")).await.unwrap();
        sender.abort(axum::Error::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
        let failure = read(Body::new(body), 100, Duration::from_secs(10)).await.unwrap_err();
        assert_eq!((failure.code, failure.cause), (Code::BadBody, None));
    }

    #[tokio::test]
    async fn a_body_without_a_length_is_limited_too() {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes, axum::Error>::new(8);
        for _ in 0..3 {
            sender.send_data(Bytes::from(vec![b'x'; 40])).await.unwrap();
        }
        drop(sender);
        let failure = read(Body::new(body), 100, Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(failure.code, Code::BodyTooLarge);
    }
}
