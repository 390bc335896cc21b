//! Places observations come from. To add one: a file in this folder and a line in [`ALL`].
//!
//! A source never fetches. It names the documents it needs first, reads each answer, and names what that answer
//! leads to; the worklist in `digest` solves cycles, duplicates, concurrency, caching and retries once for all.

pub mod fathomnet;
pub mod iiif;
pub mod m3;
pub mod names;
pub mod table;
mod tree;

use std::collections::BTreeMap;

use crate::contracts::{Annotation, Frame, Metadata, Observation};
use crate::error::Error;
use crate::summary::Reject;

/// A place observations come from.
pub trait Source: Sync {
    /// What users type: `iiif`, `table`…
    fn name(&self) -> &'static str;
    /// The documents asked for on the command line.
    fn first(&self) -> Vec<Request>;
    /// The addresses that the user named: only their hosts are told what is secret.
    fn named(&self) -> Vec<String> {
        let first = self.first().into_iter();
        first.map(|request| request.location).collect()
    }
    /// What its documents are, as messages put it: `JSON`.
    fn expects(&self) -> &'static str;
    /// The counts that its reports always have, zero or not.
    fn counts(&self) -> &'static [&'static str];
    /// Reads one document. An error means that no document can be read: a column that does not exist.
    fn read(&self, answer: &Answer) -> Result<Found, Error>;
    /// What stands in for a document that cannot be had; none: it is left out. An error means that without it
    /// there is no use in the others.
    fn lost(&self, _request: &Request, _loss: &Loss) -> Result<Option<Found>, Error> {
        Ok(None)
    }
    /// Looks at everything once more when all is read: where documents only together tell which images there are.
    fn finish(&self, found: Found) -> Found {
        found
    }
    /// Whether `finish` decides which images there are, so that no limit can end the harvest early.
    fn decides_late(&self) -> bool {
        false
    }
    /// What to change when nothing can be had: the setting behind an address.
    fn hint(&self, _rejects: &[Reject]) -> Option<String> {
        None
    }
}

/// Names of every source, in the order in which help and errors list them.
pub const ALL: &[&str] = &["iiif", "table", "m3", "fathomnet"];

/// What is asked of sources that are searched by concept.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Sources m3 and fathomnet")]
pub struct Concepts {
    /// A concept to search, as those that stand after the source (repeatable)
    #[arg(long, value_name = "NAME")]
    pub concept: Vec<String>,
    /// Search everything below the concepts too
    #[arg(short, long)]
    pub descendants: bool,
    /// Keep the boxes of every concept on the images found, not just of those asked for
    #[arg(short, long)]
    pub all: bool,
    /// Records asked for at a time [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub page_size: Option<u64>,
}

impl Concepts {
    /// The first option given, as users type it.
    pub fn given(&self) -> Option<&'static str> {
        let options = [
            (!self.concept.is_empty(), "--concept"),
            (self.descendants, "--descendants"),
            (self.all, "--all"),
            (self.page_size.is_some(), "--page-size"),
        ];
        let mut given = options.into_iter().filter(|(given, _)| *given);
        given.next().map(|(_, name)| name)
    }

    /// Records asked for at a time.
    pub fn page_size(&self) -> u64 {
        self.page_size.unwrap_or(1000)
    }

    /// The options that say what a digest holds, as given.
    pub fn texts(&self) -> Vec<String> {
        let options = [(self.descendants, "--descendants"), (self.all, "--all")];
        let given = options.into_iter().filter(|(given, _)| *given);
        given.map(|(_, name)| name.to_owned()).collect()
    }
}

/// The role of documents that hold annotations and no images: they are fetched only for images that are kept.
pub const ANNOTATIONS: &str = "annotations";

/// A document to fetch or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// A URL, or the path of a file (`-`: standard input).
    pub location: String,
    /// JSON to send; asks by POST, else by GET.
    pub body: Option<String>,
    /// What the source must remember to read the answer; nobody else looks at it.
    pub memo: String,
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

/// Why a document cannot be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// HTTP status of the last attempt, where there was an answer.
    pub status: Option<u16>,
    /// What happened, in words.
    pub problem: String,
    /// Whether it tells of the whole service: a certificate, a login page, a refusal.
    pub is_of_service: bool,
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
    /// News for the report that is no reject, each told once.
    pub notes: Vec<String>,
    /// What documents of their own say of whole manifests; for `finish`.
    pub manifests: Vec<About>,
    /// What a service counts, and what of it was met; for `finish`.
    pub tallies: Vec<Tally>,
    /// Nodes of a tree of concepts.
    pub taxa: Vec<Node>,
}

/// What a service counts under a name, and ids of what was met.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// What it was asked for.
    pub name: String,
    /// How many it says there are; none where it does not say.
    pub counted: Option<u64>,
    /// Those met, once or more often.
    pub met: Vec<String>,
}

/// What a document says of every image of a manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Id of the manifest.
    pub manifest: String,
    /// Its label.
    pub label: Option<String>,
    /// Its size, where its images have none of their own.
    pub frame: Option<Frame>,
    /// What else is said.
    pub metadata: Metadata,
}

/// A node of a tree of concepts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The concept.
    pub name: String,
    /// `genus`, `suborder`…
    pub rank: Option<String>,
    /// The concept above; none for the root, or where the document begins below it.
    pub parent: Option<String>,
    /// Synonyms, former names and common names.
    pub alternatives: Vec<String>,
}

impl Found {
    /// Adds to a count.
    pub fn count(&mut self, kind: &'static str, n: u64) {
        *self.counts.entry(kind).or_default() += n;
    }

    /// Adds what another document holds.
    pub fn extend(&mut self, other: Found) {
        for (kind, n) in other.counts {
            self.count(kind, n);
        }
        self.observations.extend(other.observations);
        self.annotations.extend(other.annotations);
        self.names.extend(other.names);
        self.rejects.extend(other.rejects);
        self.next.extend(other.next);
        self.notes.extend(other.notes);
        self.manifests.extend(other.manifests);
        self.tallies.extend(other.tallies);
        self.taxa.extend(other.taxa);
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
