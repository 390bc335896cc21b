//! The access log: a line of JSON for every answer.

use std::fs::File;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::http::request::Parts;

use super::message::header_text;
use crate::http::header;

/// The open file of the log.
#[derive(Debug)]
pub struct AccessLog(Mutex<File>);

impl AccessLog {
    /// A log that is appended to a file.
    pub fn new(file: File) -> Self {
        AccessLog(Mutex::new(file))
    }

    /// Writes a line about an answer with a body of `bytes`. A failure is ignored: a full disk must not keep the server
    /// from answering.
    pub fn write(&self, request: &Parts, client: IpAddr, status: u16, bytes: u64, took: Duration) {
        let line = serde_json::json!({
            "when": format!("{:.3}", jiff::Timestamp::now()),
            "client": client.to_string(),
            "method": request.method.as_str(),
            "path": request.uri.to_string(),
            "status": status,
            "bytes": bytes,
            "seconds": took.as_micros() as f64 / 1e6,
            "agent": header_text(&request.headers, header::USER_AGENT),
            "referer": header_text(&request.headers, header::REFERER),
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}
