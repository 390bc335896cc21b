//! Ctrl-C and SIGTERM, caught from the start of a run to its end, so that finished work can be saved.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests of users and of service managers that a run end.
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Catches signals from now on. Must be called inside a Tokio runtime. A signal that cannot be caught ends the program
    /// as usual.
    pub fn listen() -> Self {
        Signals {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next signal and returns its name for messages.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            () = received(&mut self.interrupt) => "Ctrl-C",
            () = received(&mut self.terminate) => "SIGTERM",
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
