//! A connection that ends when the other side neither takes nor gives anything for too long.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::connections::Guest;

/// A stream with patience.
#[derive(Debug)]
pub struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs while the other side is waited for.
    reading: Alarm,
    writing: Alarm,
    guest: Arc<Guest>,
    /// Whether bytes were taken since the last look.
    taken: bool,
}

#[derive(Debug)]
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    runs: bool,
}

impl<S> Patient<S> {
    /// Gives up on `stream` after so long without a byte.
    pub fn new(stream: S, patience: Duration, guest: Arc<Guest>) -> Self {
        let alarm = || Alarm {
            sleep: Box::pin(tokio::time::sleep(patience)),
            runs: false,
        };
        Patient {
            stream,
            patience,
            reading: alarm(),
            writing: alarm(),
            guest,
            taken: false,
        }
    }
}

impl Alarm {
    /// Passes on what is ready; what is not may take its time, but not for ever.
    fn watch<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        patience: Duration,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.runs = false;
            return polled;
        }
        if !self.runs {
            self.start(patience);
        }
        ready!(self.sleep.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn start(&mut self, patience: Duration) {
        self.runs = true;
        self.sleep.as_mut().reset(Instant::now() + patience);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        let watched = this.reading.watch(polled, this.patience, context);
        let excused = this.guest.is_busy() || std::mem::take(&mut this.taken);
        match &watched {
            Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::TimedOut && excused => {
                this.reading.start(this.patience);
                // Registers the new alarm; the stream itself has the waker already.
                let _ = this.reading.sleep.as_mut().poll(context);
                Poll::Pending
            }
            _ => watched,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.taken |= polled.is_ready();
        this.writing.watch(polled, this.patience, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.taken |= polled.is_ready();
        this.writing.watch(polled, this.patience, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Nothing is left to write whenever this is called.
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        if flushed.is_ready() {
            this.guest.is_sent();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
