//! Documents that several parts of others name, each with something else to know for reading it: fetched once, and kept for a
//! while. A transcription of all pages is linked from every canvas.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cache::CachedDocument;
use crate::sources::FetchFailure;

/// The most bytes that are kept.
const MOST: usize = 64 << 20;

/// A document, or why it could not be fetched.
type Had = Result<CachedDocument, FetchFailure>;
/// Filled by whoever comes first, while the others wait.
type Place = Arc<tokio::sync::Mutex<Option<Had>>>;

/// The documents, by where they are.
#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    places: HashMap<String, Place>,
    bytes: usize,
}

impl Recent {
    /// The place of a document.
    pub fn place(&self, location: &str) -> Place {
        let location = location.split('#').next().unwrap_or(location);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those who wait for one hold its place themselves.
        if kept.bytes > MOST {
            *kept = Kept::default();
        }
        kept.places.entry(location.to_owned()).or_default().clone()
    }

    /// Notes how many bytes a document has that is kept.
    pub fn add(&self, had: &Had) {
        let bytes = had.as_ref().map_or(0, |document| document.bytes.len());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is empty takes room too.
        kept.bytes += bytes + 512;
    }
}
