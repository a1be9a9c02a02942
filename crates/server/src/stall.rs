use std::{
    io,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use crate::{body::at_rate, brake::Brake};

/// A connection that breaks when the other side does not read for too long, or too slowly for too long: otherwise whoever
/// asks much and reads little holds the answer in memory for ever. And one from which nothing is read while its brake holds.
#[derive(Debug)]
pub(crate) struct Stall<S> {
    inner: S,
    pause: Duration,
    rate: NonZeroU32,
    brake: Arc<Brake>,
    /// Set while the brake holds.
    held: Option<Pin<Box<Sleep>>>,
    /// Since a write had to wait, until everything is written.
    slow: Option<Slow>,
}

/// A reader who is behind.
#[derive(Debug)]
struct Slow {
    since: Instant,
    /// Bytes read since.
    read: usize,
    /// Set while a write waits.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Stall<S> {
    pub(crate) fn new(inner: S, pause: Duration, rate: NonZeroU32, brake: Arc<Brake>) -> Self {
        Self { inner, pause, rate, brake, held: None, slow: None }
    }

    /// What a write comes to, given what the connection says.
    fn judge(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            if let (Some(slow), Ok(bytes)) = (&mut self.slow, &written) {
                slow.read += bytes;
                slow.until = None;
            }
            return Poll::Ready(written);
        }
        let (now, pause, rate) = (Instant::now(), self.pause, self.rate);
        let slow = self.slow.get_or_insert_with(|| Slow { since: now, read: 0, until: None });
        let late = (slow.since + pause + at_rate(slow.read, rate)).min(now + pause);
        match slow.until.get_or_insert_with(|| Box::pin(sleep_until(late))).as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stall<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(until) = self.brake.until(Instant::now().into_std()) {
            let held = self.held.get_or_insert_with(|| Box::pin(sleep_until(until.into())));
            if held.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.held = None;
        }
        self.held = None;
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stall<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Asked for when everything is written. A socket has nothing to flush.
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        if flushed.is_ready() {
            self.slow = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_stops_is_given_up() {
        let (ours, _theirs) = duplex(4);
        let mut ours = Stall::new(ours, Duration::from_secs(10), NonZeroU32::MIN, Arc::default());
        ours.write_all(b"1234").await.unwrap();
        let began = Instant::now();
        let error = ours.write_all(b"5").await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_at_the_rate_is_waited_for_and_one_below_it_is_given_up_once_it_is_a_pause_behind() {
        for (seconds, is_enough) in [(1, true), (2, false)] {
            let (ours, mut theirs) = duplex(4);
            let mut ours = Stall::new(ours, Duration::from_secs(10), NonZeroU32::MIN, Arc::default());
            let reading = tokio::spawn(async move {
                for _ in 0..100 {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    if theirs.read_u8().await.is_err() {
                        break;
                    }
                }
            });
            let began = Instant::now();
            let written = ours.write_all(&[b'x'; 100]).await;
            assert_eq!(written.is_ok(), is_enough);
            // A byte each two seconds, of one a second: ten seconds behind after some twenty.
            assert!(is_enough || (18..=22).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
            drop(ours);
            reading.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_read_leaves_the_next_one_all_its_time() {
        let (ours, mut theirs) = duplex(4);
        let mut ours = Stall::new(ours, Duration::from_secs(10), NonZeroU32::MIN, Arc::default());
        for _ in 0..5 {
            let reading = async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                let mut bytes = [0; 8];
                theirs.read_exact(&mut bytes).await.unwrap();
            };
            let writing = async {
                ours.write_all(b"12345678").await.unwrap();
                ours.flush().await.unwrap();
            };
            tokio::join!(writing, reading);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_brake_holds_nothing_is_read() {
        let (ours, mut theirs) = duplex(4);
        let brake = Arc::new(Brake::default());
        let mut ours = Stall::new(ours, Duration::from_secs(10), NonZeroU32::MIN, Arc::clone(&brake));
        theirs.write_all(b"12").await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'1');
        let began = Instant::now();
        (0..4).for_each(|_| brake.refused(began.into_std()));
        assert_eq!(ours.read_u8().await.unwrap(), b'2');
        assert_eq!(began.elapsed(), Duration::from_millis(10));
    }
}
