//! The stall timeout: a stream that fails when the client neither sends nor receives anything for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::connections::Connection;

/// A stream with a stall timeout.
#[derive(Debug)]
pub struct StallTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Each runs while the client is waited for.
    reading: Timer,
    writing: Timer,
    connection: Arc<Connection>,
    /// Whether the client has received bytes since this was last checked.
    received: bool,
}

#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    runs: bool,
}

impl<S> StallTimeout<S> {
    /// A stream that fails after `timeout` without a byte.
    pub fn new(stream: S, timeout: Duration, connection: Arc<Connection>) -> Self {
        let timer = || Timer {
            sleep: Box::pin(tokio::time::sleep(timeout)),
            runs: false,
        };
        StallTimeout {
            stream,
            timeout,
            reading: timer(),
            writing: timer(),
            connection,
            received: false,
        }
    }
}

impl Timer {
    /// Passes on a result that is ready; one that is pending becomes an error when the time is over.
    fn watch<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        timeout: Duration,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.runs = false;
            return polled;
        }
        if !self.runs {
            self.start(timeout);
        }
        ready!(self.sleep.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn start(&mut self, timeout: Duration) {
        self.runs = true;
        self.sleep.as_mut().reset(Instant::now() + timeout);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StallTimeout<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let watched = this.reading.watch(polled, this.timeout, context);
        let is_alive = this.connection.is_busy() || std::mem::take(&mut this.received);
        match &watched {
            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::TimedOut && is_alive => {
                this.reading.start(this.timeout);
                // Polled so that it wakes this task; the stream has registered its waker already.
                let _ = this.reading.sleep.as_mut().poll(context);
                Poll::Pending
            }
            _ => watched,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallTimeout<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.received |= polled.is_ready();
        this.writing.watch(polled, this.timeout, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.received |= polled.is_ready();
        this.writing.watch(polled, this.timeout, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // hyper flushes when it has written everything it has.
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if flushed.is_ready() {
            this.connection.note_flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
