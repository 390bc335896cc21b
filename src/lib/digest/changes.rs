//! What streams of activities say: which documents in the cache are still what the archive publishes.

use std::sync::Mutex;

use jiff::Timestamp;

use crate::sources::iiif::change_discovery::Stream;
use crate::summary::Reject;

/// What the streams say that were read so far.
#[derive(Debug, Default)]
pub struct Changes {
    /// What happened before does not matter, as far as streams only say what changed.
    pub since: Option<Timestamp>,
    streams: Mutex<Streams>,
}

#[derive(Debug, Default)]
struct Streams {
    read: Vec<Stream>,
    rejects: Vec<Reject>,
    /// Whether a part of one could not be read: then what it does not name may have changed.
    is_incomplete: bool,
}

impl Changes {
    /// No streams yet; what happened before `since` does not matter.
    pub fn since(since: Option<Timestamp>) -> Self {
        Changes {
            since,
            ..Changes::default()
        }
    }

    /// Whether a document that was fetched at some time is still what the archive publishes, as its streams say: they name no later
    /// change of it, and it is named at all or was fetched after the time from which on all changes are known.
    pub fn is_current(&self, url: &str, fetched: Timestamp) -> bool {
        let streams = self.streams.lock().unwrap_or_else(|e| e.into_inner());
        let mut named = streams
            .read
            .iter()
            .filter_map(|s| s.changed(url))
            .peekable();
        if named.peek().is_some() {
            return named.all(|time| time.is_some_and(|changed| changed < fetched));
        }
        let covers = !streams.read.is_empty() && !streams.is_incomplete;
        covers && self.since.is_some_and(|since| fetched >= since)
    }

    /// What could not be used of the streams, and how many resources they name; none without streams.
    pub fn finish(self) -> (Vec<Reject>, Option<usize>) {
        let streams = self.streams.into_inner().unwrap_or_else(|e| e.into_inner());
        let named = streams.read.iter().map(Stream::resources).sum();
        let named = (!streams.read.is_empty()).then_some(named);
        (streams.rejects, named)
    }

    /// Adds what a stream says, and what of it could not be used or read.
    pub fn add(&self, stream: Stream, rejects: Vec<Reject>, is_incomplete: bool) {
        let mut streams = self.streams.lock().unwrap_or_else(|e| e.into_inner());
        streams.read.push(stream);
        streams.rejects.extend(rejects);
        streams.is_incomplete |= is_incomplete;
    }
}
