//! Ctrl-C and SIGTERM, heard from the start of a run to its end, so that what is done can be saved.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The wishes of people and of service managers that a run end.
pub struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Hears from now on; must be made inside a runtime. Where a signal cannot be heard, it ends the program.
    pub fn hear() -> Self {
        Signals {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next, and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            () = heard(&mut self.interrupt) => "Ctrl-C",
            () = heard(&mut self.terminate) => "SIGTERM",
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
