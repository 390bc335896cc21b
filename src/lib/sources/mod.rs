//! Places observations come from. To add one: a file in this folder and a line in [`ALL`].
//!
//! A source never fetches. It names the documents it needs first, reads each answer, and names what that answer
//! leads to; the worklist in `digest` solves cycles, duplicates, concurrency, caching and retries once for all.

use crate::contracts::{Annotation, Observation};
use crate::report::Reject;

/// A place observations come from.
pub trait Source: Sync {
    /// What users type: `iiif`, `table`.
    fn name(&self) -> &'static str;
    /// The documents asked for on the command line.
    fn first(&self) -> Vec<Request>;
    /// Reads one document.
    fn read(&self, answer: &Answer) -> Found;
}

/// Names of every source, in the order in which help and errors list them.
pub const ALL: &[&str] = &["iiif", "table"];

/// A document to fetch or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A URL, or the path of a file (`-`: standard input).
    pub location: String,
    /// What led here, for the source's own use: the manifest or canvas that names the document. Also the
    /// `input` of rejects when the document cannot be had.
    pub from: Option<From>,
}

/// What led to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    /// URL or file of the document that names it.
    pub document: String,
    /// What it was named for: `collection member`, `annotations`, `next page`…
    pub role: &'static str,
    /// The canvas or other part of the document that names it.
    pub part: Option<String>,
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
    /// What cannot be used.
    pub rejects: Vec<Reject>,
    /// Documents this one leads to.
    pub next: Vec<Request>,
    /// Counts for the report: `collections`, `manifests`, `canvases`, `images`, `services`, `annotations`, `rows`.
    pub counts: std::collections::BTreeMap<&'static str, u64>,
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
    /// The annotation, with its regions of that target.
    pub annotation: Annotation,
}
