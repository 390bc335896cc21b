//! Places observations come from. To add one: a file in this folder and a line in [`ALL`].
//!
//! A source never fetches. It names the documents it needs first, reads each answer, and names what that answer
//! leads to; the worklist in `digest` solves cycles, duplicates, concurrency, caching and retries once for all.

pub mod iiif;
pub mod table;

use std::collections::BTreeMap;

use crate::contracts::{Annotation, Observation};
use crate::report::{Error, Reject};

/// A place observations come from.
pub trait Source: Sync {
    /// What users type: `iiif`, `table`.
    fn name(&self) -> &'static str;
    /// The documents asked for on the command line.
    fn first(&self) -> Vec<Request>;
    /// What its documents are, as messages put it: `JSON`.
    fn expects(&self) -> &'static str;
    /// The counts that its reports always have, zero or not.
    fn counts(&self) -> &'static [&'static str];
    /// Reads one document. An error means that no document can be read: a column that does not exist.
    fn read(&self, answer: &Answer) -> Result<Found, Error>;
}

/// Names of every source, in the order in which help and errors list them.
pub const ALL: &[&str] = &["iiif", "table"];

/// The role of documents that hold annotations and no images: they are fetched only for images that are kept.
pub const ANNOTATIONS: &str = "annotations";

/// A document to fetch or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A URL, or the path of a file (`-`: standard input).
    pub location: String,
    /// What led here; none for what the command line names.
    pub from: Option<From>,
}

impl Request {
    /// Whether a document was named for a role.
    pub fn is_for(&self, role: &str) -> bool {
        self.from.as_ref().is_some_and(|from| from.role == role)
    }
}

/// What led to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// URL or file of the document that names it; the `input` of the reject when it cannot be had.
    pub document: String,
    /// What it was named for: `collection member`, `annotations`, `next page`…
    pub role: &'static str,
    /// Id of the manifest that names it.
    pub manifest: Option<String>,
    /// Id of the canvas that names it.
    pub canvas: Option<String>,
}

/// A document that was had.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub request: Request,
    /// Where it came from in the end, after redirects; base for relative URLs.
    pub url: String,
    /// The document.
    pub bytes: Vec<u8>,
}

/// What a document holds.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Images, in the order of the document.
    pub observations: Vec<Observation>,
    /// Annotations of canvases and images that may stand in other documents.
    pub annotations: Vec<Placed>,
    /// Names by which annotations may call images, beside their ids and URLs.
    pub names: Vec<Name>,
    /// What cannot be used.
    pub rejects: Vec<Reject>,
    /// Documents this one leads to.
    pub next: Vec<Request>,
    /// Counts for the report: `collections`, `manifests`, `canvases`, `images`, `services`, `annotations`, `rows`.
    pub counts: BTreeMap<&'static str, u64>,
}

impl Found {
    /// Adds to a count.
    pub fn count(&mut self, kind: &'static str, n: u64) {
        *self.counts.entry(kind).or_default() += n;
    }
}

/// Another name of an image: that of the annotation which paints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub name: String,
    /// Id of the observation.
    pub observation: String,
}

/// An annotation and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The document it stands in.
    pub document: String,
    /// The manifest within which targets are looked up first, where known.
    pub manifest: Option<String>,
    /// Id of the canvas, image or image service it is about.
    pub target: String,
    /// The image it is about, as the annotation itself describes it: used when no document read holds it.
    pub image: Option<Box<Observation>>,
    /// The annotation, with its regions of that target.
    pub annotation: Annotation,
}

/// Whether a location is a web address; anything else is a file.
pub fn is_url(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    start.starts_with("http://") || start.starts_with("https://")
}
