//! The access log: a line of JSON for every answer. A thread of its own writes it, so that a full disk or a pipe that nobody
//! reads costs lines and no answer.

use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use hyper::http::request::Parts;
use prometheus_client::metrics::counter::Counter;

use super::message::header_text;
use crate::error::Error;
use crate::files;
use crate::http::header;

/// The most lines that wait to be written; more are lost.
const MOST_LINES: usize = 10_000;
/// How long the last lines may take when the server stops.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The way to the thread that writes.
#[derive(Debug)]
pub struct AccessLog {
    entries: SyncSender<LogMessage>,
    lost: Counter,
}

#[derive(Debug)]
enum LogMessage {
    Line(String),
    /// The file was moved away: the next lines go to a new one of its name.
    Reopen,
    /// The server stops: tell when everything before is written.
    End(SyncSender<()>),
}

impl AccessLog {
    /// A log that is appended to a file; `-` is standard output. Lines that are lost are counted in `lost`.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, lost: Counter) -> Result<Self, Error> {
        let out = Output::open(path)?;
        let (entries, received) = sync_channel(MOST_LINES);
        let thread = std::thread::Builder::new().name("access log".into());
        let started = thread.spawn(move || out.write_all_of(&received));
        started.map_err(|e| Error::new("threads cannot be started").because(e))?;
        Ok(AccessLog { entries, lost })
    }

    /// Writes a line about an answer with a body of `bytes`; without an address the client is unknown.
    pub fn write(
        &self,
        request: &Parts,
        client: Option<IpAddr>,
        status: u16,
        bytes: u64,
        took: Duration,
    ) {
        let client = client.map_or_else(|| "unknown".into(), |client| client.to_string());
        let path = request.uri.path_and_query();
        let line = serde_json::json!({
            "when": format!("{:.3}", jiff::Timestamp::now()),
            "client": client,
            "method": request.method.as_str(),
            "path": path.map_or("", |path| path.as_str()),
            "status": status,
            "bytes": bytes,
            "seconds": took.as_micros() as f64 / 1e6,
            "agent": header_text(&request.headers, header::USER_AGENT),
            "referer": header_text(&request.headers, header::REFERER),
        });
        if self
            .entries
            .try_send(LogMessage::Line(format!("{line}\n")))
            .is_err()
        {
            self.lost.inc();
        }
    }

    /// Opens the file again, after it was moved away.
    pub fn reopen(&self) {
        // If the queue is full, the next signal will do.
        let _ = self.entries.try_send(LogMessage::Reopen);
    }

    /// Waits until all lines are written, but no longer than a second.
    pub fn settle(&self) {
        let (end, ended) = sync_channel(1);
        if self.entries.try_send(LogMessage::End(end)).is_ok() {
            let _ = ended.recv_timeout(LAST_LINES);
        }
    }
}

/// Where the lines go.
enum Output {
    Stdout,
    File(PathBuf, File),
}

impl Output {
    fn open(path: &Path) -> Result<Self, Error> {
        match files::is_dash(path) {
            true => Ok(Output::Stdout),
            false => Ok(Output::File(path.to_owned(), files::open_to_append(path)?)),
        }
    }

    fn write_all_of(mut self, entries: &Receiver<LogMessage>) {
        while let Ok(entry) = entries.recv() {
            match entry {
                LogMessage::Line(line) => self.write(&line),
                LogMessage::Reopen => self.reopen(),
                LogMessage::End(end) => drop(end.send(())),
            }
        }
    }

    fn write(&mut self, line: &str) {
        // A failure is ignored: a full disk must not keep the server from answering.
        let _ = match self {
            Output::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
            Output::File(_, file) => file.write_all(line.as_bytes()),
        };
    }

    fn reopen(&mut self) {
        if let Output::File(path, file) = self
            && let Ok(again) = files::open_to_append(path)
        {
            *file = again;
        }
    }
}
