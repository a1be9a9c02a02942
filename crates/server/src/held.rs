use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::{
    auth::Payer,
    failure::Failure,
    room::{Room, Taken},
};

/// The longest answer that needs no room of its own, and the pieces in which a longer one is given out.
const PIECE: usize = 64 << 10;

/// A long answer, given out piece by piece as its reader takes it, and room for it until then.
struct Held {
    inner: Body,
    /// What of the last frame of `inner` was not given out yet.
    rest: Bytes,
    _room: Taken,
}

/// The same body, with room of `rooms` for as long as it is not read, if it is long.
///
/// # Errors
/// [`crate::code::Code::Busy`] if too many long answers are waiting to be read, [`crate::code::Code::OverShare`] if too many
/// of `reader`'s are.
pub(crate) fn hold(body: Body, reader: impl FnOnce() -> Option<Payer>, rooms: &Room) -> Result<Body, Failure> {
    match body.size_hint().exact() {
        Some(bytes) if bytes <= PIECE as u64 => Ok(body),
        _ => Ok(Body::new(Held { _room: rooms.take(reader(), &body, usize::MAX)?, inner: body, rest: Bytes::new() })),
    }
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (inner, rest) = (self.inner.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::code::Code;

    #[tokio::test]
    async fn a_long_answer_keeps_its_room_until_it_is_read_and_is_the_same() {
        let rooms = Room::new(2 << 20);
        let hold = |body, reader: &str| hold(body, || Some(Payer::Key(reader.into())), &rooms);
        let bytes: Vec<u8> = (0..=255).cycle().take((1 << 20) + 5).collect();
        let mut long = hold(Body::from(bytes.clone()), "a").unwrap();
        assert_eq!(long.size_hint().exact(), Some(bytes.len() as u64));
        assert_eq!(hold(Body::from(vec![0; PIECE + 1]), "b").unwrap_err().code, Code::Busy);
        assert!(hold(Body::from(vec![0; PIECE]), "b").is_ok(), "a short one needs none");
        let mut read = Vec::new();
        while let Some(frame) = long.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PIECE);
            read.extend_from_slice(&data);
            assert_eq!(long.size_hint().exact(), Some((bytes.len() - read.len()) as u64));
            assert_eq!(long.is_end_stream(), read.len() == bytes.len());
        }
        assert_eq!(read, bytes);
        drop(long);
        assert!(hold(Body::from(bytes), "b").is_ok());
    }

    #[tokio::test]
    async fn one_who_does_not_read_holds_half_and_others_are_answered() {
        let rooms = Room::new(8 << 20);
        let long = || Body::from(vec![0; PIECE + 1]);
        let hold = |reader: &str| hold(long(), || Some(Payer::Key(reader.into())), &rooms);
        let mut unread: Vec<_> = (0..4).map(|_| hold("a").unwrap()).collect();
        assert_eq!(hold("a").unwrap_err().code, Code::OverShare);
        let other = hold("b").unwrap();
        unread.pop().unwrap().collect().await.unwrap();
        drop(other);
        assert!(hold("a").is_ok(), "what was read is no longer held");
    }
}
